//! One agent's work: a loop of model turns over a virtual workspace.
//!
//! The loop is a fold over the journal: [`Session`] replays the recorded turns and then
//! says what to ask next. The conversation is append-only, and what the model said is
//! resent byte for byte.

pub mod checks;
pub mod tools;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::brief::Brief;
use crate::failure::{Code, Failure};
use crate::limits::{
    AGENT_INVALID_CALLS_MAX, AGENT_MAX_TOKENS, AGENT_NUDGES_MAX, AGENT_SAME_CALL_MAX,
    AGENT_TOOL_CALLS_MAX, AGENT_TURNS_MAX,
};
use crate::model::{AgentReply, Prompt, Speaker, Spent, Stop};
use crate::path::SafePath;
use crate::plan::{Assignment, Plan};
use crate::prompts;
use crate::review::Finding;
use crate::workspace::Workspace;
use tools::{Call, Finish};

/// Characters of an earlier result quoted when a call is repeated.
const REPEATED_RESULT_CHARS: usize = 300;

/// What one agent has to do.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentWork {
    /// What the owner asked for.
    pub brief: Brief,
    /// The accepted plan.
    pub plan: Plan,
    /// Its own part of it.
    pub assignment: Assignment,
    /// 1, or higher for rework.
    pub round: u32,
    /// What the reviewer wants changed; empty in the first round.
    pub findings: Vec<Finding>,
    /// The files it starts from.
    pub base: Workspace,
}

/// The conversation of one agent, as far as it is known.
pub struct Session<'a> {
    work: &'a AgentWork,
    workspace: Workspace,
    system: [String; 2],
    messages: Vec<(Speaker, String)>,
    seen: BTreeMap<String, (usize, String)>,
    invalid_in_a_row: usize,
    tool_calls: usize,
    turns: u32,
    nudges: usize,
    truncations: u32,
    spent: Spent,
    end: Option<Result<Finish, Failure>>,
}

/// What one turn did: the user message that answers it, and the paths it changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// JSON array of content blocks for the next user message; empty when the turn needs
    /// no answer (it ended the session, or was cut off and is asked again).
    pub results: String,
    /// The paths the turn changed.
    pub changed: Vec<String>,
}

impl<'a> Session<'a> {
    /// A session before its first turn.
    pub fn start(work: &'a AgentWork) -> Self {
        let first = json!([{"type": "text", "text": prompts::assignment(work)}]).to_string();
        Self {
            work,
            workspace: work.base.clone(),
            system: [
                prompts::agent_rules(),
                prompts::project(&work.brief, &work.plan),
            ],
            messages: vec![(Speaker::User, first)],
            seen: BTreeMap::new(),
            invalid_in_a_row: 0,
            tool_calls: 0,
            turns: 0,
            nudges: 0,
            truncations: 0,
            spent: Spent::default(),
            end: None,
        }
    }

    /// What to ask the model next.
    pub fn prompt(&self) -> Prompt {
        let max_tokens = if self.truncations == 0 {
            AGENT_MAX_TOKENS
        } else {
            AGENT_MAX_TOKENS * 2
        };
        Prompt {
            system: self.system.clone(),
            messages: self.messages.clone(),
            max_tokens,
        }
    }

    /// How the session ended, if it did.
    pub fn end(&self) -> Option<&Result<Finish, Failure>> {
        self.end.as_ref()
    }

    /// What all turns cost.
    pub fn spent(&self) -> Spent {
        self.spent.clone()
    }

    /// How many turns were taken.
    pub fn turns(&self) -> u32 {
        self.turns
    }

    /// The workspace after the turns taken.
    pub fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    /// Takes a turn. On replay `recorded` holds the results that were sent back then;
    /// they win over what would be answered today.
    pub fn take(&mut self, reply: &AgentReply, recorded: Option<&str>) -> Settled {
        self.spent += &reply.spent;
        self.turns += 1;
        match &reply.stop {
            Stop::MaxTokens => self.truncated(),
            Stop::Refusal(category) => {
                let message = format!(
                    "The coding model declined to work on this ({category}). Rephrase the brief."
                );
                self.fail(Code::ModelRefused, message)
            }
            Stop::ContextExceeded => self.fail(
                Code::AgentStuck,
                "The agent's conversation outgrew the model. Ask for less in one task.".to_owned(),
            ),
            Stop::EndTurn | Stop::ToolUse | Stop::Other(_) => self.answer(reply, recorded),
        }
    }

    fn fail(&mut self, code: Code, message: String) -> Settled {
        self.end = Some(Err(Failure::new(code, message)));
        Settled {
            results: String::new(),
            changed: Vec::new(),
        }
    }

    /// A turn that was cut off is not carried out: the same question is asked once more,
    /// with room for twice as much.
    fn truncated(&mut self) -> Settled {
        self.truncations += 1;
        if self.truncations > 1 {
            return self.fail(
                Code::ModelAnswerInvalid,
                "The coding model's answers were cut off twice. Ask for smaller files.".to_owned(),
            );
        }
        Settled {
            results: String::new(),
            changed: Vec::new(),
        }
    }

    fn answer(&mut self, reply: &AgentReply, recorded: Option<&str>) -> Settled {
        let blocks: Vec<Value> = serde_json::from_str(&reply.content).unwrap_or_default();
        let calls: Vec<&Value> = blocks
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .collect();
        if calls.is_empty() {
            return self.nudge(reply, recorded);
        }
        let recorded_errors = recorded.map(recorded_errors);
        let (mut results, mut changed) = (Vec::new(), Vec::new());
        for call in calls {
            let id = call["id"].as_str().unwrap_or_default();
            let failed_then = recorded_errors
                .as_ref()
                .map(|errors| errors.get(id).copied().unwrap_or(false));
            let outcome = self.call(
                call["name"].as_str().unwrap_or_default(),
                &call["input"],
                failed_then,
                &mut changed,
            );
            results.push(match outcome {
                Ok(text) => json!({"type": "tool_result", "tool_use_id": id, "content": text}),
                Err(text) => json!({"type": "tool_result", "tool_use_id": id, "content": text, "is_error": true}),
            });
        }
        let results = recorded.map_or_else(|| Value::Array(results).to_string(), str::to_owned);
        self.append(reply, &results);
        self.check_limits();
        Settled { results, changed }
    }

    /// An answer without a tool call: the agent is told once that it must finish.
    fn nudge(&mut self, reply: &AgentReply, recorded: Option<&str>) -> Settled {
        self.nudges += 1;
        if self.nudges > AGENT_NUDGES_MAX {
            return self.fail(
                Code::AgentStuck,
                format!(
                    "The agent of `{}` stopped without finishing.",
                    self.work.assignment.id
                ),
            );
        }
        let nudge = || json!([{"type": "text", "text": prompts::NUDGE}]).to_string();
        let results = recorded.map_or_else(nudge, str::to_owned);
        self.append(reply, &results);
        self.check_limits();
        Settled {
            results,
            changed: Vec::new(),
        }
    }

    fn append(&mut self, reply: &AgentReply, results: &str) {
        // An empty assistant message can not be sent back; the nudge then follows the
        // last user message, which the service merges.
        if reply.content != "[]" {
            self.messages
                .push((Speaker::Assistant, reply.content.clone()));
        }
        self.messages.push((Speaker::User, results.to_owned()));
    }

    fn call(
        &mut self,
        name: &str,
        input: &Value,
        failed_then: Option<bool>,
        changed: &mut Vec<String>,
    ) -> Result<String, String> {
        self.tool_calls += 1;
        let call = match Call::parse(name, input) {
            Ok(call) => call,
            Err(text) => {
                self.invalid_in_a_row += 1;
                return Err(text);
            }
        };
        self.invalid_in_a_row = 0;
        let repeat_key = format!("{name} {input}");
        let (times, earlier) = self.seen.get(&repeat_key).cloned().unwrap_or_default();
        if times + 1 >= AGENT_SAME_CALL_MAX {
            self.end = Some(Err(self.stuck(name)));
        }
        let outcome = match &call {
            _ if failed_then == Some(true) => Err(String::new()),
            Call::Finish(finish) => self.finish(finish, failed_then),
            _ if times + 2 >= AGENT_SAME_CALL_MAX && failed_then.is_none() => Err(format!(
                "this identical call was already made; its result was: {earlier}"
            )),
            Call::ListFiles { .. }
            | Call::ReadFile { .. }
            | Call::SearchFiles { .. }
            | Call::WriteFile { .. }
            | Call::EditFile { .. }
            | Call::DeleteFile { .. } => tools::run(
                &call,
                &mut self.workspace,
                &self.work.plan,
                &self.work.assignment,
            ),
        };
        if let (Some(path), true) = (call.changes(), outcome.is_ok()) {
            changed.push(path.to_owned());
            // What was read before may read differently now.
            self.seen.retain(|key, _| {
                !key.starts_with("read_file ")
                    && !key.starts_with("search_files ")
                    && !key.starts_with("list_files ")
            });
        }
        let shown: String = outcome
            .as_ref()
            .unwrap_or_else(|text| text)
            .chars()
            .take(REPEATED_RESULT_CHARS)
            .collect();
        self.seen.insert(repeat_key, (times + 1, shown));
        outcome
    }

    fn stuck(&self, name: &str) -> Failure {
        let id = &self.work.assignment.id;
        Failure::new(
            Code::AgentStuck,
            format!(
                "The agent of `{id}` made the same call of `{name}` {AGENT_SAME_CALL_MAX} times."
            ),
        )
    }

    fn finish(&mut self, finish: &Finish, failed_then: Option<bool>) -> Result<String, String> {
        if !finish.blocked_reason.trim().is_empty() {
            let id = &self.work.assignment.id;
            let reason = finish.blocked_reason.trim();
            self.end = Some(Err(Failure::new(
                Code::AgentBlocked,
                format!("The agent of `{id}` is blocked: {reason}"),
            )));
            return Ok("ok".to_owned());
        }
        if failed_then.is_none() {
            let objections = self.objections(finish);
            if !objections.is_empty() {
                return Err(format!("not finished yet:\n- {}", objections.join("\n- ")));
            }
        }
        self.end = Some(Ok(finish.clone()));
        Ok("ok".to_owned())
    }

    /// What code can check of a claim to be done.
    fn objections(&self, finish: &Finish) -> Vec<String> {
        let mut found = Vec::new();
        for owned in self
            .work
            .assignment
            .owns
            .iter()
            .filter(|owned| !owned.ends_with('/'))
        {
            let there =
                SafePath::parse(owned).is_ok_and(|path| self.workspace.get(&path).is_some());
            if !there {
                found.push(format!("your file `{owned}` does not exist"));
            }
        }
        for (path, file) in self
            .workspace
            .files()
            .filter(|(_, file)| file.owner == self.work.assignment.id)
        {
            found.extend(checks::problems(path, &file.content));
        }
        for check in &self.work.assignment.acceptance {
            if !finish.acceptance.iter().any(|claim| claim.id == check.id) {
                found.push(format!(
                    "acceptance `{}` is missing from your list",
                    check.id
                ));
            }
        }
        for claim in &finish.acceptance {
            if !self
                .work
                .assignment
                .acceptance
                .iter()
                .any(|check| check.id == claim.id)
            {
                found.push(format!("acceptance `{}` is not one of yours", claim.id));
            }
        }
        found
    }

    fn check_limits(&mut self) {
        if self.end.is_some() {
            return;
        }
        let id = &self.work.assignment.id;
        let reason = if self.turns >= AGENT_TURNS_MAX {
            format!(
                "The agent of `{id}` used all of its {AGENT_TURNS_MAX} turns without finishing."
            )
        } else if self.tool_calls >= AGENT_TOOL_CALLS_MAX {
            format!(
                "The agent of `{id}` used all of its {AGENT_TOOL_CALLS_MAX} tool calls without finishing."
            )
        } else if self.invalid_in_a_row >= AGENT_INVALID_CALLS_MAX {
            format!(
                "The agent of `{id}` made {AGENT_INVALID_CALLS_MAX} malformed tool calls in a row."
            )
        } else {
            return;
        };
        self.end = Some(Err(Failure::new(Code::AgentStuck, reason)));
    }
}

/// Which tool calls of a recorded turn were answered with an error.
fn recorded_errors(results: &str) -> BTreeMap<String, bool> {
    let blocks: Vec<Value> = serde_json::from_str(results).unwrap_or_default();
    let error = |block: Value| {
        let id = block["tool_use_id"].as_str()?.to_owned();
        Some((id, block["is_error"].as_bool().unwrap_or(false)))
    };
    blocks.into_iter().filter_map(error).collect()
}
