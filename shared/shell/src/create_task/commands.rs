//! Commands of an owner: checked against the facts, recorded, and seen through.

use std::time::Duration;

use appwrite::Row;
use futures::future::try_join_all;
use pipeline::advance::{NewUnit, gate_id, plan_key};
use pipeline::command::Refusal;
use pipeline::ledger;
use pipeline::plan::Assignment;
use pipeline::plan_rules::violations;
use pipeline::planning;
use pipeline::rows::UnitRow;
use pipeline::{Command, Fact, Facts, TaskId, advance, rows};
use serde_json::json;

use crate::advance::{create, current, show, stamp};
use crate::claim;
use crate::config::Settings;
use crate::invocation::Reply;
use crate::load;
use crate::store::{Created, Store};
use crate::sweep::{EAGER, check_unit};
use crate::trouble::Trouble;

/// Commands that may come between when one is recorded.
const ATTEMPTS_MAX: u32 = 5;

/// Takes a command for the task of `row`.
///
/// # Errors
/// What may succeed later. What was not seen through is the sweep's, or the next command's.
pub(super) async fn take(
    store: &Store,
    settings: &Settings,
    row: &Row,
    body: &[u8],
) -> Result<Reply, Trouble> {
    let command = match Command::parse(body) {
        Ok(command) => command,
        Err(refusal) => return Ok(refused(400, &refusal)),
    };
    let task = TaskId::parse(&row.id).ok_or_else(|| Trouble::Row("no task id".to_owned()))?;
    let owner = row.text("owner").unwrap_or_default().to_owned();
    for _ in 0..ATTEMPTS_MAX {
        let facts = load::facts(store, &task, &owner).await?;
        if let Err(refusal) = command.check(&facts) {
            return Ok(refused(409, &refusal));
        }
        if let Command::Edit { assignments } = &command
            && let Some(refused) = refused_edit(store, &facts, assignments).await?
        {
            return Ok(refused);
        }
        if let Command::Budget { .. } = command {
            let brief = load::brief(store, &task).await?;
            let limit = ledger::limit(brief.options.budget_micro_usd, &facts);
            if let Err(refusal) = command.check_budget(limit) {
                return Ok(refused(409, &refusal));
            }
        }
        if command == (Command::Cancel {}) && !close_gate(store, &facts).await? {
            let message = "It is too late to cancel: publishing has begun.".to_owned();
            let code = "too_late";
            return Ok(refused(409, &Refusal { code, message }));
        }
        let number = facts.commands().count() + 1;
        let created = store.create(rows::command(&task, number, &command)).await?;
        if created == Created::Exists {
            continue;
        }
        let line = rows::command_line(&task, &owner, number, &command);
        store.create(line).await?;
        let facts = see_through(store, settings, row, &command, &owner).await?;
        let projection = advance(&facts, None).projection;
        return Ok(Reply::json(
            200,
            &json!({"taskId": task, "command": command.as_str(), "status": projection.status.as_str()}),
        ));
    }
    Err(Trouble::Row(format!(
        "{ATTEMPTS_MAX} other commands came between"
    )))
}

/// Why the plan can not have these assignments, if it can not: every rule that it would
/// break, the same that a planner must keep.
async fn refused_edit(
    store: &Store,
    facts: &Facts,
    assignments: &[Assignment],
) -> Result<Option<Reply>, Trouble> {
    let missing = || Trouble::Row("there is no plan to change".to_owned());
    let key = plan_key(facts).ok_or_else(missing)?;
    let row = store.get("plans", key.id().as_str()).await?;
    let row = row.ok_or_else(missing)?;
    let unit = UnitRow::parse(key.kind, &row.id, row.data).map_err(Trouble::Row)?;
    let (brief, plan) = rows::read_plan(unit.text("plan")).map_err(Trouble::Row)?;
    let base = unit.another().map_err(Trouble::Row)?;
    let base = base.and_then(|(_, another)| another.base);
    let released = load::released(store, &facts.task, base).await?;
    let plan = planning::edited(&plan, assignments.to_vec());
    let violations = violations(&plan, &planning::terms(&brief, &released));
    if violations.is_empty() {
        return Ok(None);
    }
    let message = format!("The plan would break rules: {}.", violations.join("; "));
    Ok(Some(Reply::json(
        400,
        &json!({"error": {"code": "invalid_plan", "message": message, "violations": violations}}),
    )))
}

/// Closes the gate that the next release must pass. False if one has passed it.
async fn close_gate(store: &Store, facts: &Facts) -> Result<bool, Trouble> {
    let generation = advance(facts, None).projection.generation;
    let gate = gate_id(&facts.task, generation);
    if let Created::New = store.create(rows::gate(&facts.task, &gate, false)).await? {
        return Ok(true);
    }
    let row = store.get("gates", &gate).await?;
    Ok(row.is_none_or(|row| row.text("decision") != Some(rows::GATE_OPEN)))
}

/// Does what follows from a command that was recorded, until nobody comes between: what
/// ended meanwhile may have made new units necessary. Returns the facts.
async fn see_through(
    store: &Store,
    settings: &Settings,
    row: &Row,
    command: &Command,
    owner: &str,
) -> Result<Facts, Trouble> {
    let task = TaskId::parse(&row.id).ok_or_else(|| Trouble::Row("no task id".to_owned()))?;
    let mut seen = stamp(row);
    for _ in 0..ATTEMPTS_MAX {
        let facts = load::facts(store, &task, owner).await?;
        if let Command::Pause {} | Command::Cancel {} = command {
            let lapse = Duration::from_secs(settings.claim_lapse_seconds);
            let units = demanded_without(&facts, command);
            try_join_all(
                units
                    .iter()
                    .map(|unit| claim::stop(store, &unit.key, lapse)),
            )
            .await?;
        }
        let next = advance(&facts, None);
        let check_after = settings.check_after_seconds;
        let Some(shown) = show(store, &task, &next.projection, check_after, seen).await? else {
            seen = current(store, &task).await?;
            continue;
        };
        if let Command::Resume {} | Command::Budget { .. } = command {
            for unit in &next.units {
                check_unit(store, settings, unit, owner, &shown, EAGER).await?;
            }
        } else {
            create(store, &facts, &next.units, &shown).await?;
        }
        return Ok(facts);
    }
    Err(Trouble::Row(format!(
        "task `{task}` was changed by others {ATTEMPTS_MAX} times in a row"
    )))
}

/// What would have to exist if the last such command had not come.
fn demanded_without(facts: &Facts, command: &Command) -> Vec<NewUnit> {
    let mut without = facts.clone();
    let is_it = |fact: &Fact| matches!(fact, Fact::Command(other) if other == command);
    if let Some(place) = without.log.iter().rposition(is_it) {
        without.log.remove(place);
    }
    advance(&without, None).units
}

fn refused(status: u16, refusal: &Refusal) -> Reply {
    Reply::error(status, refusal.code, &refusal.message)
}
