//! The wire formats, as pure functions: requests to bytes, answers to values, errors to kinds.

pub mod anthropic;
mod capability;
pub mod chat;
pub mod faults;
pub mod xai;

pub(crate) use capability::Omit;
pub use capability::{effort_name, takes_cache_marks};

/// How much a model should think. Not every model knows every step: see [`effort_name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `xhigh`
    Xhigh,
    /// `max`, at Anthropic only
    Max,
}
