//! Puts an answer together, from the chunks of a stream or from one whole body: a body is a chunk
//! whose `message` holds everything.
//!
//! Servers differ in how they cut tool calls: fragments of one call share an `index` and carry the
//! id once; xAI sends each call whole; some repeat index 0 for every call.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::error::{ErrorKind, Provider, StreamFault};
use crate::prices::{Charged, Price, Tariff};
use crate::sse::Frame;
use crate::usage::{Billed, Usage};
use crate::wire::faults;

/// What an event of the stream led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// The model wrote this. Any part may be empty.
    Wrote(Wrote),
    /// The stream has ended.
    Done,
}

/// New parts of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wrote {
    /// Words.
    pub text: String,
    /// Shown reasoning.
    pub reasoning: String,
    /// Bytes of tool inputs.
    pub input_bytes: usize,
    /// Names of tool calls that begin.
    pub tools: Vec<String>,
}

/// An answer that is still coming in.
#[derive(Debug)]
pub struct Assembly {
    requested: String,
    fixed: Option<Price>,
    is_batch: bool,
    pub(super) id: String,
    pub(super) model: String,
    pub(super) text: String,
    pub(super) refusal: Option<String>,
    pub(super) calls: Vec<Call>,
    pub(super) finish: Option<String>,
    usage: Value,
    begun: bool,
}

/// A tool call as far as it has come in.
#[derive(Debug, Default)]
pub(super) struct Call {
    index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    choices: Option<Vec<Choice>>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, alias = "message")]
    delta: Option<Delta>,
    #[serde(default, alias = "stop_reason")]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    /// A text, a list of parts with texts, or null.
    #[serde(default)]
    content: Value,
    #[serde(default, alias = "reasoning")]
    reasoning_content: Value,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Fragment>>,
}

#[derive(Deserialize)]
struct Fragment {
    #[serde(default)]
    index: Option<u64>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    function: Option<Function>,
}

#[derive(Deserialize, Default)]
struct Function {
    #[serde(default)]
    name: Option<String>,
    /// A text; some servers send the object itself.
    #[serde(default)]
    arguments: Option<Box<RawValue>>,
}

fn malformed(what: &'static str) -> ErrorKind {
    ErrorKind::Stream(StreamFault::Malformed { what })
}

impl Assembly {
    /// Returns an empty answer. `tariff` names the model that was asked for; it matters for the
    /// price and for error texts only.
    pub fn new<'a>(tariff: impl Into<Tariff<'a>>) -> Self {
        let Tariff {
            requested,
            fixed,
            is_batch,
        } = tariff.into();
        Self {
            requested: requested.to_owned(),
            fixed,
            is_batch,
            id: String::new(),
            model: String::new(),
            text: String::new(),
            refusal: None,
            calls: Vec::new(),
            finish: None,
            usage: Value::Null,
            begun: false,
        }
    }

    /// Whether the answer has begun: from then on it costs money.
    pub fn is_begun(&self) -> bool {
        self.begun
    }

    /// Whether the server said why the model stopped, so that nothing of the answer is missing.
    pub fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Takes the next event of a stream.
    ///
    /// # Errors
    /// An error instead of a chunk, or a chunk without its documented shape. The turn is lost.
    pub fn apply(&mut self, frame: &Frame) -> Result<Applied, ErrorKind> {
        if frame.data.trim() == "[DONE]" {
            return Ok(Applied::Done);
        }
        self.add(&frame.data).map(Applied::Wrote)
    }

    /// Takes a whole body with status 200.
    ///
    /// # Errors
    /// As [`Assembly::apply`]; [`ErrorKind::Malformed`] when it is no completion.
    pub fn whole(&mut self, raw: &str) -> Result<(), ErrorKind> {
        let wrong = |what| ErrorKind::Malformed { what };
        let value: Value = serde_json::from_str(raw).map_err(|_| wrong("it is not JSON"))?;
        let has_choice = value
            .get("choices")
            .and_then(Value::as_array)
            .is_some_and(|choices| !choices.is_empty());
        let has_error = value.get("error").is_some_and(|error| !error.is_null());
        if !has_choice && !has_error {
            self.usage = value.get("usage").cloned().unwrap_or_default();
            return Err(wrong("it does not have the shape of a completion"));
        }
        self.add(raw).map(|_| ()).map_err(|kind| {
            if matches!(kind, ErrorKind::Stream(_)) {
                wrong("it does not have the shape of a completion")
            } else {
                kind
            }
        })
    }

    fn add(&mut self, data: &str) -> Result<Wrote, ErrorKind> {
        let value: Value = serde_json::from_str(data)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| malformed("a chunk is not a JSON object"))?;
        if let Some(usage) = value.get("usage").filter(|usage| usage.is_object()) {
            self.usage = usage.clone();
        }
        if let Some(kind) = faults::from_value(Provider::Chat, &value, &self.requested) {
            if kind.is_transient() && self.begun {
                return Err(ErrorKind::Stream(StreamFault::ErrorEvent {
                    error_type: "error".to_owned(),
                }));
            }
            return Err(kind);
        }
        // Read anew: a value does not keep the bytes of a tool's input.
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|_| malformed("a chunk does not have its shape"))?;
        Ok(self.take(chunk))
    }

    fn take(&mut self, chunk: Chunk) -> Wrote {
        self.begun = true;
        keep(&mut self.id, chunk.id);
        keep(&mut self.model, chunk.model);
        if chunk.usage.is_object() {
            self.usage = chunk.usage;
        }
        let mut wrote = Wrote::default();
        // More than one choice is never asked for.
        if let Some(choice) = chunk.choices.into_iter().flatten().next() {
            self.finish = choice
                .finish_reason
                .filter(|reason| !reason.is_empty())
                .or(self.finish.take());
            if let Some(delta) = choice.delta {
                self.extend(delta, &mut wrote);
            }
        }
        wrote
    }

    fn extend(&mut self, delta: Delta, wrote: &mut Wrote) {
        wrote.text = text(&delta.content);
        wrote.reasoning = text(&delta.reasoning_content);
        self.text.push_str(&wrote.text);
        if let Some(refusal) = delta.refusal.filter(|refusal| !refusal.is_empty()) {
            self.refusal.get_or_insert_default().push_str(&refusal);
        }
        for fragment in delta.tool_calls.into_iter().flatten() {
            self.call(fragment, wrote);
        }
    }

    fn call(&mut self, fragment: Fragment, wrote: &mut Wrote) {
        let Function { name, arguments } = fragment.function.unwrap_or_default();
        let id = fragment.id.filter(|id| !id.is_empty());
        let name = name.filter(|name| !name.is_empty());
        let position = self.calls.iter().rposition(|call| {
            let same_id = id
                .as_ref()
                .is_none_or(|id| call.id.is_empty() || call.id == *id);
            match fragment.index {
                Some(index) => call.index == Some(index) && same_id,
                // Without an index only what names nothing new goes on.
                None => {
                    same_id
                        && (name.is_none()
                            || (id.is_some() && call.id == *id.as_deref().unwrap_or("")))
                }
            }
        });
        let position = position.unwrap_or_else(|| {
            self.calls.push(Call {
                index: fragment.index,
                ..Call::default()
            });
            wrote.tools.extend(name.clone());
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(position) else {
            return;
        };
        keep(&mut call.id, id);
        keep(&mut call.name, name);
        if let Some(part) = arguments {
            let before = call.arguments.len();
            if part.get().starts_with('"') {
                let part: String = serde_json::from_str(part.get()).unwrap_or_default();
                call.arguments.push_str(&part);
            } else if part.get() != "null" {
                call.arguments.push_str(part.get());
            }
            wrote.input_bytes += call.arguments.len() - before;
        }
    }

    /// Returns usage and cost as far as they were reported.
    pub fn billed(&self) -> Option<Billed> {
        let usage = self.usage.as_object()?;
        let count = |pointer: &str| self.usage.pointer(pointer).and_then(Value::as_u64);
        if usage.is_empty()
            || (count("/prompt_tokens").is_none() && count("/total_tokens").is_none())
        {
            return None;
        }
        let input = count("/prompt_tokens").unwrap_or(0);
        let cached = count("/prompt_tokens_details/cached_tokens").unwrap_or(0);
        // At xAI `completion_tokens` may leave reasoning out; the total has it.
        let beyond_input = count("/total_tokens").map_or(0, |total| total.saturating_sub(input));
        let tokens = Usage {
            input_tokens: input,
            cached_tokens: cached.min(input),
            cache_write_tokens: 0,
            output_tokens: count("/completion_tokens").unwrap_or(0).max(beyond_input),
            reasoning_tokens: count("/completion_tokens_details/reasoning_tokens").unwrap_or(0),
        };
        let tariff = Tariff {
            requested: &self.requested,
            fixed: self.fixed,
            is_batch: self.is_batch,
        };
        let cost = count("/cost_in_usd_ticks").map_or_else(
            || {
                tariff.price(Provider::Chat, &self.model).cost(&Charged {
                    fresh: tokens.input_tokens - tokens.cached_tokens,
                    cached: tokens.cached_tokens,
                    output: tokens.output_tokens,
                    ..Charged::default()
                })
            },
            crate::prices::from_ticks,
        );
        Some(Billed {
            usage: tokens,
            cost,
        })
    }
}

/// Keeps the first text that is not empty.
fn keep(known: &mut String, new: Option<String>) {
    if known.is_empty() {
        *known = new.unwrap_or_default();
    }
}

fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text")?.as_str())
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => String::new(),
    }
}
