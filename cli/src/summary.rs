//! The last line of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use pipeline::{Status, TaskId};
use serde::Serialize;
use serde_json::Value;

use crate::task::TaskRow;

/// The result of a run, as programs read it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    /// Always `summary`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) task_id: String,
    pub(crate) status: &'static str,
    pub(crate) repository_url: Option<String>,
    pub(crate) site_url: Option<String>,
    pub(crate) commit_sha: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pull_request_url: Option<String>,
    pub(crate) counts: Counts,
    pub(crate) usage: Usage,
    pub(crate) duration_ms: u64,
    pub(crate) failure: Option<Value>,
}

/// What the task took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    /// Executions of functions, but for sweeps and status reads.
    pub(crate) executions: u64,
    /// Requests that functions made to Appwrite, but for heartbeats, sweeps and polls of a
    /// deployment. Only the embedded platform can count them.
    pub(crate) appwrite_requests: Option<u64>,
    /// Requests to GitHub.
    pub(crate) github_requests: u64,
    /// Calls of models.
    pub(crate) model_calls: u64,
}

/// What models read and wrote.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Usage {
    pub(crate) input_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) cost_usd: f64,
    /// The part of each model, in US dollars.
    pub(crate) cost_usd_by_model: BTreeMap<String, f64>,
}

impl Summary {
    /// The summary of a task that has ended. `counted` is what the embedded platform
    /// counted during the run.
    pub(crate) fn of(
        task: &TaskId,
        row: &TaskRow,
        counted: Option<&BTreeMap<String, u64>>,
        duration: Duration,
    ) -> Self {
        let spent = &row.totals.spent;
        Self {
            kind: "summary",
            task_id: task.as_str().to_owned(),
            status: row.status.as_str(),
            // The clone address is what a person without an account can use.
            repository_url: row
                .totals
                .clone_url
                .clone()
                .or_else(|| row.repository_url.clone()),
            site_url: row.site_url.clone(),
            commit_sha: row.commit_sha.clone(),
            pull_request_url: row.totals.pull_request_url.clone(),
            counts: Counts {
                executions: executions(row),
                appwrite_requests: counted.map(appwrite_requests),
                github_requests: spent.github_requests,
                model_calls: spent.model_calls,
            },
            usage: Usage {
                input_tokens: spent.input_tokens,
                output_tokens: spent.output_tokens,
                cost_usd: usd(spent.cost_micro_usd),
                cost_usd_by_model: spent
                    .models
                    .iter()
                    .map(|(model, spent)| (model.clone(), usd(spent.cost_micro_usd)))
                    .collect(),
            },
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            failure: row.failure.clone(),
        }
    }

    /// Whether the run brought what was asked for.
    pub(crate) fn is_completed(&self) -> bool {
        self.status == Status::Completed.as_str()
    }
}

/// Each unit takes one execution, and the brief one more.
fn executions(row: &TaskRow) -> u64 {
    let totals = &row.totals;
    let planned = u64::from(totals.assignments > 0);
    let released = u64::from(row.commit_sha.is_some());
    let deployed = u64::from(row.site_url.is_some());
    1 + planned + totals.agent_runs + totals.reviews + released + deployed
}

/// All requests but those whose number depends on time: heartbeats, sweeps, polls of a
/// deployment, and creates that another execution was faster with.
fn appwrite_requests(counted: &BTreeMap<String, u64>) -> u64 {
    let sum = |keep: fn(&str) -> bool| {
        counted
            .iter()
            .filter(|(kind, _)| keep(kind))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    let made = sum(|kind| is_work(kind) && !kind.ends_with(":conflict"));
    made.saturating_sub(sum(|kind| is_work(kind) && kind.ends_with(":conflict")))
}

fn is_work(kind: &str) -> bool {
    let apart = [
        "executions:",
        "schedule:",
        "deployments.get",
        "rows.update:claims",
    ];
    !apart.iter().any(|prefix| kind.starts_with(prefix))
}

/// Millionths of a dollar as dollars.
pub(crate) fn usd(micro: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a task costs less than 2^52 millionths of a dollar"
    )]
    let micro = micro as f64;
    micro / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_time_is_counted_apart() {
        let counted = [
            ("rows.create", 10),
            ("rows.create:conflict", 2),
            ("rows.update:claims", 5),
            ("deployments.get", 3),
            ("schedule:rows.list", 7),
            ("executions:plan:event", 1),
            ("sites.create", 1),
        ];
        let counted = counted
            .into_iter()
            .map(|(kind, count)| (kind.to_owned(), count))
            .collect();
        assert_eq!(appwrite_requests(&counted), 9);
    }
}
