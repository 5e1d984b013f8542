//! The nouns and their rules. No I/O, no serde, no clock: plain values that every room shares.
//!
//! In reading order: who ([`account`]), what was put in ([`source`], [`written`], [`website`], [`folder`], [`extract`], [`language`], [`chunk`]), what is asked
//! ([`question`]), what is found ([`passage`]), what is said ([`answer`], [`chat`]), what is still to do ([`job`]), and what computes ([`device`]).

pub mod account;
pub mod answer;
pub mod chat;
pub mod chunk;
pub mod device;
pub mod extract;
pub mod folder;
pub mod id;
pub mod job;
pub mod language;
pub mod model;
pub mod passage;
pub mod question;
pub mod source;
pub mod website;
pub mod written;
