//! Puts a streamed answer together. Source: Messages API, streaming (read November 2026).

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::block::{self, Delta, Growing};
use super::usage::Counts;
use super::{MessagesAnswer, StopReason, StreamEvent};
use crate::error::{ErrorKind, Provider, StreamFault};
use crate::prices::{Price, Tariff};
use crate::sse::Frame;
use crate::usage::Billed;
use crate::wire::faults;

/// What an event of the stream led to.
#[derive(Debug, PartialEq, Eq)]
pub enum Applied {
    /// Something to show.
    Event(StreamEvent),
    /// The answer is complete: call [`Assembly::finish`].
    Done,
}

/// An answer that is still coming in.
#[derive(Debug)]
pub struct Assembly {
    requested: String,
    fixed: Option<Price>,
    is_batch: bool,
    head: Option<Head>,
    blocks: BTreeMap<u64, Growing>,
    stop: Stop,
    counts: Counts,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
struct MessageStart {
    message: Head,
}

#[derive(Debug, Deserialize)]
struct Head {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    usage: Value,
}

#[derive(Debug, Deserialize)]
struct Content {
    content: Vec<Box<RawValue>>,
}

#[derive(Debug, Deserialize)]
struct BlockStart {
    index: u64,
    content_block: Box<RawValue>,
}

#[derive(Debug, Deserialize)]
struct BlockDelta {
    index: u64,
    delta: Delta,
}

#[derive(Debug, Deserialize)]
struct MessageDelta {
    #[serde(default)]
    delta: Stop,
    #[serde(default)]
    usage: Value,
}

#[derive(Debug, Default, Deserialize)]
struct Stop {
    stop_reason: Option<String>,
    stop_sequence: Option<String>,
    #[serde(default)]
    stop_details: Value,
}

fn malformed(what: &'static str) -> ErrorKind {
    ErrorKind::Stream(StreamFault::Malformed { what })
}

fn parse<'a, T: Deserialize<'a>>(frame: &'a Frame, what: &'static str) -> Result<T, ErrorKind> {
    serde_json::from_str(&frame.data).map_err(|_| malformed(what))
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
            head: None,
            blocks: BTreeMap::new(),
            stop: Stop::default(),
            counts: Counts::default(),
        }
    }

    /// Whether the answer has begun: from then on it costs money.
    pub fn is_begun(&self) -> bool {
        self.head.is_some()
    }

    /// Returns usage and cost as far as the stream has reported them.
    pub fn billed(&self) -> Option<Billed> {
        let served = self.head.as_ref().map_or("", |head| head.model.as_str());
        let tariff = Tariff {
            requested: &self.requested,
            fixed: self.fixed,
            is_batch: self.is_batch,
        };
        self.counts.billed(served, &tariff)
    }

    /// Reads a message that came in one piece.
    pub(super) fn whole<'a>(
        message: &RawValue,
        tariff: impl Into<Tariff<'a>>,
    ) -> Result<MessagesAnswer, ErrorKind> {
        const WHAT: &str = "a message is malformed";
        fn part<'b, T: Deserialize<'b>>(message: &'b RawValue) -> Result<T, ErrorKind> {
            serde_json::from_str(message.get()).map_err(|_| malformed(WHAT))
        }
        let mut answer = Self::new(tariff);
        let head: Head = part(message)?;
        answer.counts.merge(&head.usage, true);
        answer.head = Some(head);
        answer.stop = part(message)?;
        let content: Content = part(message)?;
        for (index, block) in (0..).zip(&content.content) {
            let block = Growing::new(block).map_err(|_| malformed(WHAT))?;
            answer.blocks.insert(index, block);
        }
        answer.finish()
    }

    /// Takes the next event. Unknown types are ignored.
    ///
    /// # Errors
    /// An `error` event, or an event without its documented shape. The turn is lost.
    pub fn apply(&mut self, frame: &Frame) -> Result<Applied, ErrorKind> {
        let Kind { kind } = parse(frame, "an event has no type")?;
        match kind.as_str() {
            "message_start" => self.start(frame),
            "content_block_start" => self.start_block(frame),
            "content_block_delta" => self.add_delta(frame),
            "message_delta" => self.add_stop(frame),
            "message_stop" => Ok(Applied::Done),
            "error" => Err(self.error(frame)),
            // `content_block_stop`, `ping`, and types that do not exist yet.
            _ => Ok(Applied::Event(StreamEvent::Alive)),
        }
    }

    fn start(&mut self, frame: &Frame) -> Result<Applied, ErrorKind> {
        let start: MessageStart = parse(frame, "`message_start` is malformed")?;
        if self.head.is_some() {
            return Err(malformed("a second `message_start`"));
        }
        self.counts.merge(&start.message.usage, false);
        let model = start.message.model.clone();
        self.head = Some(start.message);
        Ok(Applied::Event(StreamEvent::Started { model }))
    }

    fn start_block(&mut self, frame: &Frame) -> Result<Applied, ErrorKind> {
        const WHAT: &str = "`content_block_start` is malformed";
        let start: BlockStart = parse(frame, WHAT)?;
        let block = Growing::new(&start.content_block).map_err(|_| malformed(WHAT))?;
        let event = if block.kind() == "tool_use" {
            StreamEvent::ToolUse { name: block.name() }
        } else {
            StreamEvent::Alive
        };
        if self.blocks.insert(start.index, block).is_some() {
            return Err(malformed("a block was begun twice"));
        }
        Ok(Applied::Event(event))
    }

    fn add_delta(&mut self, frame: &Frame) -> Result<Applied, ErrorKind> {
        const WHAT: &str = "`content_block_delta` is malformed";
        let BlockDelta { index, delta } = parse(frame, WHAT)?;
        let block = self
            .blocks
            .get_mut(&index)
            .ok_or_else(|| malformed("a delta without its block"))?;
        block.add(&delta).map_err(|_| malformed(WHAT))?;
        let event = match (delta.kind.as_str(), delta.text, delta.thinking) {
            ("text_delta", Some(delta), _) => StreamEvent::Text { delta },
            ("thinking_delta", _, Some(delta)) => StreamEvent::Thinking { delta },
            _ => StreamEvent::Alive,
        };
        Ok(Applied::Event(event))
    }

    fn add_stop(&mut self, frame: &Frame) -> Result<Applied, ErrorKind> {
        let MessageDelta { delta, usage } = parse(frame, "`message_delta` is malformed")?;
        self.counts.merge(&usage, true);
        if delta.stop_reason.is_some() {
            self.stop = delta;
        }
        Ok(Applied::Event(StreamEvent::Alive))
    }

    fn error(&self, frame: &Frame) -> ErrorKind {
        let Ok(value) = serde_json::from_str::<Value>(&frame.data) else {
            return malformed("`error` is malformed");
        };
        match faults::from_value(Provider::Anthropic, &value, &self.requested) {
            Some(kind) if !kind.is_transient() || !self.is_begun() => kind,
            Some(_) | None => ErrorKind::Stream(StreamFault::ErrorEvent {
                error_type: faults::error_type(&value),
            }),
        }
    }

    /// Returns the answer after [`Applied::Done`].
    ///
    /// # Errors
    /// The stream had no `message_start`.
    pub fn finish(self) -> Result<MessagesAnswer, ErrorKind> {
        let billed = self.billed().unwrap_or_default();
        let head = self
            .head
            .ok_or_else(|| malformed("`message_stop` without `message_start`"))?;
        let content = block::content(self.blocks.into_values(), &head.id)
            .map_err(|_| malformed("a block cannot be written"))?;
        let blocks =
            super::blocks(&content).map_err(|_| malformed("a block cannot be read back"))?;
        Ok(MessagesAnswer {
            id: head.id,
            model: head.model,
            content,
            blocks,
            stop: stop_reason(self.stop),
            usage: billed.usage,
            cost: billed.cost,
            attempts: 1,
            unsettled: u32::from(!self.counts.are_final()),
        })
    }
}

fn stop_reason(stop: Stop) -> StopReason {
    let detail = |key: &str| {
        let text = stop.stop_details.get(key).and_then(Value::as_str);
        text.map(str::to_owned)
    };
    match stop.stop_reason.as_deref().unwrap_or_default() {
        // `stop`, `tool_calls` and `length` come from servers that imitate the API.
        "end_turn" | "stop" => StopReason::EndTurn,
        "tool_use" | "tool_calls" => StopReason::ToolUse,
        "max_tokens" | "length" => StopReason::MaxTokens,
        "stop_sequence" => StopReason::StopSequence {
            sequence: stop.stop_sequence,
        },
        "pause_turn" => StopReason::PauseTurn,
        "refusal" => StopReason::Refusal {
            category: detail("category"),
            explanation: detail("explanation"),
        },
        "model_context_window_exceeded" => StopReason::ModelContextWindowExceeded,
        "compaction" => StopReason::Compaction,
        other => StopReason::Unknown(other.to_owned()),
    }
}
