//! What was put out at one time, as one object: with it an earlier release is served again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::effect::DeploymentRef;
use crate::facts::{Done, Facts, Outcome, Project, Score};
use crate::ids::sha256_hex;
use crate::plan::Assignment;

/// One release of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ReleaseRecord {
    /// 1 for the first one.
    pub number: u32,
    /// `owner/name` of the repository.
    pub repository: String,
    /// The commit.
    pub commit_sha: String,
    /// Hash of the files that the reviewer approved.
    pub manifest_hash: String,
    /// Hash of the plan that was carried out.
    pub plan_hash: String,
    /// Hash of the tables that the app needs; empty for an app without any.
    pub schema_version: String,
    /// What is served; none in a draft.
    pub parts: Vec<ReleasedPart>,
    /// The public address.
    pub url: String,
    /// The last verdict on each assignment.
    pub verdicts: Vec<Score>,
    /// Review rounds that were held for the plan.
    pub reviews: u32,
    /// Models that answered, by id.
    pub models: Vec<String>,
    /// What the task has cost until then, in millionths of a US dollar.
    pub cost_micro_usd: u64,
}

/// A site or a function of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct ReleasedPart {
    /// Its id in the plan; empty for the site.
    pub name: String,
    /// What Appwrite serves.
    pub deployment: DeploymentRef,
    /// Its public address, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// What is to be released next, as far as it is known before anything is deployed.
/// `plan_generation` is that of the plan in hand.
pub(crate) fn draft(
    facts: &Facts,
    plan_generation: u32,
    (assignments, project): (&[Assignment], &Project),
    manifest: &str,
) -> ReleaseRecord {
    let of_plan = |done: &&Done| done.unit.generation >= plan_generation;
    let mut record = ReleaseRecord {
        number: records(facts)
            .map(|record| record.number)
            .max()
            .unwrap_or(0)
            .saturating_add(1),
        manifest_hash: manifest.to_owned(),
        plan_hash: sha256_hex(json!([assignments, project]).to_string().as_bytes()),
        schema_version: schema_version(project),
        ..ReleaseRecord::default()
    };
    let mut verdicts: BTreeMap<&str, &Score> = BTreeMap::new();
    for done in facts.done().filter(of_plan) {
        if let Outcome::Reviewed { scores, .. } = &done.outcome {
            record.reviews += 1;
            verdicts.extend(scores.iter().map(|score| (&*score.assignment, score)));
        }
        if let Outcome::Released {
            repository,
            commit_sha,
            ..
        } = &done.outcome
        {
            (record.repository, record.commit_sha) = (repository.clone(), commit_sha.clone());
        }
    }
    record.verdicts = verdicts.into_values().cloned().collect();
    let mut spent = crate::model::Spent::default();
    for done in facts.done() {
        spent += &done.spent;
    }
    record.models = spent.models.into_keys().collect();
    record.cost_micro_usd = spent.cost_micro_usd;
    record
}

fn schema_version(project: &Project) -> String {
    match project.tables.as_slice() {
        [] => String::new(),
        tables => sha256_hex(json!(tables).to_string().as_bytes()),
    }
}

/// Every time that something was put out, in order: a release, or an earlier one again.
pub fn records(facts: &Facts) -> impl DoubleEndedIterator<Item = &ReleaseRecord> {
    facts.done().filter_map(|done| match &done.outcome {
        Outcome::Deployed { release, .. } => release.as_deref(),
        Outcome::Imported { .. }
        | Outcome::Planned { .. }
        | Outcome::Coded { .. }
        | Outcome::Reviewed { .. }
        | Outcome::Released { .. }
        | Outcome::Previewed { .. }
        | Outcome::BuildFailed { .. }
        | Outcome::Failed(_) => None,
    })
}

/// The release that is served instead, when `wanted` is asked for, or the one before what is
/// served. `facts` are those before that was asked for.
///
/// # Errors
/// A sentence for the owner: there is none.
pub(crate) fn target(facts: &Facts, wanted: Option<u32>) -> Result<&ReleaseRecord, String> {
    let active = records(facts).next_back().map_or(0, |record| record.number);
    match wanted {
        Some(number) if number == active => Err(format!("Release {number} is the one served.")),
        Some(number) => records(facts)
            .find(|record| record.number == number)
            .ok_or_else(|| format!("There is no release {number} that could be served again.")),
        None => records(facts)
            .filter(|record| record.number < active)
            .max_by_key(|record| record.number)
            .ok_or_else(|| "There is no earlier release that could be served again.".to_owned()),
    }
}
