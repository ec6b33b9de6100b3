//! The rows of the tables in `appwrite.json`, as JSON objects: what is written and what
//! is read back.

use serde_json::{Map, Value, json};

use crate::advance::{
    Another, Base, FIRST_GENERATION, IMPORTED_GENERATION, NewUnit, Projection, Since, UnitInput,
    Wish,
};
use crate::brief::Brief;
use crate::build::Owner;
use crate::deployment::Goal;
use crate::facts::{Done, Facts, Project, Wanted};
use crate::ids::{TaskId, UnitId, UnitKey, UnitKind, file_row_id, kept_file_row_id, sha256_hex};
use crate::limits::PROGRESS_CHARS_MAX;
use crate::messages::Line;
use crate::path::SafePath;
use crate::plan::{Assignment, Plan};
use crate::review::Finding;
use crate::stage::Status;
use crate::unit::Recorded;
use crate::workspace::FileVersion;

mod budget;
mod command;
mod fact;
mod writer;

pub use budget::{exhausted, exhausted_line, ledger, read_ledger};
pub use command::{command, command_line};
pub use fact::{FACT_KINDS, closed, read_fact};
pub use writer::file_writer;

/// The database that holds every table.
pub const DATABASE: &str = "orchestrator";

/// A row to create.
#[derive(Clone, Debug, PartialEq)]
pub struct NewRow {
    /// The table.
    pub table: &'static str,
    /// The row's id.
    pub id: String,
    /// Its columns.
    pub data: Value,
    /// Its permissions: the owner's, or none.
    pub permissions: Vec<String>,
}

/// The permission to read that the owner of a task has on its rows.
pub fn owner_may_read(owner: &str) -> Vec<String> {
    vec![format!("read(\"user:{owner}\")")]
}

/// The brief's row, whose creation is the acceptance of the task.
pub fn brief(task: &TaskId, owner: &str, brief: &Brief) -> NewRow {
    let text = json!(brief).to_string();
    let data = json!({"owner": owner, "requestId": brief.options.request_id, "digest": sha256_hex(text.as_bytes()), "brief": text});
    NewRow {
        table: "briefs",
        id: task.as_str().to_owned(),
        data,
        permissions: owner_may_read(owner),
    }
}

/// The task's row before anything happened.
pub fn task(task: &TaskId, owner: &str, brief: &Brief, next_check_at: &str) -> NewRow {
    let data = json!({
        "owner": owner, "name": brief.name, "type": brief.project_type.as_str(), "status": Status::Pending.as_str(),
        "rev": 1, "commands": 0, "generation": 1, "round": 1, "stage": Status::Pending.ordinal(), "nextCheckAt": next_check_at,
    });
    NewRow {
        table: "tasks",
        id: task.as_str().to_owned(),
        data,
        permissions: owner_may_read(owner),
    }
}

/// The columns of the task's row that a projection sets. `next_check_at` is ignored for a
/// task that has ended: the sweep leaves it alone.
pub fn projection(projection: &Projection, rev: i64, next_check_at: &str) -> Value {
    let next_check_at = (!projection.status.is_final()).then_some(next_check_at);
    json!({
        "status": projection.status.as_str(), "rev": rev, "commands": projection.commands, "generation": projection.generation,
        "round": projection.round, "stage": projection.stage(),
        "totals": json!(projection.totals).to_string(), "repositoryUrl": projection.repository_url,
        "siteUrl": projection.site_url, "commitSha": projection.commit_sha,
        "failure": projection.failure.as_ref().map(|failure| json!(failure).to_string()),
        "nextCheckAt": next_check_at,
    })
}

/// What was last seen of a task's row. A unit hands it on, so that the next change of the
/// row needs no look at it first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskStamp {
    /// The row's `rev`.
    pub rev: i64,
    /// The row's `$updatedAt`.
    pub updated_at: String,
    /// How far the row was, if it was read and not only handed on: see
    /// [`Projection::position`].
    pub position: Option<(u32, u32, u32)>,
}

/// A unit's row: its creation starts the function that the table triggers.
pub fn unit(unit: &NewUnit, owner: &str, task: &TaskStamp) -> NewRow {
    let key = &unit.key;
    let mut data = json!({
        "taskId": key.task, "owner": owner, "unitKey": key.to_string(), "generation": key.generation, "round": key.round,
        "planGeneration": unit.plan_generation, "taskRev": task.rev, "taskUpdatedAt": task.updated_at,
    });
    match &unit.input {
        UnitInput::Import(Wanted { repository, branch }) => {
            data["repository"] = json!(repository);
            data["branch"] = json!(branch);
        }
        UnitInput::Plan(base) => fill_base(&mut data, *base),
        UnitInput::Another(another) => fill_another(&mut data, another),
        UnitInput::Review { rounds_max } => data["roundsMax"] = json!(rounds_max),
        UnitInput::Release {
            manifest,
            project,
            gate,
            since,
        } => {
            fill_delivery(&mut data, manifest, project);
            data["gate"] = json!(gate);
            if let Some(since) = since {
                data["since"] = json!(json!(since).to_string());
            }
        }
        UnitInput::Deployment {
            manifest,
            project,
            owners,
            repairs,
            goal,
        } => {
            fill_delivery(&mut data, manifest, project);
            data["goal"] = json!(json!(goal).to_string());
            data["owners"] = json!(json!(owners).to_string());
            data["repairs"] = json!(repairs);
        }
        UnitInput::Assignment(assignment, findings, build_log) => {
            fill_assignment(&mut data, assignment, findings);
            if !build_log.is_empty() {
                data["buildLog"] = json!(build_log);
            }
        }
    }
    NewRow {
        table: key.kind.table(),
        id: key.id().as_str().to_owned(),
        data,
        permissions: owner_may_read(owner),
    }
}

fn fill_another(data: &mut Value, another: &Another) {
    data["ofGeneration"] = json!(another.of_generation);
    match &another.wish {
        Wish::Revise(comment) => data["comment"] = json!(comment),
        Wish::Edit(assignments) => data["edited"] = json!(json!(assignments).to_string()),
        Wish::FollowUp(follow_up) => data["followUp"] = json!(json!(follow_up).to_string()),
    }
    fill_base(data, another.base);
}

fn fill_base(data: &mut Value, base: Option<Base>) {
    if let Some(base) = base {
        data["baseFrom"] = json!(base.from);
        data["baseBefore"] = json!(base.before);
    }
}

fn fill_delivery(data: &mut Value, manifest: &str, project: &Project) {
    data["manifestHash"] = json!(manifest);
    data["project"] = json!(json!(project).to_string());
}

fn fill_assignment(data: &mut Value, assignment: &Assignment, findings: &[Finding]) {
    let Assignment {
        id,
        title,
        kind,
        priority,
        specialization,
        estimate,
        objective,
        owns,
        acceptance,
        depends_on,
        ..
    } = assignment;
    let more = json!({
        "name": id, "title": title, "type": kind, "priority": priority, "agentId": format!("agent-{id}"),
        "specialization": specialization, "estimate": estimate, "objective": objective,
        "owns": json!(owns).to_string(), "acceptance": json!(acceptance).to_string(),
        "dependsOn": json!(depends_on).to_string(), "findings": json!(findings).to_string(), "state": "coding",
    });
    if let (Some(data), Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
}

/// What a unit's row says.
#[derive(Clone, Debug, PartialEq)]
pub struct UnitRow {
    /// Which unit it is.
    pub key: UnitKey,
    /// Who asked for the task.
    pub owner: String,
    /// The assignment's name, findings or manifest, as columns.
    pub data: Map<String, Value>,
}

impl UnitRow {
    /// Reads a row of a trigger table.
    ///
    /// # Errors
    /// Which column is missing or wrong. Not worth a retry.
    pub fn parse(kind: UnitKind, row_id: &str, data: Map<String, Value>) -> Result<Self, String> {
        let text = |column: &str| {
            data.get(column)
                .and_then(Value::as_str)
                .map(str::to_owned)
                .ok_or_else(|| format!("column `{column}` is missing"))
        };
        let number = |column: &str| {
            let value = data
                .get(column)
                .and_then(Value::as_u64)
                .and_then(|value| u32::try_from(value).ok());
            value.ok_or_else(|| format!("column `{column}` is missing"))
        };
        let task = TaskId::parse(&text("taskId")?).ok_or("column `taskId` is no task id")?;
        let unit_key = text("unitKey")?;
        let name = if kind == UnitKind::Assignment {
            text("name")?
        } else {
            String::new()
        };
        let key = UnitKey {
            task,
            kind,
            generation: number("generation")?,
            round: number("round")?,
            name,
        };
        if key.id().as_str() != row_id || key.to_string() != unit_key {
            return Err("the row's id does not belong to its key".to_owned());
        }
        Ok(Self {
            owner: text("owner")?,
            key,
            data,
        })
    }

    /// A text column, empty where it is null.
    pub fn text(&self, column: &str) -> &str {
        self.data
            .get(column)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// What was last seen of the task's row when the unit was created.
    pub fn task_stamp(&self) -> Option<TaskStamp> {
        let rev = self.data.get("taskRev").and_then(Value::as_i64)?;
        let updated_at = self.text("taskUpdatedAt");
        (!updated_at.is_empty()).then(|| TaskStamp {
            rev,
            updated_at: updated_at.to_owned(),
            position: None,
        })
    }

    /// The brief that a plan's row holds, if it was handed on.
    ///
    /// # Errors
    /// What can not be read. Not worth a retry.
    pub fn brief(&self) -> Result<Option<Brief>, String> {
        match self.text("brief") {
            "" => Ok(None),
            text => serde_json::from_str(text)
                .map(Some)
                .map_err(|cause| format!("column `brief` can not be read: {cause}")),
        }
    }

    /// The project that a release's or deployment's row holds.
    ///
    /// # Errors
    /// What can not be read. Not worth a retry.
    pub fn project(&self) -> Result<Project, String> {
        serde_json::from_str(self.text("project"))
            .map_err(|cause| format!("column `project` can not be read: {cause}"))
    }

    /// What a deployment's row is for: a release, in rows that do not tell.
    ///
    /// # Errors
    /// What can not be read. Not worth a retry.
    pub fn goal(&self) -> Result<Goal, String> {
        match self.text("goal") {
            "" => Ok(Goal::default()),
            text => serde_json::from_str(text)
                .map_err(|cause| format!("column `goal` can not be read: {cause}")),
        }
    }

    /// Who can repair what a deployment's row deploys. Nobody, in rows that do not tell.
    pub fn owners(&self) -> Vec<Owner> {
        serde_json::from_str(self.text("owners")).unwrap_or_default()
    }

    /// A column that holds a whole number.
    pub fn number(&self, column: &str) -> Option<u32> {
        let number = self.data.get(column).and_then(Value::as_u64)?;
        u32::try_from(number).ok()
    }

    /// Key of the plan that is carried out.
    pub fn plan_key(&self) -> UnitKey {
        self.plan_of(self.number("planGeneration"))
    }

    /// Key of the earlier plan, and what its owner wants, for a plan that comes after another.
    ///
    /// # Errors
    /// What can not be read. Not worth a retry.
    pub fn another(&self) -> Result<Option<(UnitKey, Another)>, String> {
        let Some(of_generation) = self.number("ofGeneration") else {
            return Ok(None);
        };
        let unreadable = |column: &str, cause: serde_json::Error| {
            format!("column `{column}` can not be read: {cause}")
        };
        let wish = match (self.text("edited"), self.text("followUp")) {
            ("", "") => Wish::Revise(self.text("comment").to_owned()),
            ("", text) => {
                let read = serde_json::from_str(text);
                Wish::FollowUp(read.map_err(|cause| unreadable("followUp", cause))?)
            }
            (text, _) => {
                let read = serde_json::from_str(text);
                Wish::Edit(read.map_err(|cause| unreadable("edited", cause))?)
            }
        };
        let another = Another {
            of_generation,
            wish,
            base: self.base(),
        };
        Ok(Some((self.plan_of(Some(of_generation)), another)))
    }

    /// Where the files are that a plan's row builds on.
    pub fn base(&self) -> Option<Base> {
        let base = self.number("baseFrom").zip(self.number("baseBefore"));
        base.map(|(from, before)| Base { from, before })
    }

    /// What a release's row is put on top of; nothing in rows that do not tell.
    ///
    /// # Errors
    /// What can not be read. Not worth a retry.
    pub fn since(&self) -> Result<Option<Since>, String> {
        match self.text("since") {
            "" => Ok(None),
            text => serde_json::from_str(text)
                .map(Some)
                .map_err(|cause| format!("column `since` can not be read: {cause}")),
        }
    }

    fn plan_of(&self, generation: Option<u32>) -> UnitKey {
        UnitKey {
            task: self.key.task.clone(),
            kind: UnitKind::Plan,
            generation: generation.unwrap_or(FIRST_GENERATION),
            round: 1,
            name: String::new(),
        }
    }

    /// The findings of an assignment's row.
    pub fn findings(&self) -> Vec<Finding> {
        serde_json::from_str(self.text("findings")).unwrap_or_default()
    }
}

/// The brief and the plan that a finished plan's row holds.
///
/// # Errors
/// What can not be read. Not worth a retry.
pub fn read_plan(column: &str) -> Result<(Brief, Plan), String> {
    #[derive(serde::Deserialize)]
    struct Column {
        brief: Brief,
        plan: Plan,
    }
    serde_json::from_str(column)
        .map(|Column { brief, plan }| (brief, plan))
        .map_err(|cause| format!("the plan's row can not be read: {cause}"))
}

/// The row of one file version that `unit` writes. A review writes only what it puts back,
/// beside what the agents of its round wrote.
pub fn file(unit: &UnitKey, owner: &str, version: &FileVersion) -> NewRow {
    let (task, round) = (&unit.task, version.round);
    let generation = match unit.kind {
        UnitKind::Import => IMPORTED_GENERATION,
        UnitKind::Plan
        | UnitKind::Assignment
        | UnitKind::Review
        | UnitKind::Release
        | UnitKind::Deployment
        | UnitKind::Preview => unit.generation,
    };
    let path = version.path.as_str();
    let content = version.content.as_deref();
    let data = json!({
        "taskId": task, "path": path, "pathHash": sha256_hex(path.as_bytes()), "content": content.unwrap_or_default(),
        "contentHash": content.map(|content| sha256_hex(content.as_bytes())).unwrap_or_default(),
        "bytes": content.map_or(0, str::len), "assignment": version.assignment, "generation": generation,
        "round": version.round, "deleted": content.is_none(),
    });
    NewRow {
        table: "files",
        id: match unit.kind {
            UnitKind::Review => kept_file_row_id(task, generation, round, path),
            UnitKind::Import
            | UnitKind::Plan
            | UnitKind::Assignment
            | UnitKind::Release
            | UnitKind::Deployment
            | UnitKind::Preview => file_row_id(task, generation, round, path),
        },
        data,
        permissions: owner_may_read(owner),
    }
}

/// Whether a file's row was written by `unit` itself: what a review put back must not be
/// seen by another execution of the same review.
pub fn is_put_back_by(unit: &UnitKey, row_id: &str, version: &FileVersion) -> bool {
    let (task, path) = (&unit.task, version.path.as_str());
    unit.kind == UnitKind::Review
        && row_id == kept_file_row_id(task, unit.generation, version.round, path)
}

/// Reads a file version's row.
///
/// # Errors
/// What is wrong with it. Not worth a retry.
pub fn read_file(data: &Map<String, Value>) -> Result<FileVersion, String> {
    let text = |column: &str| {
        data.get(column)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("a file's column `{column}` is missing"))
    };
    let path = SafePath::parse(text("path")?).map_err(|cause| cause.to_string())?;
    let content = text("content")?.to_owned();
    let deleted = data
        .get("deleted")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    if !deleted && sha256_hex(content.as_bytes()) != text("contentHash")? {
        return Err(format!("the content of `{path}` does not have its hash"));
    }
    let round = data
        .get("round")
        .and_then(Value::as_u64)
        .and_then(|round| u32::try_from(round).ok());
    Ok(FileVersion {
        path,
        content: (!deleted).then_some(content),
        assignment: text("assignment")?.to_owned(),
        round: round.ok_or("a file's column `round` is missing")?,
    })
}

/// The row of the fact that the brief names an existing repository, if it does. It is written
/// before the task's row, so that whoever sees the task sees it.
pub fn repository(facts: &Facts) -> Option<NewRow> {
    let (task, outcome) = (&facts.task, json!(facts.wanted()?).to_string());
    let data = json!({
        "taskId": task, "unitId": task, "key": "repository", "kind": "repository",
        "fingerprint": sha256_hex(outcome.as_bytes()), "outcome": outcome,
    });
    Some(NewRow {
        table: "journal",
        id: format!("{task}.repo"),
        data,
        permissions: Vec::new(),
    })
}

/// A journal entry's row.
pub fn entry(task: &TaskId, unit: &UnitId, key: &str, recorded: &Recorded) -> NewRow {
    let outcome = json!(recorded.entry).to_string();
    journal(task, unit, key, "effect", &recorded.fingerprint, outcome)
}

/// A gate's row: `open` for a release that passes, else closed for good. Whoever creates it
/// first decides.
pub fn gate(task: &TaskId, gate: &str, open: bool) -> NewRow {
    NewRow {
        table: "gates",
        id: gate.to_owned(),
        data: json!({"taskId": task, "decision": if open { GATE_OPEN } else { "closed" }}),
        permissions: Vec::new(),
    }
}

/// Column `decision` of a gate that was passed.
pub const GATE_OPEN: &str = "open";

/// The row of a unit's result: the last entry of its journal.
pub fn done(done: &Done) -> NewRow {
    let outcome = json!(done).to_string();
    let fingerprint = sha256_hex(outcome.as_bytes());
    journal(
        &done.unit.task,
        &done.unit.id(),
        "done",
        "done",
        &fingerprint,
        outcome,
    )
}

fn journal(
    task: &TaskId,
    unit: &UnitId,
    key: &str,
    kind: &str,
    fingerprint: &str,
    outcome: String,
) -> NewRow {
    let data = json!({"taskId": task, "unitId": unit, "key": key, "kind": kind, "fingerprint": fingerprint, "outcome": outcome});
    NewRow {
        table: "journal",
        id: unit.entry(key),
        data,
        permissions: Vec::new(),
    }
}

/// A line of progress. Its id is the unit's and the position in its journal, so a line
/// that is written twice stays one line.
pub fn progress(task: &TaskId, owner: &str, unit: &UnitId, line: &Line) -> NewRow {
    let data = json!({
        "taskId": task, "unitId": unit, "stage": line.stage, "level": line.level.as_str(),
        "text": line.text.chars().take(PROGRESS_CHARS_MAX).collect::<String>(), "data": line.data.to_string(),
    });
    NewRow {
        table: "progress",
        id: unit.entry(&line.key),
        data,
        permissions: owner_may_read(owner),
    }
}

#[cfg(test)]
mod tests;
