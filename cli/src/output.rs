//! What is printed, for a person at a terminal, in a log, or for a program.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use pipeline::TaskId;
use serde_json::{Value, json};

use crate::feed::{self, Line, Place};
use crate::live::{self, Live};
use crate::summary::Summary;
use crate::task::{Change, TaskRow};
use crate::trouble::{self, Exit, Told};

/// How a run is shown.
pub(crate) struct Output {
    json: bool,
    live: Option<Live>,
}

impl Output {
    /// JSON lines where asked, else plain lines.
    pub(crate) fn new(json: bool) -> Self {
        Self { json, live: None }
    }

    /// JSON lines where asked; lines and below them the live view on a terminal, plain lines
    /// elsewhere.
    pub(crate) fn live(json: bool) -> Self {
        let live = if json { None } else { Live::on_terminal() };
        Self { json, live }
    }

    /// A line that is not about the task's progress.
    pub(crate) fn note(&self, text: &str) {
        if self.json {
            self.print(&json!({"type": "note", "text": text}).to_string());
        } else {
            self.print(text);
        }
    }

    /// What takes a while, on a terminal only.
    pub(crate) fn busy(&self, text: &str) {
        if let Some(live) = &self.live {
            live.update(|board| board.busy(text));
        }
    }

    /// Draws nothing below the lines while a person types an answer.
    pub(crate) fn hold(&self, is_held: bool) {
        if let Some(live) = &self.live {
            live.hold(is_held);
        }
    }

    /// Lines for a person, after all that took a while.
    pub(crate) fn result(&self, lines: &[String]) {
        if let Some(live) = &self.live {
            live.end();
        }
        lines.iter().for_each(|line| self.print(line));
    }

    /// Something new about the task.
    pub(crate) fn change(&self, change: &Change) {
        if let Some(live) = &self.live {
            live.update(|board| board.take(change));
        }
        match change {
            Change::Task(row) => self.status(row),
            Change::Line(line) => self.line(line),
            // What is only drawn.
            Change::Agent(_) | Change::Estimate(_) | Change::Budget(_) => {}
        }
    }

    fn status(&self, row: &TaskRow) {
        if self.json {
            self.print(&json!({"type": "status", "status": row.status.as_str(), "round": row.round, "rev": row.rev}).to_string());
        }
    }

    fn line(&self, line: &Line) {
        if self.json {
            let sequence = match line.place {
                Place::Row(sequence) => Some(sequence),
                Place::Begin | Place::End => None,
            };
            self.print(&json!({"type": "progress", "time": line.time, "sequence": sequence, "stage": line.stage, "agent": line.agent, "level": line.level, "text": line.text}).to_string());
            return;
        }
        if let Some(text) = line_text(line) {
            self.print(&text);
        }
    }

    /// The result.
    pub(crate) fn summary(&self, summary: &Summary, is_scripted: bool) {
        if let Some(live) = &self.live {
            live.end();
        }
        if self.json {
            let line = serde_json::to_string(summary).unwrap_or_default();
            return self.print(&line);
        }
        self.print("");
        for line in summary_lines(summary, is_scripted) {
            self.print(&line);
        }
    }

    fn print(&self, line: &str) {
        if let Some(live) = &self.live {
            return live.print(line);
        }
        let mut out = std::io::stdout().lock();
        // A reader that has gone away wants no more.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }
}

/// What a person reads of a line of the feed, if anything.
pub(crate) fn line_text(line: &Line) -> Option<String> {
    let text = feed::shown(line)?;
    let mark = match (line.level.as_str(), line.place) {
        ("error", _) => "✗",
        ("warning", _) => "!",
        (_, Place::Begin) => ">",
        (_, _) => "·",
    };
    Some(format!("{:<10} {mark} {}", line.stage, printable(&text)))
}

fn summary_lines(summary: &Summary, is_scripted: bool) -> Vec<String> {
    let mut lines = vec![format!(
        "Task        {} {}",
        summary.task_id, summary.status
    )];
    let mut row = |name: &str, value: &Option<String>| {
        if let Some(value) = value {
            lines.push(format!("{name:<11} {value}"));
        }
    };
    row("Repository", &summary.repository_url);
    row("Commit", &summary.commit_sha);
    row("Pull request", &summary.pull_request_url);
    row("Site", &summary.site_url);
    let counts = summary.counts;
    let appwrite = counts
        .appwrite_requests
        .map(|count| format!(", {count} Appwrite requests"))
        .unwrap_or_default();
    lines.push(format!(
        "Took        {:.1} s, {} executions{appwrite}, {} GitHub requests, {} model calls",
        Duration::from_millis(summary.duration_ms).as_secs_f64(),
        counts.executions,
        counts.github_requests,
        counts.model_calls
    ));
    let usage = &summary.usage;
    let cost = if is_scripted {
        format!(
            "${:.4} at list prices; scripted models, nothing was charged",
            usage.cost_usd
        )
    } else {
        format!("${:.4}", usage.cost_usd)
    };
    lines.push(format!(
        "Cost        {cost} ({} tokens in, {} out)",
        usage.input_tokens, usage.output_tokens
    ));
    if let Some(failure) = &summary.failure {
        let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
        lines.push(format!(
            "Failure     {} ({})",
            printable(&text("message")),
            text("code")
        ));
    }
    lines
}

impl Output {
    /// Whether a program reads it.
    pub(crate) const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person can be asked.
    pub(crate) fn can_ask(&self) -> bool {
        !self.json && std::io::stdin().is_terminal()
    }

    /// A brief has become a task.
    pub(crate) fn accepted(&self, task: &TaskId) {
        let value = json!({"type": "accepted", "taskId": task});
        self.tell(&value, &[format!("Task {task} is accepted.")]);
    }

    /// A command was taken.
    pub(crate) fn ordered(&self, task: &TaskId, command: &str, status: &str) {
        let value =
            json!({"type": "ordered", "taskId": task, "command": command, "status": status});
        let text = format!("Task {task}: {command} is taken; it is {status} now.");
        self.tell(&value, &[text]);
    }

    /// One thing: for a program, or in lines for a person.
    pub(crate) fn tell(&self, value: &Value, lines: &[String]) {
        match self.json {
            true => self.print(&value.to_string()),
            false => lines.iter().for_each(|line| self.print(line)),
        }
    }
}

/// Text from models and people without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

/// An error, on the error stream: for a person, or a line for a program.
pub fn error(error: &anyhow::Error, json: bool) -> Exit {
    let Told {
        exit,
        text,
        json: line,
    } = trouble::told(error);
    let mut stream = std::io::stderr().lock();
    let _ = match json {
        true => writeln!(stream, "{line}"),
        false => writeln!(stream, "error: {text}"),
    };
    exit
}

/// The exit code of a command line that is not understood.
const USAGE: u8 = 2;

/// Help, the version, or what is wrong with the command line.
pub fn usage(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os().any(|word| word == "--json");
    if !error.use_stderr() || !wants_json {
        // Whoever does not read it can not be told.
        let _ = error.print();
        return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
    }
    let text = error.render().to_string();
    let message = text.lines().next().unwrap_or_default();
    let message = message.trim_start_matches("error: ");
    let line = json!({"type": "error", "code": "usage", "message": message, "fields": [], "exitCode": USAGE});
    let _ = writeln!(std::io::stderr().lock(), "{line}");
    ExitCode::from(USAGE)
}

/// Log lines of the libraries, on the error stream.
pub fn start_logging(verbose: bool) {
    let level = if verbose {
        tracing::Level::INFO
    } else {
        tracing::Level::ERROR
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| live::Aside)
        .with_target(false)
        .init();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    use crate::summary::{Counts, Usage};

    fn summary() -> Summary {
        Summary {
            kind: "summary",
            task_id: "tabc".to_owned(),
            status: "completed",
            repository_url: Some("http://127.0.0.1:1/demo/test-app.git".to_owned()),
            site_url: Some("http://test-app-abc.localhost:2".to_owned()),
            commit_sha: Some("0123456789abcdef".to_owned()),
            pull_request_url: None,
            counts: Counts {
                executions: 9,
                appwrite_requests: Some(100),
                github_requests: 5,
                model_calls: 20,
            },
            usage: Usage {
                input_tokens: 1_000,
                output_tokens: 200,
                cost_usd: 0.0123,
                cost_usd_by_model: BTreeMap::from([("grok-4.7".to_owned(), 0.0123)]),
            },
            duration_ms: 2_345,
            failure: None,
        }
    }

    #[test]
    fn a_person_reads_the_result() {
        insta::assert_snapshot!(summary_lines(&summary(), true).join("\n"), @r"
        Task        tabc completed
        Repository  http://127.0.0.1:1/demo/test-app.git
        Commit      0123456789abcdef
        Site        http://test-app-abc.localhost:2
        Took        2.3 s, 9 executions, 100 Appwrite requests, 5 GitHub requests, 20 model calls
        Cost        $0.0123 at list prices; scripted models, nothing was charged (1000 tokens in, 200 out)
        ");
    }

    #[test]
    fn a_program_reads_the_same() {
        insta::assert_snapshot!(serde_json::to_string(&summary()).unwrap(), @r#"{"type":"summary","taskId":"tabc","status":"completed","repositoryUrl":"http://127.0.0.1:1/demo/test-app.git","siteUrl":"http://test-app-abc.localhost:2","commitSha":"0123456789abcdef","counts":{"executions":9,"appwriteRequests":100,"githubRequests":5,"modelCalls":20},"usage":{"inputTokens":1000,"outputTokens":200,"costUsd":0.0123,"costUsdByModel":{"grok-4.7":0.0123}},"durationMs":2345,"failure":null}"#);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(printable("a\u{1b}[31mb\nc"), "a [31mb c");
    }
}
