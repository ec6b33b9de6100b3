//! Chat Completions: what is sent for the two kinds of requests, and the gaps of the servers that
//! speak it (row 36 of the list of misbehaviours).

use models::sse::Frame;
use models::wire::chat::{
    Applied, Assembly, Structured, deferred_body, messages_answer, question_body, responses_answer,
    turn_body,
};
use models::{
    Block, ErrorKind, Finish, MessagesAnswer, MicroUsd, Price, Role, StopReason, Usage, prices,
};
use serde_json::{Value, json};

use crate::anthropic_wire::message;

pub(crate) fn turn() -> models::MessagesRequest {
    models::MessagesRequest {
        model: "gpt-x".to_owned(),
        messages: vec![
            message(Role::User, r#"[{"type":"text","text":"Go."}]"#),
            message(
                Role::Assistant,
                r#"[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I look."},{"type":"tool_use","id":"call_1","name":"read_file","input":{"z": 1, "a":"ß"}},{"type":"tool_use","id":"call_2","name":"list_files","input":{}}]"#,
            ),
            message(
                Role::User,
                r#"[{"type":"tool_result","tool_use_id":"call_1","content":"no such file","is_error":true},{"type":"tool_result","tool_use_id":"call_2","content":[{"type":"text","text":"a.js"}]},{"type":"text","text":"Go on."}]"#,
            ),
        ],
        ..crate::anthropic_wire::request()
    }
}

fn text(body: serde_json::Result<Vec<u8>>) -> String {
    String::from_utf8(body.unwrap()).unwrap()
}

fn question(structured: Structured) -> Value {
    let body = question_body(&crate::xai_wire::request(), structured);
    serde_json::from_str(&text(body)).unwrap()
}

fn frame(data: &Value) -> Frame {
    Frame {
        event: String::new(),
        data: data.to_string(),
    }
}

fn streamed(deltas: &[Value], reason: &Value) -> Assembly {
    let mut assembly = Assembly::new("gpt-x");
    for delta in deltas {
        let chunk = json!({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-x",
            "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        assembly.apply(&frame(&chunk)).unwrap();
    }
    let end = json!({"id": "c1", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    assembly.apply(&frame(&end)).unwrap();
    assembly
}

fn turn_of(deltas: &[Value], reason: &str) -> MessagesAnswer {
    messages_answer(streamed(deltas, &json!(reason))).unwrap()
}

fn whole(body: &Value) -> Assembly {
    let mut assembly = Assembly::new("grok-4.7");
    assembly.whole(&body.to_string()).unwrap();
    assembly
}

fn calls(deltas: &[Value]) -> Value {
    let answer = turn_of(deltas, "tool_calls");
    assert_eq!(answer.stop, StopReason::ToolUse);
    serde_json::from_str(answer.content.get()).unwrap()
}

#[test]
fn question_has_the_documented_shape() {
    insta::assert_snapshot!(question(Structured::JsonSchema), @r#"{"max_completion_tokens":32000,"messages":[{"content":"You plan.","role":"system"},{"content":"A \"shop\"\nin Köln","role":"user"},{"content":"{}","role":"assistant"}],"model":"grok-4.7","prompt_cache_key":"task-1-plan","reasoning_effort":"high","response_format":{"json_schema":{"name":"plan","schema":{"additionalProperties":false,"properties":{"title":{"type":"string"}},"required":["title"],"type":"object"},"strict":true},"type":"json_schema"}}"#);
}

#[test]
fn servers_without_schemas_are_told_them_in_words() {
    let object = question(Structured::JsonObject);
    assert_eq!(object["response_format"], json!({"type": "json_object"}));
    let prompt = question(Structured::PromptOnly);
    assert_eq!(prompt.get("response_format"), None);
    for body in [object, prompt] {
        let rules = body["messages"][0]["content"].as_str().unwrap();
        assert!(rules.starts_with("You plan.\n\n") && rules.contains(r#""required":["title"]"#));
    }
}

#[test]
fn deferred_question_says_so_and_is_not_streamed() {
    let body = text(deferred_body(&crate::xai_wire::request()));
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["deferred"], true);
    assert_eq!(body.get("stream"), None);
    assert_eq!(body["response_format"]["type"], "json_schema");
}

#[test]
fn turn_has_the_documented_shape() {
    insta::assert_snapshot!(text(turn_body(&turn())), @r#"{"model":"gpt-x","messages":[{"role":"system","content":"You write code.\n\nThis project.\n\nThis task."},{"role":"user","content":"Go."},{"role":"assistant","content":"I look.","tool_calls":[{"id":"call_1","type":"function","function":{"name":"read_file","arguments":"{\"z\": 1, \"a\":\"ß\"}"}},{"id":"call_2","type":"function","function":{"name":"list_files","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_1","content":"Error: no such file"},{"role":"tool","tool_call_id":"call_2","content":"a.js"},{"role":"user","content":"Go on."}],"tools":[{"type":"function","function":{"name":"list_files","description":"Lists files.","parameters":{"additionalProperties":false,"properties":{},"type":"object"},"strict":true}}],"reasoning_effort":"high","max_completion_tokens":64000,"stream":true,"stream_options":{"include_usage":true}}"#);
}

#[test]
fn equal_conversations_are_sent_as_equal_bytes() {
    let whole = text(turn_body(&turn()));
    assert_eq!(whole, text(turn_body(&turn())));
    // The bytes of an earlier turn stay as they are when the conversation goes on.
    let mut shorter = turn();
    shorter.messages.pop();
    let shorter: Value = serde_json::from_str(&text(turn_body(&shorter))).unwrap();
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let (shorter, whole) = (&shorter["messages"], &whole["messages"]);
    let earlier = shorter.as_array().unwrap();
    assert_eq!(earlier[..], whole.as_array().unwrap()[..earlier.len()]);
}

#[test]
fn what_was_said_goes_back_as_it_came() {
    let arguments = r#"{"path":"ä.js",  "content":"1 < 2\n","n":1.0}"#;
    let answer = turn_of(
        &[
            json!({"content": "Writing.", "tool_calls": [{"index": 0, "id": "call_9",
            "type": "function", "function": {"name": "write_file", "arguments": arguments}}]}),
        ],
        "tool_calls",
    );
    let mut request = turn();
    request.messages = vec![
        message(Role::User, r#"[{"type":"text","text":"Go."}]"#),
        message(Role::Assistant, answer.content.get()),
        message(
            Role::User,
            r#"[{"type":"tool_result","tool_use_id":"call_9","content":"ok"}]"#,
        ),
    ];
    let body: Value = serde_json::from_str(&text(turn_body(&request))).unwrap();
    let said = &body["messages"][2];
    assert_eq!(said["content"], "Writing.");
    assert_eq!(said["tool_calls"][0]["id"], "call_9");
    assert_eq!(said["tool_calls"][0]["function"]["arguments"], arguments);
    assert_eq!(body["messages"][3]["tool_call_id"], "call_9");
}

#[test]
fn fragments_and_whole_calls_give_the_same() {
    let whole = calls(&[json!({"tool_calls": [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x\":1}"}},
        {"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]})]);
    let fragments = calls(&[
        json!({"role": "assistant", "content": null, "tool_calls": [
            {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
        json!({"tool_calls": [{"index": 0, "function": {"arguments": "{\"x\""}}]}),
        json!({"tool_calls": [{"index": 0, "id": "", "function": {"name": "", "arguments": ":1}"}}]}),
        json!({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}]}),
    ]);
    assert_eq!(whole, fragments);
    assert_eq!(whole[0]["input"], json!({"x": 1}));
    assert_eq!(whole[1]["input"], json!({}));
}

#[test]
fn row_36_every_call_is_told_apart_although_all_have_index_0() {
    let blocks = calls(&[
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}}]}),
        json!({"tool_calls": [{"index": 0, "id": "b", "function": {"name": "f", "arguments": "{}"}}]}),
        json!({"tool_calls": [{"id": "c", "function": {"name": "g", "arguments": "{}"}}]}),
        json!({"tool_calls": [{"function": {"name": "g", "arguments": "{}"}}]}),
    ]);
    assert_eq!(blocks.as_array().unwrap().len(), 4);
}

#[test]
fn row_36_empty_and_repeated_ids_are_replaced() {
    let blocks = calls(&[json!({"tool_calls": [
        {"index": 0, "id": "", "function": {"name": "f", "arguments": "{}"}},
        {"index": 1, "id": "x", "function": {"name": "f", "arguments": "{}"}},
        {"index": 2, "id": "x", "function": {"name": "f", "arguments": "{}"}}]})]);
    let ids: Vec<_> = (0..3).map(|at| blocks[at]["id"].clone()).collect();
    assert_eq!(ids, ["call_c1_0", "x", "call_c1_2"]);
}

#[test]
fn row_36_arguments_may_be_an_object() {
    let blocks = calls(&[json!({"tool_calls": [
        {"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": [1]}}}]})]);
    assert_eq!(blocks[0]["input"], json!({"x": [1]}));
}

#[test]
fn row_05_arguments_that_are_no_json_are_told_to_the_model() {
    let answer = turn_of(
        &[json!({"tool_calls": [{"index": 0, "id": "a",
            "function": {"name": "f", "arguments": "{\"x\": "}}]})],
        "tool_calls",
    );
    let Block::ToolUse { input, .. } = &answer.blocks[0] else {
        panic!("no tool call");
    };
    assert_eq!(input.as_ref().unwrap_err().raw, "{\"x\":");
}

#[test]
fn row_36_tool_calls_are_run_whatever_reason_is_given() {
    let call = json!({"tool_calls": [{"index": 0, "id": "a",
        "function": {"name": "f", "arguments": "{}"}}]});
    for reason in ["stop", "tool_calls", "tool_use", "end_turn", ""] {
        let answer = turn_of(std::slice::from_ref(&call), reason);
        assert_eq!(answer.stop, StopReason::ToolUse, "{reason}");
    }
    // Unless the answer was cut off.
    assert_eq!(turn_of(&[call], "length").stop, StopReason::MaxTokens);
}

#[test]
fn every_reason_to_stop_is_known() {
    let text = [json!({"content": "x"})];
    let stop = |reason: &str| turn_of(&text, reason).stop;
    assert_eq!(stop("stop"), StopReason::EndTurn);
    assert_eq!(stop("length"), StopReason::MaxTokens);
    let category = Some("content_filter".to_owned());
    let explanation = None;
    assert_eq!(
        stop("content_filter"),
        StopReason::Refusal {
            category,
            explanation
        }
    );
    assert_eq!(stop("odd"), StopReason::Unknown("odd".to_owned()));
}

#[test]
fn row_36_missing_usage_is_unsettled() {
    let answer = turn_of(&[json!({"content": "x"})], "stop");
    assert_eq!((answer.usage, answer.unsettled), (Usage::default(), 1));
    let body = json!({"id": "c", "choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}],
        "usage": null});
    assert_eq!(responses_answer(whole(&body), String::new()).unsettled, 1);
}

#[test]
fn row_36_reasoning_is_neither_text_nor_sent_back() {
    for name in ["reasoning_content", "reasoning"] {
        let answer = turn_of(
            &[
                json!({name: "hm", "content": null}),
                json!({"content": [{"type": "text", "text": "x"}]}),
            ],
            "stop",
        );
        assert_eq!(answer.content.get(), r#"[{"type":"text","text":"x"}]"#);
    }
}

#[test]
fn row_06_empty_answer_is_an_empty_turn() {
    let answer = turn_of(&[json!({"role": "assistant", "content": null})], "stop");
    assert_eq!(answer.content.get(), "[]");
    assert_eq!(answer.stop, StopReason::EndTurn);
}

#[test]
fn row_07_refusals_are_refusals() {
    let body = json!({"choices": [{"message": {"content": null, "refusal": "No."}, "finish_reason": "stop"}]});
    let answer = responses_answer(whole(&body), String::new());
    let reason = "No.".to_owned();
    assert_eq!(answer.finish, Finish::Refused { reason });
}

#[test]
fn row_32_reasoning_that_xai_leaves_out_is_counted_and_ticks_are_preferred() {
    let mut body = json!({"model": "grok-4.7", "choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
            "prompt_tokens_details": {"cached_tokens": 6},
            "completion_tokens_details": {"reasoning_tokens": 94}}});
    let answer = responses_answer(whole(&body), String::new());
    assert_eq!(answer.usage.output_tokens, 103);
    // 26 * 2 + 6 * 0.5 + 103 * 6 micro-USD.
    assert_eq!(answer.cost, MicroUsd(673));
    body["usage"]["cost_in_usd_ticks"] = json!(23_800_000);
    assert_eq!(
        responses_answer(whole(&body), String::new()).cost,
        MicroUsd(2_380)
    );
}

#[test]
fn price_of_the_settings_counts_before_the_table() {
    let tariff = prices::Tariff {
        requested: "grok-4.7",
        fixed: Some(Price::flat(1_000_000, 0, 2_000_000)),
        is_batch: false,
    };
    let mut assembly = Assembly::new(tariff);
    let body = json!({"choices": [{"message": {"content": "x"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2}});
    assembly.whole(&body.to_string()).unwrap();
    assert_eq!(assembly.billed().unwrap().cost, MicroUsd(7));
}

#[test]
fn unknown_fields_and_empty_choices_are_passed_over() {
    let mut assembly = Assembly::new("gpt-x");
    for chunk in [
        json!({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}, "x": {}}),
        json!({"id": null, "model": null, "choices": null, "prompt_filter_results": []}),
    ] {
        assert!(matches!(
            assembly.apply(&frame(&chunk)),
            Ok(Applied::Wrote(_))
        ));
    }
    assert_eq!(assembly.billed().unwrap().usage.output_tokens, 2);
}

#[test]
fn row_25_error_with_status_200_is_an_error() {
    let mut assembly = Assembly::new("grok-4.7");
    let body = json!({"code": "The service is currently unavailable", "error": "m"});
    assert_eq!(
        assembly.whole(&body.to_string()),
        Err(ErrorKind::Overloaded)
    );
    let body = json!({"object": "list"}).to_string();
    assert!(matches!(
        assembly.whole(&body),
        Err(ErrorKind::Malformed { .. })
    ));
}
