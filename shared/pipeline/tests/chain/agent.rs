//! The agent loop, turn by turn.

use pipeline::agent::{AgentWork, Session};
use pipeline::brief::Brief;
use pipeline::effect::{Action, Entry, ModelCall};
use pipeline::limits::{
    AGENT_CONTEXT_TOKENS_MAX, AGENT_COST_MICRO_USD_MAX, AGENT_MAX_TOKENS, AGENT_OUTPUT_TOKENS_MAX,
    AGENT_TURNS_MAX, READ_BYTES_MAX,
};
use pipeline::model::{AgentReply, Effort, Prompt, Speaker, Spent, Stop};
use pipeline::unit::{Journal, Recorded};
use pipeline::workspace::{FileVersion, Workspace};
use pipeline::{Code, Law, Outcome, Step, Work, decide};
use serde_json::{Value, json};

use crate::world::{assignment, plan, spent};

pub(crate) fn work() -> AgentWork {
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
        build_log: String::new(),
        findings: Vec::new(),
        base: Workspace::of(&[shared]),
    }
}

pub(crate) fn said(content: &Value, stop: Stop) -> AgentReply {
    AgentReply {
        content: content.to_string(),
        stop,
        spent: spent(),
    }
}

pub(crate) fn call(name: &str, input: Value) -> AgentReply {
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

pub(crate) fn finish(id: &str, blocked: &str) -> AgentReply {
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
fn a_line_longer_than_an_answer_is_cut() {
    let mut work = work();
    let line = "äx ".repeat(READ_BYTES_MAX / 4 + 1);
    let file = FileVersion {
        path: pipeline::SafePath::parse("long.txt").unwrap(),
        content: Some(format!("{line}\nnext\n")),
        assignment: "shared".to_owned(),
        round: 0,
    };
    work.base = Workspace::of(&[file]);
    let mut session = Session::start(&work);
    let input = json!({"path": "long.txt", "start_line": 1, "end_line": -1});
    let (text, is_error) = answer(&mut session, &call("read_file", input));
    assert!(
        !is_error && text.len() < READ_BYTES_MAX + 200,
        "{}",
        text.len()
    );
    let cut = format!("…cut; the line has {} bytes\n", line.len());
    assert!(
        text.contains(&cut) && text.ends_with("call again with start_line=2"),
        "{text}"
    );
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
    let settled = session.take(&cut, None);
    assert!(settled.results.contains("smaller pieces"), "{settled:?}");
    let asked = session.prompt().messages;
    assert_eq!(asked.last(), Some(&(Speaker::User, settled.results)));
    assert!(session.workspace().changes("a", 1).is_empty());
    session.take(&cut, None);
    assert_eq!(end_code(&session), Some(Code::ModelAnswerInvalid));
}

#[test]
fn another_model_takes_over_after_a_refusal_once() {
    let work = work();
    let mut session = Session::start(&work);
    let first = session.prompt();
    let refusal = said(&json!([]), Stop::Refusal("cyber".to_owned()));
    let fingerprint = |prompt: Prompt| Action::Ask(ModelCall::Agent(prompt)).fingerprint();
    session.take(&refusal, None);
    let second = session.prompt();
    assert_eq!((first.fallback, second.fallback), (false, true));
    assert_eq!(first.messages, second.messages);
    assert_ne!(fingerprint(first), fingerprint(second));
    session.take(&refusal, None);
    assert_eq!(end_code(&session), Some(Code::ModelRefused));
}

/// A turn that writes the own file, so that it differs from others by `number`.
fn write(number: usize) -> AgentReply {
    let content = format!("const number = {number};\n");
    call("write_file", json!({"path": "a.js", "content": content}))
}

fn look(number: usize) -> AgentReply {
    call(
        "search_files",
        json!({"query": format!("q{number}"), "prefix": ""}),
    )
}

#[test]
fn two_calls_in_turns_are_stuck() {
    let work = work();
    let mut session = Session::start(&work);
    for number in 0..6 {
        assert_eq!(end_code(&session), None, "{number}");
        session.take(&write(number % 2), None);
    }
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn an_agent_that_changes_nothing_any_more_is_told_and_then_stopped() {
    let work = work();
    let mut session = Session::start(&work);
    for number in 0..5 {
        let (text, _) = answer(&mut session, &look(number));
        assert!(!text.contains("changed no file"), "{number}: {text}");
    }
    session.take(&write(1), None);
    let told: Vec<bool> = (10..16)
        .map(|number| {
            answer(&mut session, &look(number))
                .0
                .contains("changed no file")
        })
        .collect();
    assert_eq!(told, [false, false, true, false, false, false]);
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn the_last_turns_are_counted_down_inside_the_results() {
    let work = work();
    let mut session = Session::start(&work);
    for left in (0..AGENT_TURNS_MAX).rev() {
        let (text, _) = answer(&mut session, &write(left as usize));
        assert_eq!(text.contains("left."), left <= 5, "{left}: {text}");
        if (2..=5).contains(&left) {
            assert!(
                text.ends_with(&format!("You have {left} turns left.")),
                "{text}"
            );
        }
    }
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn an_assignment_has_limits_of_tokens_and_money() {
    let work = work();
    let with = |change: &dyn Fn(&mut Spent)| {
        let mut reply = write(1);
        change(&mut reply.spent);
        let mut session = Session::start(&work);
        session.take(&reply, None);
        let failure = session.end().map(|end| end.clone().unwrap_err().message);
        failure.unwrap_or_default()
    };
    assert_eq!(
        with(&|spent| spent.output_tokens = AGENT_OUTPUT_TOKENS_MAX - 1),
        ""
    );
    assert!(
        with(&|spent| spent.output_tokens = AGENT_OUTPUT_TOKENS_MAX)
            .contains("200000 is the limit")
    );
    assert_eq!(
        with(&|spent| spent.cost_micro_usd = AGENT_COST_MICRO_USD_MAX - 1),
        ""
    );
    assert!(
        with(&|spent| spent.cost_micro_usd = AGENT_COST_MICRO_USD_MAX)
            .contains("$3.00 is the limit")
    );
}

#[test]
fn a_long_conversation_goes_on_in_a_new_one() {
    let work = work();
    let mut session = Session::start(&work);
    session.take(
        &said(
            &json!([{"type": "text", "text": "I think about it."}]),
            Stop::EndTurn,
        ),
        None,
    );
    let long = |number| {
        let mut reply = write(number);
        reply.spent.input_tokens = AGENT_CONTEXT_TOKENS_MAX + 1;
        reply
    };
    session.take(&long(1), None);
    let messages = session.prompt().messages;
    assert_eq!(messages.len(), 1);
    for part in ["<assignment>", "<status>", "a.js", "I think about it."] {
        assert!(messages[0].1.contains(part), "{part}: {messages:?}");
    }
    assert_eq!(session.workspace().changes("a", 1).len(), 1);
    for number in 2..=4 {
        session.take(&long(number), None);
    }
    assert!(session.prompt().messages.len() > 1, "three times at most");
    assert_eq!(end_code(&session), None);
}

#[test]
fn a_conversation_that_outgrew_the_model_begins_anew_once() {
    let work = work();
    let full = said(&json!([]), Stop::ContextExceeded);
    let mut session = Session::start(&work);
    session.take(&full, None);
    assert_eq!(
        end_code(&session),
        Some(Code::AgentStuck),
        "the very first question"
    );
    let mut session = Session::start(&work);
    session.take(&write(1), None);
    session.take(&full, None);
    assert_eq!(
        (session.prompt().messages.len(), end_code(&session)),
        (1, None)
    );
    session.take(&write(2), None);
    session.take(&full, None);
    assert_eq!(end_code(&session), Some(Code::AgentStuck));
}

#[test]
fn rework_is_thought_about_harder() {
    let first = work();
    let again = AgentWork { round: 2, ..work() };
    assert_eq!(Session::start(&first).prompt().effort, Effort::High);
    assert_eq!(Session::start(&again).prompt().effort, Effort::XHigh);
}

/// What an older version recorded counts, though this one would have stopped the agent or
/// begun a new conversation.
#[test]
fn a_journal_of_a_version_with_fewer_limits_is_replayed() {
    let work = work();
    let mut turns: Vec<AgentReply> = (0..8).map(|number| write(number % 2)).collect();
    turns[6].spent.input_tokens = AGENT_CONTEXT_TOKENS_MAX + 1;
    turns.push(finish("a-1", ""));
    let (mut journal, mut messages) = (Journal::default(), Session::start(&work).prompt().messages);
    let system = Session::start(&work).prompt().system;
    for (number, reply) in turns.into_iter().enumerate() {
        let prompt = json!(["prompt", system, messages, AGENT_MAX_TOKENS]);
        let results =
            json!([{"type": "tool_result", "tool_use_id": "toolu_x", "content": "ok"}]).to_string();
        messages.push((Speaker::Assistant, reply.content.clone()));
        messages.push((Speaker::User, results.clone()));
        let fingerprint = pipeline::ids::sha256_hex(prompt.to_string().as_bytes());
        let entry = Entry::Turn { reply, results };
        journal.insert(format!("t{number}"), Recorded { fingerprint, entry });
    }
    match decide(&Work::Assignment(Box::new(work)), &journal) {
        Step::Done(end) => assert!(
            matches!(end.outcome, Outcome::Coded { turns: 9, .. }),
            "{end:?}"
        ),
        Step::Do(effects) => panic!("{effects:?}"),
    }
}

#[test]
fn a_law_decides_its_own_units_as_the_whole_does_and_no_others() {
    let (work, journal) = (Work::Assignment(Box::new(work())), Journal::default());
    let decided = decide(&work, &journal);
    assert!(matches!(decided, Step::Do(_)));
    assert_eq!(Law::ASSIGNMENTS.decide(&work, &journal), decided);
    for other in [Law::PLANS, Law::REVIEWS, Law::RELEASES, Law::DEPLOYMENTS] {
        let Step::Done(end) = other.decide(&work, &journal) else {
            panic!("another function's unit is worked on");
        };
        assert!(matches!(end.outcome, Outcome::Failed(_)), "{end:?}");
    }
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
