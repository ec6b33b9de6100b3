//! What git tells about two branches, and merging one into the other.

use anyhow::Context as _;
use http::StatusCode;

use super::git::{GitDir, run};
use super::pull::{self, PullRecord};
use super::refusal::Refusal;
use super::registry::RepositoryRecord;
use super::{Service, now};

/// How a pull request's branch differs from where it began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Difference {
    pub(super) commits: u64,
    pub(super) files: u64,
    pub(super) additions: u64,
    pub(super) deletions: u64,
}

/// What a branch points to.
pub(super) async fn tip(git: &GitDir<'_>, branch: &str) -> anyhow::Result<Option<String>> {
    let name = format!("refs/heads/{branch}^{{commit}}");
    let arguments = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &name,
    ];
    line(git, &arguments).await
}

/// Whether `ancestor` is reachable from `sha`.
pub(super) async fn contains(git: &GitDir<'_>, sha: &str, ancestor: &str) -> anyhow::Result<bool> {
    let arguments = ["merge-base", "--is-ancestor", ancestor, sha];
    Ok(git.run(&arguments, &[]).await?.is_success())
}

/// The best common ancestor.
pub(super) async fn base(
    git: &GitDir<'_>,
    one: &str,
    other: &str,
) -> anyhow::Result<Option<String>> {
    line(git, &["merge-base", one, other]).await
}

/// The tree of a merge without conflict.
pub(super) async fn merged_tree(
    git: &GitDir<'_>,
    base: &str,
    head: &str,
) -> anyhow::Result<Option<String>> {
    line(
        git,
        &["merge-tree", "--write-tree", "--no-messages", base, head],
    )
    .await
}

async fn line(git: &GitDir<'_>, arguments: &[&str]) -> anyhow::Result<Option<String>> {
    let finished = git.run(arguments, &[]).await?;
    if !finished.is_success() {
        return Ok(None);
    }
    finished.line().map(Some)
}

pub(super) async fn difference(
    git: &GitDir<'_>,
    base: &str,
    head: &str,
) -> anyhow::Result<Difference> {
    let range = format!("{base}..{head}");
    let commits = line(git, &["rev-list", "--count", &range]).await?;
    let range = format!("{base}...{head}");
    let lines = line(git, &["diff", "--numstat", "--no-renames", &range]).await?;
    let mut difference = Difference {
        commits: commits.and_then(|text| text.parse().ok()).unwrap_or(0),
        ..Difference::default()
    };
    for line in lines.unwrap_or_default().lines() {
        // A binary file has `-` for both counts.
        let mut words = line.split('\t').map(|word| word.parse().unwrap_or(0));
        difference.files += 1;
        difference.additions += words.next().unwrap_or(0);
        difference.deletions += words.next().unwrap_or(0);
    }
    Ok(difference)
}

/// Merges an open pull request and gives the new commit of its base.
pub(super) async fn perform(
    service: &Service,
    record: &RepositoryRecord,
    pull: &PullRecord,
    squash: bool,
    (login, email): (&str, String),
) -> Result<String, Refusal> {
    let refused = |message| Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message);
    let git = service.git.open(service.registry.git_dir(record.id));
    let (base, head) = (tip(&git, &pull.base).await?, tip(&git, &pull.head).await?);
    let (true, Some(base), Some(head)) = (pull.open && !pull.draft, base, head) else {
        return Err(refused("Pull Request is not mergeable"));
    };
    let tree = merged_tree(&git, &base, &head)
        .await?
        .ok_or_else(|| refused("Pull Request is not mergeable"))?;
    let message = if squash {
        format!("{} (#{})", pull.title, pull.number)
    } else {
        let branch = format!("{}/{}", record.owner, pull.head);
        format!(
            "Merge pull request #{} from {branch}\n\n{}",
            pull.number, pull.title
        )
    };
    let mut command = git.command(["commit-tree", &tree, "-p", &base]);
    if !squash {
        command.args(["-p", &head]);
    }
    let date = format!("@{} +0000", now().as_second());
    command
        .env("GIT_AUTHOR_NAME", login)
        .env("GIT_AUTHOR_EMAIL", email)
        .env("GIT_AUTHOR_DATE", &date)
        .env("GIT_COMMITTER_NAME", "GitHub")
        .env("GIT_COMMITTER_EMAIL", "noreply@github.com")
        .env("GIT_COMMITTER_DATE", &date);
    let sha = run(command, message.as_bytes()).await?.line()?;
    let name = format!("refs/heads/{}", pull.base);
    let moved = git.run(&["update-ref", &name, &sha, &base], &[]).await?;
    if !moved.is_success() {
        let message = "Base branch was modified. Review and try the merge again.";
        return Err(refused(message));
    }
    service.registry.edit(record.id, |record| {
        let found = record
            .pulls
            .iter_mut()
            .find(|one| one.number == pull.number)
            .context("the pull request is gone")?;
        found.merge(sha.clone(), login, now());
        Ok(())
    })?;
    pull::follow(service, record.id).await?;
    Ok(sha)
}
