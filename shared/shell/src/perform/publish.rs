//! GitHub.

use std::collections::BTreeMap;

use github::object::Mode;
use github::{Base, Commit, Content, Identity, NewRepository, PullRequest, ReadLimits};
use pipeline::effect::{
    Change, CommitEntry, CommitRequest, Entry, PullRequestEntry, PullRequestRequest, ReadRequest,
    RepositoryEntry, RepositoryRequest, TreeFile,
};
use pipeline::facts::Existing;
use pipeline::limits::{SHOWN_BYTES_MAX, SHOWN_FILES_MAX};
use pipeline::release::workflows::SECRET;
use pipeline::{Code, Failure, import};
use secrecy::SecretString;

use super::{Performer, terminal};
use crate::trouble::Trouble;

/// Author and committer of every commit.
const AUTHOR_NAME: &str = "Appwrite Orchestrator";
/// Belongs to nobody.
const AUTHOR_EMAIL: &str = "orchestrator@noreply.invalid";

/// Reads the files of an existing repository, as far as they may be shown.
pub(super) async fn read(
    performer: &Performer<'_>,
    request: &ReadRequest,
) -> Result<Entry, Trouble> {
    let client = performer.github(account(&request.repository)).await?;
    let before = client.requests();
    let repository = client
        .existing_repository(&request.repository)
        .await
        .map_err(unread)?;
    let branch = request
        .branch
        .as_ref()
        .unwrap_or(&repository.default_branch);
    let tree = client
        .read_tree(&repository, branch)
        .await
        .map_err(unread)?;
    let files: Vec<TreeFile> = tree.entries.iter().map(named).collect();
    let wanted = import::to_read(&files).map_err(Trouble::Terminal)?;
    let entries: Vec<github::Entry> = wanted.iter().map(|at| tree.entries[*at].clone()).collect();
    let limits = ReadLimits {
        files_max: SHOWN_FILES_MAX,
        bytes_max: SHOWN_BYTES_MAX as u64,
    };
    let read = client
        .read_files(&repository, &entries, limits)
        .await
        .map_err(unread)?;
    let read = std::iter::zip(wanted, read);
    let contents: BTreeMap<usize, Vec<u8>> = read
        .filter_map(|(at, content)| Some((at, content?.bytes().to_vec())))
        .collect();
    let existing = Existing {
        id: repository.id,
        branch: branch.clone(),
        full_name: repository.full_name,
        head: tree.head.to_string(),
        html_url: repository.html_url,
        clone_url: repository.clone_url,
    };
    let requests = client.requests() - before;
    let checkout = import::checkout(existing, &files, &contents, requests);
    Ok(Entry::Checkout(Box::new(checkout)))
}

fn named(entry: &github::Entry) -> TreeFile {
    TreeFile {
        path: entry.path.clone(),
        is_regular: entry.mode.is_file(),
        is_executable: entry.mode == Mode::EXECUTABLE,
        bytes: entry.size,
    }
}

/// Makes sure that the repository exists and is ours, or is there as its owner said.
pub(super) async fn repository(
    performer: &Performer<'_>,
    request: &RepositoryRequest,
) -> Result<Entry, Trouble> {
    if request.deploys {
        workflow_place(performer).await?;
    }
    // The settings' organisation is not the place of who brings a credential.
    let owner = match performer.own_github().await? {
        Some(_) => None,
        None => performer.clients.settings().github_owner.clone(),
    };
    let owner = request.organization.clone().or(owner);
    let existing = request.existing.as_deref().and_then(account);
    let client = performer.github(existing.or(owner.as_deref())).await?;
    let before = client.requests();
    let new = NewRepository {
        owner,
        name: request.name.clone(),
        description: request.description.clone(),
        private: request.private,
        marker: request.marker.clone(),
        topics: request.topics.clone(),
        looked_before: performer.attempt.repeat || request.released_before,
    };
    let found = match &request.existing {
        Some(full_name) => client.existing_repository(full_name).await,
        None => client.ensure_repository(&new).await,
    };
    match found {
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

/// Makes sure that workflows can deploy: the key is a secret, the rest are variables.
pub(super) async fn secrets(
    performer: &Performer<'_>,
    repository: &RepositoryEntry,
) -> Result<Entry, Trouble> {
    let client = performer.github(account(&repository.full_name)).await?;
    let before = client.requests();
    let (key, endpoint, project) = workflow_place(performer).await?;
    let repository = known(repository);
    client
        .set_secrets(&repository, &[(SECRET.to_owned(), key)])
        .await
        .map_err(refused)?;
    let variables = [
        ("APPWRITE_ENDPOINT", endpoint),
        ("APPWRITE_PROJECT_ID", project),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value));
    client
        .set_variables(&repository, &variables)
        .await
        .map_err(refused)?;
    Ok(Entry::SecretsSet {
        requests: client.requests() - before,
    })
}

/// With which key workflows deploy, and to which endpoint and project: the owner's own, else
/// those of the settings. Those are for repositories of the settings alone: who owns a repository
/// can read its secrets.
async fn workflow_place(
    performer: &Performer<'_>,
) -> Result<(SecretString, String, String), Trouble> {
    if let Some(own) = performer.own_appwrite().await? {
        return Ok((own.key, own.endpoint, own.project));
    }
    if performer.own_github().await?.is_some() {
        let message = "The brief wants a workflow that deploys from a repository of your own. Set a project of your own too, with `orchestrator credentials set appwrite`, and retry, or leave out `workflows`.";
        let failure = Failure::new(Code::NotConfigured, message.to_owned());
        return Err(Trouble::Terminal(failure));
    }
    let settings = performer.clients.settings();
    let missing = |name: &str| {
        let message = format!(
            "The brief wants a workflow that deploys, and `{name}` of the function `publish` is not set. Set it and retry, or leave out `workflows`."
        );
        Trouble::Terminal(Failure::new(Code::NotConfigured, message))
    };
    let key = settings.workflow_key.clone();
    let key = key.ok_or_else(|| missing("DEPLOY_WORKFLOW_API_KEY"))?;
    let endpoint = settings.appwrite_endpoint.clone();
    let endpoint = endpoint.ok_or_else(|| missing("APPWRITE_ENDPOINT"))?;
    let project = settings.project_id.clone();
    let project = project.ok_or_else(|| missing("APPWRITE_PROJECT_ID"))?;
    Ok((key, endpoint, project))
}

/// The account that a repository is in, by its full name.
fn account(full_name: &str) -> Option<&str> {
    full_name.split_once('/').map(|(account, _)| account)
}

/// Makes sure that the branch holds these changes.
pub(super) async fn commit(
    performer: &Performer<'_>,
    request: &CommitRequest,
) -> Result<Entry, Trouble> {
    let client = performer
        .github(account(&request.repository.full_name))
        .await?;
    let before = client.requests();
    let base = match &request.base {
        None => Base::Fresh,
        Some(sha) => Base::At(sha.parse().map_err(|_| {
            let message = format!("`{sha}` is no commit. Start the task anew.");
            Trouble::Terminal(Failure::new(Code::PublishFailed, message))
        })?),
    };
    let commit = Commit {
        branch: request.branch.clone(),
        base,
        message: request.message.clone(),
        author: Identity {
            name: AUTHOR_NAME.to_owned(),
            email: AUTHOR_EMAIL.to_owned(),
            date_unix: request.date_unix,
        },
        changes: request.changes.iter().map(change).collect(),
    };
    let published = client
        .publish(
            &known(&request.repository),
            &commit,
            performer.attempt.repeat,
        )
        .await
        .map_err(refused)?;
    Ok(Entry::Commit(CommitEntry {
        sha: published.commit_sha.to_string(),
        requests: client.requests() - before,
    }))
}

fn change(change: &Change) -> github::Change {
    let path = change.path.clone();
    match &change.content {
        Some(content) => github::Change::Write {
            path,
            content: Content::Text(content.clone()),
            executable: change.executable.then_some(true),
        },
        None => github::Change::Delete { path },
    }
}

/// Makes sure that a pull request asks for the changes. A branch is one task's, which may have
/// asked before.
pub(super) async fn pull_request(
    performer: &Performer<'_>,
    request: &PullRequestRequest,
) -> Result<Entry, Trouble> {
    let client = performer
        .github(account(&request.repository.full_name))
        .await?;
    let before = client.requests();
    let pull = PullRequest {
        head: request.head.clone(),
        base: request.base.clone(),
        title: request.title.clone(),
        body: request.body.clone(),
        repeat: performer.attempt.repeat || request.asked_before,
    };
    let opened = client
        .ensure_pull_request(&known(&request.repository), &pull)
        .await
        .map_err(refused)?;
    Ok(Entry::PullRequest(PullRequestEntry {
        number: opened.number,
        url: opened.html_url,
        requests: client.requests() - before,
    }))
}

/// The repository as an earlier answer told of it.
fn known(entry: &RepositoryEntry) -> github::Repository {
    let (owner, name) = entry.full_name.split_once('/').unwrap_or_default();
    github::Repository {
        id: entry.id,
        owner: owner.to_owned(),
        name: name.to_owned(),
        full_name: entry.full_name.clone(),
        default_branch: entry.default_branch.clone(),
        html_url: entry.html_url.clone(),
        clone_url: entry.clone_url.clone(),
        homepage: None,
        private: true,
    }
}

fn unread(error: github::Error) -> Trouble {
    told("GitHub did not show the repository", error)
}

fn refused(error: github::Error) -> Trouble {
    told("GitHub refused to publish", error)
}

fn told(what: &str, error: github::Error) -> Trouble {
    match error.retry() {
        github::Retry::Transient { .. } => Trouble::GitHub(error),
        github::Retry::Terminal => terminal(Code::PublishFailed, what, &error),
    }
}
