//! The event stream: what it is put together to, however it was cut into pieces.

use models::sse::Decoder;
use models::wire::anthropic::{Applied, Assembly};
use models::{
    Block, ErrorKind, InvalidJson, MessagesAnswer, MicroUsd, StopReason, StreamEvent, StreamFault,
    Usage,
};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(crate) const TOOLS: &str = include_str!("../fixtures/messages_tools.sse");

type Read = Result<(MessagesAnswer, Vec<StreamEvent>), ErrorKind>;

fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut decoder = Decoder::new();
    let mut assembly = Assembly::new("claude-sonnet-5-5");
    let mut events = Vec::new();
    for piece in pieces {
        for frame in decoder.push(piece).map_err(ErrorKind::Stream)? {
            match assembly.apply(&frame)? {
                Applied::Event(event) => events.push(event),
                Applied::Done => return Ok((assembly.finish()?, events)),
            }
        }
    }
    Err(ErrorKind::Stream(StreamFault::Ended))
}

/// Writes events as the provider does.
pub(crate) fn sse(events: &[Value]) -> String {
    events
        .iter()
        .map(|event| {
            format!(
                "event: {}\ndata: {event}\n\n",
                event["type"].as_str().unwrap()
            )
        })
        .collect()
}

pub(crate) fn message_start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_9", "model": "claude-sonnet-5-5",
        "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}}})
}

pub(crate) fn message_end(reason: &str) -> [Value; 2] {
    [
        json!({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": null},
            "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]
}

fn answer_of(middle: &[Value], reason: &str) -> MessagesAnswer {
    let mut events = vec![message_start()];
    events.extend_from_slice(middle);
    events.extend(message_end(reason));
    read([sse(&events).as_bytes()]).unwrap().0
}

fn tool(index: u64, id: &str, parts: &[Value]) -> Vec<Value> {
    let start = json!({"type": "content_block_start", "index": index, "content_block":
        {"type": "tool_use", "id": id, "name": "f", "input": {}}});
    let deltas = parts.iter().map(|part| {
        json!({"type": "content_block_delta", "index": index, "delta":
            {"type": "input_json_delta", "partial_json": part}})
    });
    std::iter::once(start).chain(deltas).collect()
}

fn input_of(parts: &[Value]) -> (Result<Value, InvalidJson>, String) {
    let answer = answer_of(&tool(0, "toolu_1", parts), "tool_use");
    let content = answer.content.get().to_owned();
    match answer.blocks.into_iter().next() {
        Some(Block::ToolUse { input, .. }) => (input, content),
        other => panic!("{other:?}"),
    }
}

#[test]
fn content_is_kept_as_it_came() {
    let (answer, _) = read([TOOLS.as_bytes()]).unwrap();
    insta::assert_snapshot!(answer.content.get(), @r#"[{"type":"thinking","thinking":"","signature":"EqQBCgIYAhIM1gbcDa9GJwZA2b=="},{"type":"redacted_thinking","data":"EmwKAhgBEgy3va3pzix\/LafPsn4a"},{"type":"text","text":"Größe 🦀: “done”\n","citations":null},{"type":"tool_use","id":"toolu_01","name":"write_file","input":{"path": "src/main.rs", "content": "fn main() {}\n", "big": 1.50},"caller":{"type":"direct"}},{"type":"tool_use","id":"toolu_02","name":"list_files","input":{}},{"type":"hologram","z":1,"a":[ 1,2 ]}]"#);
}

#[test]
fn blocks_are_read() {
    let (answer, _) = read([TOOLS.as_bytes()]).unwrap();
    let input = json!({"path": "src/main.rs", "content": "fn main() {}\n", "big": 1.5});
    let tool = |id: &str, name: &str, input| Block::ToolUse {
        id: id.to_owned(),
        name: name.to_owned(),
        input: Ok(input),
    };
    let other = |kind: &str| Block::Other {
        kind: kind.to_owned(),
    };
    assert_eq!(
        answer.blocks,
        [
            Block::Thinking {
                text: String::new()
            },
            other("redacted_thinking"),
            Block::Text {
                text: "Größe 🦀: “done”\n".to_owned()
            },
            tool("toolu_01", "write_file", input),
            tool("toolu_02", "list_files", json!({})),
            other("hologram"),
        ]
    );
    assert_eq!(answer.stop, StopReason::ToolUse);
    assert_eq!(answer.id, "msg_01");
}

#[test]
fn usage_and_cost_are_counted() {
    let (answer, _) = read([TOOLS.as_bytes()]).unwrap();
    assert_eq!(
        answer.usage,
        Usage {
            input_tokens: 1_325,
            cached_tokens: 1_000,
            cache_write_tokens: 300,
            output_tokens: 89,
            reasoning_tokens: 40,
        }
    );
    // 25 * 2 + 1000 * 0.1 + 100 * 2.5 + 200 * 4 + 89 * 10 micro-USD.
    assert_eq!(answer.cost, MicroUsd(2_090));
    assert_eq!(answer.unsettled, 0);
}

#[test]
fn events_tell_the_progress() {
    let (_, events) = read([TOOLS.as_bytes()]).unwrap();
    let shown: Vec<StreamEvent> = events
        .into_iter()
        .filter(|event| *event != StreamEvent::Alive)
        .collect();
    let text = |delta: &str| StreamEvent::Text {
        delta: delta.to_owned(),
    };
    let tool = |name: &str| StreamEvent::ToolUse {
        name: name.to_owned(),
    };
    assert_eq!(
        shown,
        [
            StreamEvent::Started {
                model: "claude-sonnet-5-5".to_owned()
            },
            text("Größe 🦀: "),
            text("“done”\n"),
            tool("write_file"),
            tool("list_files"),
        ]
    );
}

#[test]
fn stored_content_is_read_again() {
    let (answer, _) = read([TOOLS.as_bytes()]).unwrap();
    let again = models::wire::anthropic::blocks(&answer.content).unwrap();
    assert_eq!(again, answer.blocks);
}

#[test]
fn thinking_keeps_text_and_signature() {
    let delta = |kind: &str, key: &str, part: &str| json!({"type": "content_block_delta", "index": 0, "delta": {"type": kind, key: part}});
    let answer = answer_of(
        &[
            json!({"type": "content_block_start", "index": 0, "content_block":
                {"type": "thinking", "thinking": "", "signature": ""}}),
            delta("thinking_delta", "thinking", "Let me "),
            delta("thinking_delta", "thinking", "see"),
            delta("signature_delta", "signature", "c2ln"),
        ],
        "end_turn",
    );
    let content: Value = serde_json::from_str(answer.content.get()).unwrap();
    assert_eq!(
        content,
        json!([{"type": "thinking", "thinking": "Let me see", "signature": "c2ln"}])
    );
}

#[test]
fn citations_are_collected() {
    let delta = |text: &str| {
        json!({"type": "content_block_delta", "index": 0, "delta":
            {"type": "citations_delta", "citation": {"cited_text": text}}})
    };
    let start = json!({"type": "content_block_start", "index": 0, "content_block":
        {"type": "text", "text": "", "citations": []}});
    let answer = answer_of(&[start, delta("a"), delta("b")], "end_turn");
    let content: Value = serde_json::from_str(answer.content.get()).unwrap();
    assert_eq!(
        content[0]["citations"],
        json!([{"cited_text": "a"}, {"cited_text": "b"}])
    );
}

#[test]
fn empty_input_is_an_empty_object() {
    for parts in [vec![], vec![json!("")], vec![json!(" \n")]] {
        let (input, content) = input_of(&parts);
        assert_eq!(input, Ok(json!({})));
        assert!(content.contains(r#""input":{}"#), "{content}");
    }
}

#[test]
fn key_order_and_spaces_of_inputs_are_kept() {
    let (input, content) = input_of(&[json!("{\"z\": 1,"), json!("  \"a\":\"\\u00e4\" }")]);
    assert_eq!(input, Ok(json!({"a": "ä", "z": 1})));
    assert!(
        content.contains(r#""input":{"z": 1,  "a":"\u00e4" }"#),
        "{content}"
    );
}

#[test]
fn input_sent_as_an_object_is_taken() {
    let (input, _) = input_of(&[json!({"a": 1})]);
    assert_eq!(input, Ok(json!({"a": 1})));
}

#[test]
fn invalid_inputs_are_told_and_can_be_sent_back() {
    for raw in [
        "{\"a\": \"cut o",
        "[1]",
        "7",
        "{\"a\":\"\\ud800\"}",
        "{} {}",
    ] {
        let (input, content) = input_of(&[json!(raw)]);
        let expected = InvalidJson {
            raw: raw.to_owned(),
        };
        assert_eq!(input, Err(expected));
        let content: Value = serde_json::from_str(&content).unwrap();
        assert_eq!(content[0]["input"], json!({ "INVALID_JSON": raw }));
    }
}

#[test]
fn missing_and_repeated_tool_ids_are_replaced() {
    let mut events = tool(0, "", &[]);
    events.extend(tool(1, "toolu_1", &[]));
    events.extend(tool(2, "toolu_1", &[]));
    let content: Value =
        serde_json::from_str(answer_of(&events, "tool_use").content.get()).unwrap();
    let ids: Vec<&str> = content
        .as_array()
        .unwrap()
        .iter()
        .map(|block| block["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["toolu_msg_9_0", "toolu_1", "toolu_msg_9_2"]);
}

#[test]
fn every_stop_reason_is_known() {
    for (reason, stop, truncated) in [
        ("end_turn", StopReason::EndTurn, false),
        ("stop", StopReason::EndTurn, false),
        ("tool_use", StopReason::ToolUse, false),
        ("max_tokens", StopReason::MaxTokens, true),
        ("pause_turn", StopReason::PauseTurn, false),
        ("compaction", StopReason::Compaction, false),
        (
            "model_context_window_exceeded",
            StopReason::ModelContextWindowExceeded,
            true,
        ),
        (
            "stop_sequence",
            StopReason::StopSequence { sequence: None },
            false,
        ),
        ("tired", StopReason::Unknown("tired".to_owned()), false),
    ] {
        let answer = answer_of(&[], reason);
        assert_eq!(answer.stop, stop);
        assert_eq!(answer.stop.is_truncated(), truncated, "{reason}");
    }
}

#[test]
fn refusal_keeps_its_category() {
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "refusal", "stop_details":
        {"type": "refusal", "category": "cyber", "explanation": null}}});
    let text = sse(&[message_start(), end, json!({"type": "message_stop"})]);
    let (answer, _) = read([text.as_bytes()]).unwrap();
    assert_eq!(
        answer.stop,
        StopReason::Refusal {
            category: Some("cyber".to_owned()),
            explanation: None
        }
    );
    // No final counts came: the attempt settles at its reservation.
    assert_eq!(answer.unsettled, 1);
    assert_eq!(answer.content.get(), "[]");
}

#[test]
fn error_events_are_errors() {
    let error = |kind: &str| json!({"type": "error", "error": {"type": kind, "message": "m"}});
    let kind = |events: &[Value]| read([sse(events).as_bytes()]).unwrap_err();
    assert_eq!(kind(&[error("overloaded_error")]), ErrorKind::Overloaded);
    assert_eq!(
        kind(&[message_start(), error("overloaded_error")]),
        ErrorKind::Stream(StreamFault::ErrorEvent {
            error_type: "overloaded_error".to_owned()
        })
    );
    assert_eq!(
        kind(&[message_start(), error("authentication_error")]),
        ErrorKind::InvalidKey
    );
}

#[test]
fn unshaped_streams_are_refused() {
    let delta = json!({"type": "content_block_delta", "index": 3, "delta":
        {"type": "text_delta", "text": "x"}});
    let stop = json!({"type": "message_stop"});
    for events in [
        vec![stop],
        vec![message_start(), message_start()],
        vec![message_start(), delta],
        vec![
            message_start(),
            json!({"type": "content_block_start", "index": 0}),
        ],
        [tool(0, "a", &[]), tool(0, "b", &[])].concat(),
    ] {
        let kind = read([sse(&events).as_bytes()]).unwrap_err();
        assert!(
            matches!(kind, ErrorKind::Stream(StreamFault::Malformed { .. })),
            "{kind:?}"
        );
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_answer(
        mut cuts in proptest::collection::vec(0..TOOLS.len(), 0..40),
        line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
    ) {
        let (whole, whole_events) = read([TOOLS.as_bytes()]).unwrap();
        let text = TOOLS.replace('\n', line_end);
        cuts.sort_unstable();
        let mut pieces = Vec::new();
        let mut rest = text.as_bytes();
        let mut start = 0;
        for cut in cuts {
            let (piece, after) = rest.split_at(cut - start);
            pieces.push(piece);
            rest = after;
            start = cut;
        }
        pieces.push(rest);
        let (answer, events) = read(pieces).unwrap();
        prop_assert_eq!(answer.content.get(), whole.content.get());
        prop_assert_eq!(answer.blocks, whole.blocks);
        prop_assert_eq!(answer.usage, whole.usage);
        prop_assert_eq!(answer.cost, whole.cost);
        prop_assert_eq!(answer.stop, whole.stop);
        prop_assert_eq!(events, whole_events);
    }

    #[test]
    fn any_end_too_early_is_no_answer(end in 0..TOOLS.len() - 1) {
        let kind = read([&TOOLS.as_bytes()[..end]]).map(|_| ()).unwrap_err();
        prop_assert_eq!(kind, ErrorKind::Stream(StreamFault::Ended));
    }
}

#[test]
fn single_bytes_give_the_same_answer() {
    let (whole, _) = read([TOOLS.as_bytes()]).unwrap();
    let (answer, _) = read(TOOLS.as_bytes().chunks(1)).unwrap();
    assert_eq!(answer.content.get(), whole.content.get());
}
