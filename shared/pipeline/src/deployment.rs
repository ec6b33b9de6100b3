//! Deploying an app: its database, its functions, its site. What is uploaded is built, then
//! activated, then looked at from outside. A build that hangs is called off and begun anew;
//! one that fails is repaired.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::build::{self, BuildLog, Owner};
use crate::effect::{
    Action, DeploymentRef, Effect, Entry, MigrateRequest, VerifyRequest, mismatch,
};
use crate::facts::{Outcome, Project};
use crate::failure::{Code, Failure};
use crate::ids::TaskId;
use crate::limits::{BUILD_REPAIRS_MAX, BUILD_RESTARTS_MAX};
use crate::messages::{build_error, counted};
use crate::model::Spent;
use crate::release::check_manifest;
use crate::release_record::{ReleaseRecord, ReleasedPart};
use crate::tables::Replaced;
use crate::unit::{End, Journal, Step};
use crate::workspace::Workspace;

pub(crate) mod parts;

use parts::{Part, parts};
pub use parts::{function_id, function_subdomain};

/// What generated functions run on.
pub const FUNCTION_RUNTIME: &str = "node-22";
/// Seconds that an execution of a generated function may take.
pub const FUNCTION_TIMEOUT_SECONDS: u64 = 30;

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
    /// What it is for.
    pub goal: Goal,
}

/// What a deployment is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Goal {
    /// To be served.
    Release {
        /// What is known of the release before it is deployed.
        draft: Box<ReleaseRecord>,
        /// Columns that may be made anew: the owner agreed.
        replaces: Vec<Replaced>,
        /// What was uploaded for a preview, so that it need not be again.
        previewed: Vec<ReleasedPart>,
    },
    /// To be looked at by the owner, and by nobody else.
    Preview,
    /// An earlier release, to be served again.
    Restore(Box<ReleaseRecord>),
}

impl Default for Goal {
    fn default() -> Self {
        Self::Release {
            draft: Box::default(),
            replaces: Vec::new(),
            previewed: Vec::new(),
        }
    }
}

/// What the deployment needs next.
pub fn decide(work: &DeploymentWork, journal: &Journal) -> Step {
    let step = match &work.goal {
        Goal::Restore(record) => restored_or_ask(record, journal),
        Goal::Release { .. } | Goal::Preview => deployed_or_ask(work, journal),
    };
    match step {
        Ok(step) => step,
        Err(failure) => Step::done(Outcome::Failed(failure), Spent::default()),
    }
}

/// What has become of one build.
enum Built {
    /// Something must be done first.
    Asks(Box<Effect>),
    /// It is served, or can be looked at.
    Ready { log: String },
    /// It has failed.
    Failed { error: String, log: String },
    /// It was called off after so many seconds.
    Hung { seconds: u64, log: String },
}

/// What has become of a part: the deployment that counts, and how its build went.
struct State {
    deployment: DeploymentRef,
    url: String,
    built: Built,
}

/// How far the parts are.
enum Progress {
    /// These must be done first.
    Asks(Vec<Effect>),
    /// All are there.
    Ready(Vec<(ReleasedPart, String)>),
    /// One does not build.
    Broken(Box<Step>),
}

fn deployed_or_ask(work: &DeploymentWork, journal: &Journal) -> Result<Step, Failure> {
    check_manifest(&work.files, &work.approved_manifest)?;
    if let Some(effect) = migrated(work, journal)? {
        return Ok(Step::Do(vec![effect]));
    }
    let parts = parts(work);
    let uploads = uploads(work, journal, &parts)?;
    if !uploads.is_empty() {
        return Ok(Step::Do(uploads));
    }
    // The site comes last: it must not be served before what it calls.
    let (site, functions): (Vec<&Part>, Vec<&Part>) = parts.iter().partition(|it| it.is_site());
    let mut ready = Vec::new();
    for some in [functions, site] {
        match progress(work, journal, &some)? {
            Progress::Asks(effects) => return Ok(Step::Do(effects)),
            Progress::Ready(parts) => ready.extend(parts),
            Progress::Broken(step) => return Ok(*step),
        }
    }
    let log = ready.last().map(|(_, log)| log.clone()).unwrap_or_default();
    let parts: Vec<ReleasedPart> = ready.into_iter().map(|(part, _)| part).collect();
    match &work.goal {
        Goal::Preview => Ok(previewed(parts, &log)),
        Goal::Release { draft, .. } => {
            let record = ReleaseRecord {
                url: public_url(&parts),
                parts,
                ..(**draft).clone()
            };
            verified_or_ask(journal, record, &work.approved_manifest, &log)
        }
        Goal::Restore(_) => Err(mismatch("a deployment")),
    }
}

/// The database's tables, if there are any and they are not yet there.
fn migrated(work: &DeploymentWork, journal: &Journal) -> Result<Option<Effect>, Failure> {
    if work.project.tables.is_empty() {
        return Ok(None);
    }
    let replaces = match &work.goal {
        Goal::Release { replaces, .. } => replaces.clone(),
        Goal::Preview | Goal::Restore(_) => Vec::new(),
    };
    let request = MigrateRequest {
        database_id: work.task.as_str().to_owned(),
        name: work.project.name.clone(),
        tables: work.project.tables.clone(),
        replaces,
    };
    let effect = Effect::new("schema", Action::Migrate(request));
    match found(journal, &effect)? {
        None => Ok(Some(effect)),
        Some(Entry::Migrated { .. }) => Ok(None),
        Some(_) => Err(mismatch("a migration")),
    }
}

/// The first uploads that are missing: all parts are built at the same time.
fn uploads(
    work: &DeploymentWork,
    journal: &Journal,
    parts: &[Part],
) -> Result<Vec<Effect>, Failure> {
    let mut missing = Vec::new();
    for part in parts {
        if let Err(effect) = uploaded(work, journal, part, 0)? {
            missing.push(*effect);
        }
    }
    Ok(missing)
}

fn progress(
    work: &DeploymentWork,
    journal: &Journal,
    parts: &[&Part],
) -> Result<Progress, Failure> {
    let (mut asks, mut ready) = (Vec::new(), Vec::new());
    for part in parts {
        let State {
            deployment,
            url,
            built,
        } = match state(work, journal, part)? {
            Ok(state) => state,
            Err(effect) => {
                asks.push(*effect);
                continue;
            }
        };
        match built {
            Built::Asks(effect) => asks.push(*effect),
            Built::Ready { log } => {
                let part = ReleasedPart {
                    name: part.name.clone(),
                    deployment,
                    url: Some(url).filter(|url| !url.is_empty()),
                };
                ready.push((part, log));
            }
            Built::Failed { error, log } => {
                let step = broken(work, &deployment, part.located(error), log);
                return Ok(Progress::Broken(Box::new(step)));
            }
            Built::Hung { seconds, log } => {
                let times = counted(BUILD_RESTARTS_MAX as usize + 1, "time");
                let error = format!(
                    "Error: the build was not done after {} and was called off, {times}",
                    duration(seconds)
                );
                let step = broken(work, &deployment, part.located(error), log);
                return Ok(Progress::Broken(Box::new(step)));
            }
        }
    }
    if asks.is_empty() {
        Ok(Progress::Ready(ready))
    } else {
        Ok(Progress::Asks(asks))
    }
}

/// What has become of `part`, or the upload that it needs.
fn state(
    work: &DeploymentWork,
    journal: &Journal,
    part: &Part,
) -> Result<Result<State, Box<Effect>>, Failure> {
    let mut hung = None;
    for attempt in 0..=BUILD_RESTARTS_MAX {
        let (deployment, url) = match uploaded(work, journal, part, attempt)? {
            Ok(uploaded) => uploaded,
            Err(effect) => return Ok(Err(effect)),
        };
        let built = built(work, journal, (part, attempt), &deployment)?;
        let is_hung = matches!(built, Built::Hung { .. });
        let state = State {
            deployment,
            url,
            built,
        };
        if !is_hung {
            return Ok(Ok(state));
        }
        hung = Some(state);
    }
    hung.map(Ok).ok_or_else(|| mismatch("a build"))
}

/// The address that people are told: the site's, or that of the first public function.
fn public_url(parts: &[ReleasedPart]) -> String {
    let site = parts.iter().rev().find(|part| part.name.is_empty());
    let first = parts.iter().find(|part| part.url.is_some());
    let url = site.or(first).and_then(|part| part.url.clone());
    url.unwrap_or_default()
}

/// Looks at every public address, then ends. `manifest` is what the site must say it is.
fn verified_or_ask(
    journal: &Journal,
    record: ReleaseRecord,
    manifest: &str,
    log: &str,
) -> Result<Step, Failure> {
    let mut asks = Vec::new();
    for (place, part) in record.parts.iter().enumerate() {
        let Some(url) = &part.url else { continue };
        let request = VerifyRequest {
            url: url.clone(),
            release: part.name.is_empty().then(|| manifest.to_owned()),
        };
        let effect = Effect::new(format!("look{place}"), Action::Verify(request));
        match found(journal, &effect)? {
            None => asks.push(effect),
            Some(Entry::Verified {}) => {}
            Some(_) => return Err(mismatch("a look at a public address")),
        }
    }
    Ok(match asks.is_empty() {
        true => deployed(record, log),
        false => Step::Do(asks),
    })
}

/// Serves an earlier release again: nothing is built, so all parts change over at once.
fn restored_or_ask(record: &ReleaseRecord, journal: &Journal) -> Result<Step, Failure> {
    let mut asks = Vec::new();
    for (place, part) in record.parts.iter().enumerate() {
        let activate = Action::Activate(part.deployment.clone());
        let effect = Effect::new(format!("serve{place}"), activate);
        match found(journal, &effect)? {
            None => asks.push(effect),
            Some(Entry::Activated { .. }) => {}
            Some(Entry::BuildFailed { .. } | Entry::BuildHangs { .. }) => {
                let message = "A deployment of that release is not built any more. Ask for a change instead, to have the app built anew.";
                return Err(Failure::new(Code::DeployFailed, message));
            }
            Some(_) => return Err(mismatch("an activation")),
        }
    }
    if !asks.is_empty() {
        return Ok(Step::Do(asks));
    }
    verified_or_ask(journal, record.clone(), &record.manifest_hash, "")
}

fn duration(seconds: u64) -> String {
    let whole = |count: u64, noun| counted(usize::try_from(count).unwrap_or(usize::MAX), noun);
    match seconds {
        0..120 => whole(seconds, "second"),
        _ => whole(seconds / 60, "minute"),
    }
}

/// The deployment and its public address, or the upload to make.
fn uploaded(
    work: &DeploymentWork,
    journal: &Journal,
    part: &Part,
    attempt: u32,
) -> Result<Result<(DeploymentRef, String), Box<Effect>>, Failure> {
    let known = match &work.goal {
        Goal::Release { previewed, .. } if attempt == 0 => previewed.as_slice(),
        Goal::Release { .. } | Goal::Preview | Goal::Restore(_) => &[],
    };
    let mut request = part.request.clone();
    if let Some(there) = known.iter().find(|it| it.name == part.name) {
        request.there = Some(there.deployment.clone());
    }
    let upload = Effect::new(
        part.key("upload", attempt),
        Action::Upload(Box::new(request)),
    );
    match found(journal, &upload)? {
        None => Ok(Err(Box::new(upload))),
        Some(Entry::Uploaded { deployment, url }) => Ok(Ok((deployment.clone(), url.clone()))),
        Some(_) => Err(mismatch("an upload")),
    }
}

fn built(
    work: &DeploymentWork,
    journal: &Journal,
    (part, attempt): (&Part, u32),
    deployment: &DeploymentRef,
) -> Result<Built, Failure> {
    let finish = |word| {
        let action = match work.goal {
            Goal::Preview => Action::Preview(deployment.clone()),
            Goal::Release { .. } | Goal::Restore(_) => Action::Activate(deployment.clone()),
        };
        Effect::new(part.key(word, attempt), action)
    };
    let effect = finish("activate");
    let (seconds, log) = match found(journal, &effect)? {
        Some(Entry::BuildHangs { seconds, log }) => (*seconds, log.clone()),
        entry => return ended(entry, effect),
    };
    let cancel = Action::CancelBuild(deployment.clone());
    let cancel = Effect::new(part.key("cancel", attempt), cancel);
    match found(journal, &cancel)? {
        None => Ok(Built::Asks(Box::new(cancel))),
        Some(Entry::BuildCanceled { ended: false }) => Ok(Built::Hung { seconds, log }),
        // It was done in the very moment in which it was to be called off.
        Some(Entry::BuildCanceled { ended: true }) => {
            let effect = finish("late");
            let entry = found(journal, &effect)?;
            ended(entry, effect)
        }
        Some(_) => Err(mismatch("a build that was called off")),
    }
}

fn ended(entry: Option<&Entry>, finish: Effect) -> Result<Built, Failure> {
    match entry {
        None => Ok(Built::Asks(Box::new(finish))),
        Some(Entry::Activated { log, .. }) => Ok(Built::Ready { log: log.clone() }),
        // Its log holds the address at which it can be looked at.
        Some(Entry::Previewed { url }) => Ok(Built::Ready { log: url.clone() }),
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
    deployment: Option<&DeploymentRef>,
    state: &str,
    url: Option<&str>,
    log: &str,
) -> Map<String, Value> {
    let mut columns = Map::new();
    if let Some(deployment) = deployment {
        columns.insert("siteId".to_owned(), deployment.resource_id.clone().into());
        columns.insert(
            "deploymentId".to_owned(),
            deployment.deployment_id.clone().into(),
        );
    }
    columns.insert("state".to_owned(), state.into());
    columns.insert("url".to_owned(), url.into());
    columns.insert("buildLog".to_owned(), log.into());
    columns
}

fn end(outcome: Outcome, columns: Map<String, Value>) -> Step {
    Step::Done(Box::new(End {
        outcome,
        spent: Spent::default(),
        files: Vec::new(),
        columns,
    }))
}

/// The deployment that stands for all: the site's, which is the last, or a function's.
fn main_part(parts: &[ReleasedPart]) -> Option<&DeploymentRef> {
    parts.last().map(|part| &part.deployment)
}

fn deployed(record: ReleaseRecord, build_log: &str) -> Step {
    let main = main_part(&record.parts).cloned();
    let mut columns = columns(main.as_ref(), "active", Some(&record.url), build_log);
    columns.insert(
        "release".to_owned(),
        serde_json::json!(record).to_string().into(),
    );
    let (site_id, deployment_id) =
        main.map_or_else(Default::default, |it| (it.resource_id, it.deployment_id));
    let outcome = Outcome::Deployed {
        site_id,
        deployment_id,
        url: record.url.clone(),
        build_log: build_log.to_owned(),
        release: Some(Box::new(record)),
    };
    end(outcome, columns)
}

/// The end of a preview: `url` is where the site can be looked at.
fn previewed(parts: Vec<ReleasedPart>, url: &str) -> Step {
    let columns = columns(main_part(&parts), "preview", Some(url), "");
    let url = url.to_owned();
    end(Outcome::Previewed { url, parts }, columns)
}

/// The end of a deployment whose files do not build: whoever can repair them does, as often
/// as is allowed.
fn broken(work: &DeploymentWork, deployment: &DeploymentRef, error: String, log: String) -> Step {
    let columns = columns(Some(deployment), "failed", None, &log);
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
    end(outcome, columns)
}

fn given_up(repairs: u32, error: &str) -> Failure {
    let after = match repairs {
        0 => String::new(),
        _ => format!(", after {}", counted(repairs as usize, "repair")),
    };
    let message = format!(
        "The build failed{after}: {}. Read the build's log, and retry the task to have it built and repaired again.",
        build_error(error)
    );
    Failure::new(Code::BuildFailed, message)
}
