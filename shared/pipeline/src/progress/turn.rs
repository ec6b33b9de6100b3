//! What one turn of an agent did, read from what was recorded of it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CostTold, Told, TurnTold, attempts};
use crate::agent::AgentWork;
use crate::limits::PROGRESS_FILES_BYTES_MAX;
use crate::messages::{Level, counted};
use crate::model::{AgentReply, Stop};
use crate::unit::Journal;

/// Paths that a line names, of each kind.
const PATHS_NAMED: usize = 5;

/// The successful calls of a turn, by what they did.
#[derive(Default)]
struct Did {
    wrote: Vec<String>,
    edited: Vec<String>,
    deleted: Vec<String>,
    read: Vec<String>,
    searches: usize,
    lists: usize,
    others: usize,
    failed: usize,
    calls: usize,
    finish: Option<Finish>,
}

/// How an agent wanted to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finish {
    /// It is done.
    Done,
    /// It said so, and something is missing.
    Refused,
    /// It can not go on.
    Blocked,
}

/// How loud a turn is told, what a person reads of it, and what a program reads.
pub(super) fn told(
    work: &AgentWork,
    journal: &Journal,
    key: &str,
    reply: &AgentReply,
    results: &str,
) -> (Level, String, Value) {
    let did = Did::of(reply, results);
    let (mut level, what) = did.told(&reply.stop);
    let repeats = attempts(&reply.spent).map(|text| format!(" (the model{text})"));
    if repeats.is_some() {
        level = Level::Warning;
    }
    let (id, number) = (&work.assignment.id, turn_number(key));
    let text = format!("{id}: {what}{}", repeats.unwrap_or_default());
    let mut total = journal.spent();
    total += &reply.spent;
    let data = json!(Told::Turn(TurnTold {
        assignment: id.clone(),
        round: work.round,
        turn: number,
        files: did.files().into_iter().cloned().collect(),
        finished: did.finish == Some(Finish::Done),
        attempts: reply.spent.model_calls,
        spent: CostTold::of(&reply.spent),
        total: CostTold::of(&total),
    }));
    (level, text, data)
}

/// The number of a turn, 1 and up, from the key of its effect.
fn turn_number(key: &str) -> u32 {
    let number = key.trim_start_matches(|character: char| !character.is_ascii_digit());
    number
        .parse::<u32>()
        .map_or(1, |number| number.saturating_add(1))
}

impl Did {
    fn of(reply: &AgentReply, results: &str) -> Self {
        let blocks = |text: &str| serde_json::from_str::<Vec<Value>>(text).unwrap_or_default();
        let results = blocks(results);
        let is_error = |call: &Value| {
            let of_it = |result: &&Value| result["tool_use_id"] == call["id"];
            let result = results.iter().find(of_it);
            result.is_some_and(|result| result["is_error"] == true)
        };
        let mut did = Self::default();
        for call in blocks(&reply.content) {
            if call["type"] == "tool_use" {
                did.take(&call, is_error(&call));
            }
        }
        did
    }

    fn take(&mut self, call: &Value, is_error: bool) {
        self.calls += 1;
        let name = call["name"].as_str().unwrap_or_default();
        if name == "finish" {
            let reason = call["input"]["blocked_reason"].as_str().unwrap_or_default();
            self.finish = Some(match (is_error, reason.trim().is_empty()) {
                (true, _) => Finish::Refused,
                (false, true) => Finish::Done,
                (false, false) => Finish::Blocked,
            });
            return;
        }
        if is_error {
            self.failed += 1;
            return;
        }
        let path = call["input"]["path"].as_str().unwrap_or_default();
        let add = |paths: &mut Vec<String>| {
            if !paths.iter().any(|known| known == path) {
                paths.push(path.to_owned());
            }
        };
        match name {
            "write_file" => add(&mut self.wrote),
            "edit_file" => add(&mut self.edited),
            "delete_file" => add(&mut self.deleted),
            "read_file" => add(&mut self.read),
            "search_files" => self.searches += 1,
            "list_files" => self.lists += 1,
            _ => self.others += 1,
        }
    }

    fn told(&self, stop: &Stop) -> (Level, String) {
        match stop {
            Stop::MaxTokens => {
                return (Level::Warning, "its answer was cut off".to_owned());
            }
            Stop::Refusal(_) => return (Level::Warning, "the model declined".to_owned()),
            Stop::ContextExceeded => {
                let text = "its conversation outgrew the model".to_owned();
                return (Level::Warning, text);
            }
            Stop::EndTurn | Stop::ToolUse | Stop::Other(_) => {}
        }
        if self.calls == 0 {
            return (Level::Info, "did nothing and was reminded".to_owned());
        }
        let named = |verb: &str, paths: &[String]| {
            (!paths.is_empty()).then(|| format!("{verb} {}", names(paths)))
        };
        let is_new = |path: &&String| !self.wrote.contains(path);
        let edited: Vec<String> = self.edited.iter().filter(is_new).cloned().collect();
        let read = match self.read.as_slice() {
            [_] => named("read", &self.read),
            paths => some(paths.len()).map(|count| format!("read {}", counted(count, "file"))),
        };
        let parts = [
            named("wrote", &self.wrote),
            named("edited", &edited),
            named("deleted", &self.deleted),
            read,
            some(self.searches).map(|_| "searched".to_owned()),
            some(self.lists).map(|_| "listed the files".to_owned()),
            some(self.others).map(|count| counted(count, "other call")),
            some(self.failed).map(|count| format!("{} failed", counted(count, "call"))),
            self.finish.map(|finish| match finish {
                Finish::Done => "finished".to_owned(),
                Finish::Refused => "wanted to finish, but something is missing".to_owned(),
                Finish::Blocked => "can not go on".to_owned(),
            }),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (Level::Info, parts.join(", "))
    }

    /// The paths that it changed, as many as a row has room for.
    fn files(&self) -> Vec<&String> {
        let changed = self.wrote.iter().chain(&self.edited).chain(&self.deleted);
        let (mut seen, mut bytes) = (BTreeSet::new(), 0);
        changed
            .filter(|path| seen.insert(path.as_str()))
            .take_while(|path| {
                bytes += json!(path).to_string().len() + 1;
                bytes <= PROGRESS_FILES_BYTES_MAX
            })
            .collect()
    }
}

fn some(count: usize) -> Option<usize> {
    (count > 0).then_some(count)
}

/// Some of the paths by name, and how many more there are.
fn names(paths: &[String]) -> String {
    let named = paths[..paths.len().min(PATHS_NAMED)].join(", ");
    match paths.len().saturating_sub(PATHS_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_from_one() {
        let numbers = ["t0", "t7", "t4294967295", "t4294967296", ""].map(turn_number);
        assert_eq!(numbers, [1, 8, u32::MAX, 1, 1]);
    }
}
