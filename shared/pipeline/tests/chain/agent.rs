//! The agent loop, turn by turn.

use pipeline::Code;
use pipeline::agent::{AgentWork, Session};
use pipeline::brief::Brief;
use pipeline::model::{AgentReply, Speaker, Stop};
use pipeline::workspace::{FileVersion, Workspace};
use serde_json::{Value, json};

use crate::world::{assignment, plan, spent};

fn work() -> AgentWork {
    let plan: pipeline::plan::Plan = serde_json::from_value(plan(&[
        assignment("a", "a.js", &[]),
        assignment("b", "b.js", &[]),
    ]))
    .unwrap();
    let shared = FileVersion {
        path: pipeline::SafePath::parse("shared.json").unwrap(),
        content: Some("{}".to_owned()),
        assignment: "shared".to_owned(),
        round: 0,
    };
    AgentWork {
        brief: Brief::parse(include_bytes!("../../../../examples/todo.json"))
            .unwrap()
            .brief,
        assignment: plan.assignments[0].clone(),
        plan,
        round: 1,
        findings: Vec::new(),
        base: Workspace::of(&[shared]),
    }
}

fn said(content: &Value, stop: Stop) -> AgentReply {
    AgentReply {
        content: content.to_string(),
        stop,
        spent: spent(),
    }
}

fn call(name: &str, input: Value) -> AgentReply {
    said(
        &json!([{"type": "tool_use", "id": "toolu_x", "name": name, "input": input}]),
        Stop::ToolUse,
    )
}

/// The text of the only tool result, and whether it is an error.
fn answer(session: &mut Session<'_>, reply: &AgentReply) -> (String, bool) {
    let settled = session.take(reply, None);
    let blocks: Vec<Value> = serde_json::from_str(&settled.results).unwrap();
    (
        blocks[0]["content"].as_str().unwrap().to_owned(),
        blocks[0]["is_error"] == true,
    )
}

fn finish(id: &str, blocked: &str) -> AgentReply {
    call(
        "finish",
        json!({"summary": "s", "files_changed": [], "acceptance": [{"id": id, "met": true, "evidence": "e"}],
        "contract_change_request": "", "blocked_reason": blocked}),
    )
}

fn end_code(session: &Session<'_>) -> Option<Code> {
    session
        .end()
        .and_then(|end| end.as_ref().err())
        .map(|failure| failure.code)
}

#[test]
fn tools_answer_and_change_only_own_files() {
    let work = work();
    let mut session = Session::start(&work);
    let mut ask = |name: &str, input: Value| answer(&mut session, &call(name, input));
    assert_eq!(
        ask("list_files", json!({"prefix": ""})),
        ("shared.json  2 bytes  shared".to_owned(), false)
    );
    assert_eq!(
        ask(
            "write_file",
            json!({"path": "a.js", "content": "one\ntwo\n"})
        ),
        ("ok bytes=8 lines=2".to_owned(), false)
    );
    assert_eq!(
        ask(
            "read_file",
            json!({"path": "a.js", "start_line": 2, "end_line": -1})
        ),
        ("2: two\n".to_owned(), false)
    );
    assert_eq!(
        ask("search_files", json!({"query": "two", "prefix": ""})),
        ("a.js:2: two".to_owned(), false)
    );
    assert_eq!(
        ask(
            "edit_file",
            json!({"path": "a.js", "old_text": "two", "new_text": "three"})
        ),
        ("ok bytes=10 lines=2".to_owned(), false)
    );
    for (name, input, needle) in [
        (
            "write_file",
            json!({"path": "b.js", "content": "x"}),
            "belongs to b",
        ),
        (
            "write_file",
            json!({"path": "shared.json", "content": "x"}),
            "belongs to shared",
        ),
        (
            "write_file",
            json!({"path": "../x", "content": "x"}),
            "segment",
        ),
        (
            "edit_file",
            json!({"path": "a.js", "old_text": "nowhere", "new_text": ""}),
            "0 matches",
        ),
        (
            "edit_file",
            json!({"path": "a.js", "old_text": "e", "new_text": ""}),
            "matches",
        ),
        ("delete_file", json!({"path": "shared.json"}), "belongs to"),
        (
            "read_file",
            json!({"path": "none", "start_line": 1, "end_line": -1}),
            "no file",
        ),
    ] {
        let (text, is_error) = ask(name, input);
        assert!(is_error && text.contains(needle), "{name}: {text}");
    }
    assert_eq!(session.workspace().changes("a", 1).len(), 1);
}

#[test]
fn finish_is_checked_by_code() {
    let work = work();
    let mut session = Session::start(&work);
    let (text, is_error) = answer(&mut session, &finish("wrong-id", ""));
    assert!(
        is_error
            && text.contains("does not exist")
            && text.contains("missing from your list")
            && text.contains("not one of yours"),
        "{text}"
    );
    answer(
        &mut session,
        &call(
            "write_file",
            json!({"path": "a.js", "content": "x()\n// ... rest of the code\n"}),
        ),
    );
    let (text, is_error) = answer(&mut session, &finish("a-1", ""));
    assert!(
        is_error && text.contains("leaves something out at line 2"),
        "{text}"
    );
    let (text, _) = answer(
        &mut session,
        &call("write_file", json!({"path": "a.js", "content": "x"})),
    );
    assert!(text.contains("had 28 bytes before"), "{text}");
    assert_eq!(
        answer(&mut session, &finish("a-1", "")),
        ("ok".to_owned(), false)
    );
    assert!(session.end().unwrap().is_ok());
}

#[test]
fn a_blocked_agent_says_why() {
    let work = work();
    let mut session = Session::start(&work);
    session.take(&finish("a-1", "the contract is unclear"), None);
    assert_eq!(end_code(&session), Some(Code::AgentBlocked));
}

#[test]
fn the_same_call_again_and_again_is_stuck() {
    let work = work();
    let mut session = Session::start(&work);
    let again = call("list_files", json!({"prefix": ""}));
    let errors: Vec<bool> = (0..3).map(|_| answer(&mut session, &again).1).collect();
    assert_eq!(errors, [false, false, true]);
    assert_eq!(end_code(&session), None);
    session.take(&again, None);
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn malformed_calls_end_the_agent() {
    let work = work();
    for bad in [
        call("no_tool", json!({})),
        call("write_file", json!({"path": 5})),
        call("list_files", json!({"prefix": "", "extra": 1})),
    ] {
        let mut session = Session::start(&work);
        for _ in 0..3 {
            session.take(&bad, None);
        }
        assert_eq!(end_code(&session), Some(Code::AgentStuck));
    }
}

#[test]
fn an_agent_that_stops_is_nudged_once() {
    let work = work();
    let mut session = Session::start(&work);
    let silent = said(
        &json!([{"type": "text", "text": "I am done."}]),
        Stop::EndTurn,
    );
    let settled = session.take(&silent, None);
    assert!(settled.results.contains("Call finish now"));
    session.take(&silent, None);
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn a_turn_that_was_cut_off_is_not_carried_out() {
    let work = work();
    let mut session = Session::start(&work);
    let before = session.prompt();
    let cut = AgentReply {
        stop: Stop::MaxTokens,
        ..call("write_file", json!({"path": "a.js", "content": "half"}))
    };
    session.take(&cut, None);
    assert!(session.workspace().changes("a", 1).is_empty());
    assert_eq!(session.prompt().messages, before.messages);
    assert_eq!(session.prompt().max_tokens, before.max_tokens * 2);
    session.take(&cut, None);
    assert_eq!(end_code(&session), Some(Code::ModelAnswerInvalid));
}

#[test]
fn a_refusal_ends_the_agent() {
    let work = work();
    let mut session = Session::start(&work);
    session.take(&said(&json!([]), Stop::Refusal("cyber".to_owned())), None);
    assert_eq!(end_code(&session), Some(Code::ModelRefused));
}

#[test]
fn turns_are_limited() {
    let work = work();
    let mut session = Session::start(&work);
    for number in 0..pipeline::limits::AGENT_TURNS_MAX {
        assert_eq!(end_code(&session), None, "{number}");
        session.take(
            &call(
                "search_files",
                json!({"query": format!("q{number}"), "prefix": ""}),
            ),
            None,
        );
    }
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn the_conversation_is_append_only_and_byte_for_byte() {
    let work = work();
    let mut session = Session::start(&work);
    let odd = "[ {\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"s\"} , {\"input\":{\"prefix\":\"\"},\"name\":\"list_files\",\"id\":\"toolu_1\",\"type\":\"tool_use\"}]";
    let before = session.prompt().messages;
    let settled = session.take(
        &AgentReply {
            content: odd.to_owned(),
            stop: Stop::ToolUse,
            spent: spent(),
        },
        None,
    );
    let after = session.prompt().messages;
    assert_eq!(after[..before.len()], before[..]);
    assert_eq!(after[before.len()], (Speaker::Assistant, odd.to_owned()));
    assert_eq!(after[before.len() + 1], (Speaker::User, settled.results));
}

#[test]
fn recorded_results_win_on_replay() {
    let work = work();
    let mut session = Session::start(&work);
    let recorded = r#"[{"type":"tool_result","tool_use_id":"toolu_x","content":"what an older version said","is_error":true}]"#;
    let settled = session.take(
        &call("write_file", json!({"path": "a.js", "content": "x"})),
        Some(recorded),
    );
    assert_eq!(settled.results, recorded);
    assert!(session.workspace().changes("a", 1).is_empty());
}
