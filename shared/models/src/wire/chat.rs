//! Chat Completions: requests and answers, in the words of the other two dialects. Sources: xAI
//! OpenAPI `POST /v1/chat/completions` (October 2026), and the servers of llama.cpp, Ollama and
//! vLLM, which speak it with gaps.
//!
//! A conversation of an agent is kept in Anthropic's blocks. It is translated here, at the edge,
//! by a function of its bytes alone: what was sent once is sent again byte for byte.

mod answer;
mod assembly;
mod conversation;

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::anthropic::MessagesRequest;
use super::capability::takes_strict;
use super::xai::{InputRole, JsonSchemaFormat, ResponsesRequest};
use super::{Effort, Omit, effort_name};
use crate::error::Provider;

pub use answer::{messages_answer, responses_answer};
pub use assembly::{Applied, Assembly, Wrote};

/// How a server is made to answer with JSON of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Structured {
    /// It enforces the schema.
    #[default]
    JsonSchema,
    /// It enforces JSON; the schema stands in the instructions.
    JsonObject,
    /// It enforces nothing; the schema stands in the instructions.
    PromptOnly,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<Message<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tools: Vec<Tool<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Format<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_effort: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deferred: bool,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

/// One message. `content` is `null` only beside tool calls.
#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<Cow<'a, str>>,
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall<'a>>,
}

impl<'a> Message<'a> {
    fn said(role: &'static str, content: impl Into<Cow<'a, str>>) -> Self {
        Self {
            role,
            tool_call_id: None,
            content: Some(content.into()),
            tool_calls: Vec::new(),
        }
    }
}

#[derive(Serialize)]
struct ToolCall<'a> {
    id: Cow<'a, str>,
    r#type: &'static str,
    function: Called<'a>,
}

#[derive(Serialize)]
struct Called<'a> {
    name: Cow<'a, str>,
    /// JSON as text.
    arguments: Cow<'a, str>,
}

#[derive(Serialize)]
struct Tool<'a> {
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    description: &'a str,
    parameters: &'a Value,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    strict: bool,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Format<'a> {
    JsonSchema { json_schema: Schema<'a> },
    JsonObject,
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    schema: &'a Value,
    strict: bool,
}

/// The optional parameters that a question holds.
pub(crate) fn question_optional(request: &ResponsesRequest, structured: Structured) -> Omit {
    Omit {
        effort: request.effort.is_some(),
        cache: request.cache_key.is_some(),
        format: request.format.is_some() && structured != Structured::PromptOnly,
        strict: false,
    }
}

/// Returns the body of `POST {base}/chat/completions` for a question to a planner or a reviewer.
///
/// # Errors
/// None in practice: every field serialises.
pub fn question_body(
    request: &ResponsesRequest,
    structured: Structured,
) -> serde_json::Result<Vec<u8>> {
    question_without(request, structured, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn question_without(
    request: &ResponsesRequest,
    structured: Structured,
    omit: Omit,
) -> serde_json::Result<Vec<u8>> {
    let stream = request.output_allowance.is_some();
    serde_json::to_vec(&Body {
        stream,
        stream_options: stream.then_some(StreamOptions {
            include_usage: true,
        }),
        ..question(request, structured, omit)
    })
}

/// Returns the body that asks for an answer to be picked up later: xAI's deferred completions.
///
/// # Errors
/// None in practice: every field serialises.
pub fn deferred_body(request: &ResponsesRequest) -> serde_json::Result<Vec<u8>> {
    deferred_without(request, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn deferred_without(
    request: &ResponsesRequest,
    omit: Omit,
) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Body {
        deferred: true,
        ..question(request, Structured::JsonSchema, omit)
    })
}

fn question(request: &ResponsesRequest, structured: Structured, omit: Omit) -> Body<'_> {
    let structured = if omit.format {
        Structured::PromptOnly
    } else {
        structured
    };
    let mut messages = vec![Message::said("system", instructions(request, structured))];
    messages.retain(|message| {
        message
            .content
            .as_ref()
            .is_some_and(|text| !text.is_empty())
    });
    messages.extend(request.input.iter().map(|message| {
        let role = match message.role {
            InputRole::User => "user",
            InputRole::Assistant => "assistant",
        };
        Message::said(role, message.text.as_str())
    }));
    Body {
        messages,
        response_format: format(request.format.as_ref(), structured),
        reasoning_effort: effort(&request.model, request.effort, omit),
        max_completion_tokens: request.max_output_tokens,
        prompt_cache_key: request.cache_key.as_deref().filter(|_| !omit.cache),
        ..plain(&request.model)
    }
}

fn plain(model: &str) -> Body<'_> {
    Body {
        model,
        messages: Vec::new(),
        tools: Vec::new(),
        response_format: None,
        reasoning_effort: None,
        max_completion_tokens: None,
        prompt_cache_key: None,
        stream: false,
        stream_options: None,
        deferred: false,
    }
}

/// Where the server does not enforce the schema, the model is told it.
fn instructions(request: &ResponsesRequest, structured: Structured) -> Cow<'_, str> {
    match (&request.format, structured) {
        (None, _) | (Some(_), Structured::JsonSchema) => Cow::Borrowed(&request.instructions),
        (Some(format), Structured::JsonObject | Structured::PromptOnly) => Cow::Owned(format!(
            "{}\n\nAnswer with one JSON object and nothing else: no prose, no code fence. It must be valid against this JSON Schema:\n{}",
            request.instructions, format.schema
        )),
    }
}

fn format(format: Option<&JsonSchemaFormat>, structured: Structured) -> Option<Format<'_>> {
    let format = format?;
    match structured {
        Structured::JsonSchema => Some(Format::JsonSchema {
            json_schema: Schema {
                name: &format.name,
                schema: &format.schema,
                strict: true,
            },
        }),
        Structured::JsonObject => Some(Format::JsonObject),
        Structured::PromptOnly => None,
    }
}

fn effort(model: &str, effort: Option<Effort>, omit: Omit) -> Option<&'static str> {
    effort
        .filter(|_| !omit.effort)
        .and_then(|effort| effort_name(Provider::Chat, model, effort))
}

/// The optional parameters that an agent's turn holds.
pub(crate) fn turn_optional(request: &MessagesRequest) -> Omit {
    Omit {
        effort: request.effort.is_some(),
        strict: request.tools.iter().any(|tool| tool.strict),
        cache: false,
        format: false,
    }
}

/// Returns the body of `POST {base}/chat/completions` for a turn of an agent. It is streamed.
///
/// # Errors
/// A message's content is not a JSON array of blocks.
pub fn turn_body(request: &MessagesRequest) -> serde_json::Result<Vec<u8>> {
    turn_without(request, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn turn_without(request: &MessagesRequest, omit: Omit) -> serde_json::Result<Vec<u8>> {
    let system: Vec<&str> = request
        .system
        .iter()
        .map(|block| block.text.as_str())
        .collect();
    let mut messages = Vec::new();
    if !system.is_empty() {
        messages.push(Message::said("system", system.join("\n\n")));
    }
    for message in &request.messages {
        conversation::translate(message, &mut messages)?;
    }
    let strict = !omit.strict && takes_strict(&request.model);
    let tools = request.tools.iter().map(|tool| Tool {
        r#type: "function",
        function: Function {
            name: &tool.name,
            description: &tool.description,
            parameters: &tool.input_schema,
            strict: tool.strict && strict,
        },
    });
    serde_json::to_vec(&Body {
        messages,
        tools: tools.collect(),
        reasoning_effort: effort(&request.model, request.effort, omit),
        max_completion_tokens: Some(request.max_tokens),
        stream: true,
        stream_options: Some(StreamOptions {
            include_usage: true,
        }),
        ..plain(&request.model)
    })
}

/// Reads the answer to a deferred request: the id under which the completion can be read.
pub(crate) fn deferred_id(raw: &str) -> Option<String> {
    let value: Value = serde_json::from_str(raw).ok()?;
    let id = value.get("request_id")?.as_str()?;
    // It becomes a part of a path.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (!id.is_empty() && id.len() <= 128 && id.bytes().all(is_plain)).then(|| id.to_owned())
}

/// A tool's input as the dialect carries it: JSON in a text.
fn arguments(input: Option<&RawValue>) -> Cow<'_, str> {
    input.map_or(Cow::Borrowed("{}"), |input| Cow::Borrowed(input.get()))
}
