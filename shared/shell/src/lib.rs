//! What every function has in common: hosts, settings, logging with redaction.

pub mod blocking;
pub mod config;
pub mod hosts;
pub mod invocation;
pub mod logging;
pub mod redaction;
