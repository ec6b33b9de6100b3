//! GitHub, as far as publishing needs it: make or read a repository, put one commit on a branch,
//! open a pull request, set what its Actions need.
//!
//! All writing operations are *ensure* operations: they may be repeated after a crash, a lost
//! answer or a second execution, and then end in the same state. They rest on three things:
//!
//! - the marker, a URL in the repository's `homepage`, is set by the same request that creates the
//!   repository, so after "name already exists" one look tells ours from somebody's;
//! - git ids are computed here before they are asked for, see [`object`], so a commit that is
//!   already the head is recognised;
//! - a branch only ever moves forward, and onto what somebody pushed meanwhile our changes are
//!   brought file by file, so nothing of others is overwritten.
//!
//! A new project costs 4 + K + M requests and a commit to an existing repository 5 + K + M, K being
//! the number of tree chunks (1 up to 100 files and 1 MiB) and M the number of binary files. Start
//! reading at [`Client::ensure_repository`] and [`Client::publish`].
//!
//! Requests are made with a token or as a GitHub App, see [`Auth`].
//!
//! Not here: repositories without a first commit, with SHA-256 ids or of more than 100,000 files;
//! symbolic links and submodules, which stay as they are; forks; reviewing, merging or closing a
//! pull request; waiting for a rate limit to end.

mod actions;
mod auth;
mod chunk;
mod client;
mod commit;
mod error;
mod merge;
pub mod object;
mod observer;
mod pace;
mod path;
mod publish;
mod pull;
mod read;
mod refusal;
mod repository;
mod wire;
mod write;

#[cfg(test)]
mod tests;

pub use auth::{Auth, Installation, app_jwt};
pub use client::{Client, Settings};
pub use commit::{Base, Change, Commit, Content, Identity};
pub use error::{Error, Retry};
pub use observer::{Observed, Observer, Repeated};
pub use path::PathError;
pub use publish::Published;
pub use pull::{Opened, PullRequest, PullState};
pub use read::{Entry, ReadLimits, Tree};
pub use repository::{NewRepository, Repository};
