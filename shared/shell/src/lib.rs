//! What every function has in common: hosts, settings, logging with redaction, and the
//! driver that carries out what the pipeline decides.
//!
//! Start reading at [`mod@duty`], then [`mod@function`] and [`mod@drive`].

pub mod advance;
pub mod archive;
mod aws;
pub mod blocking;
pub mod claim;
pub mod clients;
pub mod clock;
pub mod config;
pub mod create_task;
pub mod credentials;
pub mod drive;
pub mod duty;
pub mod feed;
pub mod function;
pub mod hosts;
pub mod invocation;
mod ledger;
pub mod load;
pub mod logging;
pub mod notice;
pub mod nudge;
pub mod otlp;
pub mod perform;
pub mod redaction;
mod retention;
pub mod store;
pub mod sweep;
pub mod together;
pub mod trace;
pub mod trouble;

pub use duty::Duty;

/// An execution makes and drops many small values on several threads at once, for which the
/// allocator of the C library takes a fifth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
