//! The scripted coding agent: what it does next follows from the conversation alone.
//!
//! First round: look around, write the owned files over several turns, read back, finish.
//! Rework: read the named files, edit what differs from how it should be, finish.
//! A tool error is answered once by trying differently; after that the agent says it is blocked.

mod edit;
mod history;

use serde_json::{Value, json};

use super::app::App;
use super::brief::{Brief, Kind, strings, tagged};
use super::catalog::Behaviour;
pub(crate) use history::{Call, Message};

/// Shared files that are read at the start.
const READS_MAX: usize = 4;
/// Files written in one turn.
const WRITES_PER_TURN: usize = 2;
/// A second failed write of the same file means that the agent is blocked.
const FAILED_WRITES_MAX: usize = 2;
/// After this many refused finishes the agent ends its turn without a tool.
const FAILED_FINISHES_MAX: usize = 3;
/// Where `js/store.js` gets its defect.
const REMOVE: &str = "    remove(id) {";

/// What the agent answers in one turn.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) thinking: String,
    /// Text without calls ends the conversation's turn.
    pub(crate) text: Option<String>,
    /// Tool name and input.
    pub(crate) calls: Vec<(&'static str, Value)>,
}

impl Turn {
    fn calls(thinking: &str, calls: Vec<(&'static str, Value)>) -> Self {
        Self {
            thinking: thinking.to_owned(),
            text: None,
            calls,
        }
    }

    fn text(thinking: &str, text: &str) -> Self {
        Self {
            thinking: thinking.to_owned(),
            text: Some(text.to_owned()),
            calls: Vec::new(),
        }
    }
}

/// The assignment as the prompt describes it.
struct Work {
    app: App,
    /// Owned files that this app has.
    paths: Vec<String>,
    /// Owned entries that no file of this app answers to.
    unknown: Vec<String>,
    shared: Vec<String>,
    acceptance: Vec<Value>,
    /// Files that the reviewer named.
    findings: Vec<String>,
    /// What the first version gets.
    plants: Option<Defect>,
    /// Whether nothing is repaired, whatever a build says.
    leaves: bool,
}

/// What is wrong with a file.
#[derive(Clone, Copy)]
enum Defect {
    /// A deleted item leaves the list on the page, but the change is not saved.
    Unsaved,
    /// A line for the developer, which some builds refuse and no reviewer minds.
    Logs,
}

impl Defect {
    fn of(behaviour: Behaviour) -> Option<Self> {
        match behaviour {
            Behaviour::Flawless => None,
            Behaviour::Unbuildable | Behaviour::NeverBuilds => Some(Self::Logs),
            Behaviour::Scripted
            | Behaviour::InvalidPlan
            | Behaviour::HopelessPlan
            | Behaviour::Refusal
            | Behaviour::Overloaded
            | Behaviour::Busy
            | Behaviour::Truncated
            | Behaviour::Stuck
            | Behaviour::NeverSatisfied
            | Behaviour::RubberStamp
            | Behaviour::Miscites
            | Behaviour::Suspicious
            | Behaviour::Empty
            | Behaviour::CutOff
            | Behaviour::InvalidJson
            | Behaviour::Slow
            | Behaviour::OutOfCredit
            | Behaviour::TooLong => Some(Self::Unsaved),
        }
    }
}

impl Work {
    fn read(system: &[String], messages: &[Message], behaviour: Behaviour) -> Option<Self> {
        let (project, _) = system.iter().find_map(|text| tagged(text, "project"))?;
        let first = messages.first()?;
        let (assignment, _) = first.texts().find_map(|text| tagged(text, "assignment"))?;
        let app = App::new(Brief::from_value(&project));
        let owns: Vec<_> = strings(&assignment["owns"]).collect();
        let owned = |path: &str| {
            owns.iter()
                .any(|entry| *entry == path || (entry.ends_with('/') && path.starts_with(entry)))
        };
        let paths: Vec<_> = app.paths().into_iter().filter(|path| owned(path)).collect();
        let unknown = owns
            .iter()
            .filter(|entry| {
                !paths.iter().any(|path| {
                    path == *entry || (entry.ends_with('/') && path.starts_with(**entry))
                })
            })
            .map(|entry| (*entry).to_owned())
            .collect();
        let findings: Vec<_> = assignment["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|finding| finding["path"].as_str().map(str::to_owned))
            .collect();
        let is_first =
            assignment["round"].as_u64().is_none_or(|round| round <= 1) && findings.is_empty();
        Some(Self {
            plants: Defect::of(behaviour).filter(|_| is_first && app.brief.kind == Kind::Web),
            leaves: behaviour == Behaviour::NeverBuilds && !assignment["build_log"].is_null(),
            shared: strings(&project["shared_files"])
                .take(READS_MAX)
                .map(str::to_owned)
                .collect(),
            acceptance: assignment["acceptance"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            app,
            paths,
            unknown,
            findings,
        })
    }

    /// The file as it should be.
    fn right(&self, path: &str) -> String {
        self.app.file(path).unwrap_or_default()
    }

    /// The file as the agent first writes it: with the defect where one is planted.
    fn first_version(&self, path: &str) -> String {
        let text = self.right(path);
        let Some(defect) = self.plants.filter(|_| path == "js/store.js") else {
            return text;
        };
        match (text.split_once(REMOVE), defect) {
            (Some((before, after)), Defect::Unsaved) => {
                let after = after.replacen("      save();\n", "", 1);
                format!("{before}{REMOVE}{after}")
            }
            (Some((before, after)), Defect::Logs) => {
                format!("{before}{REMOVE}\n      console.log(\"remove\", id);{after}")
            }
            (None, _) => text,
        }
    }
}

/// Decides the agent's next turn.
pub(crate) fn turn(system: &[String], messages: &[Message], behaviour: Behaviour) -> Turn {
    if behaviour == Behaviour::Stuck {
        return Turn::calls(
            "I look at the files once more.",
            vec![("list_files", json!({"prefix": ""}))],
        );
    }
    let Some(work) = Work::read(system, messages, behaviour) else {
        return Turn::text(
            "The request holds no project and assignment.",
            "The scripted model codes assignments only: the request needs <project> in the system text and <assignment> in the first message.",
        );
    };
    let calls = history::calls(messages);
    if calls
        .iter()
        .any(|call| call.name == "finish" && call.succeeded())
    {
        return Turn::text("The work is finished.", "The assignment is finished.");
    }
    if !work.unknown.is_empty() {
        let reason = format!(
            "The scripted model writes only the files of its own plans and has no text for: {}",
            work.unknown.join(", ")
        );
        return finish(&work, &calls, &reason);
    }
    let refused = calls
        .iter()
        .filter(|call| call.name == "finish" && call.failed())
        .count();
    if refused >= FAILED_FINISHES_MAX {
        return Turn::text(
            "My finish is refused again and again.",
            "I cannot finish this assignment.",
        );
    }
    if work.findings.is_empty() {
        first_round(&work, &calls)
    } else {
        rework(&work, &calls)
    }
}

fn first_round(work: &Work, calls: &[Call]) -> Turn {
    if calls.is_empty() {
        let mut first = vec![("list_files", json!({"prefix": ""}))];
        first.extend(work.shared.iter().map(|path| read_call(path)));
        return Turn::calls(
            "First I look at what is there and read the shared files.",
            first,
        );
    }
    let rejected = calls
        .iter()
        .rposition(|call| call.name == "finish" && call.failed());
    let mut pending = Vec::new();
    for path in &work.paths {
        let writes: Vec<_> = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| call.name == "write_file" && call.path() == *path)
            .collect();
        let failures: Vec<_> = writes.iter().filter(|(_, call)| call.failed()).collect();
        if failures.len() >= FAILED_WRITES_MAX {
            return finish(
                work,
                calls,
                &format!(
                    "`{path}` cannot be written: {}",
                    failures[0].1.result_text()
                ),
            );
        }
        let named_again = rejected.is_some_and(|at| {
            calls[at].result_text().contains(path) && !writes.iter().any(|(index, _)| *index > at)
        });
        if named_again || !writes.iter().any(|(_, call)| call.succeeded()) {
            pending.push((path.as_str(), !failures.is_empty()));
        }
    }
    if !pending.is_empty() {
        return write_turn(work, &pending);
    }
    if let Some(at) = rejected {
        let after = calls[at + 1..].iter().any(|call| call.name == "write_file");
        let reason = format!("My finish was refused: {}", calls[at].result_text());
        return finish(work, calls, if after { "" } else { &reason });
    }
    if !calls.iter().any(|call| call.name == "search_files")
        && let Some(path) = work.paths.last()
    {
        return Turn::calls(
            "I check what I wrote before I finish.",
            vec![
                (
                    "search_files",
                    json!({"query": "export function", "prefix": ""}),
                ),
                (
                    "read_file",
                    json!({"path": path, "start_line": 1, "end_line": 40}),
                ),
            ],
        );
    }
    finish(work, calls, "")
}

fn write_turn(work: &Work, pending: &[(&str, bool)]) -> Turn {
    let mut turn = Vec::new();
    let retried = pending.iter().any(|(_, failed)| *failed);
    if retried {
        turn.push(("list_files", json!({"prefix": ""})));
    }
    for (path, _) in pending.iter().take(WRITES_PER_TURN) {
        turn.push((
            "write_file",
            json!({"path": path, "content": work.first_version(path)}),
        ));
    }
    let thinking = if retried {
        "A write failed. I look at the files and try again."
    } else {
        "I write the next files."
    };
    Turn::calls(thinking, turn)
}

fn rework(work: &Work, calls: &[Call]) -> Turn {
    if work.leaves {
        return finish(work, calls, "");
    }
    let mut paths: Vec<&str> = work
        .paths
        .iter()
        .map(String::as_str)
        .filter(|path| work.findings.iter().any(|named| named == path))
        .collect();
    if paths.is_empty() {
        // The finding names a file outside the assignment: what is owned is compared instead.
        paths = work.paths.iter().map(String::as_str).collect();
    }
    if calls.is_empty() {
        return Turn::calls(
            "I read the files that the review names.",
            paths.iter().map(|path| read_call(path)).collect(),
        );
    }
    let mut changes = Vec::new();
    for path in &paths {
        let done = calls
            .iter()
            .any(|call| call.changes(path) && call.succeeded());
        let failures: Vec<_> = calls
            .iter()
            .filter(|call| call.changes(path) && call.failed())
            .collect();
        if failures.len() >= FAILED_WRITES_MAX {
            return finish(
                work,
                calls,
                &format!("`{path}` cannot be changed: {}", failures[0].result_text()),
            );
        }
        if !done && let Some(change) = change(work, calls, path, failures.is_empty()) {
            changes.push(change);
        }
    }
    if !changes.is_empty() {
        return Turn::calls("I change what the review found.", changes);
    }
    finish(work, calls, "")
}

/// The call that makes a file right: an edit where the file could be read, else the whole file.
fn change(
    work: &Work,
    calls: &[Call],
    path: &str,
    may_edit: bool,
) -> Option<(&'static str, Value)> {
    let right = work.right(path);
    let read = calls
        .iter()
        .rev()
        .find(|call| call.name == "read_file" && call.path() == path && call.succeeded());
    let current = read.and_then(|call| edit::unnumbered(call.result_text()));
    if may_edit && let Some(current) = current {
        if edit::same_text(&current, &right) {
            return None;
        }
        if let Some((old_text, new_text)) = edit::targeted(&current, &right) {
            return Some((
                "edit_file",
                json!({"path": path, "old_text": old_text, "new_text": new_text}),
            ));
        }
    }
    Some(("write_file", json!({"path": path, "content": right})))
}

fn read_call(path: &str) -> (&'static str, Value) {
    (
        "read_file",
        json!({"path": path, "start_line": 1, "end_line": -1}),
    )
}

fn finish(work: &Work, calls: &[Call], blocked_reason: &str) -> Turn {
    let mut changed: Vec<&str> = calls
        .iter()
        .filter(|call| {
            ["write_file", "edit_file"].contains(&call.name.as_str()) && call.succeeded()
        })
        .map(Call::path)
        .collect();
    changed.sort_unstable();
    changed.dedup();
    let is_met = blocked_reason.is_empty();
    let evidence = if is_met {
        format!("See {}.", work.paths.join(", "))
    } else {
        "Blocked.".to_owned()
    };
    let acceptance: Vec<_> = work
        .acceptance
        .iter()
        .map(|criterion| json!({"id": criterion["id"], "met": is_met, "evidence": evidence}))
        .collect();
    let summary = match (is_met, changed.is_empty(), work.findings.is_empty()) {
        (false, _, _) => "The assignment could not be finished.".to_owned(),
        (true, true, _) => "Nothing had to change: the files are as they should be.".to_owned(),
        (true, false, true) => format!("Wrote {}.", changed.join(", ")),
        (true, false, false) => format!("Repaired {}.", changed.join(", ")),
    };
    Turn::calls(
        "That is all; I report what I did.",
        vec![(
            "finish",
            json!({
                "summary": summary, "files_changed": changed, "acceptance": acceptance,
                "contract_change_request": "", "blocked_reason": blocked_reason,
            }),
        )],
    )
}
