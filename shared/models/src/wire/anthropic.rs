//! Anthropic Messages: requests and answers. Source: platform.claude.com, Messages API, and the
//! types of `@anthropic-ai/sdk` 1.12.0 (November 2026).
//!
//! The assistant's blocks are kept as bytes: a conversation is append-only, and what the model
//! said goes back exactly as it was first written down.

mod assembly;
pub mod batch;
mod block;
mod usage;

use std::sync::Arc;

use serde::Serialize;
use serde::ser::SerializeMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ErrorKind, Provider};
use crate::prices::MicroUsd;
use crate::usage::{Billed, Usage};
use crate::wire::capability::{takes_cache_marks, takes_strict};
use crate::wire::{Effort, Omit, effort_name};

pub use assembly::{Applied, Assembly};
pub use block::blocks;
pub(crate) use block::input_value;

/// How long a cached prefix lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTtl {
    /// Five minutes: a write costs 1.25 times a fresh token.
    FiveMinutes,
    /// An hour: a write costs twice a fresh token. Must stand before shorter ones.
    OneHour,
}

/// A block of the system prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemBlock {
    /// Its text.
    pub text: String,
    /// Whether the prompt up to here is cached; at most 4 marks in a request, `cache_tail`
    /// included.
    pub cache: Option<CacheTtl>,
}

/// A tool that the model may call and we run.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// The schema of its input.
    pub input_schema: Value,
    /// Whether the input obeys the schema for certain; at most 20 such tools in a request.
    pub strict: bool,
}

/// Who said a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// We: words and tool results.
    User,
    /// The model.
    Assistant,
}

/// One message of the conversation.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// A JSON array of blocks.
    ///
    /// Invariant: it is sent byte for byte.
    pub content: Box<RawValue>,
}

/// A request. It is always streamed; sampling parameters, `tool_choice` and `thinking` are never
/// sent, because current models reject them or have better defaults.
#[derive(Debug, Clone)]
pub struct MessagesRequest {
    /// The model id.
    pub model: String,
    /// The limit of thinking and text together.
    pub max_tokens: u32,
    /// The system prompt. It must not change within a conversation.
    pub system: Vec<SystemBlock>,
    /// The tools. They must not change within a conversation.
    pub tools: Arc<[Tool]>,
    /// The conversation, oldest first; the last message is a user's.
    pub messages: Vec<Message>,
    /// How much to think; left out for models that reject it.
    pub effort: Option<Effort>,
    /// Whether the whole conversation so far is cached, with a mark that moves along.
    pub cache_tail: bool,
    /// Whether no attempt follows one that may have been billed: the caller has money for one.
    pub charged_once: bool,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    system: Vec<SystemWire<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<ToolWire<'a>>,
    messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheTtl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<OutputConfig>,
}

#[derive(Serialize)]
struct SystemWire<'a> {
    r#type: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<CacheTtl>,
}

#[derive(Serialize)]
struct ToolWire<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
    /// Left out when false: servers that imitate the API may not know it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
struct OutputConfig {
    effort: &'static str,
}

impl Serialize for CacheTtl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", "ephemeral")?;
        match self {
            // The default: left out, so that servers that imitate the API take it.
            Self::FiveMinutes => {}
            Self::OneHour => map.serialize_entry("ttl", "1h")?,
        }
        map.end()
    }
}

/// The optional parameters that a request holds.
pub(crate) fn optional(request: &MessagesRequest) -> Omit {
    Omit {
        effort: request.effort.is_some(),
        strict: request.tools.iter().any(|tool| tool.strict),
        cache: request.cache_tail || request.system.iter().any(|block| block.cache.is_some()),
        format: false,
    }
}

/// Returns the body of `POST {base}/v1/messages`.
///
/// # Errors
/// None in practice: every field serialises.
pub fn request_body(request: &MessagesRequest) -> serde_json::Result<Vec<u8>> {
    body_without(request, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn body_without(request: &MessagesRequest, omit: Omit) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Body {
        max_tokens: Some(request.max_tokens),
        stream: true,
        ..body(request, omit)
    })
}

/// Returns the body of `POST {base}/v1/messages/count_tokens`.
///
/// # Errors
/// None in practice: every field serialises.
pub fn count_body(request: &MessagesRequest) -> serde_json::Result<Vec<u8>> {
    count_body_without(request, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn count_body_without(
    request: &MessagesRequest,
    omit: Omit,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&body(request, omit))
}

/// What is counted: everything but the limits of the answer.
fn body(request: &MessagesRequest, omit: Omit) -> Body<'_> {
    let marks = !omit.cache && takes_cache_marks(&request.model);
    let strict = !omit.strict && takes_strict(&request.model);
    let system = request.system.iter().map(|block| SystemWire {
        r#type: "text",
        text: &block.text,
        cache_control: block.cache.filter(|_| marks),
    });
    let tools = request.tools.iter().map(|tool| ToolWire {
        name: &tool.name,
        description: &tool.description,
        input_schema: &tool.input_schema,
        strict: tool.strict && strict,
    });
    Body {
        model: &request.model,
        max_tokens: None,
        stream: false,
        system: system.collect(),
        tools: tools.collect(),
        messages: &request.messages,
        cache_control: (request.cache_tail && marks).then_some(CacheTtl::FiveMinutes),
        output_config: request
            .effort
            .filter(|_| !omit.effort)
            .and_then(|effort| effort_name(Provider::Anthropic, &request.model, effort))
            .map(|effort| OutputConfig { effort }),
    }
}

/// Reads the answer of `count_tokens`: tokens of the prompt, an estimate that is close.
///
/// # Errors
/// [`ErrorKind::Malformed`].
pub fn counted(raw: &str) -> Result<u64, ErrorKind> {
    serde_json::from_str::<Value>(raw)
        .ok()
        .and_then(|value| value.get("input_tokens").and_then(Value::as_u64))
        .ok_or(ErrorKind::Malformed {
            what: "it has no `input_tokens`",
        })
}

/// Returns what would be refused about a conversation before it costs a request.
///
/// # Errors
/// One sentence about the first thing that is wrong.
pub fn check(request: &MessagesRequest) -> Result<(), &'static str> {
    match request.messages.last() {
        None => return Err("the conversation is empty"),
        Some(message) if message.role != Role::User => {
            return Err("the conversation does not end with a user message");
        }
        Some(_) => {}
    }
    let is_list = |message: &Message| message.content.get().starts_with('[');
    if !request.messages.iter().all(is_list) {
        return Err("a message's content is not a JSON array");
    }
    Ok(())
}

/// A tool input that is not a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidJson {
    /// What the model wrote instead.
    pub raw: String,
}

/// A block of the assistant's answer, as far as we act on it.
#[derive(Debug, Clone, PartialEq)]
pub enum Block {
    /// Words.
    Text {
        /// May be empty.
        text: String,
    },
    /// Thinking; its signature is in the raw content only.
    Thinking {
        /// Empty unless the provider shows it.
        text: String,
    },
    /// A call that needs a `tool_result` with the same id in the next message.
    ToolUse {
        /// Unique in the answer, never empty.
        id: String,
        /// The tool.
        name: String,
        /// A JSON object, or what stood there instead.
        input: Result<Value, InvalidJson>,
    },
    /// Anything else, such as `redacted_thinking`: it is kept in the raw content.
    Other {
        /// Its `type`.
        kind: String,
    },
}

/// Why the model stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It was done.
    EndTurn,
    /// It waits for tool results.
    ToolUse,
    /// `max_tokens` was reached: discard the turn.
    MaxTokens,
    /// A stop sequence was written.
    StopSequence {
        /// Which one.
        sequence: Option<String>,
    },
    /// A server-side tool loop paused: send the content back and call again.
    PauseTurn,
    /// It refused.
    Refusal {
        /// The provider's category.
        category: Option<String>,
        /// The provider's words.
        explanation: Option<String>,
    },
    /// The context is full: discard the turn.
    ModelContextWindowExceeded,
    /// It paused after a compaction.
    Compaction,
    /// One that we do not know; empty when the provider gave none.
    Unknown(String),
}

impl StopReason {
    /// Whether the answer was cut off: its last block may be incomplete, and a tool call in it
    /// must not be run.
    pub fn is_truncated(&self) -> bool {
        match self {
            Self::MaxTokens | Self::ModelContextWindowExceeded => true,
            Self::EndTurn
            | Self::ToolUse
            | Self::StopSequence { .. }
            | Self::PauseTurn
            | Self::Refusal { .. }
            | Self::Compaction
            | Self::Unknown(_) => false,
        }
    }
}

/// What happens while an answer comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamEvent {
    /// The answer begins; from now on it costs money.
    Started {
        /// The model that answers.
        model: String,
    },
    /// More words.
    Text {
        /// The new part.
        delta: String,
    },
    /// More thinking.
    Thinking {
        /// The new part.
        delta: String,
    },
    /// A tool call begins; its input is complete only in the answer.
    ToolUse {
        /// The tool.
        name: String,
    },
    /// What the provider has charged for so far; later events overwrite earlier ones. It is
    /// what is known of an answer that is dropped.
    Billed(Billed),
    /// The stream is alive: a ping, a part of a tool's input, or an event of an unknown type.
    Alive,
}

/// A complete answer.
#[derive(Debug, Clone)]
pub struct MessagesAnswer {
    /// The provider's id of the answer.
    pub id: String,
    /// The model that answered; an alias names another one than was asked for.
    pub model: String,
    /// A JSON array of the assistant's blocks.
    ///
    /// Invariant: built once; store it and send it back as it is. [`blocks`] reads it again.
    pub content: Box<RawValue>,
    /// The same blocks, read.
    pub blocks: Vec<Block>,
    /// Why it stopped.
    pub stop: StopReason,
    /// Its tokens.
    pub usage: Usage,
    /// Its cost, from the price table.
    pub cost: MicroUsd,
    /// Requests that were sent for it.
    pub attempts: u32,
    /// Attempts that may have been billed without reporting their usage.
    pub unsettled: u32,
}
