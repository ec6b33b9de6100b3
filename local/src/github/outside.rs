//! What others do to repositories, for tests and demonstrations: without the API, and not logged.

use anyhow::Context as _;

use super::git::GitDir;
use super::merge;
use super::pull::{self, PullRecord};
use super::refusal::Refusal;
use super::registry::RepositoryRecord;
use super::repository::{clean_name, plain_record, store};
use super::{GitHub, Service, now};

/// Who makes commits from outside.
const SOMEBODY: (&str, &str) = ("Somebody", "somebody@example.com");

/// A file as somebody else commits it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutsideFile {
    /// Path in the repository, with slashes.
    pub path: String,
    /// What it holds; none deletes it.
    pub bytes: Option<Vec<u8>>,
    /// Whether it may be executed.
    pub executable: bool,
}

impl OutsideFile {
    /// A plain file.
    #[must_use]
    pub fn new(path: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            path: path.to_owned(),
            bytes: Some(bytes.into()),
            executable: false,
        }
    }

    /// The same file as one that may be executed.
    #[must_use]
    pub fn executable(mut self) -> Self {
        self.executable = true;
        self
    }

    /// A file that is deleted.
    #[must_use]
    pub fn deleted(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            bytes: None,
            executable: false,
        }
    }
}

/// A pull request as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number in the repository.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Its text; empty if there is none.
    pub body: String,
    /// Whether it is neither merged nor closed.
    pub open: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// The branch it comes from.
    pub head: String,
    /// The commit of that branch.
    pub head_sha: String,
    /// The branch it goes to.
    pub base: String,
    /// The address of its page.
    pub html_url: String,
}

impl GitHub {
    /// Makes `owner/name` exist with these files in one commit on `main`, and gives the commit's
    /// id. The owner is an organisation if an account or the configuration says so.
    ///
    /// # Errors
    /// The name is taken or not legal, or git failed. Trying again does not help.
    pub async fn seed(
        &self,
        full_name: &str,
        private: bool,
        files: &[OutsideFile],
    ) -> anyhow::Result<String> {
        let service = &self.service;
        let (owner, name) = split(full_name)?;
        let organization = service.accounts.organization(owner).is_some();
        let name = clean_name(name).map_err(Refusal::into_error)?;
        let record = plain_record(owner, organization, name, private);
        let stream = stream(&record.default_branch, None, "Initial commit", files);
        let record = store(service, record, Some(stream))
            .await
            .map_err(Refusal::into_error)?;
        let git = service.git.open(service.registry.git_dir(record.id));
        let tip = merge::tip(&git, &record.default_branch).await?;
        tip.context("nothing was committed")
    }

    /// Commits on top of a branch, which is made from the default branch if it is not there, and
    /// gives the commit's id.
    ///
    /// # Errors
    /// There is no such repository, or git failed. Trying again does not help.
    pub async fn commit(
        &self,
        full_name: &str,
        branch: &str,
        message: &str,
        files: &[OutsideFile],
    ) -> anyhow::Result<String> {
        let record = self.record(full_name)?;
        let git = self.git(&record);
        let parent = match merge::tip(&git, branch).await? {
            Some(parent) => Some(parent),
            None => merge::tip(&git, &record.default_branch).await?,
        };
        let stream = stream(branch, parent.as_deref(), message, files);
        import(&git, &stream).await?;
        pull::follow(&self.service, record.id).await?;
        let tip = merge::tip(&git, branch).await?;
        tip.context("nothing was committed")
    }

    /// Deletes a branch; open pull requests from it are closed.
    ///
    /// # Errors
    /// There is no such repository or branch, or git failed. Trying again does not help.
    pub async fn delete_branch(&self, full_name: &str, branch: &str) -> anyhow::Result<()> {
        let record = self.record(full_name)?;
        let name = format!("refs/heads/{branch}");
        let git = self.git(&record);
        git.run(&["update-ref", "-d", &name], &[])
            .await?
            .success()?;
        pull::follow(&self.service, record.id).await
    }

    /// The pull requests of a repository, by number.
    ///
    /// # Errors
    /// There is no such repository.
    pub fn pull_requests(&self, full_name: &str) -> anyhow::Result<Vec<PullRequest>> {
        let record = self.record(full_name)?;
        let base_url = self.base_url();
        let shown = record.pulls.iter().map(|pull| PullRequest {
            number: pull.number,
            title: pull.title.clone(),
            body: pull.body.clone().unwrap_or_default(),
            open: pull.open,
            merged: pull.merged_at.is_some(),
            head: pull.head.clone(),
            head_sha: pull.head_sha.clone(),
            base: pull.base.clone(),
            html_url: format!("{base_url}/{}/pull/{}", record.full_name(), pull.number),
        });
        Ok(shown.collect())
    }

    /// Merges a pull request with a merge commit, as its owner would, and gives that commit's id.
    ///
    /// # Errors
    /// There is no such open pull request, or it does not merge. Trying again does not help.
    pub async fn merge_pull_request(&self, full_name: &str, number: u64) -> anyhow::Result<String> {
        let record = self.record(full_name)?;
        let pull = numbered(&record, number)?;
        let who = (SOMEBODY.0, SOMEBODY.1.to_owned());
        let merged = merge::perform(&self.service, &record, pull, false, who).await;
        merged.map_err(Refusal::into_error)
    }

    /// Closes a pull request without merging it.
    ///
    /// # Errors
    /// There is no such pull request. Trying again does not help.
    pub fn close_pull_request(&self, full_name: &str, number: u64) -> anyhow::Result<()> {
        let record = self.record(full_name)?;
        numbered(&record, number)?;
        let closed = self.service.registry.edit(record.id, |record| {
            for pull in &mut record.pulls {
                if pull.number == number {
                    pull.close(now());
                }
            }
            Ok(())
        });
        closed.map_err(Refusal::into_error)
    }

    /// What an Actions secret holds, in the clear; none if it was never set.
    ///
    /// # Errors
    /// There is no such repository, or what is stored cannot be read.
    pub fn secret(&self, full_name: &str, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        self.record(full_name)?.actions.secret(name)
    }

    /// What an Actions variable holds; none if there is none.
    ///
    /// # Errors
    /// There is no such repository.
    pub fn variable(&self, full_name: &str, name: &str) -> anyhow::Result<Option<String>> {
        Ok(self.record(full_name)?.actions.variable(name))
    }

    fn record(&self, full_name: &str) -> anyhow::Result<std::sync::Arc<RepositoryRecord>> {
        let (owner, name) = split(full_name)?;
        let found = self.service.registry.by_name(owner, name);
        found.with_context(|| format!("there is no repository {full_name}"))
    }

    fn git(&self, record: &RepositoryRecord) -> GitDir<'_> {
        let service = &self.service;
        service.git.open(service.registry.git_dir(record.id))
    }
}

fn numbered(record: &RepositoryRecord, number: u64) -> anyhow::Result<&PullRecord> {
    let mut pulls = record.pulls.iter();
    pulls
        .find(|pull| pull.number == number)
        .with_context(|| format!("{} has no pull request {number}", record.full_name()))
}

fn split(full_name: &str) -> anyhow::Result<(&str, &str)> {
    full_name.split_once('/').context("a name is owner/name")
}

async fn import(git: &GitDir<'_>, stream: &[u8]) -> anyhow::Result<()> {
    let finished = git.run(&["fast-import", "--quiet", "--done"], stream);
    finished.await?.success().map(drop)
}

/// A fast-import stream of one commit.
fn stream(branch: &str, parent: Option<&str>, message: &str, files: &[OutsideFile]) -> Vec<u8> {
    let (name, email) = SOMEBODY;
    let length = message.len();
    let time = now().as_second();
    let mut stream = format!(
        "commit refs/heads/{branch}\ncommitter {name} <{email}> {time} +0000\n\
         data {length}\n{message}\n"
    )
    .into_bytes();
    if let Some(parent) = parent {
        stream.extend(format!("from {parent}\n").into_bytes());
    }
    for file in files {
        let path = file.path.replace('\\', "\\\\").replace('"', "\\\"");
        let Some(bytes) = &file.bytes else {
            stream.extend(format!("D \"{path}\"\n").into_bytes());
            continue;
        };
        let mode = if file.executable { "100755" } else { "100644" };
        let length = bytes.len();
        stream.extend(format!("M {mode} inline \"{path}\"\ndata {length}\n").into_bytes());
        stream.extend(bytes);
        stream.push(b'\n');
    }
    stream.extend(b"done\n");
    stream
}

/// After a push: the first branch of an empty repository becomes its default branch, and open pull
/// requests follow.
pub(super) async fn branches_moved(service: &Service, id: u64) -> anyhow::Result<()> {
    let git = service.git.open(service.registry.git_dir(id));
    let Some(record) = service.registry.by_id(id) else {
        return Ok(());
    };
    if merge::tip(&git, &record.default_branch).await?.is_none() {
        let format = "--format=%(refname:short)";
        let listed = git
            .run(&["for-each-ref", "--count=1", format, "refs/heads"], &[])
            .await?
            .line()?;
        if !listed.is_empty() {
            let name = format!("refs/heads/{listed}");
            let pointed = git.run(&["symbolic-ref", "HEAD", &name], &[]).await?;
            pointed.success()?;
            let edited = service.registry.edit(id, |record| {
                record.default_branch = listed;
                Ok(())
            });
            edited.map_err(Refusal::into_error)?;
        }
    }
    pull::follow(service, id).await
}
