//! What a person is shown of a task.

use pipeline::money;
use serde_json::Value;

use crate::output::printable;
use crate::paint;

/// Findings of one review that are shown.
const FINDINGS_MAX: usize = 20;

/// The facts, from the task as a whole to its units.
pub(super) fn lines(known: &Value) -> Vec<String> {
    let mut lines = task(known);
    let brief = &known["brief"];
    section(&mut lines, "Brief", brief_lines(brief));
    section(&mut lines, "Plans", each(&known["plans"], plan));
    section(&mut lines, "Agents", each(&known["assignments"], agent));
    section(&mut lines, "Reviews", each(&known["reviews"], review));
    section(&mut lines, "Releases", each(&known["releases"], release));
    section(
        &mut lines,
        "Deployments",
        each(&known["deployments"], deployment),
    );
    lines
}

fn section(lines: &mut Vec<String>, name: &str, of: Vec<String>) {
    if !of.is_empty() {
        lines.push(String::new());
        lines.push(paint::heading(name));
        lines.extend(of);
    }
}

fn each(rows: &Value, lines: fn(&Value) -> Vec<String>) -> Vec<String> {
    let rows = rows.as_array().into_iter().flatten();
    rows.flat_map(lines).collect()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => printable(text),
        Value::Null => String::new(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            printable(&other.to_string())
        }
    }
}

fn count(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

/// A name and what it is, where it is anything.
fn row(name: &str, value: &Value) -> Option<String> {
    let value = text(value);
    (!value.is_empty()).then(|| format!("{name:<12} {value}"))
}

fn task(known: &Value) -> Vec<String> {
    let status = text(&known["status"]);
    let (totals, failure) = (&known["totals"], &known["failure"]);
    let spent = &totals["spent"];
    let mut lines = vec![
        format!("{:<12} {}", "Task", text(&known["id"])),
        format!("{:<12} {}", "Name", text(&known["name"])),
        format!("{:<12} {}", "Status", paint::status(&status, &status)),
    ];
    lines.extend(row("Type", &known["projectType"]));
    lines.extend(row("Begun", &known["createdAt"]));
    lines.extend(row("Changed", &known["updatedAt"]));
    lines.push(format!(
        "{:<12} {}, {} model calls, {} tokens in, {} out",
        "Cost",
        money::usd(count(&spent["costMicroUsd"])),
        count(&spent["modelCalls"]),
        count(&spent["inputTokens"]),
        count(&spent["outputTokens"]),
    ));
    for (model, of) in spent["models"].as_object().into_iter().flatten() {
        let cost = money::usd(count(&of["costMicroUsd"]));
        lines.push(format!("{:<12} {cost} {}", "", printable(model)));
    }
    let links = [
        ("Repository", &known["repositoryUrl"]),
        ("Clone", &totals["cloneUrl"]),
        ("Pull request", &totals["pullRequestUrl"]),
        ("Commit", &known["commitSha"]),
        ("Site", &known["siteUrl"]),
        ("Preview", &totals["previewUrl"]),
        ("Release", &totals["release"]),
    ];
    lines.extend(
        links
            .into_iter()
            .filter_map(|(name, value)| row(name, value)),
    );
    if let Some(exhausted) = totals["exhausted"].as_object() {
        let of = |name: &str| money::usd(exhausted.get(name).map(count).unwrap_or_default());
        lines.push(format!(
            "{:<12} {} is spent of {}, the next call may need {}",
            "Budget",
            of("spentMicroUsd"),
            of("limitMicroUsd"),
            of("neededMicroUsd"),
        ));
    }
    if !failure.is_null() {
        let message = text(&failure["message"]);
        lines.push(format!(
            "{:<12} {message} ({})",
            "Failure",
            text(&failure["code"])
        ));
    }
    lines
}

fn brief_lines(brief: &Value) -> Vec<String> {
    let mut lines: Vec<String> = brief["description"]
        .as_str()
        .unwrap_or_default()
        .lines()
        .map(|line| format!("  {}", printable(line)))
        .collect();
    let requirements = brief["requirements"].as_array().into_iter().flatten();
    lines.extend(requirements.map(|item| format!("  - {}", text(item))));
    let options = brief["options"].as_object().into_iter().flatten();
    let chosen = options.filter(|(_, value)| !value.is_null() && **value != Value::Bool(false));
    lines.extend(chosen.map(|(name, value)| format!("  {}: {}", printable(name), text(value))));
    lines
}

/// How a unit stands, in one line.
fn unit(row: &Value, name: &str) -> String {
    let line = match text(&row["line"]) {
        line if line.is_empty() => "at work, or waits for its turn".to_owned(),
        line => line,
    };
    let (generation, round) = (count(&row["generation"]), count(&row["round"]));
    format!("  {generation}.{round} {name}{line}")
}

fn plan(row: &Value) -> Vec<String> {
    let mut lines = vec![unit(row, "")];
    let more = [("", &row["summary"]), ("Comment: ", &row["comment"])];
    for (name, value) in more {
        let value = text(value);
        if !value.is_empty() {
            lines.push(format!("      {name}{value}"));
        }
    }
    lines.extend(
        row["followUp"]["description"]
            .as_str()
            .map(|wish| format!("      Follow-up: {}", printable(wish))),
    );
    lines
}

fn agent(row: &Value) -> Vec<String> {
    let (name, title) = (text(&row["name"]), text(&row["title"]));
    let mut lines = vec![unit(row, &format!("{title} — "))];
    let tokens = count(&row["inputTokens"]) + count(&row["outputTokens"]);
    let owns = row["owns"].as_array().into_iter().flatten();
    let owns: Vec<String> = owns.map(text).collect();
    lines.push(format!(
        "      {name}: turn {}, {tokens} tokens, {}; owns {}",
        count(&row["turn"]),
        money::usd(count(&row["costMicroUsd"])),
        owns.join(", "),
    ));
    lines
}

fn review(row: &Value) -> Vec<String> {
    let mut lines = vec![unit(row, "")];
    let of = row["findings"]["rework"].as_array().into_iter().flatten();
    let findings: Vec<&Value> = of
        .flat_map(|item| item["findings"].as_array().into_iter().flatten())
        .collect();
    for finding in findings.iter().take(FINDINGS_MAX) {
        lines.push(format!(
            "      {} {}:{} {}",
            text(&finding["severity"]),
            text(&finding["path"]),
            count(&finding["line"]),
            text(&finding["problem"]),
        ));
    }
    if let Some(more) = findings.len().checked_sub(FINDINGS_MAX + 1) {
        lines.push(format!("      and {} more; --json shows all", more + 1));
    }
    lines
}

fn release(row: &Value) -> Vec<String> {
    let mut lines = vec![unit(row, "")];
    let (commit, branch) = (text(&row["commitSha"]), text(&row["branch"]));
    if !commit.is_empty() {
        lines.push(format!("      {commit} on {branch}"));
    }
    lines
}

fn deployment(row: &Value) -> Vec<String> {
    let mut lines = vec![unit(row, "")];
    let record = &row["release"];
    if record.is_object() {
        lines.push(format!(
            "      release {}, {} parts, {}",
            count(&record["number"]),
            record["parts"].as_array().map_or(0, Vec::len),
            text(&record["url"]),
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn known() -> Value {
        let unit = |line: &str, more: Value| {
            let mut unit = json!({"generation": 1, "round": 1, "line": line, "level": "info"});
            let fields = more.as_object().unwrap().clone();
            unit.as_object_mut().unwrap().extend(fields);
            unit
        };
        let finding = json!({"severity": "major", "path": "a.js", "line": 3, "problem": "It \u{1b}[2J fails."});
        json!({
            "type": "task", "id": "tabc", "name": "Todo", "status": "failed", "projectType": "web",
            "createdAt": "2026-01-01T00:00:00.000+00:00", "updatedAt": "2026-01-01T00:01:00.000+00:00",
            "repositoryUrl": "http://127.0.0.1:1/demo/todo", "siteUrl": null, "commitSha": "0123456789",
            "totals": {"spent": {"modelCalls": 4, "inputTokens": 1_000, "outputTokens": 200, "costMicroUsd": 12_300,
                "models": {"grok": {"costMicroUsd": 300}}}, "release": 1,
                "exhausted": {"spentMicroUsd": 12_300, "limitMicroUsd": 20_000, "neededMicroUsd": 9_000}},
            "failure": {"code": "build_failed", "message": "The build failed."},
            "brief": {"description": "A todo app.\nSimple.", "requirements": ["Sign in"], "options": {"approval": "plan", "public": false}},
            "plans": [unit("Planned: 1 part", json!({"summary": "One page.", "comment": "Fewer parts", "followUp": null}))],
            "assignments": [unit("", json!({"name": "ui", "title": "The page", "turn": 2, "owns": ["index.html", "a.js"],
                "inputTokens": 10, "outputTokens": 5, "costMicroUsd": 100}))],
            "reviews": [unit("Review 1: changes requested", json!({"findings": {"rework": [{"assignment": "ui", "findings": [finding]}]}}))],
            "releases": [unit("Committed", json!({"commitSha": "0123456789", "branch": "main"}))],
            "deployments": [unit("Deployed", json!({"release": {"number": 1, "parts": [{}], "url": "http://x"}}))],
        })
    }

    #[test]
    fn a_person_reads_every_fact() {
        insta::assert_snapshot!(lines(&known()).join("\n"), @r"
        Task         tabc
        Name         Todo
        Status       failed
        Type         web
        Begun        2026-01-01T00:00:00.000+00:00
        Changed      2026-01-01T00:01:00.000+00:00
        Cost         $0.0123, 4 model calls, 1000 tokens in, 200 out
                     $0.0003 grok
        Repository   http://127.0.0.1:1/demo/todo
        Commit       0123456789
        Release      1
        Budget       $0.0123 is spent of $0.02, the next call may need $0.0090
        Failure      The build failed. (build_failed)

        Brief
          A todo app.
          Simple.
          - Sign in
          approval: plan

        Plans
          1.1 Planned: 1 part
              One page.
              Comment: Fewer parts

        Agents
          1.1 The page — at work, or waits for its turn
              ui: turn 2, 15 tokens, $0.0001; owns index.html, a.js

        Reviews
          1.1 Review 1: changes requested
              major a.js:3 It  [2J fails.

        Releases
          1.1 Committed
              0123456789 on main

        Deployments
          1.1 Deployed
              release 1, 1 parts, http://x
        ");
    }

    #[test]
    fn of_many_findings_some_are_shown() {
        let mut known = known();
        let all = known["reviews"][0]["findings"]["rework"][0]["findings"]
            .as_array_mut()
            .unwrap();
        *all = vec![all[0].clone(); FINDINGS_MAX + 5];
        let lines = lines(&known);
        assert!(
            lines.contains(&"      and 5 more; --json shows all".to_owned()),
            "{lines:#?}"
        );
    }
}
