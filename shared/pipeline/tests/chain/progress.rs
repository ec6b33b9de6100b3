//! What is told while units are at work.

use pipeline::effect::{Effect, Entry};
use pipeline::messages::Line;
use pipeline::model::{AgentReply, Stop};
use pipeline::{Journal, Law, Step, UnitKind, decide, progress, record, rows};
use serde_json::{Value, json};

use crate::answers::reply;
use crate::review;
use crate::world::{World, plan, spent};

/// A world whose plan is made, and the next effect of the agent of `a`.
fn at_work() -> (World, pipeline::Work, Effect) {
    let mut world = World::new();
    world.run();
    let key = world.key(UnitKind::Assignment, 1, "a");
    let work = world.work(&key);
    let Step::Do(effects) = decide(&work, &Journal::default()) else {
        panic!("an agent begins with a turn");
    };
    (world, work, effects[0].clone())
}

/// The line of a first turn in which these tools were called.
fn line_of(calls: &[(&str, Value)], calls_made: u64, stop: Stop) -> Line {
    let (_, work, effect) = at_work();
    let block = |(number, (name, input)): (usize, &(&str, Value))| json!({"type": "tool_use", "id": format!("toolu_{number}"), "name": name, "input": input});
    let content: Vec<Value> = calls.iter().enumerate().map(block).collect();
    let mut spent = spent();
    spent.model_calls = calls_made;
    let reply = AgentReply {
        content: json!(content).to_string(),
        stop,
        spent,
    };
    let answer = Entry::Turn {
        reply,
        results: String::new(),
    };
    let journal = Journal::default();
    let (entry, _) = record(&work, &journal, &effect, answer);
    progress::line(&Law::WHOLE, &work, &journal, &effect, &entry, None).unwrap()
}

fn told(calls: &[(&str, Value)]) -> String {
    line_of(calls, 1, Stop::ToolUse).text
}

#[test]
fn a_turn_is_told_by_what_it_did() {
    let write = |path: &str| ("write_file", json!({"path": path, "content": "// x\n"}));
    let read = |path: &str| {
        (
            "read_file",
            json!({"path": path, "start_line": 1, "end_line": -1}),
        )
    };
    let finish = |blocked: &str| {
        let acceptance = json!([{"id": "a-1", "met": true, "evidence": "wrote it"}]);
        (
            "finish",
            json!({"summary": "s", "files_changed": ["a.js"], "acceptance": acceptance, "contract_change_request": "", "blocked_reason": blocked}),
        )
    };
    let turns = [
        told(&[write("a.js")]),
        told(&[read("shared.json")]),
        told(&[
            ("list_files", json!({"prefix": ""})),
            ("search_files", json!({"query": "x", "prefix": ""})),
        ]),
        told(&[
            write("a.js"),
            (
                "edit_file",
                json!({"path": "a.js", "old_text": "x", "new_text": "y"}),
            ),
            finish(""),
        ]),
        told(&[write("b.js"), write("/etc/passwd"), read("nowhere")]),
        told(&[finish("")]),
        told(&[finish("The contract is wrong.")]),
        told(&[]),
        line_of(&[], 1, Stop::MaxTokens).text,
        line_of(&[write("a.js")], 3, Stop::ToolUse).text,
    ];
    insta::assert_snapshot!(turns.join("\n"));
}

#[test]
fn a_turn_tells_programs_what_it_did_and_cost() {
    let line = line_of(
        &[("write_file", json!({"path": "a.js", "content": "x"}))],
        1,
        Stop::ToolUse,
    );
    let cost = json!({"modelCalls": 1, "inputTokens": 10, "outputTokens": 5, "costMicroUsd": 100});
    let expected = json!({"kind": "turn", "assignment": "a", "round": 1, "turn": 1, "files": ["a.js"], "finished": false,
        "attempts": 1, "spent": cost, "total": cost});
    assert_eq!(line.data, expected);
}

#[test]
fn the_costs_of_an_agent_add_up_from_turn_to_turn() {
    let (world, ..) = at_work();
    let key = world.key(UnitKind::Assignment, 1, "a");
    let lines = progress::lines(&Law::WHOLE, &world.work(&key), &world.journal(&key));
    let so_far = |line: &Line| {
        (
            line.data["turn"].clone(),
            line.data["total"]["costMicroUsd"].clone(),
        )
    };
    let so_far: Vec<_> = lines.iter().map(so_far).collect();
    assert_eq!(so_far, [(json!(1), json!(100)), (json!(2), json!(200))]);
}

#[test]
fn a_line_fits_its_row_however_many_files_it_tells_of() {
    let path = |number: usize| format!("a.js/{}{number}", "ä".repeat(100));
    let content = |number| json!({"type": "tool_use", "id": format!("toolu_{number}"), "name": "write_file", "input": {"path": path(number)}});
    let reply = AgentReply {
        content: json!((0..200).map(content).collect::<Vec<_>>()).to_string(),
        stop: Stop::ToolUse,
        spent: spent(),
    };
    let (world, work, effect) = at_work();
    // What was sent back is not looked at again: it counts as recorded.
    let entry = Entry::Turn {
        reply,
        results: "[]".to_owned(),
    };
    let line = progress::line(
        &Law::WHOLE,
        &work,
        &Journal::default(),
        &effect,
        &entry,
        None,
    )
    .unwrap();
    assert!(line.data["files"].as_array().unwrap().len() > 10);
    let row = rows::progress(
        &world.task,
        "owner",
        &world.key(UnitKind::Assignment, 1, "a").id(),
        &line,
    );
    let chars = |column: &str| row.data[column].as_str().unwrap().chars().count();
    assert!(chars("data") <= 4_000 && chars("text") <= 1_000);
}

#[test]
fn a_plan_that_is_sent_back_says_why() {
    let mut world = World::new();
    let good = world.plan.clone();
    let mut bad = good.clone();
    bad["assignments"][1]["owns"] = json!(["a.js"]);
    bad["assignments"][2]["depends_on"] = json!(["nobody"]);
    world.plan = bad;
    world.later_plans = vec![plan(&[]), good];
    world.run();
    let lines = world
        .told
        .iter()
        .filter(|(_, line)| line.stage == "planning");
    let lines: Vec<_> = lines
        .map(|(_, line)| format!("{} {}", line.level.as_str(), line.text))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

/// What is lost with an execution that dies between an entry and its line is told by the
/// next one, in the same words.
#[test]
fn lines_can_be_told_again_from_the_journal() {
    let mut world = World::new();
    world.defects = 1;
    world.run();
    let mut turns = 0;
    for (kind, round, name) in [
        (UnitKind::Assignment, 1, "a"),
        (UnitKind::Assignment, 1, "b"),
        (UnitKind::Release, 2, ""),
        (UnitKind::Deployment, 2, ""),
    ] {
        let key = world.key(kind, round, name);
        let again = progress::lines(&Law::WHOLE, &world.work(&key), &world.journal(&key));
        for line in &again {
            let id = key.id().entry(&line.key);
            let first = world.told.iter().find(|(known, _)| *known == id).unwrap();
            assert_eq!(&first.1, line);
        }
        let of_it = |(id, _): &&(String, Line)| id.starts_with(key.id().as_str());
        assert_eq!(again.len(), world.told.iter().filter(of_it).count());
        turns += again.len();
    }
    assert_eq!(turns, 2 + 2 + 1 + 2);
}

#[test]
fn nothing_is_told_of_what_another_effect_recorded() {
    let (world, work, effect) = at_work();
    let mut journal = world.journal(&world.key(UnitKind::Assignment, 1, "a"));
    assert_eq!(progress::lines(&Law::WHOLE, &work, &journal).len(), 2);
    let mut other = journal.recorded(&effect).unwrap().clone();
    other.fingerprint = "another".to_owned();
    journal.insert(effect.key.clone(), other);
    assert_eq!(progress::lines(&Law::WHOLE, &work, &journal), []);
}

/// The line for this answer to the first question of a review.
fn line_of_judgement(answer: &Value) -> Line {
    let work = pipeline::Work::Review(Box::new(review::work(1)));
    let journal = Journal::default();
    let Step::Do(effects) = decide(&work, &journal) else {
        panic!("a review begins with a question");
    };
    progress::line(
        &Law::WHOLE,
        &work,
        &journal,
        &effects[0],
        &reply(answer),
        None,
    )
    .unwrap()
}

#[test]
fn a_judgement_is_told_while_others_are_being_asked() {
    let found = review::finding("major", "a.js", 1);
    let with_findings = review::with("findings", json!([found[0], found[0]]));
    let of_others = review::with("criteria", json!([]));
    let lines = [
        line_of_judgement(&review::approval()),
        line_of_judgement(&with_findings),
        line_of_judgement(&of_others),
    ];
    let texts: Vec<String> = lines
        .iter()
        .map(|line| format!("{:?} {}", line.level, line.text))
        .collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    Info a: every check holds
    Warning a: every check holds; major: p (and 1 more)
    Warning a: the judgement can not be used and is asked for again: criteria must hold exactly the ids a-1
    ");
    // The third is that the reviewer's own summary says otherwise.
    assert_eq!(lines[1].data["findings"].as_array().unwrap().len(), 3);
    assert_eq!(lines[0].data["spent"]["modelCalls"], 1);
}

#[test]
fn waits_and_new_starts_are_told_once_an_execution() {
    let world = World::new();
    let (agent, deployment) = (
        world.key(UnitKind::Assignment, 1, "a"),
        world.key(UnitKind::Deployment, 1, ""),
    );
    let lines = [
        progress::waits(&agent, 2, "Anthropic: rate limited", Some("14:03 UTC")),
        progress::waits(&agent, 3, "Anthropic: the connection failed", None),
        progress::waits(&deployment, 1, "the site is being built", Some("14:03 UTC")),
        progress::again(&agent, 3, true),
        progress::again(&deployment, 2, false),
    ];
    let told = lines
        .iter()
        .map(|line| format!("{} {} {}", line.key, line.stage, line.text));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r"
    w2 coding a: waits until 14:03 UTC: Anthropic: rate limited
    w3 coding a: waits: Anthropic: the connection failed
    w1 deploying Waits until 14:03 UTC: the site is being built
    r3 coding a: started again: the execution before was lost
    r2 deploying Started again: the execution before could not go on
    ");
}
