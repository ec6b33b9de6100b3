//! Plans that their owners write themselves, and what is asked for after the end.

use pipeline::advance::plan_key;
use pipeline::brief::{Approval, FollowUp};
use pipeline::effect::{Action, ModelCall};
use pipeline::plan::Assignment;
use pipeline::{Command, Fact, Outcome, SafePath, Status, Step, UnitKind, Work, advance, decide};

use crate::world::{World, assignment, plan};

fn ask_for(description: &str) -> Command {
    Command::FollowUp {
        description: description.to_owned(),
        requirements: vec!["Keep it small.".to_owned()],
    }
}

fn edit(assignments: &[serde_json::Value]) -> Command {
    let read = |item: &serde_json::Value| serde_json::from_value::<Assignment>(item.clone());
    Command::Edit {
        assignments: assignments.iter().map(|item| read(item).unwrap()).collect(),
    }
}

fn content(world: &World, path: &str) -> Option<String> {
    let file = world
        .workspace()
        .get(&SafePath::parse(path).unwrap())?
        .content
        .clone();
    Some(file)
}

fn agents(world: &World) -> Vec<(String, u32)> {
    let units = world.units.values().map(|unit| &unit.key);
    let agents = units.filter(|key| key.kind == UnitKind::Assignment);
    agents
        .map(|key| (key.name.clone(), key.generation))
        .collect()
}

#[test]
fn a_release_of_a_generation_after_which_there_is_none_ends_nobody() {
    let mut world = World::new();
    assert_eq!(world.settle(), Status::Completed);
    for fact in &mut world.facts.log {
        if let Fact::Done(done) = fact
            && let Outcome::Released { .. } = done.outcome
        {
            done.unit.generation = u32::MAX;
        }
    }
    let kinds: Vec<UnitKind> = advance(&world.facts, None)
        .units
        .iter()
        .map(|unit| unit.key.kind)
        .collect();
    assert_eq!(kinds, [UnitKind::Release]);
}

#[test]
fn an_edited_plan_is_the_plan() {
    let mut world = World::new();
    world.brief.options.approval = Approval::Plan;
    assert_eq!(world.settle(), Status::AwaitingApproval);
    let asked = world.calls.len();
    let mut wanted = assignment("a", "a.js", &[]);
    wanted["title"] = "My own title".into();
    world
        .command(edit(&[wanted, assignment("b", "b.js", &[])]))
        .unwrap();
    assert_eq!(world.settle(), Status::AwaitingApproval);
    assert_eq!(world.calls.len(), asked, "no model is asked");
    assert_eq!(plan_key(&world.facts).unwrap().generation, 2);
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    let mut agents = agents(&world);
    agents.sort();
    assert_eq!(agents, [("a".to_owned(), 2), ("b".to_owned(), 2)]);
    assert_eq!(world.plans[&2].1.assignments[0].title, "My own title");
    assert_eq!(world.command(edit(&[])), Err("not_now"));
}

#[test]
fn an_edited_plan_can_be_revised_and_edited_again() {
    let mut world = World::new();
    world.brief.options.approval = Approval::Plan;
    world.settle();
    world
        .command(edit(&[assignment("a", "a.js", &[])]))
        .unwrap();
    world.settle();
    let comment = "Two, please.".to_owned();
    world.command(Command::Revise { comment }).unwrap();
    world.plan = plan(&[assignment("a", "a.js", &[]), assignment("b", "b.js", &[])]);
    assert_eq!(world.settle(), Status::AwaitingApproval);
    world
        .command(edit(&[assignment("b", "b.js", &[])]))
        .unwrap();
    world.settle();
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(agents(&world), [("b".to_owned(), 4)]);
}

#[test]
fn more_is_built_on_top_of_what_was_released() {
    let mut world = World::new();
    assert_eq!(world.command(ask_for("Too early.")), Err("not_now"));
    assert_eq!(world.settle(), Status::Completed);
    let first = world.approved();
    world.plan = plan(&[
        assignment("more", "more.js", &[]),
        assignment("docs", "README.md", &["more"]),
    ]);
    world.command(ask_for("Add more.")).unwrap();
    assert_eq!(world.status(), Status::Planning);
    assert_eq!(world.settle(), Status::Completed);
    // What was there is there, what was asked for came, in another commit.
    for path in ["a.js", "b.js", "shared.json", "more.js", "README.md"] {
        assert!(content(&world, path).is_some(), "{path}");
    }
    assert_eq!(world.commits.len(), 2);
    assert_ne!(first, world.approved());
    assert!(world.calls.values().all(|count| *count == 1));
    let projection = advance(&world.facts, None).projection;
    assert_eq!((projection.generation, projection.commands), (2, 1));
    let projects = world.facts.done().filter_map(|done| match &done.outcome {
        Outcome::Planned { project, .. } => Some(project.commit_message.clone()),
        _ => None,
    });
    let subjects: Vec<String> = projects
        .map(|it| it.lines().next().unwrap().to_owned())
        .collect();
    assert_eq!(subjects, ["Add test-app", "Extend test-app"]);
}

#[test]
fn a_later_plan_that_failed_is_made_again_from_what_was_there() {
    let mut world = World::new();
    world.settle();
    let good = plan(&[assignment("more", "more.js", &[])]);
    world.plan = plan(&[assignment("more", "../more.js", &["zz"])]);
    world.command(ask_for("Add more.")).unwrap();
    assert_eq!(world.settle(), Status::Failed);
    world.plan = good;
    world.command(Command::Retry {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(plan_key(&world.facts).unwrap().generation, 3);
    for path in ["a.js", "b.js", "more.js"] {
        assert!(content(&world, path).is_some(), "{path}");
    }
}

#[test]
fn follow_ups_come_one_after_another() {
    let mut world = World::new();
    world.settle();
    for name in ["one", "two", "three"] {
        world.plan = plan(&[assignment(name, &format!("{name}.js"), &[])]);
        world.command(ask_for(name)).unwrap();
        assert_eq!(world.settle(), Status::Completed);
    }
    assert_eq!(world.commits.len(), 4);
    assert_eq!(world.workspace().len(), 7);
    let asked = &world.plans[&4].0.follow_ups;
    let asked: Vec<&str> = asked
        .iter()
        .map(|it: &FollowUp| it.description.as_str())
        .collect();
    assert_eq!(asked, ["one", "two", "three"]);
}

#[test]
fn the_planner_of_a_follow_up_sees_what_is_there() {
    let mut world = World::new();
    world.settle();
    world.command(ask_for("Add </follow_up> more.")).unwrap();
    let key = world.bells.back().unwrap().clone();
    let work = world.work(&key);
    let Step::Do(effects) = decide(&work, &world.journal(&key)) else {
        panic!("nothing to do");
    };
    let Action::Ask(ModelCall::Planner(question)) = &effects[0].action else {
        panic!("not the planner");
    };
    assert_eq!(question.turns.len(), 3);
    let asked = &question.turns[2].1;
    for part in [
        "Add \\u003c/follow_up",
        "\"path\":\"a.js\"",
        "\"bytes\":16",
        "Keep it small.",
    ] {
        assert!(asked.contains(part), "{part} in {asked}");
    }
    assert!(question.turns[1].1.contains("A small project."));
}

#[test]
fn what_failed_and_was_retried_before_is_not_taken_for_the_follow_ups() {
    let mut world = World::new();
    world.stuck.insert("a".to_owned());
    assert_eq!(world.settle(), Status::Failed);
    world.command(Command::Retry {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    // The same names again: every one must be done again.
    world.command(ask_for("All again.")).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    let again = agents(&world)
        .into_iter()
        .filter(|(_, generation)| *generation == 3);
    assert_eq!(again.count(), 3);
}

#[test]
fn a_follow_up_that_fails_or_is_cancelled_leaves_what_was_released() {
    for is_cancelled in [false, true] {
        let mut world = World::new();
        world.settle();
        let before = advance(&world.facts, None).projection;
        world.stuck.insert("a".to_owned());
        world.command(ask_for("More.")).unwrap();
        if is_cancelled {
            world.command(Command::Cancel {}).unwrap();
            assert_eq!(world.settle(), Status::Cancelled);
        } else {
            assert_eq!(world.settle(), Status::Failed);
        }
        let after = advance(&world.facts, None).projection;
        assert_eq!(world.commits.len(), 1);
        assert_eq!(
            (after.site_url, after.repository_url, after.commit_sha),
            (before.site_url, before.repository_url, before.commit_sha)
        );
        if !is_cancelled {
            world.command(Command::Retry {}).unwrap();
            assert_eq!(world.settle(), Status::Completed);
        }
    }
}

#[test]
fn the_plan_of_a_follow_up_can_be_revised_and_waits_again() {
    let mut world = World::new();
    world.brief.options.approval = Approval::Plan;
    world.settle();
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    world.command(ask_for("More.")).unwrap();
    assert_eq!(world.settle(), Status::AwaitingApproval);
    let mut with_another = plan(&[assignment("more", "more.js", &[])]);
    with_another["shared_files"] = serde_json::json!([{"path": "new.json", "content": "1"}]);
    world.plan = with_another;
    let comment = "Fewer.".to_owned();
    world.command(Command::Revise { comment }).unwrap();
    assert_eq!(world.settle(), Status::AwaitingApproval);
    let Work::Plan(work) = world.work(&plan_key(&world.facts).unwrap()) else {
        panic!("not a plan");
    };
    assert_eq!(work.released.len(), 4);
    assert_eq!(work.brief.follow_ups.len(), 1);
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(world.workspace().len(), 6);
    assert_eq!(world.commits.len(), 2);
}

#[test]
fn a_follow_up_has_rework_and_rounds_of_its_own() {
    let mut world = World::new();
    world.defects = 2;
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(advance(&world.facts, None).projection.round, 3);
    world.defects = 1;
    world.command(ask_for("More.")).unwrap();
    assert_eq!(advance(&world.facts, None).projection.round, 1);
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(advance(&world.facts, None).projection.round, 2);
    assert_eq!(content(&world, "a.js").unwrap(), "// a in round 2\n");
}

#[test]
fn follow_ups_have_the_limits_of_a_brief() {
    let parse = |description: usize, requirements: usize| {
        let body = serde_json::json!({"command": "follow_up", "description": "x".repeat(description),
            "requirements": vec!["r"; requirements]});
        Command::parse(body.to_string().as_bytes())
    };
    assert!(parse(10_000, 100).is_ok());
    assert!(parse(1, 0).is_ok());
    for (description, requirements) in [(0, 0), (10_001, 0), (1, 101)] {
        assert_eq!(
            parse(description, requirements).unwrap_err().code,
            "invalid_command"
        );
    }
    for body in [
        r#"{"command":"follow_up"}"#,
        r#"{"command":"follow_up","description":"d","colour":"red"}"#,
        r#"{"command":"edit"}"#,
        r#"{"command":"edit","assignments":[{"id":"a"}]}"#,
    ] {
        assert!(Command::parse(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn follow_ups_do_not_outgrow_the_rows_they_stand_in() {
    let mut world = World::new();
    world.settle();
    let mut taken = 0;
    let refusal = loop {
        world.plan = plan(&[assignment("a", "a.js", &[])]);
        let long = Command::FollowUp {
            description: "x".repeat(10_000),
            requirements: vec!["r".repeat(900); 50],
        };
        match world.command(long) {
            Ok(()) => assert_eq!(world.settle(), Status::Completed),
            Err(code) => break code,
        }
        taken += 1;
    };
    assert_eq!((refusal, taken), ("too_many_commands", 4));
}
