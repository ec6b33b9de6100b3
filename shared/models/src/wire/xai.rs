//! xAI Responses: requests and answers. Source: xAI OpenAPI `POST /v1/responses` (October 2026).

mod stream;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{ErrorKind, Provider};
use crate::prices::{self, Charged, MicroUsd, Tariff};
use crate::usage::{Billed, Usage};
use crate::wire::{Effort, Omit, effort_name, faults};

pub use stream::{Applied, Reading};

/// Who said an input message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InputRole {
    /// We.
    User,
    /// The model, earlier.
    Assistant,
}

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputMessage {
    /// Who said it.
    pub role: InputRole,
    /// What was said.
    pub text: String,
}

/// The schema that the answer's text must obey.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonSchemaFormat {
    /// A name for the schema: letters, digits, `_` and `-`, at most 64.
    pub name: String,
    /// The schema; [`check_intersection`](crate::schema::check_intersection) says whether both
    /// providers take it.
    pub schema: Value,
}

/// A request. It is never stored at the provider (`store: false`).
#[derive(Debug, Clone, PartialEq)]
pub struct ResponsesRequest {
    /// The model id.
    pub model: String,
    /// The system prompt.
    pub instructions: String,
    /// The conversation, oldest first; at least one message.
    pub input: Vec<InputMessage>,
    /// The schema of the answer; without it the answer is free text.
    pub format: Option<JsonSchemaFormat>,
    /// How much to think; left out for models that reject it.
    pub effort: Option<Effort>,
    /// The limit of the visible text. It does not limit reasoning, and so is no limit of cost.
    pub max_output_tokens: Option<u32>,
    /// Calls with the same key share a cache.
    pub cache_key: Option<String>,
    /// What the answer may cost in output tokens, hidden reasoning included. With it, the answer
    /// is streamed, and cut off ([`ErrorKind::AllowanceSpent`]) when it has probably passed it.
    pub output_allowance: Option<u64>,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    instructions: &'a str,
    input: Vec<Input<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning: Option<Reasoning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_output_tokens: Option<u32>,
    store: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_cache_key: Option<&'a str>,
}

#[derive(Serialize)]
struct Input<'a> {
    role: InputRole,
    content: &'a str,
}

#[derive(Serialize)]
struct Text<'a> {
    format: Format<'a>,
}

#[derive(Serialize)]
struct Format<'a> {
    r#type: &'static str,
    name: &'a str,
    schema: &'a Value,
    strict: bool,
}

#[derive(Serialize)]
struct Reasoning {
    effort: &'static str,
}

/// The optional parameters that a request holds.
pub(crate) fn optional(request: &ResponsesRequest) -> Omit {
    Omit {
        effort: request.effort.is_some(),
        cache: request.cache_key.is_some(),
        ..Omit::default()
    }
}

/// Returns the body of `POST {base}/responses`.
///
/// # Errors
/// None in practice: every field serialises.
pub fn request_body(request: &ResponsesRequest) -> serde_json::Result<Vec<u8>> {
    body_without(request, Omit::default())
}

/// The same without what `omit` names.
pub(crate) fn body_without(request: &ResponsesRequest, omit: Omit) -> serde_json::Result<Vec<u8>> {
    let input = request.input.iter().map(|message| Input {
        role: message.role,
        content: &message.text,
    });
    let text = request.format.as_ref().map(|format| Text {
        format: Format {
            r#type: "json_schema",
            name: &format.name,
            schema: &format.schema,
            strict: true,
        },
    });
    serde_json::to_vec(&Body {
        model: &request.model,
        instructions: &request.instructions,
        input: input.collect(),
        text,
        reasoning: request
            .effort
            .filter(|_| !omit.effort)
            .and_then(|effort| effort_name(Provider::Xai, &request.model, effort))
            .map(|effort| Reasoning { effort }),
        max_output_tokens: request.max_output_tokens,
        store: false,
        stream: request.output_allowance.is_some(),
        prompt_cache_key: request.cache_key.as_deref().filter(|_| !omit.cache),
    })
}

/// How an answer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// Wholly.
    Completed,
    /// It was cut off: the text is incomplete.
    Truncated,
    /// The model, or a filter, refused.
    Refused {
        /// The model's words, or `content_filter`.
        reason: String,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponsesAnswer {
    /// The provider's id of the answer.
    pub id: String,
    /// The model that answered; an alias names another one than was asked for.
    pub model: String,
    /// How it ended.
    pub finish: Finish,
    /// The text: JSON when a format was asked for and `finish` is `Completed`. May be empty.
    pub text: String,
    /// Its tokens; all 0 when the provider left them out.
    pub usage: Usage,
    /// Its cost: the provider's own figure, else from the price table.
    pub cost: MicroUsd,
    /// The body as received; [`answer`] reads it again.
    pub raw: String,
    /// Requests that were sent for it.
    pub attempts: u32,
    /// Attempts that may have been billed without reporting their usage.
    pub unsettled: u32,
}

#[derive(Deserialize)]
struct Wire {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    incomplete_details: Option<Incomplete>,
    output: Vec<Item>,
}

#[derive(Deserialize)]
struct Incomplete {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    r#type: String,
    /// Read for messages only: other items may hold anything here.
    #[serde(default)]
    content: Value,
}

/// Reads the body of an answer with status 200. `tariff` names the model that was asked for; it
/// matters for the price only.
///
/// # Errors
/// An error inside the body (see [`faults::from_value`]); [`ErrorKind::Malformed`] when it is not
/// a finished response.
pub fn answer<'a>(
    raw: String,
    tariff: impl Into<Tariff<'a>>,
) -> Result<ResponsesAnswer, ErrorKind> {
    let tariff = tariff.into();
    let malformed = |what| ErrorKind::Malformed { what };
    let value: Value = serde_json::from_str(&raw).map_err(|_| malformed("it is not JSON"))?;
    if let Some(kind) = faults::from_value(Provider::Xai, &value, tariff.requested) {
        return Err(kind);
    }
    // Serde would also fill a struct from an array.
    if !value.is_object() {
        return Err(malformed("it is not a JSON object"));
    }
    let (billed, reported) = billed(&value, &tariff);
    let wire: Wire = serde_json::from_value(value)
        .map_err(|_| malformed("it does not have the shape of a response"))?;
    let (text, refusal) = texts(&wire.output);
    let finish = finish(&wire, refusal)?;
    Ok(ResponsesAnswer {
        id: wire.id,
        model: wire.model,
        finish,
        text,
        usage: billed.usage,
        cost: billed.cost,
        raw,
        attempts: 1,
        unsettled: u32::from(!reported),
    })
}

fn finish(wire: &Wire, refusal: Option<String>) -> Result<Finish, ErrorKind> {
    let reason = wire
        .incomplete_details
        .as_ref()
        .and_then(|details| details.reason.as_deref());
    match (wire.status.as_deref(), reason) {
        (_, Some("content_filter")) => Ok(Finish::Refused {
            reason: refusal.unwrap_or_else(|| "content_filter".to_owned()),
        }),
        (Some("incomplete"), _) => Ok(Finish::Truncated),
        // Servers that imitate the API leave the status out.
        (Some("completed") | None, _) => Ok(match refusal {
            Some(reason) => Finish::Refused { reason },
            None => Finish::Completed,
        }),
        (Some("failed"), _) => Err(ErrorKind::Server { status: 500 }),
        (Some(_), _) => Err(ErrorKind::Malformed {
            what: "the response is not finished",
        }),
    }
}

/// Joins every `output_text` of every message; the first refusal counts.
fn texts(output: &[Item]) -> (String, Option<String>) {
    let mut text = String::new();
    let mut refusal = None;
    for item in output.iter().filter(|item| item.r#type == "message") {
        for part in item.content.as_array().into_iter().flatten() {
            let string = |key: &str| part.get(key).and_then(Value::as_str);
            match string("type") {
                Some("output_text") => text.push_str(string("text").unwrap_or_default()),
                Some("refusal") if refusal.is_none() => {
                    refusal = Some(string("refusal").unwrap_or("refusal").to_owned());
                }
                Some(_) | None => {}
            }
        }
    }
    (text, refusal)
}

/// Returns usage and cost of a body that may be an error, and whether it reported them.
pub(crate) fn billed(body: &Value, tariff: &Tariff<'_>) -> (Billed, bool) {
    let Some(usage) = body.get("usage").filter(|usage| usage.is_object()) else {
        return (Billed::default(), false);
    };
    let count = |pointer: &str| usage.pointer(pointer).and_then(Value::as_u64);
    let input = count("/input_tokens").unwrap_or(0);
    let cached = count("/input_tokens_details/cached_tokens").unwrap_or(0);
    // Where a dialect counts reasoning apart, only the total has it.
    let beyond_input = count("/total_tokens").map_or(0, |total| total.saturating_sub(input));
    let output = count("/output_tokens").unwrap_or(0).max(beyond_input);
    let tokens = Usage {
        input_tokens: input,
        cached_tokens: cached.min(input),
        cache_write_tokens: 0,
        output_tokens: output,
        reasoning_tokens: count("/output_tokens_details/reasoning_tokens").unwrap_or(0),
    };
    let cost = count("/cost_in_usd_ticks").map_or_else(
        || {
            let served = body.get("model").and_then(Value::as_str);
            let price = tariff.price(Provider::Xai, served.unwrap_or_default());
            price.cost(&Charged {
                fresh: tokens.input_tokens - tokens.cached_tokens,
                cached: tokens.cached_tokens,
                output: tokens.output_tokens,
                ..Charged::default()
            })
        },
        prices::from_ticks,
    );
    (
        Billed {
            usage: tokens,
            cost,
        },
        true,
    )
}
