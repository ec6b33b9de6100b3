//! What is known of the task that is followed. Realtime's messages are hints: rows are
//! taken by `rev`, lines by their id, whatever the order they come in.

use std::collections::{BTreeMap, BTreeSet};

use appwrite::Row;
use jiff::Timestamp;
use pipeline::Status;
use pipeline::advance::Totals;
use pipeline::brief::Brief;
use pipeline::estimate::Estimate;
use serde_json::Value;
use shell::clock;

use crate::feed::{self, Line, Place, Turn};

/// Lines that are fetched again with the new ones.
const OVERLAP_LINES: usize = 50;

/// The tables of units, each with the word of its stage.
pub(crate) const UNITS: [(&str, &str); 5] = [
    ("plans", "planning"),
    ("assignments", "coding"),
    ("reviews", "reviewing"),
    ("releases", "publishing"),
    ("deployments", "deploying"),
];

/// The task's row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TaskRow {
    pub(crate) rev: i64,
    pub(crate) status: Status,
    pub(crate) round: i64,
    pub(crate) totals: Totals,
    pub(crate) repository_url: Option<String>,
    pub(crate) site_url: Option<String>,
    pub(crate) commit_sha: Option<String>,
    pub(crate) failure: Option<Value>,
    /// When it was accepted.
    pub(crate) created: Option<Timestamp>,
}

/// The row of an assignment: one run of an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Agent {
    /// The row's id.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) generation: i64,
    pub(crate) round: i64,
    pub(crate) is_done: bool,
    /// When it was asked for, as Appwrite writes it.
    pub(crate) begun: String,
}

/// What changed by a message or a fetch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// The task moved.
    Task(Box<TaskRow>),
    /// A line came.
    Line(Box<Line>),
    /// An agent was started, or is done.
    Agent(Box<Agent>),
    /// What the newest plan will probably take.
    Estimate(Box<Estimate>),
    /// What the task may cost, in micro-USD.
    Budget(u64),
}

/// A row of one of the tables that are followed.
pub(crate) struct Seen<'a> {
    pub(crate) table: &'a str,
    pub(crate) row: &'a Row,
}

/// Everything known.
#[derive(Debug, Default)]
pub(crate) struct View {
    task: Option<TaskRow>,
    /// Ids of the lines that were told.
    told: BTreeSet<String>,
    /// When each row of `progress` was changed.
    changed_at: BTreeMap<String, String>,
    /// By the row's id.
    agents: BTreeMap<String, Agent>,
    /// The assignment of each agent's row.
    names: BTreeMap<String, String>,
    /// The generation of the newest plan that is estimated, and its estimate.
    estimate: Option<(i64, Estimate)>,
    knows_brief: bool,
}

impl View {
    /// The task's row as it is known.
    pub(crate) fn task(&self) -> Option<&TaskRow> {
        self.task.as_ref()
    }

    /// From which `$updatedAt` on the rows of `progress` are fetched again, so that none is
    /// missed that was committed late. `None` while all are.
    pub(crate) fn fetch_since(&self) -> Option<&str> {
        let mut times: Vec<&str> = self.changed_at.values().map(String::as_str).collect();
        times.sort_unstable();
        let start = times.len().checked_sub(OVERLAP_LINES)?;
        times.get(start).copied()
    }

    /// Whether the brief was seen.
    pub(crate) fn knows_brief(&self) -> bool {
        self.knows_brief
    }

    /// Takes a row. Empty if it tells nothing new. Lines come in the order in which things
    /// happened; those of several rows are put in theirs by [`in_order`](crate::feed::in_order).
    pub(crate) fn take(&mut self, seen: &Seen<'_>) -> Vec<Change> {
        let Seen { table, row } = *seen;
        if table == "tasks" {
            return self.take_task(row).into_iter().collect();
        }
        let known = match table {
            "briefs" => self.take_brief(row),
            "assignments" => self.take_agent(row),
            "plans" => self.take_estimate(row),
            _ => None,
        };
        known.into_iter().chain(self.take_lines(seen)).collect()
    }

    fn take_lines(&mut self, seen: &Seen<'_>) -> Vec<Change> {
        let Seen { table, row } = *seen;
        let text = |column: &str| row.text(column).unwrap_or_default().to_owned();
        let line = |stage: &str, place: Place, time: &str, level: String, text: String| Line {
            time: time.to_owned(),
            place,
            stage: stage.to_owned(),
            level,
            text,
            agent: None,
            turn: None,
            budget_micro_usd: None,
        };
        let mut lines = Vec::new();
        if table == "progress" {
            self.changed_at
                .insert(row.id.clone(), row.updated_at.clone());
            let place = Place::Row(row.sequence.parse().unwrap_or(u64::MAX));
            let (stage, level) = (text("stage"), text("level"));
            let mut line = line(&stage, place, &row.created_at, level, text("text"));
            let data = row.text("data").unwrap_or_default();
            line.turn = Turn::of(&row.id, data);
            line.budget_micro_usd = feed::budget(data);
            line.agent = self.names.get(&text("unitId")).cloned();
            lines.push((row.id.clone(), line));
        } else if let Some((_, stage)) = UNITS.iter().find(|(unit, _)| *unit == table) {
            let number = |column| row.integer(column).unwrap_or(1);
            let (generation, round) = (number("generation"), number("round"));
            let is_repair = !row.text("buildLog").unwrap_or_default().is_empty();
            // What reads a repository shares its table with what commits to one.
            let is_import = table == "releases" && row.id.starts_with('i');
            let stage = if is_import { "planning" } else { stage };
            let text_of_begin = match is_import {
                true => "The repository is read".to_owned(),
                false => begins(stage, round, is_repair),
            };
            let begun = (text_of_begin, "info".to_owned());
            lines.push((
                format!("{stage} {generation} {round}"),
                line(stage, Place::Begin, &row.created_at, begun.1, begun.0),
            ));
            if let Some(name) = row.text("name").filter(|_| table == "assignments") {
                self.names.insert(row.id.clone(), name.to_owned());
            }
            let mut ended = line(
                stage,
                Place::End,
                &row.updated_at,
                text("level"),
                text("line"),
            );
            ended.agent = self.names.get(&row.id).cloned();
            lines.push((row.id.clone(), ended));
        }
        let is_new =
            |(id, line): &(String, Line)| !line.text.is_empty() && self.told.insert(id.clone());
        let new = lines.into_iter().filter(is_new);
        new.map(|(_, line)| Change::Line(Box::new(line))).collect()
    }

    fn take_task(&mut self, row: &Row) -> Option<Change> {
        let row = task_row(row)?;
        if self.task.as_ref().is_some_and(|known| known.rev >= row.rev) {
            return None;
        }
        self.task = Some(row.clone());
        Some(Change::Task(Box::new(row)))
    }

    fn take_brief(&mut self, row: &Row) -> Option<Change> {
        let brief: Brief = serde_json::from_str(row.text("brief")?).ok()?;
        let is_new = !std::mem::replace(&mut self.knows_brief, true);
        let budget = brief.options.budget_micro_usd.filter(|_| is_new);
        budget.map(Change::Budget)
    }

    /// An agent is started once and done once: what was seen of it later is known already.
    fn take_agent(&mut self, row: &Row) -> Option<Change> {
        let text = |column| row.text(column).filter(|text| !text.is_empty());
        let title = text("title").or(text("name")).unwrap_or("an assignment");
        let agent = Agent {
            id: row.id.clone(),
            title: title.to_owned(),
            generation: row.integer("generation").unwrap_or(1),
            round: row.integer("round").unwrap_or(1),
            is_done: text("line").is_some(),
            begun: row.created_at.clone(),
        };
        let known = self.agents.get(&agent.id);
        if known.is_some_and(|known| known.is_done || !agent.is_done) {
            return None;
        }
        self.agents.insert(agent.id.clone(), agent.clone());
        Some(Change::Agent(Box::new(agent)))
    }

    fn take_estimate(&mut self, row: &Row) -> Option<Change> {
        let estimate: Estimate = serde_json::from_str(row.text("estimate")?).ok()?;
        let generation = row.integer("generation").unwrap_or(1);
        let known = self.estimate.as_ref();
        if known.is_some_and(|(newest, known)| {
            *newest > generation || (*newest == generation && *known == estimate)
        }) {
            return None;
        }
        self.estimate = Some((generation, estimate.clone()));
        Some(Change::Estimate(Box::new(estimate)))
    }
}

/// What a person reads when a stage begins. Agents work once more to repair a build, or
/// because of a review.
fn begins(stage: &str, round: i64, is_repair: bool) -> String {
    let text = match (stage, round) {
        ("planning", _) => "The planner divides the work",
        ("coding", 1) => "Agents write the files",
        ("coding", _) if is_repair => "Agents repair the build",
        ("coding", _) => "Agents change what the reviewer asked for",
        ("reviewing", _) => "The reviewer reads the files",
        ("publishing", _) => "The files are committed",
        ("deploying", _) => "The project is deployed",
        (_, _) => "",
    };
    text.to_owned()
}

fn task_row(row: &Row) -> Option<TaskRow> {
    let data = &row.data;
    let text = |column: &str| data.get(column).and_then(Value::as_str).map(str::to_owned);
    let number = |column: &str| data.get(column).and_then(Value::as_i64);
    Some(TaskRow {
        rev: number("rev")?,
        status: Status::parse(&text("status")?)?,
        round: number("round")?,
        totals: text("totals")
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default(),
        repository_url: text("repositoryUrl"),
        site_url: text("siteUrl"),
        commit_sha: text("commitSha"),
        failure: text("failure").and_then(|json| serde_json::from_str(&json).ok()),
        created: clock::parse(&row.created_at),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(id: &str, second: u32, data: Value) -> Row {
        let mut row = data;
        row["$id"] = id.into();
        row["$sequence"] = "7".into();
        row["$createdAt"] = "2026-01-01T00:00:00.000+00:00".into();
        row["$updatedAt"] = format!("2026-01-01T00:00:{second:02}.000+00:00").into();
        serde_json::from_value(row).unwrap()
    }

    fn take(view: &mut View, table: &str, row: &Row) -> Vec<Change> {
        view.take(&Seen { table, row })
    }

    fn lines(changes: Vec<Change>) -> Vec<(String, String)> {
        let line = |change| match change {
            Change::Line(line) => Some((line.stage, line.text)),
            Change::Task(_) | Change::Agent(_) | Change::Estimate(_) | Change::Budget(_) => None,
        };
        changes.into_iter().filter_map(line).collect()
    }

    fn task(rev: i64, status: &str) -> Row {
        let data = json!({"rev": rev, "status": status, "round": 1, "totals": null});
        row("t", 1, data)
    }

    #[test]
    fn an_older_row_changes_nothing() {
        let mut view = View::default();
        assert_eq!(take(&mut view, "tasks", &task(2, "coding")).len(), 1);
        assert_eq!(take(&mut view, "tasks", &task(1, "planning")), []);
        assert_eq!(take(&mut view, "tasks", &task(2, "coding")), []);
        assert_eq!(view.task().unwrap().status, Status::Coding);
    }

    #[test]
    fn a_line_is_told_once() {
        let mut view = View::default();
        let line = row(
            "a.t1",
            1,
            json!({"stage": "coding", "level": "info", "text": "x"}),
        );
        assert_eq!(take(&mut view, "progress", &line).len(), 1);
        assert_eq!(take(&mut view, "progress", &line), []);
    }

    #[test]
    fn a_unit_speaks_at_its_end_and_a_stage_at_its_first_unit() {
        let mut view = View::default();
        let unit = |line: Value| {
            row(
                "r1",
                2,
                json!({"line": line, "level": "info", "generation": 1, "round": 1}),
            )
        };
        let pair = |text: &str| vec![("reviewing".to_owned(), text.to_owned())];
        let begun = take(&mut view, "reviews", &unit(json!(null)));
        assert_eq!(lines(begun), pair("The reviewer reads the files"));
        let ended = unit(json!("Review 1: approved"));
        let first = take(&mut view, "reviews", &ended);
        assert_eq!(lines(first), pair("Review 1: approved"));
        assert_eq!(take(&mut view, "reviews", &ended), []);
        assert_eq!(take(&mut view, "journal", &ended), []);
    }

    #[test]
    fn an_agents_lines_name_its_assignment() {
        let mut view = View::default();
        let unit =
            json!({"round": 1, "generation": 1, "name": "ui", "line": "ui: done", "level": "info"});
        let mut changes = take(&mut view, "assignments", &row("a1", 1, unit));
        let line = json!({"stage": "coding", "level": "info", "text": "x", "unitId": "a1"});
        changes.extend(take(&mut view, "progress", &row("a1.t1", 1, line)));
        let agent = |change| match change {
            Change::Line(line) => Some(line.agent),
            Change::Task(_) | Change::Agent(_) | Change::Estimate(_) | Change::Budget(_) => None,
        };
        let agents: Vec<Option<String>> = changes.into_iter().filter_map(agent).collect();
        let ui = || Some("ui".to_owned());
        assert_eq!(agents, [None, ui(), ui()]);
    }

    #[test]
    fn agents_who_are_told_a_build_log_repair_it() {
        let mut view = View::default();
        let mut begun = |id: &str, round: u32, log: Option<&str>| {
            let unit = json!({"round": round, "generation": 1, "buildLog": log});
            lines(take(&mut view, "assignments", &row(id, 1, unit)))
        };
        let pair = |text: &str| vec![("coding".to_owned(), text.to_owned())];
        assert_eq!(begun("a1", 1, None), pair("Agents write the files"));
        let asked = "Agents change what the reviewer asked for";
        assert_eq!(begun("a2", 2, None), pair(asked));
        assert_eq!(begun("a3", 3, Some("x")), pair("Agents repair the build"));
    }

    #[test]
    fn an_agent_is_started_once_and_done_once() {
        let mut view = View::default();
        let unit = |line: Option<&str>| {
            let data = json!({"title": "List", "line": line, "level": "info", "generation": 1, "round": 2});
            row("a1", 2, data)
        };
        let mut agents = |line| {
            let changes = take(&mut view, "assignments", &unit(line));
            let agent = |change| match change {
                Change::Agent(agent) => Some((agent.title, agent.round, agent.is_done)),
                Change::Task(_) | Change::Line(_) | Change::Estimate(_) | Change::Budget(_) => None,
            };
            changes.into_iter().find_map(agent)
        };
        assert_eq!(agents(None), Some(("List".to_owned(), 2, false)));
        assert_eq!(agents(None), None);
        assert_eq!(agents(Some("Done")), Some(("List".to_owned(), 2, true)));
        assert_eq!(agents(Some("Done")), None);
        // A message that was overtaken.
        assert_eq!(agents(None), None);
    }

    #[test]
    fn the_newest_plans_estimate_and_the_briefs_budget_count() {
        let mut view = View::default();
        let plan = |generation: u32, minutes: u64| {
            let estimate = json!({"agents": 2, "inputTokens": 1, "outputTokens": 1, "costMicroUsd": 1, "minutes": minutes});
            row(
                "p",
                1,
                json!({"generation": generation, "round": 1, "estimate": estimate.to_string()}),
            )
        };
        let is_estimate = |changes: Vec<Change>| {
            changes
                .iter()
                .any(|change| matches!(change, Change::Estimate(_)))
        };
        assert!(is_estimate(take(&mut view, "plans", &plan(2, 5))));
        assert!(!is_estimate(take(&mut view, "plans", &plan(2, 5))));
        assert!(!is_estimate(take(&mut view, "plans", &plan(1, 9))));
        assert!(is_estimate(take(&mut view, "plans", &plan(3, 5))));

        let body =
            json!({"name": "n", "description": "d", "type": "web", "options": {"budgetUsd": 2.5}});
        let brief = Brief::parse(body.to_string().as_bytes()).unwrap().brief;
        let brief = row("t", 1, json!({"brief": json!(brief).to_string()}));
        assert_eq!(
            take(&mut view, "briefs", &brief),
            [Change::Budget(2_500_000)]
        );
        assert_eq!(take(&mut view, "briefs", &brief), []);
        assert!(view.knows_brief());
    }

    #[test]
    fn of_many_lines_only_the_last_are_fetched_again() {
        let mut view = View::default();
        for second in 0..OVERLAP_LINES as u32 {
            assert_eq!(view.fetch_since(), None);
            let line = json!({"stage": "coding", "level": "info", "text": "x"});
            take(
                &mut view,
                "progress",
                &row(&format!("a.t{second}"), second, line),
            );
        }
        assert_eq!(view.fetch_since(), Some("2026-01-01T00:00:00.000+00:00"));
    }
}
