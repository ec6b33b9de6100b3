//! An Appwrite project: whether it is there, what it allows, and whether what appwrite.json
//! describes is on it.
//!
//! Source of all answers: Appwrite 1.9.6, measured. Writing scopes are asked for with requests
//! that lack what they need: a key without the scope is refused before that is noticed (401),
//! a key with it after (400), and nothing is written.

mod shape;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::ask::{Answer, Asked, Asker, Request};
use super::finding::Finding;
use super::models::{reached, unexpected};

/// What is deployed; the same that scripts/push takes.
const CONFIG: &str = include_str!("../../../../appwrite.json");
/// What the key for scripts/push must be able to do; see its help.
pub(super) const PUSH_SCOPES: &[&str] = &[
    "databases",
    "tables",
    "columns",
    "indexes",
    "buckets",
    "functions",
    "sites",
    "rules",
];
/// What the key for apps must be able to do: as the scopes of `deploy` in appwrite.json.
pub(super) const DEPLOY_SCOPES: &[&str] = &[
    "databases",
    "tables",
    "columns",
    "indexes",
    "functions",
    "sites",
    "rules",
];
/// Names that one answer holds.
const LIST: &str = "queries[0]=%7B%22method%22%3A%22limit%22%2C%22values%22%3A%5B100%5D%7D";

/// A project and how it is asked.
pub(super) struct Project<'a> {
    pub(super) asker: &'a Asker,
    pub(super) area: &'static str,
    pub(super) endpoint: &'a str,
    pub(super) id: &'a str,
}

/// A key: the name of its setting and its value.
pub(super) type Key<'a> = (&'static str, &'a str);

impl Project<'_> {
    async fn get(&self, path: &str, key: Option<Key<'_>>) -> Asked {
        self.asker.ask(self.request(path, key)).await
    }

    fn request<'a>(&self, path: &str, key: Option<Key<'_>>) -> Request<'a> {
        let url = format!("{}{path}", self.endpoint.trim_end_matches('/'));
        let request = Request::get(url).with("x-appwrite-project", self.id);
        match key {
            Some((_, key)) => request.with("x-appwrite-key", key),
            None => request,
        }
    }

    /// Whether the endpoint and the project are there, so that more can be asked. Adds what was
    /// `found`, and the endpoint's own answer.
    pub(super) async fn is_there(
        &self,
        found: &mut Vec<Finding>,
        answers: &mut Vec<Asked>,
    ) -> bool {
        let answer = self.get("/health/version", None).await;
        let version = judge_version(self.area, &answer);
        answers.push(answer);
        let mut is_there = version.fix.is_none();
        found.push(version);
        if is_there {
            let project = judge_project(self.area, &self.get("/locale", None).await, self.id);
            is_there = project.fix.is_none();
            found.push(project);
        }
        is_there
    }

    /// Whether the runtimes are enabled that functions and sites need.
    pub(super) async fn runtimes(&self) -> Finding {
        judge_runtimes(self.area, &self.get("/functions/runtimes", None).await)
    }

    /// Whether a key is known and has the scopes of these resources, to read and to write.
    pub(super) async fn scopes(&self, key: Key<'_>, resources: &[&str]) -> Vec<Finding> {
        let mut missing = Vec::new();
        for resource in resources {
            let (list, create) = paths(resource);
            let nothing = json!({});
            let read = self.get(list, Some(key)).await;
            let write = self
                .asker
                .ask(self.request(create, Some(key)).posting(&nothing))
                .await;
            for (asked, right) in [(read, "read"), (write, "write")] {
                match judge_scope(self.area, &asked, key.0) {
                    Ok(true) => {}
                    Ok(false) => missing.push(format!("{resource}.{right}")),
                    Err(finding) => return vec![finding],
                }
            }
        }
        if missing.is_empty() {
            return vec![Finding::ok(self.area, format!("{} has its scopes", key.0))];
        }
        let says = format!("{} lacks the scopes {}", key.0, missing.join(", "));
        let fix = "Add them to the key in the console, under Overview, Integrations, API keys.";
        vec![Finding::wrong(self.area, says, fix)]
    }

    /// Whether the functions are deployed and have their settings.
    pub(super) async fn functions(&self, key: Key<'_>) -> Vec<Finding> {
        let listed = self.get(&format!("/functions?{LIST}"), Some(key)).await;
        let (mut found, deployed) = judge_functions(self.area, &listed);
        let call = json!({"method": "GET", "path": "/", "async": false});
        for name in deployed {
            let path = format!("/functions/{name}/executions");
            let asked = self
                .asker
                .ask(self.request(&path, Some(key)).posting(&call))
                .await;
            let judged = judge_self_check(self.area, &name, &asked);
            let is_said = |other: &Finding| other.says == judged.says;
            if !found.iter().any(is_said) {
                found.push(judged);
            }
        }
        found
    }

    /// Whether the database is as appwrite.json has it.
    pub(super) async fn database(&self, key: Key<'_>) -> Vec<Finding> {
        let path = format!("/tablesdb/{}/tables?{LIST}", pipeline::rows::DATABASE);
        shape::judge(self.area, &self.get(&path, Some(key)).await, &config())
    }
}

fn config() -> Value {
    serde_json::from_str(CONFIG).unwrap_or_default()
}

/// The paths that list and create a resource. What they name is refused later than a scope.
fn paths(resource: &str) -> (&'static str, &'static str) {
    const COLUMNS: &str = "/tablesdb/orchestrator/tables/tasks/columns";
    const INDEXES: &str = "/tablesdb/orchestrator/tables/tasks/indexes";
    match resource {
        "databases" => ("/tablesdb", "/tablesdb"),
        "tables" => (
            "/tablesdb/orchestrator/tables",
            "/tablesdb/orchestrator/tables",
        ),
        "columns" => (
            COLUMNS,
            "/tablesdb/orchestrator/tables/tasks/columns/boolean",
        ),
        "indexes" => (INDEXES, INDEXES),
        "buckets" => ("/storage/buckets", "/storage/buckets"),
        "functions" => ("/functions", "/functions"),
        "sites" => ("/sites", "/sites"),
        _ => ("/proxy/rules", "/proxy/rules/function"),
    }
}

fn judge_version(area: &'static str, asked: &Asked) -> Finding {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    match answer.body["version"].as_str() {
        Some(version) => Finding::ok(area, format!("Appwrite {version} answers")),
        None => {
            let says = format!(
                "the endpoint is no API of Appwrite (it answers with {})",
                answer.status
            );
            Finding::wrong(
                area,
                says,
                "Set it as the console shows it, such as https://fra.cloud.appwrite.io/v1",
            )
        }
    }
}

fn judge_project(area: &'static str, asked: &Asked, id: &str) -> Finding {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    let message = answer.message();
    if message.contains("region") {
        let says = format!("project {id} is in another region than the endpoint");
        return Finding::wrong(
            area,
            says,
            "Take the endpoint that the console shows for the project.",
        );
    }
    match (answer.status, answer.body["type"].as_str()) {
        (200, _) => Finding::ok(area, format!("project {id} is there")),
        (404, _) => {
            let says = format!("there is no project {id} at this endpoint");
            Finding::wrong(
                area,
                says,
                "Check the project's id, and the region in the endpoint.",
            )
        }
        (401 | 403, Some("general_access_forbidden")) => {
            let says = format!("project {id} can not be used at this endpoint");
            Finding::wrong(
                area,
                says,
                "Check the project's id, and the region in the endpoint.",
            )
        }
        (_, _) => unexpected(area, answer),
    }
}

/// Judges the runtimes, as guests see them.
fn judge_runtimes(area: &'static str, asked: &Asked) -> Finding {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    let Some(listed) = answer.body["runtimes"].as_array() else {
        return Finding::note(area, "which runtimes are enabled is not told");
    };
    let has = |wanted: &&str| listed.iter().any(|runtime| runtime["$id"] == **wanted);
    let config = config();
    let list = |name: &str| config[name].as_array().cloned().unwrap_or_default();
    let mut wanted = BTreeSet::new();
    for (entries, column) in [
        (list("functions"), "runtime"),
        (list("sites"), "buildRuntime"),
    ] {
        wanted.extend(
            entries
                .iter()
                .filter_map(|entry| entry[column].as_str().map(str::to_owned)),
        );
    }
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let missing: Vec<&str> = wanted
        .iter()
        .copied()
        .filter(|runtime| !has(runtime))
        .collect();
    if missing.is_empty() {
        return Finding::ok(
            area,
            format!("the runtimes {} are enabled", wanted.join(" and ")),
        );
    }
    let missing = missing.join(",");
    let says = format!("runtimes are not enabled: {missing}");
    let fix = format!(
        "Self-hosted: add {missing} to _APP_FUNCTIONS_RUNTIMES and _APP_SITES_RUNTIMES, pull their images, restart."
    );
    Finding::wrong(area, says, fix)
}

/// Whether a scope is there.
fn judge_scope(area: &'static str, asked: &Asked, setting: &str) -> Result<bool, Finding> {
    let answer = reached(area, asked)?;
    let is_guest = answer.message().contains("(role: guests)");
    match (answer.status, answer.body["type"].as_str()) {
        (401, Some("general_unauthorized_scope")) if !is_guest => Ok(false),
        (401 | 403, _) => {
            let says = format!(
                "{setting} is not accepted: mistyped, revoked, expired or of another project"
            );
            let fix = "Make a key in the console, under Overview, Integrations, API keys.";
            Err(Finding::wrong(area, says, fix))
        }
        (500.., _) => Err(unexpected(area, answer)),
        (_, _) => Ok(true),
    }
}

/// Judges the list of functions. Returns those that can be asked too.
fn judge_functions(area: &'static str, asked: &Asked) -> (Vec<Finding>, Vec<String>) {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return (vec![finding], Vec::new()),
    };
    let Some(listed) = answer.body["functions"].as_array() else {
        return (vec![unexpected(area, answer)], Vec::new());
    };
    let (mut found, mut deployed) = (Vec::new(), Vec::new());
    let push = "Run scripts/push.";
    for name in shell::config::FUNCTIONS {
        let Some(function) = listed.iter().find(|function| function["$id"] == *name) else {
            found.push(Finding::wrong(
                area,
                format!("function {name} is missing"),
                push,
            ));
            continue;
        };
        if function["deploymentId"]
            .as_str()
            .unwrap_or_default()
            .is_empty()
        {
            let state = function["latestDeploymentStatus"]
                .as_str()
                .unwrap_or_default();
            let why = if state == "failed" {
                ": its build failed"
            } else {
                ""
            };
            found.push(Finding::wrong(
                area,
                format!("function {name} is not deployed{why}"),
                push,
            ));
        } else if function["enabled"] == false {
            let fix = "Enable it in the console, under Settings.";
            found.push(Finding::wrong(
                area,
                format!("function {name} is disabled"),
                fix,
            ));
        } else {
            deployed.push((*name).to_owned());
        }
    }
    (found, deployed)
}

/// Judges what a function says of itself.
fn judge_self_check(area: &'static str, name: &str, asked: &Asked) -> Finding {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    if answer.body["type"] == "general_unauthorized_scope" {
        return Finding::note(
            area,
            "the functions can not be asked: the key lacks executions.write",
        );
    }
    let status = answer.body["responseStatusCode"].as_u64();
    let text = answer.body["responseBody"].as_str().unwrap_or_default();
    let said: Value = serde_json::from_str(text).unwrap_or_default();
    match (status, said["ok"].as_bool()) {
        (Some(200), Some(true)) => Finding::ok(area, format!("function {name} is well")),
        (Some(_), Some(false)) => {
            let missing: Vec<&str> = said["missing"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .collect();
            let says = format!("function {name} lacks {}", missing.join(", "));
            Finding::wrong(area, says, "Set it in .env.local and run scripts/push.")
        }
        (_, _) => not_started(area, name, answer),
    }
}

fn not_started(area: &'static str, name: &str, answer: &Answer) -> Finding {
    let errors = answer.body["errors"].as_str().unwrap_or_default();
    let first: String = errors
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(200)
        .collect();
    let says = format!(
        "function {name} does not run: {}",
        crate::output::printable(&first)
    );
    let fix = "Look at its executions in the console, then run scripts/push again.";
    Finding::wrong(area, says.trim_end_matches([' ', ':']), fix)
}

/// Whether a user may submit briefs.
pub(super) fn judge_user(area: &'static str, labels: Option<&[String]>) -> Finding {
    match labels {
        None => Finding::note(area, "nobody is signed in on this data folder"),
        Some(labels)
            if labels
                .iter()
                .any(|label| label == crate::hosting::OWNER_LABEL) =>
        {
            Finding::ok(area, "who is signed in may submit briefs")
        }
        Some(_) => {
            let says = "who is signed in lacks the label orchestrator: briefs are refused";
            Finding::wrong(
                area,
                says,
                "Add the label to the user in the console, under Auth.",
            )
        }
    }
}

#[cfg(test)]
mod tests;
