//! local
pub mod github;
