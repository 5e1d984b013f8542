//! Settings: what is asked of the appliance, where each value came from, and what is allowed. Not what it means: that
//! is known where a setting is used.
//!
//! A flag is stronger than the environment, that is stronger than `/etc/nosia/nosia.toml`, and that is stronger than
//! the default. In reading order: the [`table`] of all settings, the [`kind`]s of values, the [`inputs`] as text, and
//! [`Settings`], where every value has its type and every fault has been found.

pub mod error;
mod foreign;
pub mod inputs;
pub mod kind;
mod nearest;
pub mod origin;
pub mod page;
pub mod row;
pub mod secret;
pub mod settings;
pub mod table;
mod values;

pub use error::{ConfigError, report};
pub use inputs::{Inputs, environment};
pub use origin::Origin;
pub use row::Row;
pub use secret::Secret;
pub use settings::{LogFormat, LogLevel, Remote, Settings, Tls};
