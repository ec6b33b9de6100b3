//! Rows that somebody changed: each change is told as what it is.

use pipeline::replay::{Difference, StoredRow, Verdict, unit_label};
use pipeline::{Command, UnitKind, rows};
use serde_json::{Value, json};

use super::{replayed, stored, walked};
use crate::world::{CREATED_UNIX, World};

/// What differs once `tamper` has changed the rows of a run with rework.
fn tampered(tamper: impl Fn(&mut Vec<StoredRow>)) -> String {
    let world = walked("rework");
    let mut rows = stored(&world);
    let before = rows.clone();
    tamper(&mut rows);
    assert!(rows != before, "nothing was changed");
    let replay = replayed(&world, &rows);
    let told = replay.differences().map(|step| {
        let unit = step.unit.as_ref().map(unit_label).unwrap_or_default();
        let Verdict::Differs(Difference { expected, recorded }) = &step.verdict else {
            panic!("{step:?}");
        };
        let key = &step.key;
        format!("{unit} {key}\n  expected {expected}\n  recorded {recorded}\n")
    });
    told.collect()
}

/// The row of a table whose id, or whose column, is this.
pub(super) fn find<'a>(
    rows: &'a mut [StoredRow],
    table: &str,
    column: &str,
    is: &str,
) -> &'a mut StoredRow {
    let is_it = |row: &&mut StoredRow| {
        row.table == table && (row.data.get(column).and_then(Value::as_str) == Some(is))
    };
    rows.iter_mut().find(is_it).unwrap()
}

/// The entry of an agent of round 1.
fn entry<'a>(rows: &'a mut [StoredRow], agent: &str, key: &str) -> &'a mut StoredRow {
    let unit = World::new().key(UnitKind::Assignment, 1, agent).id();
    let is_it = |row: &&mut StoredRow| {
        row.table == "journal" && row.data["unitId"] == unit.as_str() && row.data["key"] == key
    };
    rows.iter_mut().find(is_it).unwrap()
}

fn change(row: &mut StoredRow, column: &str, from: &str, to: &str) {
    let text = row.data[column].as_str().unwrap().replace(from, to);
    row.data[column] = text.into();
}

#[test]
fn a_changed_reply_is_told_where_what_follows_from_it_differs() {
    let told = tampered(|rows| change(entry(rows, "b", "t0"), "outcome", "// b in", "// x in"));
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 t1
      expected what is asked for has the hash 742a8044938c
      recorded it had the hash a3db89402218
    ");
    let told = tampered(|rows| {
        change(
            find(rows, "journal", "key", "p0"),
            "outcome",
            "A small",
            "Another",
        )
    });
    insta::assert_snapshot!(told, @r"
    Plan done
      expected planned.project.commitMessage: Add test-app  Another project.  - User authentication - CRUD operations - Responsive design 
      recorded planned.project.commitMessage: Add test-app  A small project.  - User authentication - CRUD operations - Responsive design
    ");
}

#[test]
fn changed_results_of_tools_are_told_and_nothing_else() {
    let told = tampered(|rows| change(entry(rows, "b", "t0"), "outcome", "ok bytes", "OK bytes"));
    insta::assert_snapshot!(told, @r#"
    Agent of `b`, round 1 t0
      expected [{"content":"ok bytes=16 lines=1","tool_use_id":"toolu_1","type":"tool_result"}]
      recorded [{"content":"OK bytes=16 lines=1","tool_use_id":"toolu_1","type":"tool_result"}]
    "#);
}

#[test]
fn an_entry_that_is_gone_is_told() {
    let told = tampered(|rows| {
        let id = entry(rows, "b", "t0").id.clone();
        rows.retain(|row| row.id != id);
    });
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 t0
      expected an entry
      recorded none; 1 later step not decided again
    ");
}

#[test]
fn an_entry_that_nobody_asked_for_is_told() {
    let told = tampered(|rows| {
        let mut further = entry(rows, "b", "t1").clone();
        further.data["key"] = "t2".into();
        rows.push(further);
    });
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 t2
      expected no such entry
      recorded an entry
    ");
}

/// The result of an agent of round 1.
fn result<'a>(rows: &'a mut [StoredRow], agent: &str) -> &'a mut StoredRow {
    entry(rows, agent, "done")
}

#[test]
fn a_changed_result_is_told_and_nothing_else() {
    let told = tampered(|rows| change(result(rows, "b"), "outcome", "\"turns\":2", "\"turns\":7"));
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 done
      expected coded.turns: 2
      recorded coded.turns: 7
    ");
    let told = tampered(|rows| {
        change(
            result(rows, "b"),
            "outcome",
            "\"costMicroUsd\":200",
            "\"costMicroUsd\":300",
        )
    });
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 done
      expected spent.costMicroUsd: 200
      recorded spent.costMicroUsd: 300
    Deployment unit
      expected goal.release.draft.costMicroUsd: 1500
      recorded goal.release.draft.costMicroUsd: 1400
     task
      expected totals.spent.costMicroUsd: 1500
      recorded totals.spent.costMicroUsd: 1400
    ");
}

#[test]
fn a_changed_result_is_told_where_others_work_from_it() {
    let told = tampered(|rows| change(result(rows, "b"), "outcome", "\"done\"", "\"well done\""));
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 done
      expected coded.summary: done
      recorded coded.summary: well done
    Review, round 1 judge.b.0
      expected what is asked for has the hash c23f8f64ebee
      recorded it had the hash 93fd1c34994a; 1 later step not decided again
    ");
    let failed = json!({"failed": {"code": "agent_stuck", "message": "It is stuck."}});
    let told = tampered(|rows| {
        let row = result(rows, "b");
        let mut done: Value = serde_json::from_str(row.data["outcome"].as_str().unwrap()).unwrap();
        done["outcome"] = failed.clone();
        row.data["outcome"] = done.to_string().into();
    });
    insta::assert_snapshot!(told, @r#"
    Agent of `b`, round 1 done
      expected {"coded":{"files":1,"summary":"done","turns":2}}
      recorded {"failed":{"code":"agent_stuck","message":"It is stuck."}}
    Agent of `docs`, round 1 unit
      expected no such unit
      recorded a row of the unit
    Review, round 1 unit
      expected no such unit
      recorded a row of the unit
    Review, round 1 judge.b.0
      expected what is asked for has the hash 98766226274f
      recorded it had the hash 93fd1c34994a; 1 later step not decided again
    Agent of `a`, round 2 unit
      expected no such unit
      recorded a row of the unit
    Review, round 2 unit
      expected no such unit
      recorded a row of the unit
    Release unit
      expected no such unit
      recorded a row of the unit
    Deployment unit
      expected no such unit
      recorded a row of the unit
     task
      expected failure: {"code":"agent_stuck","message":"It is stuck."}
      recorded failure: null
    "#);
}

#[test]
fn a_unit_that_nobody_asked_for_is_told() {
    let told = tampered(|rows| {
        let key = World::new().key(UnitKind::Assignment, 3, "b");
        let mut row = find(rows, "assignments", "name", "b").clone();
        row.id = key.id().to_string();
        row.data["unitKey"] = key.to_string().into();
        row.data["round"] = 3.into();
        rows.push(row);
    });
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 3 unit
      expected no such unit
      recorded a row of the unit
    ");
}

#[test]
fn a_unit_that_was_told_something_else_is_told() {
    let told = tampered(|rows| {
        change(
            find(rows, "assignments", "name", "b"),
            "objective",
            "Write",
            "Read",
        )
    });
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 unit
      expected objective: Write b.js.
      recorded objective: Read b.js.
    ");
    let told = tampered(|rows| {
        find(rows, "assignments", "name", "b").data["planGeneration"] = 7.into();
    });
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 unit
      expected planGeneration: 1
      recorded planGeneration: 7
    Agent of `b`, round 1 unit
      expected everything it depends on
      recorded the row of the plan tdz5yco5xn635xo5zphlxol73/7/1/plan/ is missing
    ");
}

#[test]
fn a_unit_whose_row_is_gone_is_told() {
    let told = tampered(|rows| rows.retain(|row| row.table != "releases"));
    insta::assert_snapshot!(told, @r"
    Release unit
      expected a row of the unit
      recorded a result without a row
     task
      expected nothing
      recorded entry `commit` of a unit without a row, `lkatkqmy2a3f3ugcii5ejmhl2`
     task
      expected nothing
      recorded entry `repo0` of a unit without a row, `lkatkqmy2a3f3ugcii5ejmhl2`
    ");
}

#[test]
fn files_that_are_recorded_otherwise_are_told() {
    let told = tampered(|rows| change(find(rows, "files", "path", "b.js"), "assignment", "b", "a"));
    insta::assert_snapshot!(told, @r"
    Agent of `a`, round 1 done
      expected no such file
      recorded b.js
    Agent of `b`, round 1 done
      expected b.js
      recorded no such file
    ");
    let told = tampered(|rows| rows.retain(|row| row.data.get("path") != Some(&json!("b.js"))));
    insta::assert_snapshot!(told, @r#"
    Agent of `b`, round 1 done
      expected b.js
      recorded no such file
    Review, round 1 judge.a.0
      expected what is asked for has the hash 2453fc3cd154
      recorded it had the hash 244952be72f0; 2 later steps not decided again
    Review, round 1 judge.b.0
      expected what is asked for has the hash 74bd1f8b9e3c
      recorded it had the hash 93fd1c34994a; 1 later step not decided again
    Review, round 1 judge.docs.0
      expected what is asked for has the hash fcc18a79743e
      recorded it had the hash 0c8d2fdf66b7
    Review, round 2 judge.a.0
      expected what is asked for has the hash 748e10b7790c
      recorded it had the hash cddddef42382; 1 later step not decided again
    Release commit
      expected no such entry
      recorded an entry
    Release repo0
      expected no such entry
      recorded an entry
    Release done
      expected {"failed":{"code":"manifest_mismatch","message":"The files are not the ones the reviewer approved. Start the task anew."}}
      recorded {"released":{"branch":"main","clone_url":"http://git/demo.git","commit_sha":"3c52162d3a407648dc5bbae03bf542110d2e4d0f3b53880d997d8166d9e9ceef","repository":"demo/test-app","repository_url":"http://git…
    Deployment activate
      expected no such entry
      recorded an entry
    Deployment look0
      expected no such entry
      recorded an entry
    Deployment upload
      expected no such entry
      recorded an entry
    Deployment done
      expected {"failed":{"code":"manifest_mismatch","message":"The files are not the ones the reviewer approved. Start the task anew."}}
      recorded {"deployed":{"build_log":"built","deployment_id":"d3c5216","release":{"commitSha":"3c52162d3a407648dc5bbae03bf542110d2e4d0f3b53880d997d8166d9e9ceef","costMicroUsd":1400,"manifestHash":"3c52162d3a40764…
    "#);
}

#[test]
fn columns_that_are_filled_in_otherwise_are_told() {
    let told = tampered(|rows| find(rows, "assignments", "name", "b").data["turn"] = 7.into());
    insta::assert_snapshot!(told, @r"
    Agent of `b`, round 1 done
      expected turn: 2
      recorded turn: 7
    ");
    let told = tampered(|rows| {
        change(
            find(rows, "tasks", "name", "test-app"),
            "totals",
            "Usd\":1",
            "Usd\":2",
        )
    });
    insta::assert_snapshot!(told, @r"
    task
     expected totals.spent.costMicroUsd: 1400
     recorded totals.spent.costMicroUsd: 2400
    ");
}

#[test]
fn a_command_that_could_not_be_given_is_told() {
    let told = tampered(|rows| {
        let mut row = rows::command(&World::new().task, 1, &Command::Approve {});
        row.data["taskId"] = json!(World::new().task);
        rows.push(StoredRow {
            table: row.table,
            id: row.id,
            sequence: 1_000,
            created_unix: CREATED_UNIX,
            data: row.data.as_object().unwrap().clone(),
        });
    });
    insta::assert_snapshot!(told, @r"
    command
     expected it is refused: `approve` does not fit: the task is `completed`.
     recorded taken
    task
     expected commands: 1
     recorded commands: 0
    ");
}
