//! Deploying the files as a site.

use serde_json::{Map, Value};

use crate::effect::{Action, DeploymentRef, Effect, Entry, UploadRequest, mismatch};
use crate::facts::{Outcome, Project};
use crate::failure::{Code, Failure};
use crate::ids::TaskId;
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
}

/// What the deployment needs next: the upload, then the activation once it is built.
pub fn decide(work: &DeploymentWork, journal: &Journal) -> Step {
    match deployed_or_ask(work, journal) {
        Ok(step) => step,
        Err(failure) => Step::done(Outcome::Failed(failure), Spent::default()),
    }
}

fn deployed_or_ask(work: &DeploymentWork, journal: &Journal) -> Result<Step, Failure> {
    check_manifest(&work.files, &work.approved_manifest)?;
    let request = UploadRequest {
        site_id: work.task.as_str().to_owned(),
        name: work.project.name.clone(),
        subdomain: subdomain(&work.project.name, &work.task),
        output_dir: work.project.output_dir.clone(),
        files: work.files.clone(),
    };
    let upload = Effect::new("upload", Action::Upload(request));
    let (deployment, url) = match found(journal, &upload)? {
        None => return Ok(Step::Do(vec![upload])),
        Some(Entry::Uploaded { deployment, url }) => (deployment.clone(), url.clone()),
        Some(_) => return Err(mismatch("an upload")),
    };
    let activate = Effect::new("activate", Action::Activate(deployment.clone()));
    match found(journal, &activate)? {
        None => Ok(Step::Do(vec![activate])),
        Some(Entry::Activated { log }) => Ok(deployed(deployment, url, log.clone())),
        Some(Entry::BuildFailed { log }) => Ok(build_failed(&deployment, log)),
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

fn build_failed(deployment: &DeploymentRef, log: &str) -> Step {
    let last = log
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no log");
    let failure = Failure::new(
        Code::BuildFailed,
        format!("The site's build failed: {last}"),
    );
    let columns = columns(deployment, "failed", None, log);
    Step::Done(Box::new(End {
        outcome: Outcome::Failed(failure),
        spent: Spent::default(),
        files: Vec::new(),
        columns,
    }))
}
