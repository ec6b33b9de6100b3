//! GitHub.

use github::{Base, Change, Commit, Content, Identity, NewRepository};
use pipeline::Code;
use pipeline::effect::{CommitEntry, CommitRequest, Entry, RepositoryEntry, RepositoryRequest};

use super::{Performer, terminal};
use crate::trouble::Trouble;

/// Author and committer of every commit.
const AUTHOR_NAME: &str = "Appwrite Orchestrator";
/// Belongs to nobody.
const AUTHOR_EMAIL: &str = "orchestrator@noreply.invalid";

/// Makes sure that the repository exists and is ours.
pub(super) async fn repository(
    performer: &Performer<'_>,
    request: &RepositoryRequest,
) -> Result<Entry, Trouble> {
    let client = performer.github()?;
    let before = client.requests();
    let new = NewRepository {
        owner: performer.clients.settings().github_owner.clone(),
        name: request.name.clone(),
        description: request.description.clone(),
        private: request.private,
        marker: request.marker.clone(),
        topics: Vec::new(),
        looked_before: performer.attempt.repeat || request.released_before,
    };
    match client.ensure_repository(&new).await {
        Ok(repository) => Ok(Entry::Repository(RepositoryEntry {
            id: repository.id,
            full_name: repository.full_name,
            default_branch: repository.default_branch,
            html_url: repository.html_url,
            clone_url: repository.clone_url,
            requests: client.requests() - before,
        })),
        Err(github::Error::NameTaken { .. }) => Ok(Entry::NameTaken {
            requests: client.requests() - before,
        }),
        Err(error) => Err(refused(error)),
    }
}

/// Makes sure that the branch's head holds exactly these files.
pub(super) async fn commit(
    performer: &Performer<'_>,
    request: &CommitRequest,
) -> Result<Entry, Trouble> {
    let client = performer.github()?;
    let before = client.requests();
    let (owner, name) = request
        .repository
        .full_name
        .split_once('/')
        .unwrap_or_default();
    let repository = github::Repository {
        id: request.repository.id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        full_name: request.repository.full_name.clone(),
        default_branch: request.repository.default_branch.clone(),
        html_url: request.repository.html_url.clone(),
        clone_url: request.repository.clone_url.clone(),
        homepage: None,
        private: true,
    };
    let change = |(path, file): (&pipeline::SafePath, &pipeline::workspace::File)| Change::Write {
        path: path.as_str().to_owned(),
        content: Content::Text(file.content.clone()),
        executable: None,
    };
    let commit = Commit {
        branch: request.repository.default_branch.clone(),
        base: Base::Fresh,
        message: request.message.clone(),
        author: Identity {
            name: AUTHOR_NAME.to_owned(),
            email: AUTHOR_EMAIL.to_owned(),
            date_unix: request.date_unix,
        },
        changes: request.files.files().map(change).collect(),
    };
    let published = client
        .publish(&repository, &commit, performer.attempt.repeat)
        .await
        .map_err(refused)?;
    Ok(Entry::Commit(CommitEntry {
        sha: published.commit_sha.to_string(),
        requests: client.requests() - before,
    }))
}

fn refused(error: github::Error) -> Trouble {
    match error.retry() {
        github::Retry::Transient { .. } => Trouble::GitHub(error),
        github::Retry::Terminal => {
            terminal(Code::PublishFailed, "GitHub refused to publish", &error)
        }
    }
}
