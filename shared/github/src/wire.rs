//! The bodies of requests and answers, only the fields that are used. Source of all shapes:
//! GitHub REST API, version 2022-11-28, its OpenAPI description (read 2026-11). Fields that are
//! not named here are ignored.

use serde::{Deserialize, Serialize};

use crate::object::Sha;

/// Body of `POST /user/repos` and `POST /orgs/{org}/repos`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateRepository<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) homepage: &'a str,
    pub(crate) private: bool,
    /// Always true: the git data API refuses to work on an empty repository.
    pub(crate) auto_init: bool,
}

/// A repository: `POST /user/repos`, `GET /repos/{owner}/{repo}`. Fixture: `git_ref_example.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct RepositoryAnswer {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) owner: Account,
    pub(crate) private: bool,
    pub(crate) default_branch: String,
    pub(crate) html_url: String,
    pub(crate) clone_url: String,
    pub(crate) homepage: Option<String>,
}

/// An account, also the answer of `GET /user`.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) login: String,
}

/// A ref: `GET .../git/ref/heads/{branch}`, `PATCH .../git/refs/heads/{branch}`.
/// Fixture: `git_ref_example.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct RefAnswer {
    pub(crate) object: Object,
}

/// Anything that is named by its id.
#[derive(Debug, Deserialize)]
pub(crate) struct Object {
    pub(crate) sha: Sha,
}

/// Body of `POST .../git/trees`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateTree<'a> {
    pub(crate) tree: Vec<TreeEntry<'a>>,
    /// The tree to add to. Absent for the first chunk: an empty one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_tree: Option<Sha>,
}

/// A file of `POST .../git/trees` with its content inline, so that it needs no blob request.
#[derive(Debug, Serialize)]
pub(crate) struct TreeEntry<'a> {
    pub(crate) path: &'a str,
    pub(crate) mode: &'static str,
    pub(crate) r#type: &'static str,
    pub(crate) content: &'a str,
}

/// Body of `POST .../git/commits`. The message is stored exactly as sent.
#[derive(Debug, Serialize)]
pub(crate) struct CreateCommit<'a> {
    pub(crate) message: &'a str,
    pub(crate) tree: Sha,
    pub(crate) parents: [Sha; 1],
    pub(crate) author: Signature<'a>,
    pub(crate) committer: Signature<'a>,
}

/// Who and when. The date ends in `Z`, which GitHub stores as zone `+0000`; without a date it
/// would take the zone of the account, and the id could not be computed.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Signature<'a> {
    pub(crate) name: &'a str,
    pub(crate) email: &'a str,
    pub(crate) date: &'a str,
}

/// A commit: `GET .../git/commits/{sha}`. Fixture: `git_ref_example.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct CommitAnswer {
    pub(crate) sha: Sha,
    pub(crate) tree: Object,
    pub(crate) parents: Vec<Object>,
}

/// Body of `PATCH .../git/refs/heads/{branch}`.
#[derive(Debug, Serialize)]
pub(crate) struct MoveRef {
    pub(crate) sha: Sha,
    /// Always false: a branch only moves forward.
    pub(crate) force: bool,
}
