//! Deploying the files as a site.

use serde_json::{Map, Value};

use crate::brief::Brief;
use crate::effect::{Action, DeploymentRef, Effect, Entry, SiteRequest, UploadRequest, mismatch};
use crate::facts::Outcome;
use crate::failure::{Code, Failure};
use crate::ids::TaskId;
use crate::model::Spent;
use crate::plan::Plan;
use crate::release::{check_manifest, subdomain};
use crate::unit::{End, Journal, Step};
use crate::workspace::Workspace;

/// A deployment to make.
#[derive(Clone, Debug, PartialEq)]
pub struct DeploymentWork {
    /// The task.
    pub task: TaskId,
    /// What the owner asked for.
    pub brief: Brief,
    /// The accepted plan.
    pub plan: Plan,
    /// The files as they stand.
    pub files: Workspace,
    /// The manifest the reviewer approved.
    pub approved_manifest: String,
}

/// What the deployment needs next: the site, the upload, the build, the activation.
pub fn decide(work: &DeploymentWork, journal: &Journal) -> Step {
    match deployed_or_ask(work, journal) {
        Ok(step) => step,
        Err(failure) => Step::done(Outcome::Failed(failure), Spent::default()),
    }
}

fn deployed_or_ask(work: &DeploymentWork, journal: &Journal) -> Result<Step, Failure> {
    check_manifest(&work.files, &work.approved_manifest)?;
    let site_id = work.task.as_str().to_owned();
    let site = Effect::new(
        "site",
        Action::EnsureSite(SiteRequest {
            site_id: site_id.clone(),
            name: work.brief.name.clone(),
            subdomain: subdomain(&work.brief.name, &work.task),
        }),
    );
    let url = match found(journal, &site)? {
        None => return Ok(Step::Do(vec![site])),
        Some(Entry::Site { url }) => url.clone(),
        Some(_) => return Err(mismatch("a site")),
    };
    let output_dir = work.plan.stack.output_dir.clone();
    let upload = Effect::new(
        "upload",
        Action::Upload(UploadRequest {
            site_id,
            output_dir,
            files: work.files.clone(),
        }),
    );
    let deployment = match found(journal, &upload)? {
        None => return Ok(Step::Do(vec![upload])),
        Some(Entry::Uploaded(deployment)) => deployment.clone(),
        Some(_) => return Err(mismatch("an upload")),
    };
    let build = Effect::new("build", Action::FollowBuild(deployment.clone()));
    let build_log = match found(journal, &build)? {
        None => return Ok(Step::Do(vec![build])),
        Some(Entry::Built { ready: true, log }) => log.clone(),
        Some(Entry::Built { ready: false, log }) => return Ok(build_failed(&deployment, log)),
        Some(_) => return Err(mismatch("the end of a build")),
    };
    let activate = Effect::new("activate", Action::Activate(deployment.clone()));
    match found(journal, &activate)? {
        None => Ok(Step::Do(vec![activate])),
        Some(Entry::Activated) => Ok(deployed(deployment, url, build_log)),
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
