//! `orchestrator list`: a user's tasks.

use std::process::ExitCode;

use appwrite::Row;
use pipeline::Status;
use pipeline::advance::Totals;
use pipeline::money;
use serde_json::{Value, json};
use shell::clock;

use crate::args::task::ListArgs;
use crate::desk::Desk;
use crate::output::{Output, printable};
use crate::paint;
use crate::summary::usd;
use crate::trouble::Exit;

/// Characters of an id that are shown at least.
const ID_CHARS_MIN: usize = 8;
/// Characters of a name that are shown.
const NAME_CHARS_MAX: usize = 40;

/// Prints the tasks that fit, newest first.
///
/// # Errors
/// The platform does not start or answer.
pub(crate) async fn list(args: ListArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.platform, async |desk| {
        let tasks = desk.tasks().await?;
        let ids: Vec<&str> = tasks.iter().map(|row| row.id.as_str()).collect();
        let chars = id_chars(&ids);
        let found: Vec<&Row> = tasks
            .iter()
            .filter(|row| fits(row, &args))
            .take(usize::from(args.limit))
            .collect();
        let lines = match (json, found.is_empty()) {
            (true, _) => found.iter().map(|row| told(row).to_string()).collect(),
            (false, true) if tasks.is_empty() => {
                vec!["No tasks yet. `orchestrator new` hands in a brief.".to_owned()]
            }
            (false, true) => vec!["No task fits.".to_owned()],
            (false, false) => table(&found, chars, clock::now().as_second()),
        };
        output.result(&lines);
        Ok(Exit::Done)
    })
    .await
}

fn fits(row: &Row, args: &ListArgs) -> bool {
    let status = row.text("status").and_then(Status::parse);
    let is_wanted = args.status.is_empty() || status.is_some_and(|it| args.status.contains(&it));
    let has_text = args.search.as_ref().is_none_or(|text| {
        let text = text.to_lowercase();
        let name = row.text("name").unwrap_or_default().to_lowercase();
        name.contains(&text) || row.id.contains(&text)
    });
    is_wanted && has_text
}

fn totals(row: &Row) -> Totals {
    let totals = row.text("totals").map(serde_json::from_str);
    totals.and_then(Result::ok).unwrap_or_default()
}

/// A task for a program.
fn told(row: &Row) -> Value {
    json!({
        "type": "task",
        "id": row.id,
        "name": row.text("name"),
        "projectType": row.text("type"),
        "status": row.text("status"),
        "createdAt": row.created_at,
        "updatedAt": row.updated_at,
        "round": row.integer("round"),
        "costUsd": usd(totals(row).spent.cost_micro_usd),
        "repositoryUrl": row.text("repositoryUrl"),
        "siteUrl": row.text("siteUrl"),
    })
}

/// How many characters tell each id from all others.
fn id_chars(ids: &[&str]) -> usize {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    let shared = sorted.windows(2).map(|pair| match pair {
        [one, other] => one
            .bytes()
            .zip(other.bytes())
            .take_while(|(one, other)| one == other)
            .count(),
        [..] => 0,
    });
    shared
        .max()
        .map_or(ID_CHARS_MIN, |most| (most + 1).max(ID_CHARS_MIN))
}

/// Tasks for a person. `now_unix` is in seconds.
fn table(tasks: &[&Row], id_chars: usize, now_unix: i64) -> Vec<String> {
    let head = format!(
        "{:<id_chars$}  {:<17}  {:>5}  {:>9}  NAME",
        "ID", "STATUS", "AGE", "COST"
    );
    let line = |row: &&Row| {
        let status = row.text("status").unwrap_or_default();
        let age = clock::parse(&row.created_at).map_or(0, |time| now_unix - time.as_second());
        let cost = money::usd(totals(row).spent.cost_micro_usd);
        let id: String = row.id.chars().take(id_chars).collect();
        let name = printable(row.text("name").unwrap_or_default());
        let name: String = name.chars().take(NAME_CHARS_MAX).collect();
        let shown = paint::status(status, &format!("{status:<17}"));
        format!("{id}  {shown}  {:>5}  {cost:>9}  {name}", span(age))
    };
    std::iter::once(head)
        .chain(tasks.iter().map(line))
        .collect()
}

/// A time as a person reads it at a glance.
fn span(seconds: i64) -> String {
    match seconds.max(0) {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn row(id: &str, name: &str, status: &str, created_at: &str) -> Row {
        let mut totals = Totals::default();
        totals.spent.cost_micro_usd = 12_300;
        let totals = json!(totals);
        serde_json::from_value(
            json!({"$id": id, "$sequence": "1", "$createdAt": created_at,
            "$updatedAt": created_at, "name": name, "type": "web", "status": status, "round": 1,
            "totals": totals.to_string()}),
        )
        .unwrap()
    }

    fn rows() -> Vec<Row> {
        vec![
            row(
                "tabcdefghijk",
                "Shop \u{1b}[31m",
                "awaiting_approval",
                "2026-01-02T00:00:00.000+00:00",
            ),
            row(
                "tabcdefghxyz",
                "todo",
                "completed",
                "2026-01-01T23:58:00.000+00:00",
            ),
            row(
                "tzzzzzzzzzzz",
                "notes",
                "failed",
                "2025-12-24T00:00:00.000+00:00",
            ),
        ]
    }

    #[test]
    fn a_person_reads_a_table() {
        let rows = rows();
        let tasks: Vec<&Row> = rows.iter().collect();
        let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let now = clock::parse("2026-01-02T00:00:09.000+00:00").unwrap();
        let lines = table(&tasks, id_chars(&ids), now.as_second());
        insta::assert_snapshot!(lines.join("\n"), @r"
        ID          STATUS               AGE       COST  NAME
        tabcdefghi  awaiting_approval     9s    $0.0123  Shop  [31m
        tabcdefghx  completed             2m    $0.0123  todo
        tzzzzzzzzz  failed                9d    $0.0123  notes
        ");
    }

    #[test]
    fn a_program_reads_a_line_each() {
        let lines: Vec<String> = rows()
            .iter()
            .take(1)
            .map(|row| told(row).to_string())
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"{"costUsd":0.0123,"createdAt":"2026-01-02T00:00:00.000+00:00","id":"tabcdefghijk","name":"Shop \u001b[31m","projectType":"web","repositoryUrl":null,"round":1,"siteUrl":null,"status":"awaiting_approval","type":"task","updatedAt":"2026-01-02T00:00:00.000+00:00"}"#);
    }

    #[test]
    fn tasks_are_found_by_status_and_text() {
        let found = |flags: &[&str]| -> Vec<String> {
            let line = ["orchestrator", "list"].iter().chain(flags);
            let Command::List(args) = Args::try_parse_from(line).unwrap().command else {
                panic!("it is no `list`");
            };
            let rows = rows();
            let found = rows.iter().filter(|row| fits(row, &args));
            found
                .map(|row| row.text("name").unwrap().to_owned())
                .collect()
        };
        assert_eq!(
            found(&["--status", "completed", "--status", "failed"]),
            ["todo", "notes"]
        );
        assert_eq!(found(&["--search", "TO"]), ["todo"]);
        assert_eq!(found(&["--search", "tzzz"]), ["notes"]);
        let wrong = Args::try_parse_from(["orchestrator", "list", "--status", "done"]);
        let error = wrong.unwrap_err().to_string();
        assert!(error.contains("one of pending, planning"), "{error}");
    }
}
