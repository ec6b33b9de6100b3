//! Committing the files: a repository of our own, one atomic commit.

use serde_json::Map;

use crate::effect::{
    Action, CommitRequest, Effect, Entry, RepositoryEntry, RepositoryRequest, mismatch,
};
use crate::facts::{Outcome, Project};
use crate::failure::{Code, Failure};
use crate::ids::TaskId;
use crate::messages;
use crate::model::Spent;
use crate::unit::{End, Journal, Step};
use crate::workspace::Workspace;

pub mod gate;

use gate::Outgoing;

/// A release to make.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseWork {
    /// The task.
    pub task: TaskId,
    /// What is released.
    pub project: Project,
    /// The files as they stand.
    pub files: Workspace,
    /// The manifest the reviewer approved.
    pub approved_manifest: String,
    /// Domain of the sites, without a port: part of the repository's marker.
    pub site_domain: String,
    /// When the release was created, Unix seconds.
    pub created_unix: i64,
    /// The gate to pass before anything outside happens.
    pub gate: String,
}

/// What the release needs next.
pub fn decide(work: &ReleaseWork, journal: &Journal) -> Step {
    let mut spent = Spent::default();
    match released_or_ask(work, journal, &mut spent) {
        Ok(step) => step,
        Err(failure) => Step::done(Outcome::Failed(failure), spent),
    }
}

fn released_or_ask(
    work: &ReleaseWork,
    journal: &Journal,
    spent: &mut Spent,
) -> Result<Step, Failure> {
    let message = work.project.commit_message.clone() + &messages::commit_trailer(&work.task);
    gate::check(&Outgoing {
        files: &work.files,
        before: &Workspace::default(),
        unshown: &[],
        approved: &work.approved_manifest,
        texts: &[
            ("commit's message", &message),
            ("repository's description", &work.project.description),
        ],
    })?;
    let repository = match repository(work, journal, spent)? {
        Ok(repository) => repository,
        Err(effect) => return Ok(Step::Do(vec![*effect])),
    };
    let request = CommitRequest {
        repository: repository.clone(),
        message,
        date_unix: work.created_unix,
        files: work.files.clone(),
    };
    let effect = Effect::new("commit", Action::Publish(request));
    let commit = match journal.find(&effect)? {
        None => return Ok(Step::Do(vec![effect])),
        Some(Entry::Commit(commit)) => commit,
        Some(Entry::Failed(failure)) => return Err(failure.clone()),
        Some(
            Entry::Reply(_)
            | Entry::Turn { .. }
            | Entry::Submitted(_)
            | Entry::Lost { .. }
            | Entry::Repository(_)
            | Entry::NameTaken { .. }
            | Entry::GateClosed
            | Entry::Uploaded { .. }
            | Entry::BuildFailed { .. }
            | Entry::BuildHangs { .. }
            | Entry::BuildCanceled { .. }
            | Entry::Activated { .. },
        ) => return Err(mismatch("a commit")),
    };
    spent.github_requests += commit.requests;
    let mut columns = Map::new();
    columns.insert("repository".to_owned(), repository.full_name.clone().into());
    columns.insert(
        "repositoryUrl".to_owned(),
        repository.html_url.clone().into(),
    );
    columns.insert("cloneUrl".to_owned(), repository.clone_url.clone().into());
    columns.insert(
        "branch".to_owned(),
        repository.default_branch.clone().into(),
    );
    columns.insert("commitSha".to_owned(), commit.sha.clone().into());
    let outcome = Outcome::Released {
        repository: repository.full_name,
        repository_url: repository.html_url,
        clone_url: repository.clone_url,
        branch: repository.default_branch,
        commit_sha: commit.sha.clone(),
    };
    Ok(Step::Done(Box::new(End {
        outcome,
        spent: spent.clone(),
        files: Vec::new(),
        columns,
    })))
}

/// The repository under the project's name, or under a name with the task's mark where
/// somebody has the first.
fn repository(
    work: &ReleaseWork,
    journal: &Journal,
    spent: &mut Spent,
) -> Result<Result<RepositoryEntry, Box<Effect>>, Failure> {
    let slug = slug(&work.project.name);
    let names = [slug.clone(), format!("{slug}-{}", work.task.short())];
    for (index, name) in names.into_iter().enumerate() {
        let request = RepositoryRequest {
            gate: work.gate.clone(),
            name,
            description: work.project.description.clone(),
            private: !work.project.public,
            released_before: work.project.released_before,
            marker: marker(work),
        };
        let effect = Effect::new(format!("repo{index}"), Action::EnsureRepository(request));
        match journal.find(&effect)? {
            None => return Ok(Err(Box::new(effect))),
            Some(Entry::Repository(repository)) => {
                spent.github_requests += repository.requests;
                return Ok(Ok(repository.clone()));
            }
            Some(Entry::NameTaken { requests }) => spent.github_requests += requests,
            Some(Entry::GateClosed) => {
                let message = "The task was cancelled before anything was published.";
                return Err(Failure::new(Code::Cancelled, message));
            }
            Some(Entry::Failed(failure)) => return Err(failure.clone()),
            Some(
                Entry::Reply(_)
                | Entry::Turn { .. }
                | Entry::Submitted(_)
                | Entry::Lost { .. }
                | Entry::Commit(_)
                | Entry::Uploaded { .. }
                | Entry::BuildFailed { .. }
                | Entry::BuildHangs { .. }
                | Entry::BuildCanceled { .. }
                | Entry::Activated { .. },
            ) => return Err(mismatch("a repository")),
        }
    }
    Err(Failure::new(
        Code::PublishFailed,
        format!(
            "The repository names `{slug}` and `{slug}-{}` are both taken by somebody else. Rename the project.",
            work.task.short()
        ),
    ))
}

/// The site's address without a port, which differs for every task.
fn marker(work: &ReleaseWork) -> String {
    let scheme = if work.site_domain.ends_with("localhost") {
        "http"
    } else {
        "https"
    };
    format!(
        "{scheme}://{}.{}",
        subdomain(&work.project.name, &work.task),
        work.site_domain
    )
}

/// The files must be the ones the reviewer approved.
///
/// # Errors
/// `manifest_mismatch`, for good.
pub fn check_manifest(files: &Workspace, approved: &str) -> Result<(), Failure> {
    if files.is_empty() {
        return Err(Failure::new(
            Code::ManifestMismatch,
            "There are no files to release.",
        ));
    }
    if files.manifest_hash() == approved {
        return Ok(());
    }
    Err(Failure::new(
        Code::ManifestMismatch,
        "The files are not the ones the reviewer approved. Start the task anew.",
    ))
}

/// The project's name as a repository may have it: ASCII letters, digits and hyphens, at
/// most 40, `app` where nothing is left.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            slug.push(character.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    slug.truncate(40);
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        "app".to_owned()
    } else {
        slug.to_owned()
    }
}

/// First label of the site's public address: the slug and the task's mark.
pub fn subdomain(name: &str, task: &TaskId) -> String {
    format!("{}-{}", slug(name), task.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slug_is_a_name_any_host_takes() {
        for (name, slug_) in [
            ("test-app", "test-app"),
            ("My  App!", "my-app"),
            ("日本語", "app"),
            ("--x--", "x"),
            ("Größe 2", "gr-e-2"),
            ("<b>hi</b>", "b-hi-b"),
        ] {
            assert_eq!(slug(name), slug_, "{name}");
        }
        assert!(slug(&"a ".repeat(80)).len() <= 40);
    }
}
