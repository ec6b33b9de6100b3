//! GitHub, as far as publishing needs it: make a repository once, and put one commit on its branch.
//!
//! Both operations are *ensure* operations: they may be repeated after a crash, a lost answer or a
//! second execution, and then end in the same state. They rest on three things:
//!
//! - the marker, a URL in the repository's `homepage`, is set by the same request that creates the
//!   repository, so after "name already exists" one look tells ours from somebody's;
//! - git ids are computed here before they are asked for, see [`object`], so a commit that is
//!   already the head is recognised;
//! - a branch only ever moves forward, so a concurrent push is noticed and never overwritten unread.
//!
//! A new project costs 4 + K requests, K being the number of tree chunks (1 up to 100 files and
//! 1 MiB). Start reading at [`Client::ensure_repository`] and [`Client::publish`].
//!
//! Not here: pull requests, binary files, and existing repositories that hold other files.

mod chunk;
mod client;
mod error;
pub mod object;
mod pace;
mod path;
mod publish;
mod refusal;
mod repository;
mod wire;

#[cfg(test)]
mod tests;

pub use client::{Client, Settings};
pub use error::{Error, Retry};
pub use path::PathError;
pub use publish::{Commit, File, Identity, Published};
pub use repository::{NewRepository, Repository};
