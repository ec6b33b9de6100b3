//! Deploying the files as a site: upload, build, activation. A build that hangs is called off
//! and begun anew; one that fails is repaired.

use serde_json::{Map, Value};

use crate::build::{self, BuildLog, Owner};
use crate::effect::{Action, DeploymentRef, Effect, Entry, UploadRequest, mismatch};
use crate::facts::{Outcome, Project};
use crate::failure::{Code, Failure};
use crate::ids::TaskId;
use crate::limits::{BUILD_REPAIRS_MAX, BUILD_RESTARTS_MAX};
use crate::messages::{build_error, counted};
use crate::model::Spent;
use crate::release::{check_manifest, subdomain};
use crate::unit::{End, Journal, Step};
use crate::workspace::Workspace;

/// A deployment to make.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentWork {
    /// The task.
    pub task: TaskId,
    /// What is deployed.
    pub project: Project,
    /// The files as they stand.
    pub files: Workspace,
    /// The manifest the reviewer approved.
    pub approved_manifest: String,
    /// The round of the files, 1 and up.
    pub round: u32,
    /// Who can repair files that do not build; nobody in rows that do not tell.
    pub owners: Vec<Owner>,
    /// Times the build was repaired already.
    pub repairs: u32,
}

/// What the deployment needs next: the upload, then the activation once it is built.
pub fn decide(work: &DeploymentWork, journal: &Journal) -> Step {
    match deployed_or_ask(work, journal) {
        Ok(step) => step,
        Err(failure) => Step::done(Outcome::Failed(failure), Spent::default()),
    }
}

/// What has become of one build.
enum Built {
    /// Something must be done first.
    Asks(Box<Effect>),
    /// It is served.
    Active { url: String, log: String },
    /// It has failed.
    Failed { error: String, log: String },
    /// It was called off after so many seconds.
    Hung { seconds: u64, log: String },
}

fn deployed_or_ask(work: &DeploymentWork, journal: &Journal) -> Result<Step, Failure> {
    check_manifest(&work.files, &work.approved_manifest)?;
    let mut hung = None;
    for attempt in 0..=BUILD_RESTARTS_MAX {
        let (deployment, built) = match uploaded(work, journal, attempt)? {
            Ok((deployment, url)) => (
                deployment.clone(),
                built(journal, deployment, url, attempt)?,
            ),
            Err(effect) => return Ok(Step::Do(vec![*effect])),
        };
        match built {
            Built::Asks(effect) => return Ok(Step::Do(vec![*effect])),
            Built::Active { url, log } => return Ok(deployed(deployment, url, log)),
            Built::Failed { error, log } => return Ok(broken(work, &deployment, error, log)),
            Built::Hung { seconds, log } => hung = Some((deployment, seconds, log)),
        }
    }
    let (deployment, seconds, log) = hung.ok_or_else(|| mismatch("a build"))?;
    let times = counted(BUILD_RESTARTS_MAX as usize + 1, "time");
    let error = format!(
        "Error: the build was not done after {} and was called off, {times}",
        duration(seconds)
    );
    Ok(broken(work, &deployment, error, log))
}

fn duration(seconds: u64) -> String {
    let whole = |count: u64, noun| counted(usize::try_from(count).unwrap_or(usize::MAX), noun);
    match seconds {
        0..120 => whole(seconds, "second"),
        _ => whole(seconds / 60, "minute"),
    }
}

/// The key of an effect of the build that follows so many others.
fn key(word: &str, attempt: u32) -> String {
    match attempt {
        0 => word.to_owned(),
        _ => format!("{word}{attempt}"),
    }
}

/// The deployment and its public address, or the upload to make.
fn uploaded(
    work: &DeploymentWork,
    journal: &Journal,
    attempt: u32,
) -> Result<Result<(DeploymentRef, String), Box<Effect>>, Failure> {
    let request = UploadRequest {
        site_id: work.task.as_str().to_owned(),
        name: work.project.name.clone(),
        subdomain: subdomain(&work.project.name, &work.task),
        output_dir: work.project.output_dir.clone(),
        files: work.files.clone(),
    };
    let upload = Effect::new(key("upload", attempt), Action::Upload(request));
    match found(journal, &upload)? {
        None => Ok(Err(Box::new(upload))),
        Some(Entry::Uploaded { deployment, url }) => Ok(Ok((deployment.clone(), url.clone()))),
        Some(_) => Err(mismatch("an upload")),
    }
}

fn built(
    journal: &Journal,
    deployment: DeploymentRef,
    url: String,
    attempt: u32,
) -> Result<Built, Failure> {
    let activate = |word| Effect::new(key(word, attempt), Action::Activate(deployment.clone()));
    let effect = activate("activate");
    let (seconds, log) = match found(journal, &effect)? {
        Some(Entry::BuildHangs { seconds, log }) => (*seconds, log.clone()),
        entry => return ended(entry, effect, url),
    };
    let cancel = Action::CancelBuild(deployment.clone());
    let cancel = Effect::new(key("cancel", attempt), cancel);
    match found(journal, &cancel)? {
        None => Ok(Built::Asks(Box::new(cancel))),
        Some(Entry::BuildCanceled { ended: false }) => Ok(Built::Hung { seconds, log }),
        // It was done in the very moment in which it was to be called off.
        Some(Entry::BuildCanceled { ended: true }) => {
            let effect = activate("late");
            let entry = found(journal, &effect)?;
            ended(entry, effect, url)
        }
        Some(_) => Err(mismatch("a build that was called off")),
    }
}

fn ended(entry: Option<&Entry>, activate: Effect, url: String) -> Result<Built, Failure> {
    match entry {
        None => Ok(Built::Asks(Box::new(activate))),
        Some(Entry::Activated { log }) => Ok(Built::Active {
            url,
            log: log.clone(),
        }),
        Some(Entry::BuildFailed { log, error }) => Ok(Built::Failed {
            error: match error.as_str() {
                "" => BuildLog::of(log).error,
                error => error.to_owned(),
            },
            log: log.clone(),
        }),
        Some(_) => Err(mismatch("an activation")),
    }
}

/// The entry of `effect`, where a failed one ends the unit.
fn found<'a>(journal: &'a Journal, effect: &Effect) -> Result<Option<&'a Entry>, Failure> {
    match journal.find(effect)? {
        Some(Entry::Failed(failure)) => Err(failure.clone()),
        entry => Ok(entry),
    }
}

fn columns(
    deployment: &DeploymentRef,
    state: &str,
    url: Option<&str>,
    log: &str,
) -> Map<String, Value> {
    let mut columns = Map::new();
    columns.insert("siteId".to_owned(), deployment.site_id.clone().into());
    columns.insert(
        "deploymentId".to_owned(),
        deployment.deployment_id.clone().into(),
    );
    columns.insert("state".to_owned(), state.into());
    columns.insert("url".to_owned(), url.into());
    columns.insert("buildLog".to_owned(), log.into());
    columns
}

fn deployed(deployment: DeploymentRef, url: String, build_log: String) -> Step {
    let columns = columns(&deployment, "active", Some(&url), &build_log);
    let outcome = Outcome::Deployed {
        site_id: deployment.site_id,
        deployment_id: deployment.deployment_id,
        url,
        build_log,
    };
    Step::Done(Box::new(End {
        outcome,
        spent: Spent::default(),
        files: Vec::new(),
        columns,
    }))
}

/// The end of a deployment whose files do not build: whoever can repair them does, as often
/// as is allowed.
fn broken(work: &DeploymentWork, deployment: &DeploymentRef, error: String, log: String) -> Step {
    let columns = columns(deployment, "failed", None, &log);
    let rework = build::rework(&work.owners, &work.files, &error, work.round);
    let outcome = if rework.is_empty() || work.repairs >= BUILD_REPAIRS_MAX {
        Outcome::Failed(given_up(work.repairs, &error))
    } else {
        Outcome::BuildFailed {
            deployment_id: deployment.deployment_id.clone(),
            error,
            log,
            rework,
        }
    };
    Step::Done(Box::new(End {
        outcome,
        spent: Spent::default(),
        files: Vec::new(),
        columns,
    }))
}

fn given_up(repairs: u32, error: &str) -> Failure {
    let after = match repairs {
        0 => String::new(),
        _ => format!(", after {}", counted(repairs as usize, "repair")),
    };
    let message = format!(
        "The site's build failed{after}: {}. Read the build's log, and retry the task to have it built and repaired again.",
        build_error(error)
    );
    Failure::new(Code::BuildFailed, message)
}
