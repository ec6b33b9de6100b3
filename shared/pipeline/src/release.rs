//! Committing the files: to a repository of our own, or to a branch of one that exists with a
//! pull request; one atomic commit either way.

use serde_json::Map;

use crate::app_config;
use crate::brief::{Brief, Workflows};
use crate::effect::{
    Action, Change, CommitRequest, Effect, Entry, PullRequestRequest, RepositoryEntry,
    RepositoryRequest, mismatch,
};
use crate::facts::{Facts, Outcome, Project};
use crate::failure::{Code, Failure};
use crate::ids::TaskId;
use crate::import::is_executable;
use crate::messages;
use crate::model::Spent;
use crate::plan::Plan;
use crate::unit::{End, Journal, Step};
use crate::workspace::Workspace;

pub mod gate;
pub mod pull_request;
pub mod workflows;

use gate::Outgoing;
use workflows::Target;

/// A release to make.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseWork {
    /// The task.
    pub task: TaskId,
    /// What is released.
    pub project: Project,
    /// The files as they stand.
    pub files: Workspace,
    /// What they are put on top of; nothing for the first release into a new repository.
    pub before: Option<Box<Before>>,
    /// What whoever merges them is told of, in an existing repository.
    pub told: Option<Box<Told>>,
    /// The manifest the reviewer approved.
    pub approved_manifest: String,
    /// Domain of the sites, without a port: part of the repository's marker.
    pub site_domain: String,
    /// When the release was created, Unix seconds.
    pub created_unix: i64,
    /// The gate to pass before anything outside happens.
    pub gate: String,
}

/// A commit that was made or found before.
#[derive(Clone, Debug, PartialEq)]
pub struct Before {
    /// Its id.
    pub commit: String,
    /// The files as they stood then, as far as they were shown.
    pub files: Workspace,
    /// Whether the app was deployed otherwise then, see [`workflows::deploys_otherwise`].
    pub deploys_otherwise: bool,
}

/// What a pull request tells of.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// What was asked for.
    pub brief: Brief,
    /// How it was done.
    pub plan: Plan,
    /// What happened before the release.
    pub facts: Facts,
}

/// What leaves, all of it.
struct Leaving {
    message: String,
    changes: Vec<Change>,
    /// Title and text of the pull request.
    pull_request: Option<(String, String)>,
}

/// What the release needs next.
pub fn decide(work: &ReleaseWork, journal: &Journal) -> Step {
    let mut spent = Spent::default();
    match released_or_ask(work, journal, &mut spent) {
        Ok(step) => step,
        Err(failure) => Step::done(Outcome::Failed(failure), spent),
    }
}

/// What an effect is answered, or the step that asks for it.
enum Asked<'a> {
    Answered(&'a Entry),
    Ask(Box<Effect>),
}

fn ask(journal: &Journal, key: String, action: Action) -> Result<Asked<'_>, Failure> {
    let effect = Effect::new(key, action);
    Ok(match journal.find(&effect)? {
        None => Asked::Ask(Box::new(effect)),
        Some(Entry::Failed(failure)) => return Err(failure.clone()),
        Some(entry) => Asked::Answered(entry),
    })
}

fn released_or_ask(
    work: &ReleaseWork,
    journal: &Journal,
    spent: &mut Spent,
) -> Result<Step, Failure> {
    let leaving = leaving(work);
    check(work, &leaving)?;
    let repository = match repository(work, journal, spent)? {
        Ok(repository) => repository,
        Err(effect) => return Ok(Step::Do(vec![*effect])),
    };
    if work.project.workflows == Workflows::Deploy {
        let action = Action::SetActionsSecrets(repository.clone());
        match ask(journal, "secrets".to_owned(), action)? {
            Asked::Ask(effect) => return Ok(Step::Do(vec![*effect])),
            Asked::Answered(Entry::SecretsSet { requests }) => spent.add_github(*requests),
            Asked::Answered(_) => return Err(mismatch("the secrets of workflows")),
        }
    }
    let request = CommitRequest {
        branch: branch(work, &repository),
        base: work.before.as_ref().map(|before| before.commit.clone()),
        repository: repository.clone(),
        message: leaving.message,
        date_unix: work.created_unix,
        changes: leaving.changes,
        manifest: work.approved_manifest.clone(),
    };
    let head = request.branch.clone();
    let commit_sha = match work.before.as_ref().filter(|_| request.changes.is_empty()) {
        // No commit is made that changes nothing.
        Some(before) => before.commit.clone(),
        None => match ask(journal, "commit".to_owned(), Action::Publish(request))? {
            Asked::Ask(effect) => return Ok(Step::Do(vec![*effect])),
            Asked::Answered(Entry::Commit(commit)) => {
                spent.add_github(commit.requests);
                commit.sha.clone()
            }
            Asked::Answered(_) => return Err(mismatch("a commit")),
        },
    };
    let mut pull_request_url = None;
    if let Some(((title, body), existing)) =
        leaving.pull_request.zip(work.project.existing.as_ref())
    {
        let request = PullRequestRequest {
            repository: repository.clone(),
            head: head.clone(),
            base: existing.branch.clone(),
            title,
            body,
            asked_before: !is_first(work),
        };
        match ask(
            journal,
            "pull".to_owned(),
            Action::EnsurePullRequest(request),
        )? {
            Asked::Ask(effect) => return Ok(Step::Do(vec![*effect])),
            Asked::Answered(Entry::PullRequest(pull)) => {
                spent.add_github(pull.requests);
                pull_request_url = Some(pull.url.clone());
            }
            Asked::Answered(_) => return Err(mismatch("a pull request")),
        }
    }
    let outcome = Outcome::Released {
        repository: repository.full_name,
        repository_url: repository.html_url,
        clone_url: repository.clone_url,
        branch: head,
        commit_sha,
        pull_request_url,
    };
    Ok(end(outcome, spent.clone()))
}

fn end(outcome: Outcome, spent: Spent) -> Step {
    let mut columns = Map::new();
    if let Outcome::Released {
        repository,
        repository_url,
        clone_url,
        branch,
        commit_sha,
        pull_request_url,
    } = &outcome
    {
        let told = [
            ("repository", Some(repository)),
            ("repositoryUrl", Some(repository_url)),
            ("cloneUrl", Some(clone_url)),
            ("branch", Some(branch)),
            ("commitSha", Some(commit_sha)),
            ("pullRequestUrl", pull_request_url.as_ref()),
        ];
        for (column, value) in told {
            let value = value.map(|value| value.clone().into());
            columns.extend(value.map(|value| (column.to_owned(), value)));
        }
    }
    Step::Done(Box::new(End {
        outcome,
        spent,
        files: Vec::new(),
        columns,
    }))
}

/// Everything that leaves, before anybody is asked for anything.
fn leaving(work: &ReleaseWork) -> Leaving {
    let message = work.project.commit_message.clone() + &messages::commit_trailer(&work.task);
    let changes = changes(work);
    let pull_request = work.told.as_ref().map(|told| {
        let title = pull_request::title(&told.brief);
        (title, pull_request::body(&work.task, told, &changes))
    });
    Leaving {
        message,
        changes,
        pull_request,
    }
}

/// Whether all of it may leave.
fn check(work: &ReleaseWork, leaving: &Leaving) -> Result<(), Failure> {
    let nothing = Workspace::default();
    let mut texts = vec![
        ("commit's message", leaving.message.as_str()),
        ("repository's description", &work.project.description),
    ];
    if let Some((title, body)) = &leaving.pull_request {
        texts.push(("pull request's title", title));
        texts.push(("pull request", body));
    }
    gate::check(&Outgoing {
        files: &work.files,
        before: work
            .before
            .as_ref()
            .map_or(&nothing, |before| &before.files),
        unshown: unshown(work),
        approved: &work.approved_manifest,
        texts: &texts,
    })?;
    if work.project.existing.is_some() && leaving.changes.is_empty() {
        return Err(Failure::new(
            Code::PublishFailed,
            "The agents changed no file, so there is nothing to propose. Start the task anew, and say in the brief what must change.",
        ));
    }
    Ok(())
}

fn unshown(work: &ReleaseWork) -> &[String] {
    work.told.as_ref().map_or(&[], |told| &told.brief.unshown)
}

/// What the commit writes and deletes, in the order of paths.
fn changes(work: &ReleaseWork) -> Vec<Change> {
    let nothing = Workspace::default();
    let before = work
        .before
        .as_ref()
        .map_or(&nothing, |before| &before.files);
    let write = |path: &str, content: &str| Change {
        path: path.to_owned(),
        content: Some(content.to_owned()),
        executable: is_executable(content),
    };
    let mut changes: Vec<Change> = work
        .files
        .files()
        .filter(|(path, file)| before.get(path).map(|it| &it.content) != Some(&file.content))
        .map(|(path, file)| write(path.as_str(), &file.content))
        .collect();
    let gone = before
        .files()
        .filter(|(path, _)| work.files.get(path).is_none());
    changes.extend(gone.map(|(path, _)| Change {
        path: path.as_str().to_owned(),
        content: None,
        executable: false,
    }));
    // What earlier releases wrote is its owner's now, but for what no longer deploys the app.
    let deploys_otherwise = work.before.as_ref().is_some_and(|it| it.deploys_otherwise);
    let is_written = |path: &str| match is_first(work) {
        true => true,
        false => deploys_otherwise && workflows::DEPLOYING.contains(&path),
    };
    let made = workflows::files(&work.files, unshown(work), &target(work));
    let made = made.iter().filter(|(path, _)| is_written(path));
    changes.extend(made.map(|(path, text)| write(path, text)));
    changes.sort_by(|one, other| one.path.cmp(&other.path));
    changes
}

/// Whether nothing of the task was released before.
fn is_first(work: &ReleaseWork) -> bool {
    work.before.as_ref().is_none_or(|before| {
        let existing = work.project.existing.as_ref();
        existing.is_some_and(|existing| existing.head == before.commit)
    })
}

fn target(work: &ReleaseWork) -> Target<'_> {
    let existing = work.project.existing.as_ref();
    Target {
        project: &work.project,
        task: &work.task,
        // The branch that a new repository begins with.
        branch: existing.map_or("main", |existing| &existing.branch),
        site_domain: &work.site_domain,
    }
}

/// The branch that the commit goes to: a new repository's own, or one for this task alone.
fn branch(work: &ReleaseWork, repository: &RepositoryEntry) -> String {
    match work.project.existing {
        None => repository.default_branch.clone(),
        Some(_) => format!(
            "orchestrator/{}-{}",
            slug(&work.project.name),
            work.task.short()
        ),
    }
}

/// The repository that its owner named; or the one under the project's name, or under a name
/// with the task's mark where somebody has the first.
fn repository(
    work: &ReleaseWork,
    journal: &Journal,
    spent: &mut Spent,
) -> Result<Result<RepositoryEntry, Box<Effect>>, Failure> {
    let (slug, existing) = (slug(&work.project.name), work.project.existing.as_ref());
    let names = match existing {
        Some(existing) => vec![existing.full_name.clone()],
        None => vec![slug.clone(), format!("{slug}-{}", work.task.short())],
    };
    for (index, name) in names.into_iter().enumerate() {
        let request = RepositoryRequest {
            gate: work.gate.clone(),
            existing: existing.map(|existing| existing.full_name.clone()),
            name,
            description: work.project.description.clone(),
            private: !work.project.public,
            released_before: work.project.released_before,
            marker: marker(work),
            organization: work.project.organization.clone(),
            topics: work.project.topics.clone(),
            deploys: work.project.workflows == Workflows::Deploy,
        };
        let action = Action::EnsureRepository(request);
        match ask(journal, format!("repo{index}"), action)? {
            Asked::Ask(effect) => return Ok(Err(effect)),
            Asked::Answered(Entry::Repository(repository)) => {
                spent.add_github(repository.requests);
                return Ok(Ok(repository.clone()));
            }
            Asked::Answered(Entry::NameTaken { requests }) => spent.add_github(*requests),
            Asked::Answered(Entry::GateClosed) => {
                let message = "The task was cancelled before anything was published.";
                return Err(Failure::new(Code::Cancelled, message));
            }
            Asked::Answered(_) => return Err(mismatch("a repository")),
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
    let label = subdomain(&work.project.name, &work.task);
    app_config::address(&format!("{label}.{}", work.site_domain))
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
