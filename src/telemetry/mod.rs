//! Where lines and numbers go: logs to standard error or the journal, metrics to one page. Not what is worth logging
//! or counting: every room decides that for itself, through `tracing` and `metrics`.

mod log;
mod numbers;

pub use log::{Format, start};
pub use numbers::{Metrics, metrics};
