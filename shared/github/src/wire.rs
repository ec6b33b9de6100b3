//! The bodies of requests and answers, only the fields that are used. Source of all shapes:
//! GitHub REST API, version 2022-11-28, its OpenAPI description (read 2026-11). Fields that are
//! not named here are ignored.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};

use crate::object::{Mode, Sha};

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
    #[serde(default)]
    pub(crate) topics: Vec<String>,
    #[serde(default)]
    pub(crate) archived: bool,
    pub(crate) permissions: Option<Permissions>,
}

/// What the token's account may do; absent for some tokens.
#[derive(Debug, Deserialize)]
pub(crate) struct Permissions {
    pub(crate) push: bool,
}

/// Body of `PUT .../topics`.
#[derive(Debug, Serialize)]
pub(crate) struct ReplaceTopics<'a> {
    pub(crate) names: &'a [String],
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

/// A tree with everything below it: `GET .../git/trees/{sha}?recursive=1`. Its own `sha` is not
/// read: it repeats what was asked for, which may be a commit. Fixture: `git_ref_example.json`.
#[derive(Debug, Deserialize)]
pub(crate) struct TreeAnswer {
    pub(crate) tree: Vec<TreeAnswerEntry>,
    pub(crate) truncated: bool,
}

/// One entry of a tree; folders are entries too.
#[derive(Debug, Deserialize)]
pub(crate) struct TreeAnswerEntry {
    pub(crate) path: String,
    pub(crate) mode: Mode,
    pub(crate) sha: Sha,
    pub(crate) size: Option<u64>,
}

/// A blob: `GET .../git/blobs/{sha}`. The content is base64 with newlines in it.
#[derive(Debug, Deserialize)]
pub(crate) struct BlobAnswer {
    pub(crate) content: String,
    pub(crate) encoding: String,
}

/// Body of `POST .../git/blobs`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateBlob<'a> {
    pub(crate) content: &'a str,
    pub(crate) encoding: &'a str,
}

/// Body of `POST .../git/trees`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateTree<'a> {
    pub(crate) tree: Vec<TreeEntry<'a>>,
    /// The tree to change. Absent where there is none: an empty one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_tree: Option<Sha>,
}

/// An entry of `POST .../git/trees`: with its text inline, so that it needs no blob request, or
/// with the id of its content, or with the id `null`, which takes it away.
#[derive(Debug, Serialize)]
pub(crate) struct TreeEntry<'a> {
    pub(crate) path: &'a str,
    pub(crate) mode: Mode,
    pub(crate) r#type: &'static str,
    #[serde(flatten)]
    pub(crate) what: What<'a>,
}

/// What an entry becomes.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What<'a> {
    Content(&'a str),
    Sha(Option<Sha>),
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
    pub(crate) author: SignatureAnswer,
    pub(crate) message: String,
}

/// Who and when; the date in zone `Z`, whatever zone is stored.
#[derive(Debug, Deserialize)]
pub(crate) struct SignatureAnswer {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) date: Timestamp,
}

/// Body of `POST .../git/refs`.
#[derive(Debug, Serialize)]
pub(crate) struct CreateRef<'a> {
    /// With `refs/heads/`.
    pub(crate) r#ref: &'a str,
    pub(crate) sha: Sha,
}

/// A pull request: `POST .../pulls`, `PATCH .../pulls/{number}`, and one of `GET .../pulls`.
#[derive(Debug, Deserialize)]
pub(crate) struct PullAnswer {
    pub(crate) number: u64,
    pub(crate) html_url: String,
    /// `open` or `closed`.
    pub(crate) state: String,
    pub(crate) merged_at: Option<String>,
    pub(crate) title: String,
    pub(crate) body: Option<String>,
}

/// Body of `POST .../pulls`.
#[derive(Debug, Serialize)]
pub(crate) struct CreatePull<'a> {
    pub(crate) title: &'a str,
    pub(crate) head: &'a str,
    pub(crate) base: &'a str,
    pub(crate) body: &'a str,
}

/// Body of `PATCH .../pulls/{number}`.
#[derive(Debug, Serialize)]
pub(crate) struct UpdatePull<'a> {
    pub(crate) title: &'a str,
    pub(crate) body: &'a str,
}

/// The key that secrets are sealed with: `GET .../actions/secrets/public-key`.
#[derive(Debug, Deserialize)]
pub(crate) struct PublicKeyAnswer {
    pub(crate) key_id: String,
    /// 32 bytes as base64.
    pub(crate) key: String,
}

/// Body of `PUT .../actions/secrets/{name}`.
#[derive(Serialize)]
pub(crate) struct PutSecret<'a> {
    /// Sealed, as base64.
    pub(crate) encrypted_value: &'a str,
    pub(crate) key_id: &'a str,
}

/// Body of `POST .../actions/variables` and `PATCH .../actions/variables/{name}`.
#[derive(Serialize)]
pub(crate) struct PutVariable<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: &'a str,
}

/// An installation of an App: `GET /orgs/{org}/installation`, `GET /users/{name}/installation`.
#[derive(Debug, Deserialize)]
pub(crate) struct InstallationAnswer {
    pub(crate) id: u64,
    /// `User` or `Organization`.
    pub(crate) target_type: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretString, D::Error> {
    String::deserialize(deserializer).map(SecretString::from)
}

/// A token of an installation: `POST /app/installations/{id}/access_tokens`. It is of no fixed
/// length.
#[derive(Deserialize)]
pub(crate) struct TokenAnswer {
    #[serde(deserialize_with = "secret")]
    pub(crate) token: SecretString,
    pub(crate) expires_at: Timestamp,
}

/// Body of `PATCH .../git/refs/heads/{branch}`.
#[derive(Debug, Serialize)]
pub(crate) struct MoveRef {
    pub(crate) sha: Sha,
    /// Always false: a branch only moves forward.
    pub(crate) force: bool,
}
