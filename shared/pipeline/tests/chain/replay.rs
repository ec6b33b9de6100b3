//! Recorded tasks, decided once more from their rows.

mod tampered;

use pipeline::agent::Session;
use pipeline::effect::{Action, Effect, Entry, ModelCall};
use pipeline::limits::{AGENT_CONTEXT_TOKENS_MAX, AGENT_OUTPUT_TOKENS_MAX};
use pipeline::model::{AgentReply, Speaker, Stop};
use pipeline::replay::{Record, Replay, Replayed, StoredRow, Verdict, replay, unit_label};
use pipeline::rows::{self, NewRow, TaskStamp};
use pipeline::{Fact, Status, UnitKey, UnitKind, Work, advance};
use serde_json::{Value, json};

use tampered::find;

use crate::walk::runs::all;
use crate::walk::walker::Walker;
use crate::world::{CREATED_UNIX, World, assignment, plan, spent};

/// The rows that a world's task has left.
pub(crate) fn stored(world: &World) -> Vec<StoredRow> {
    let (task, owner) = (&world.task, world.facts.owner.as_str());
    let mut made = vec![rows::brief(task, owner, &world.brief)];
    let mut row = rows::task(task, owner, &world.brief, "");
    let shown = rows::projection(&advance(&world.facts, None).projection, 9, "");
    fill(&mut row, &shown);
    made.push(row);
    let stamp = TaskStamp {
        rev: 1,
        updated_at: String::new(),
        position: None,
    };
    for (id, unit) in &world.units {
        let mut row = rows::unit(unit, owner, &stamp);
        if let Some(filled) = world.filled.get(id) {
            fill(&mut row, &json!(filled));
        }
        made.push(row);
        let journal = world.journal(&unit.key);
        let entries = journal.entries();
        made.extend(entries.map(|(key, it)| rows::entry(task, &unit.key.id(), key, it)));
    }
    for (unit, file) in &world.files {
        made.push(rows::file(unit, owner, &file.version));
    }
    let mut commands = 0;
    made.extend(world.facts.log.iter().map(|fact| match fact {
        Fact::Done(done) => rows::done(done),
        Fact::Command(command) => {
            commands += 1;
            rows::command(task, commands, command)
        }
        Fact::Repository(_) => rows::repository(&world.facts).unwrap(),
        Fact::Closed(closed) => rows::closed(&world.facts, closed),
        Fact::Exhausted(call) => {
            rows::exhausted(task, &world.key(UnitKind::Plan, 1, "").id(), call)
        }
    }));
    let stored = |(index, row): (usize, NewRow)| StoredRow {
        table: row.table,
        id: row.id,
        sequence: index as u64,
        created_unix: CREATED_UNIX,
        data: row.data.as_object().unwrap().clone(),
    };
    made.into_iter().enumerate().map(stored).collect()
}

fn fill(row: &mut NewRow, columns: &Value) {
    let data = row.data.as_object_mut().unwrap();
    data.extend(columns.as_object().unwrap().clone());
}

fn replayed(world: &World, rows: &[StoredRow]) -> Replay {
    replay(&Record::read(&world.task, rows).unwrap())
}

/// Everything is recorded as it is decided now.
pub(crate) fn assert_same(world: &World) {
    let replay = replayed(world, &stored(world));
    let differences: Vec<&Replayed> = replay.differences().collect();
    assert!(differences.is_empty(), "{differences:#?}");
}

fn walked(name: &str) -> World {
    let runs = all();
    let run = runs.iter().find(|run| run.name == name).unwrap();
    let mut walker = Walker::of(run);
    walker.run();
    walker.world
}

#[test]
fn every_kind_of_run_is_decided_again_as_it_was() {
    for run in all() {
        let mut walker = Walker::of(&run);
        walker.run();
        let replay = replayed(&walker.world, &stored(&walker.world));
        let differences: Vec<&Replayed> = replay.differences().collect();
        assert!(differences.is_empty(), "{}: {differences:#?}", run.name);
        assert_eq!(replay.open(), 0, "{}", run.name);
        assert_eq!(replay.units, walker.world.units.len());
    }
}

#[test]
fn a_task_is_decided_again_as_far_as_it_is() {
    let mut world = World::new();
    world.advance(None);
    for _ in 0..2 {
        let unit = world.bells.pop_front().unwrap();
        let _ = world.drive(&unit);
    }
    let replay = replayed(&world, &stored(&world));
    assert_eq!(replay.differences().count(), 0);
    let open = replay.steps.iter().filter(|it| it.verdict == Verdict::Open);
    let open: Vec<_> = open
        .map(|it| (it.unit.as_ref().map(unit_label), it.text.as_str()))
        .collect();
    insta::assert_debug_snapshot!(open, @r#"
    [
        (
            Some(
                "Agent of `b`, round 1",
            ),
            "Takes a turn, after 1 message",
        ),
    ]
    "#);
}

/// A world whose plan is made, and the key of an agent of it.
fn planned(mut world: World, agent: &str) -> (World, UnitKey) {
    world.advance(None);
    let plan = world.bells.pop_front().unwrap();
    let _ = world.drive(&plan);
    let key = world.key(UnitKind::Assignment, 1, agent);
    (world, key)
}

/// Records turns of an agent as a version did that knew neither of a limit of tokens nor of
/// new conversations.
fn record_as_before(world: &mut World, key: &UnitKey, turns: Vec<AgentReply>) {
    let work = world.work(key);
    let Work::Assignment(agent) = &work else {
        panic!("{work:?}");
    };
    let mut prompt = Session::start(agent).prompt();
    for (number, reply) in turns.into_iter().enumerate() {
        let effect = Effect::new(
            format!("t{number}"),
            Action::Ask(ModelCall::Agent(prompt.clone())),
        );
        let content = reply.content.clone();
        let answer = Entry::Turn {
            reply,
            results: String::new(),
        };
        let journal = world.journal(key);
        world.keep(key, &work, &journal, &effect, answer);
        let journal = world.journal(key);
        let (_, recorded) = journal.entries().last().unwrap();
        let Entry::Turn { results, .. } = &recorded.entry else {
            panic!("{recorded:?}");
        };
        prompt.messages.push((Speaker::Assistant, content));
        prompt.messages.push((Speaker::User, results.clone()));
    }
}

#[test]
fn an_entry_of_an_older_version_is_no_difference_where_this_one_goes_on() {
    let (mut world, key) = planned(World::new(), "b");
    let call = |id: &str, name: &str, input: Value| AgentReply {
        content: json!([{"type": "tool_use", "id": id, "name": name, "input": input}]).to_string(),
        stop: Stop::ToolUse,
        spent: spent(),
    };
    let mut long = call(
        "toolu_1",
        "write_file",
        json!({"path": "b.js", "content": "// b\n"}),
    );
    long.spent.input_tokens = AGENT_CONTEXT_TOKENS_MAX + 1;
    let mut dear = call("toolu_2", "list_files", json!({"prefix": ""}));
    dear.spent.output_tokens = AGENT_OUTPUT_TOKENS_MAX;
    let finish = call(
        "toolu_3",
        "finish",
        json!({"summary": "done", "files_changed": ["b.js"], "contract_change_request": "", "blocked_reason": "",
            "acceptance": [{"id": "b-1", "met": true, "evidence": "wrote it"}]}),
    );
    record_as_before(&mut world, &key, vec![long, dear, finish]);
    world.run();
    assert_eq!(world.status(), Status::Completed);
    let replay = replayed(&world, &stored(&world));
    assert_eq!(replay.differences().count(), 0);
    let of_it = replay
        .steps
        .iter()
        .filter(|step| step.unit.as_ref() == Some(&key));
    let told: Vec<&str> = of_it.map(|step| step.text.as_str()).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    Follows from what happened before
    Takes a turn, after 1 message: b: wrote b.js
    Takes a turn, after 1 message: b: listed the files (as an older version asked)
    Goes on where an older version did
    b: done, 1 file in 3 turns
    ");
}

/// Rows become visible in another order than the one of their numbers: who ended `b` may not
/// have seen that `a` has ended, and starts what nobody else would have started yet.
#[test]
fn a_unit_of_somebody_who_saw_less_is_no_difference() {
    let mut world = World::with(plan(&[
        assignment("a", "a.js", &[]),
        assignment("b", "b.js", &[]),
        assignment("p", "p.js", &["a"]),
        assignment("q", "q.js", &["a"]),
        assignment("r", "r.js", &["b"]),
    ]));
    world.brief.options.parallelism = Some(2);
    let (mut world, a) = planned(world, "a");
    let b = world.key(UnitKind::Assignment, 1, "b");
    let _ = world.drive(&a);
    let _ = world.drive(&b);
    let mut seen = world.facts.clone();
    seen.log
        .retain(|fact| !matches!(fact, Fact::Done(done) if done.unit == a));
    let mut early = advance(&seen, Some(&b)).units;
    assert_eq!(early.len(), 1);
    let early = early.remove(0);
    assert_eq!(early.key.name, "r");
    assert!(
        advance(&world.facts, None)
            .units
            .iter()
            .all(|unit| unit.key != early.key)
    );
    world.create(early.clone());
    let _ = world.drive(&early.key);
    world.run();
    assert_same(&world);
}

#[test]
fn a_release_is_decided_again_before_any_site_has_an_address() {
    let mut world = World::new();
    world.advance(None);
    while world.status() != Status::Deploying {
        let unit = world.bells.pop_front().unwrap();
        let _ = world.drive(&unit);
    }
    let replay = replayed(&world, &stored(&world));
    assert_eq!(replay.differences().count(), 0);
    let repository = replay
        .steps
        .iter()
        .find(|step| step.key == "repo0")
        .unwrap();
    assert_eq!(repository.verdict, Verdict::Same);
}

#[test]
fn a_task_without_a_row_can_not_be_decided_again() {
    let world = walked("standard");
    for (table, error) in [
        ("tasks", "there is no row of the task in `tasks`"),
        ("briefs", "there is no row of the task in `briefs`"),
    ] {
        let mut rows = stored(&world);
        rows.retain(|row| row.table != table);
        assert_eq!(Record::read(&world.task, &rows).unwrap_err(), error);
    }
    let mut rows = stored(&world);
    let row = find(&mut rows, "journal", "key", "p0");
    row.data["outcome"] = "{}".into();
    let error = Record::read(&world.task, &rows).unwrap_err();
    assert!(error.contains("of `journal` can not be read"), "{error}");
}
