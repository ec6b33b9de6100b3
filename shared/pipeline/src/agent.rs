//! One agent's work: a loop of model turns over a virtual workspace.
//!
//! The loop is a fold over the journal: [`Session`] replays the recorded turns and then
//! says what to ask next. The conversation is append-only, and what the model said is
//! resent byte for byte.

pub mod checks;
mod edit;
pub mod tools;
mod watch;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::brief::{Brief, Speed};
use crate::failure::{Code, Failure};
use crate::limits::{
    AGENT_CONTEXT_TOKENS_MAX, AGENT_COST_MICRO_USD_MAX, AGENT_HANDOVERS_MAX, AGENT_MAX_TOKENS,
    AGENT_NUDGES_MAX, AGENT_OUTPUT_TOKENS_MAX, AGENT_OVERFLOWS_MAX, AGENT_REFUSALS_MAX,
    AGENT_SAME_CALL_MAX, AGENT_TRUNCATIONS_MAX, HANDOVER_WORDS_CHARS_MAX,
};
use crate::model::{AgentReply, Effort, Prompt, Speaker, Spent, Stop};
use crate::money;
use crate::path::SafePath;
use crate::plan::{Assignment, Plan};
use crate::prompts;
use crate::review::Finding;
use crate::workspace::Workspace;
use tools::{Call, Finish};
use watch::Watch;

/// Messages of a conversation.
type Messages = Vec<(Speaker, String)>;

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
    /// The end of the log of the build that failed, if that is why it works again.
    pub build_log: String,
    /// The files it starts from.
    pub base: Workspace,
}

/// The conversation of one agent, as far as it is known.
pub struct Session<'a> {
    work: &'a AgentWork,
    workspace: Workspace,
    system: [String; 2],
    messages: Messages,
    /// The conversation that the last turn ended because it was too long.
    before: Option<Messages>,
    watch: Watch,
    turns: u32,
    nudges: usize,
    truncations: u32,
    refusals: u32,
    handovers: u32,
    overflows: u32,
    last_words: String,
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
        Self {
            work,
            workspace: work.base.clone(),
            system: [
                prompts::agent_rules(),
                prompts::project(&work.brief, &work.plan),
            ],
            messages: vec![said(&[prompts::assignment(work)])],
            before: None,
            watch: Watch::default(),
            turns: 0,
            nudges: 0,
            truncations: 0,
            refusals: 0,
            handovers: 0,
            overflows: 0,
            last_words: String::new(),
            spent: Spent::default(),
            end: None,
        }
    }

    /// How soon the model is to answer.
    pub fn speed(&self) -> Speed {
        self.work.brief.options.speed
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
            effort: if self.work.round > 1 {
                Effort::XHigh
            } else {
                Effort::High
            },
            fallback: self.refusals > 0,
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
        let recorded = recorded.filter(|results| !results.is_empty());
        self.spent += &reply.spent;
        self.turns += 1;
        self.before = None;
        let settled = match &reply.stop {
            Stop::MaxTokens => self.truncated(recorded),
            Stop::Refusal(category) => self.refused(category),
            Stop::ContextExceeded => self.overflowed(),
            Stop::EndTurn | Stop::ToolUse | Stop::Other(_) => self.answer(reply, recorded),
        };
        self.check_limits();
        if reply.spent.input_tokens > AGENT_CONTEXT_TOKENS_MAX && self.messages.len() > 1 {
            self.hand_over();
        }
        settled
    }

    /// Whether a limit ended the session, and not the agent.
    pub fn is_stopped(&self) -> bool {
        matches!(&self.end, Some(Err(failure)) if failure.code == Code::AgentStuck)
    }

    /// Takes back that a limit ended the session. An older version, which had fewer of them,
    /// has recorded more turns.
    pub fn go_on(&mut self) {
        if self.is_stopped() {
            self.end = None;
        }
    }

    /// Takes back that the last turn began a new conversation because the old one was long,
    /// as an older version would not have. Returns whether it did.
    pub fn stay(&mut self) -> bool {
        let Some(before) = self.before.take() else {
            return false;
        };
        self.messages = before;
        self.handovers -= 1;
        true
    }

    fn fail(&mut self, code: Code, message: String) -> Settled {
        self.end = Some(Err(Failure::new(code, message)));
        unanswered()
    }

    /// A turn that was cut off is not carried out: the same question is asked once more,
    /// with room for twice as much, then for smaller pieces.
    fn truncated(&mut self, recorded: Option<&str>) -> Settled {
        self.truncations += 1;
        if self.truncations > AGENT_TRUNCATIONS_MAX {
            return self.fail(
                Code::ModelAnswerInvalid,
                format!(
                    "The coding model's answers were cut off {} times, even in smaller pieces. Ask for smaller files.",
                    self.truncations
                ),
            );
        }
        if self.truncations < AGENT_TRUNCATIONS_MAX {
            return unanswered();
        }
        // Nothing of the answer is kept, so this follows a message of ours: they are sent as
        // one.
        let (speaker, smaller) = said(&[prompts::SMALLER.to_owned()]);
        let results = recorded.map_or(smaller, str::to_owned);
        self.messages.push((speaker, results.clone()));
        Settled {
            results,
            changed: Vec::new(),
        }
    }

    /// Another model may do what the first one declined, in a conversation of its own.
    fn refused(&mut self, category: &str) -> Settled {
        self.refusals += 1;
        if self.refusals > AGENT_REFUSALS_MAX {
            let message = format!(
                "The coding model declined to work on this ({category}), and so did the one that stands in for it. Rephrase the brief."
            );
            return self.fail(Code::ModelRefused, message);
        }
        self.begin_anew();
        unanswered()
    }

    /// The conversation outgrew the model: nothing of the turn is carried out.
    fn overflowed(&mut self) -> Settled {
        self.overflows += 1;
        if self.overflows > AGENT_OVERFLOWS_MAX || self.messages.len() == 1 {
            return self.fail(
                Code::AgentStuck,
                "The agent's conversation outgrew the model. Ask for less in one task.".to_owned(),
            );
        }
        self.begin_anew();
        unanswered()
    }

    /// A long conversation costs more with every turn: the agent goes on in a new one.
    fn hand_over(&mut self) {
        if self.end.is_some() || self.handovers >= AGENT_HANDOVERS_MAX {
            return;
        }
        self.handovers += 1;
        self.before = Some(self.begin_anew());
    }

    /// Begins a new conversation about the same assignment; returns the old one.
    fn begin_anew(&mut self) -> Messages {
        self.watch.forget();
        let mut texts = vec![prompts::assignment(self.work)];
        let changes = self
            .workspace
            .changes(&self.work.assignment.id, self.work.round);
        if !changes.is_empty() || !self.last_words.is_empty() {
            texts.push(prompts::handover(&changes, &self.last_words));
        }
        std::mem::replace(&mut self.messages, vec![said(&texts)])
    }

    fn answer(&mut self, reply: &AgentReply, recorded: Option<&str>) -> Settled {
        let blocks: Vec<Value> = serde_json::from_str(&reply.content).unwrap_or_default();
        self.remember_words(&blocks);
        let calls: Vec<&Value> = blocks
            .iter()
            .filter(|block| block["type"] == "tool_use")
            .collect();
        if calls.is_empty() {
            return self.nudge(reply, recorded);
        }
        let answers = recorded.map(recorded_answers);
        let (mut results, mut changed): (Vec<Value>, _) = (Vec::new(), Vec::new());
        for call in calls {
            let id = call["id"].as_str().unwrap_or_default();
            let then = answers
                .as_ref()
                .map(|answers| answers.get(id).cloned().unwrap_or_default());
            let outcome = self.call(
                call["name"].as_str().unwrap_or_default(),
                &call["input"],
                then.as_ref(),
                &mut changed,
            );
            results.push(match outcome {
                Ok(text) => json!({"type": "tool_result", "tool_use_id": id, "content": text}),
                Err(text) => json!({"type": "tool_result", "tool_use_id": id, "content": text, "is_error": true}),
            });
        }
        self.watch.turned(!changed.is_empty());
        if self.end.is_none()
            && let (Some(hint), Some(last)) = (self.watch.hint(self.turns), results.last_mut())
        {
            let text = last["content"].as_str().unwrap_or_default();
            last["content"] = format!("{text}\n{hint}").into();
        }
        let results = recorded.map_or_else(|| Value::Array(results).to_string(), str::to_owned);
        self.append(reply, &results);
        Settled { results, changed }
    }

    /// Keeps what the agent said last, for the conversation after this one.
    fn remember_words(&mut self, blocks: &[Value]) {
        let texts = blocks.iter().filter(|block| block["type"] == "text");
        if let Some(text) = texts.filter_map(|block| block["text"].as_str()).next_back() {
            self.last_words = text.chars().take(HANDOVER_WORDS_CHARS_MAX).collect();
        }
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
        self.watch.turned(false);
        let nudge = || said(&[prompts::NUDGE.to_owned()]).1;
        let results = recorded.map_or_else(nudge, str::to_owned);
        self.append(reply, &results);
        Settled {
            results,
            changed: Vec::new(),
        }
    }

    fn append(&mut self, reply: &AgentReply, results: &str) {
        // An empty assistant message can not be sent back; the nudge then follows the
        // last user message, and they are sent as one.
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
        then: Option<&Answered>,
        changed: &mut Vec<String>,
    ) -> Result<String, String> {
        let call = match Call::parse(name, input) {
            Ok(call) => call,
            Err(text) => {
                self.watch.malformed();
                return Err(text);
            }
        };
        let made = self.watch.made(name, input);
        let outcome = match &call {
            _ if then.is_some_and(|then| then.is_error) => Err(String::new()),
            Call::Finish(finish) => self.finish(finish, then.is_some()),
            _ if made.times + 2 >= AGENT_SAME_CALL_MAX && then.is_none() => Err(format!(
                "this identical call was already made; its result was: {}",
                made.earlier
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
                &self.work.brief.unshown,
            ),
        };
        if let (Some(path), true) = (call.changes(), outcome.is_ok()) {
            changed.push(path.to_owned());
            self.watch.changed();
        }
        let shown = outcome.as_ref().unwrap_or_else(|text| text);
        let shown = then.map_or(shown, |then| &then.text);
        self.watch.answered(made, shown);
        outcome
    }

    fn finish(&mut self, finish: &Finish, was_taken: bool) -> Result<String, String> {
        if !finish.blocked_reason.trim().is_empty() {
            let id = &self.work.assignment.id;
            let reason = finish.blocked_reason.trim();
            let wish = match finish.contract_change_request.trim() {
                "" => String::new(),
                wish => format!(" It asks for a change of a contract: {wish}"),
            };
            self.end = Some(Err(Failure::new(
                Code::AgentBlocked,
                format!("The agent of `{id}` is blocked: {reason}{wish}"),
            )));
            return Ok("ok".to_owned());
        }
        if !was_taken {
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
            let there = SafePath::parse(owned).is_ok_and(|path| {
                let was_there = self.work.base.get(&path).is_some();
                was_there || self.workspace.get(&path).is_some()
            });
            if !there {
                found.push(format!("your file `{owned}` does not exist"));
            }
        }
        for (path, file) in self
            .workspace
            .files()
            .filter(|(_, file)| file.owner == self.work.assignment.id)
        {
            let known = tools::theirs(&self.work.base, path);
            found.extend(checks::new_problems(path, &known, &file.content));
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
        let spent = &self.spent;
        let reason = if let Some(reason) = self.watch.reason(self.turns) {
            format!("The agent of `{id}` {reason}.")
        } else if spent.output_tokens >= AGENT_OUTPUT_TOKENS_MAX {
            format!(
                "The agent of `{id}` wrote {} tokens without finishing; {AGENT_OUTPUT_TOKENS_MAX} is the limit of one assignment. Ask for less in one task.",
                spent.output_tokens
            )
        } else if spent.cost_micro_usd >= AGENT_COST_MICRO_USD_MAX {
            format!(
                "The agent of `{id}` cost {} without finishing; {} is the limit of one assignment. Ask for less in one task.",
                money::usd(spent.cost_micro_usd),
                money::usd(AGENT_COST_MICRO_USD_MAX)
            )
        } else {
            return;
        };
        self.end = Some(Err(Failure::new(Code::AgentStuck, reason)));
    }
}

/// A message of ours with these texts.
fn said(texts: &[String]) -> (Speaker, String) {
    let blocks: Vec<Value> = texts
        .iter()
        .map(|text| json!({"type": "text", "text": text}))
        .collect();
    (Speaker::User, Value::Array(blocks).to_string())
}

/// What a turn did that is not answered.
fn unanswered() -> Settled {
    Settled {
        results: String::new(),
        changed: Vec::new(),
    }
}

/// What a tool call was answered with when its turn was recorded.
#[derive(Clone, Default)]
struct Answered {
    is_error: bool,
    text: String,
}

/// The answers of a recorded turn by the ids of its calls.
fn recorded_answers(results: &str) -> BTreeMap<String, Answered> {
    let blocks: Vec<Value> = serde_json::from_str(results).unwrap_or_default();
    let answer = |block: Value| {
        let answered = Answered {
            is_error: block["is_error"].as_bool().unwrap_or(false),
            text: block["content"].as_str().unwrap_or_default().to_owned(),
        };
        Some((block["tool_use_id"].as_str()?.to_owned(), answered))
    };
    blocks.into_iter().filter_map(answer).collect()
}
