//! Model calls.

use std::sync::{Arc, LazyLock};

use models::{
    CacheTtl, Effort, ErrorKind, InputMessage, InputRole, JsonSchemaFormat, Message,
    MessagesAnswer, MessagesRequest, ModelError, ResponsesAnswer, ResponsesRequest, Role,
    StopReason, StreamEvent, SystemBlock,
};
use pipeline::agent::tools;
use pipeline::effect::Entry;
use pipeline::model::{
    self, AgentReply, ModelSpent, Prompt, Question, Reply, Speaker, Spent, Stop,
};
use pipeline::{Code, Failure};
use serde_json::value::RawValue;

use crate::clients::{Coder, Thinker};
use crate::config::{RoleSettings, Settings};
use crate::perform::Warmth;
use crate::trace::{Trace, Used};
use crate::trouble::Trouble;

/// Visible output tokens of a plan or a judgement.
const ANSWER_TOKENS_MAX: u32 = 64_000;

/// An answer and what it was charged.
pub(super) struct Asked {
    /// The entry, or why there is none.
    pub(super) entry: Result<Entry, Trouble>,
    /// What the service said that it charges, in millionths of a US dollar.
    pub(super) micro_usd: u64,
    /// Attempts that may have been charged without a word.
    pub(super) unsettled: u32,
}

impl Asked {
    fn failed(model: &str, error: ModelError) -> Self {
        Self {
            micro_usd: error.cost().map_or(0, |cost| cost.0),
            unsettled: error.unsettled(),
            entry: Err(refused(model, error)),
        }
    }
}

/// The question to the planner or the reviewer as a request.
pub(super) fn responses(role: &RoleSettings, question: &Question) -> ResponsesRequest {
    let message = |(speaker, text): &(Speaker, String)| InputMessage {
        role: match speaker {
            Speaker::User => InputRole::User,
            Speaker::Assistant => InputRole::Assistant,
        },
        text: text.clone(),
    };
    ResponsesRequest {
        model: role.model.clone(),
        instructions: question.instructions.clone(),
        input: question.turns.iter().map(message).collect(),
        format: Some(JsonSchemaFormat {
            name: question.schema_name.to_owned(),
            schema: question.schema.clone(),
        }),
        effort: Some(role.effort.unwrap_or(effort(question.effort))),
        max_output_tokens: Some(ANSWER_TOKENS_MAX),
        cache_key: Some(question.cache_key.clone()),
        output_allowance: None,
    }
}

/// Asks the planner or the reviewer.
pub(super) async fn thinker(
    trace: &Trace,
    thinker: &Thinker,
    request: &ResponsesRequest,
) -> Result<Asked, Trouble> {
    let call = trace.model_call("chat", thinker.provider_name(), &request.model);
    let answer = match call.made(thinker.respond(request)).await {
        Ok(answer) => answer,
        Err(error) => {
            call.failed(&error);
            return Ok(Asked::failed(&request.model, error));
        }
    };
    call.answered(&used_by_reply(&answer));
    Ok(Asked {
        micro_usd: answer.cost.0,
        unsettled: answer.unsettled,
        entry: Ok(reply(answer)),
    })
}

/// What an answer of the planner or the reviewer has used.
pub(super) fn used_by_reply(answer: &ResponsesAnswer) -> Used<'_> {
    Used {
        model: &answer.model,
        attempts: answer.attempts,
        usage: answer.usage,
        cost: answer.cost,
    }
}

/// What a turn of the coding model has used.
pub(super) fn used_by_turn(answer: &MessagesAnswer) -> Used<'_> {
    Used {
        model: &answer.model,
        attempts: answer.attempts,
        usage: answer.usage,
        cost: answer.cost,
    }
}

/// The entry for an answer of the planner or the reviewer.
pub(super) fn reply(answer: ResponsesAnswer) -> Entry {
    let finish = match answer.finish {
        models::Finish::Completed => model::Finish::Completed,
        models::Finish::Truncated => model::Finish::Truncated,
        models::Finish::Refused { reason } => model::Finish::Refused(reason),
    };
    let spent = spent(&answer.model, answer.attempts, answer.usage, answer.cost);
    Entry::Reply(Reply {
        finish,
        text: answer.text,
        spent,
    })
}

/// The coding model that is asked: the role's, or the one that takes over when it declined.
pub(super) fn coding_model<'a>(settings: &'a Settings, prompt: &Prompt) -> &'a str {
    match prompt.fallback {
        false => &settings.agent.model,
        true => &settings.agent_fallback_model,
    }
}

/// The tools of every turn of every agent.
static TOOLS: LazyLock<Arc<[models::Tool]>> = LazyLock::new(|| {
    let tool = |tool: tools::Tool| models::Tool {
        name: tool.name.to_owned(),
        description: tool.description.to_owned(),
        input_schema: tool.input_schema,
        strict: true,
    };
    tools::tools().into_iter().map(tool).collect()
});

/// A turn of the coding model as a request.
pub(super) fn messages(settings: &Settings, prompt: &Prompt) -> Result<MessagesRequest, Trouble> {
    // The rules are the same for every task and keep for an hour; the project only for as
    // long as its agents run.
    let ttls = [CacheTtl::OneHour, CacheTtl::FiveMinutes];
    let block = |(text, ttl): (&String, CacheTtl)| SystemBlock {
        text: text.clone(),
        cache: Some(ttl),
    };
    let thinks = settings.agent.effort.unwrap_or(effort(prompt.effort));
    Ok(MessagesRequest {
        model: coding_model(settings, prompt).to_owned(),
        max_tokens: prompt.max_tokens,
        system: prompt.system.iter().zip(ttls).map(block).collect(),
        tools: Arc::clone(&TOOLS),
        messages: conversation(&prompt.messages)?,
        effort: Some(thinks),
        cache_tail: true,
        charged_once: false,
    })
}

/// Takes a turn with the coding model. `so_far` hears what it is known to have cost.
pub(super) async fn coder(
    trace: &Trace,
    coder: &Coder,
    warmth: &Warmth,
    request: &MessagesRequest,
    so_far: impl Fn(Spent) + Send + Sync,
) -> Result<Asked, Trouble> {
    let first = warmth.enter(request).await;
    let mut on_event = |event| match event {
        StreamEvent::Started { .. } => {
            if let Some(first) = &first {
                first.begun();
            }
        }
        StreamEvent::Billed(billed) => {
            so_far(spent(&request.model, 1, billed.usage, billed.cost));
        }
        StreamEvent::Text { .. }
        | StreamEvent::Thinking { .. }
        | StreamEvent::ToolUse { .. }
        | StreamEvent::Alive => {}
    };
    let call = trace.model_call("chat", coder.provider_name(), &request.model);
    let answer = match call.made(coder.create(request, &mut on_event)).await {
        Ok(answer) => answer,
        Err(error) => {
            call.failed(&error);
            return Ok(match matches!(error.kind(), ErrorKind::TooLarge) {
                true => outgrown(&error),
                false => Asked::failed(&request.model, error),
            });
        }
    };
    call.answered(&used_by_turn(&answer));
    Ok(Asked {
        micro_usd: answer.cost.0,
        unsettled: answer.unsettled,
        entry: Ok(turn(answer)),
    })
}

/// The entry for a turn of the coding model, before it is carried out.
pub(super) fn turn(answer: MessagesAnswer) -> Entry {
    let reply = AgentReply {
        content: answer.content.get().to_owned(),
        stop: stop(answer.stop),
        spent: spent(&answer.model, answer.attempts, answer.usage, answer.cost),
    };
    Entry::Turn {
        reply,
        results: String::new(),
    }
}

/// A conversation that the model can not read any more, in its own word or the service's.
fn outgrown(error: &ModelError) -> Asked {
    let reply = AgentReply {
        content: "[]".to_owned(),
        stop: Stop::ContextExceeded,
        spent: Spent::default(),
    };
    Asked {
        micro_usd: error.cost().map_or(0, |cost| cost.0),
        unsettled: error.unsettled(),
        entry: Ok(Entry::Turn {
            reply,
            results: String::new(),
        }),
    }
}

/// The messages, those of the same speaker as one: the service takes them in turns.
fn conversation(messages: &[(Speaker, String)]) -> Result<Vec<Message>, Trouble> {
    let mut joined: Vec<(Speaker, String)> = Vec::new();
    for (speaker, content) in messages {
        match joined.last_mut() {
            Some((last, blocks)) if last == speaker => {
                let both = [blocks.strip_suffix(']'), content.strip_prefix('[')];
                *blocks = both.map(Option::unwrap_or_default).join(",");
            }
            Some(_) | None => joined.push((*speaker, content.clone())),
        }
    }
    joined.iter().map(message).collect()
}

fn message((speaker, content): &(Speaker, String)) -> Result<Message, Trouble> {
    let content = RawValue::from_string(content.clone())
        .map_err(|cause| Trouble::Row(format!("a recorded message is not JSON: {cause}")))?;
    let role = match speaker {
        Speaker::User => Role::User,
        Speaker::Assistant => Role::Assistant,
    };
    Ok(Message { role, content })
}

fn stop(reason: StopReason) -> Stop {
    match reason {
        StopReason::EndTurn => Stop::EndTurn,
        StopReason::ToolUse => Stop::ToolUse,
        StopReason::MaxTokens => Stop::MaxTokens,
        StopReason::Refusal { category, .. } => {
            Stop::Refusal(category.unwrap_or_else(|| "no reason given".to_owned()))
        }
        StopReason::ModelContextWindowExceeded => Stop::ContextExceeded,
        StopReason::StopSequence { .. } => Stop::Other("stop_sequence".to_owned()),
        StopReason::PauseTurn => Stop::Other("pause_turn".to_owned()),
        StopReason::Compaction => Stop::Other("compaction".to_owned()),
        StopReason::Unknown(word) => Stop::Other(word),
    }
}

const fn effort(effort: model::Effort) -> Effort {
    match effort {
        model::Effort::Medium => Effort::Medium,
        model::Effort::High => Effort::High,
        model::Effort::XHigh => Effort::Xhigh,
    }
}

fn spent(model: &str, attempts: u32, usage: models::Usage, cost: models::MicroUsd) -> Spent {
    let spent = ModelSpent {
        calls: u64::from(attempts),
        input_tokens: usage.input_tokens,
        output_tokens: usage.output_tokens,
        cost_micro_usd: cost.0,
    };
    Spent::of_model(model, spent)
}

/// A refusal for good is a failure of the task, with what its owner can do about it; anything
/// else may succeed later.
pub(super) fn refused(model: &str, error: ModelError) -> Trouble {
    let advice = match error.kind() {
        ErrorKind::InvalidKey => "Check its key in the settings, then retry the task.",
        ErrorKind::Permission => {
            "Give its key the permission in the service's console, then retry the task."
        }
        ErrorKind::SpendLimit => {
            "Add credits or raise the limit at its service, then retry the task."
        }
        ErrorKind::NotFound { .. } | ErrorKind::Settings { .. } => {
            "Check its id and its address in the settings, then retry the task."
        }
        ErrorKind::TooLarge => "Ask for less in one task.",
        ErrorKind::AllowanceSpent { .. } => "Ask for less in one task, or choose another model.",
        ErrorKind::InvalidRequest { .. }
        | ErrorKind::RateLimited { .. }
        | ErrorKind::Overloaded
        | ErrorKind::Server { .. }
        | ErrorKind::Timeout { .. }
        | ErrorKind::Transport
        | ErrorKind::Stream(_)
        | ErrorKind::Malformed { .. } => "Choose another model in the settings, or retry the task.",
    };
    match error.retry() {
        models::Retry::Transient { .. } => Trouble::Model(error),
        models::Retry::Terminal => Trouble::Terminal(Failure::new(
            Code::ModelUnavailable,
            format!(
                "The model `{model}` can not be used: {}. {advice}",
                error.kind()
            ),
        )),
    }
}
