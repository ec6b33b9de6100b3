//! What an owner wants, at every moment of a task.

use pipeline::brief::Approval;
use pipeline::effect::Entry;
use pipeline::facts::Closed;
use pipeline::ledger::{self, Exhausted};
use pipeline::limits::{BUILD_REPAIRS_MAX, FACTS_MAX, FACTS_OF_A_COMMAND_MAX};
use pipeline::unit::{Journal, Recorded};
use pipeline::{
    Code, Command, Done, Fact, Facts, Law, Status, Step, UnitKind, Work, advance, decide, messages,
    record,
};
use serde_json::json;

use crate::world::{World, assignment, plan, spent};

fn revise(comment: &str) -> Command {
    Command::Revise {
        comment: comment.to_owned(),
    }
}

fn with_approval() -> World {
    let mut world = World::new();
    world.brief.options.approval = Approval::Plan;
    world
}

#[test]
fn a_plan_waits_for_its_owners_word() {
    let mut world = with_approval();
    assert_eq!(world.settle(), Status::AwaitingApproval);
    assert_eq!(world.units.len(), 1);
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(world.command(Command::Approve {}), Err("not_now"));
}

#[test]
fn a_comment_makes_another_plan_that_waits_again() {
    let mut world = with_approval();
    world.settle();
    world.command(revise("Fewer parts, please.")).unwrap();
    assert_eq!(world.status(), Status::Planning);
    world.plan = plan(&[assignment("all", "all.js", &[])]);
    assert_eq!(world.settle(), Status::AwaitingApproval);
    let second = world.units.values().find(|unit| unit.key.generation == 2);
    let asked = world.journals[&second.unwrap().key.id().to_string()].clone();
    assert!(!asked.is_empty());
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    let agents = world
        .units
        .values()
        .filter(|unit| unit.key.kind == UnitKind::Assignment);
    let agents: Vec<_> = agents
        .map(|unit| (unit.key.name.as_str(), unit.key.generation))
        .collect();
    assert_eq!(agents, [("all", 2)]);
    assert_eq!(advance(&world.facts, None).projection.generation, 2);
}

#[test]
fn approving_an_older_plan_does_not_start_the_newer() {
    let mut world = with_approval();
    world.settle();
    world.command(revise("Other colours.")).unwrap();
    assert_eq!(world.command(Command::Approve {}), Err("not_now"));
    assert_eq!(world.settle(), Status::AwaitingApproval);
}

#[test]
fn a_paused_task_starts_nothing_and_goes_on_where_it_stood() {
    let mut world = World::new();
    world.advance(None);
    let plan_unit = world.bells.pop_front().unwrap();
    let _ = world.drive(&plan_unit);
    world.command(Command::Pause {}).unwrap();
    assert_eq!(world.status(), Status::Paused);
    // Who was at work finishes; nobody follows.
    assert_eq!(world.settle(), Status::Paused);
    let at_work = world.units.len();
    assert_eq!(world.command(Command::Pause {}), Err("not_now"));
    world.command(Command::Resume {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert!(world.units.len() > at_work);
    assert!(world.calls.values().all(|count| *count == 1));
}

#[test]
fn a_cancelled_task_publishes_nothing() {
    let mut world = World::new();
    world.advance(None);
    // Up to, and not into, the release.
    while let Some(unit) = world.bells.pop_front() {
        if unit.kind == UnitKind::Release {
            world.bells.push_front(unit);
            break;
        }
        let _ = world.drive(&unit);
    }
    assert_eq!(world.status(), Status::Publishing);
    world.command(Command::Cancel {}).unwrap();
    // The release was started already: it finds its gate closed.
    assert_eq!(world.settle(), Status::Cancelled);
    assert!(world.commits.is_empty());
    assert_eq!(world.command(Command::Resume {}), Err("not_now"));
    assert_eq!(world.command(Command::Retry {}), Err("not_now"));
}

#[test]
fn whoever_comes_second_at_the_gate_obeys() {
    let mut world = World::new();
    world.advance(None);
    while world.commits.is_empty() {
        let unit = world.bells.pop_front().unwrap();
        let _ = world.drive(&unit);
    }
    assert_eq!(world.status(), Status::Deploying);
    assert_eq!(world.command(Command::Cancel {}), Err("too_late"));
    assert_eq!(world.settle(), Status::Completed);
}

#[test]
fn a_retry_does_again_what_failed_and_nothing_else() {
    let mut world = World::new();
    world.stuck.insert("b".to_owned());
    assert_eq!(world.settle(), Status::Failed);
    let failure = advance(&world.facts, None).projection.failure.unwrap();
    assert_eq!(failure.code, Code::AgentStuck);
    world.command(Command::Retry {}).unwrap();
    assert_eq!(world.status(), Status::Coding);
    assert_eq!(world.settle(), Status::Completed);
    let projection = advance(&world.facts, None).projection;
    assert_eq!((projection.generation, projection.failure), (2, None));
    // The stuck call is the only one of its agent that was not used.
    let again: Vec<_> = world
        .calls
        .keys()
        .filter(|key| key.contains("/b"))
        .collect();
    assert_eq!(again.len(), 3, "{again:?}");
    assert!(world.calls.values().all(|count| *count == 1));
}

#[test]
fn a_second_failure_needs_a_second_retry() {
    let mut world = World::new();
    for generation in 1..=3 {
        world.stuck.insert("a".to_owned());
        assert_eq!(world.settle(), Status::Failed);
        world.command(Command::Retry {}).unwrap();
        assert_eq!(
            advance(&world.facts, None).projection.generation,
            generation + 1
        );
    }
    assert_eq!(world.settle(), Status::Completed);
}

#[test]
fn a_retried_review_has_its_rounds_again() {
    let mut world = World::new();
    world.defects = 4;
    assert_eq!(world.settle(), Status::Failed);
    world.command(Command::Retry {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(advance(&world.facts, None).projection.round, 5);
}

#[test]
fn the_shown_position_only_moves_forward() {
    let mut world = with_approval();
    let mut last = advance(&world.facts, None).projection.position();
    world.advance(None);
    let mut commands = [
        Command::Pause {},
        Command::Resume {},
        revise("More."),
        Command::Approve {},
    ]
    .into_iter();
    for _ in 0..100 {
        match world.bells.pop_front() {
            Some(unit) => {
                let _ = world.drive(&unit);
            }
            None => match commands.next() {
                Some(command) => world.command(command).unwrap(),
                None => break,
            },
        }
        let position = advance(&world.facts, None).projection.position();
        assert!(position >= last, "{position:?} after {last:?}");
        last = position;
    }
    assert_eq!(world.status(), Status::Completed);
}

#[test]
fn commands_read_as_they_are_written() {
    for body in [
        r#"{"command":"approve"}"#,
        r#"{"command":"revise","comment":"less"}"#,
        r#"{"command":"retry"}"#,
    ] {
        let command = Command::parse(body.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&command).unwrap(), body);
    }
    let long = format!(
        r#"{{"command":"revise","comment":"{}"}}"#,
        "x".repeat(4_001)
    );
    for body in [
        "",
        "[]",
        r#"{"command":"stop"}"#,
        r#"{"command":"revise"}"#,
        r#"{"command":"revise","comment":" "}"#,
        r#"{"command":"pause","now":true}"#,
        long.as_str(),
    ] {
        assert_eq!(
            Command::parse(body.as_bytes()).unwrap_err().code,
            "invalid_command",
            "{body}"
        );
    }
}

/// The fact that a call did not fit into a budget of one dollar.
fn exhausted() -> Fact {
    Fact::Exhausted(Exhausted {
        limit_micro_usd: 1_000_000,
        spent_micro_usd: 700_000,
        needed_micro_usd: 400_000,
    })
}

#[test]
fn a_task_whose_budget_is_reached_waits_for_more() {
    let mut world = World::new();
    world.advance(None);
    let plan = world.bells.pop_front().unwrap();
    let _ = world.drive(&plan);
    let before = advance(&world.facts, None).projection.position();
    world.facts.log.push(exhausted());
    let projection = advance(&world.facts, None).projection;
    assert_eq!(projection.status, Status::Paused);
    assert!(projection.position() > before, "the row moves on");
    assert!(projection.totals.exhausted.is_some());

    // Who was at work ends, and nobody follows.
    assert_eq!(world.settle(), Status::Paused);
    assert_eq!(world.command(Command::Resume {}), Err("budget_reached"));
    world
        .command(Command::Budget {
            micro_usd: 2_000_000,
        })
        .unwrap();
    assert_eq!(world.settle(), Status::Completed);
    let projection = advance(&world.facts, None).projection;
    assert_eq!(projection.totals.exhausted, None);
}

#[test]
fn a_budget_that_was_raised_can_be_reached_again() {
    let mut world = World::new();
    world.facts.log.push(exhausted());
    let raise = |micro_usd| Command::Budget { micro_usd };
    world.command(raise(2_000_000)).unwrap();
    assert_eq!(world.status(), Status::Planning);
    // Another execution told late of the old budget: that is no reason to wait.
    world.facts.log.push(exhausted());
    assert_eq!(world.status(), Status::Planning);
    assert_eq!(
        ledger::limit(Some(1_000_000), &world.facts),
        Some(2_000_000)
    );
    assert_eq!(ledger::limit(None, &world.facts), None);
}

#[test]
fn a_budget_can_only_be_raised() {
    let raise = |micro_usd| Command::Budget { micro_usd };
    let code = |command: Command, limit| command.check_budget(limit).map_err(|no| no.code);
    assert_eq!(code(raise(2), Some(1)), Ok(()));
    assert_eq!(code(raise(1), Some(1)), Err("not_more"));
    assert_eq!(code(raise(1), None), Err("no_budget"));
    assert_eq!(code(Command::Pause {}, None), Ok(()));
    let parse = |body: &str| Command::parse(body.as_bytes()).map_err(|no| no.code);
    let parsed = parse(r#"{"command": "budget", "budgetUsd": 2.5}"#);
    assert_eq!(parsed, Ok(raise(2_500_000)));
    for wrong in ["0", "-3", "20000", "\"5\"", "null"] {
        let body = format!(r#"{{"command": "budget", "budgetUsd": {wrong}}}"#);
        assert_eq!(parse(&body), Err("invalid_command"), "{wrong}");
    }
}

#[test]
fn what_is_published_can_not_be_cancelled_after_a_retry() {
    let mut world = World::new();
    world.broken_builds = BUILD_REPAIRS_MAX + 1;
    assert_eq!(world.settle(), Status::Failed);
    world.command(Command::Retry {}).unwrap();
    assert_eq!(world.status(), Status::Deploying);
    assert_eq!(world.command(Command::Cancel {}), Err("too_late"));
    world.command(Command::Pause {}).unwrap();
    assert_eq!(world.command(Command::Cancel {}), Err("too_late"));
    world.command(Command::Resume {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
}

#[test]
fn a_task_takes_no_work_that_it_could_not_list() {
    let mut world = World::new();
    world.run();
    let done = world.facts.done().last().unwrap().clone();
    let begins = Command::FollowUp {
        description: "More.".to_owned(),
        requirements: Vec::new(),
    };
    while world.facts.log.len() < FACTS_MAX - FACTS_OF_A_COMMAND_MAX {
        world.facts.log.push(Fact::Done(Box::new(done.clone())));
    }
    assert_eq!(begins.check(&world.facts), Ok(()));
    world.facts.log.push(Fact::Done(Box::new(done)));
    let refusal = begins.check(&world.facts).unwrap_err();
    assert_eq!(refusal.code, "too_many_commands");
    assert!(refusal.message.contains("Start a new one"), "{refusal}");
}

#[test]
fn a_closed_task_takes_no_command_that_could_see_it() {
    let mut world = World::new();
    assert_eq!(world.settle(), Status::Completed);
    let before = advance(&world.facts, None);
    world.facts.log.push(Fact::Closed(Closed { days: 30 }));
    assert_eq!(
        advance(&world.facts, None),
        before,
        "it shows what it showed"
    );
    let follow_up = Command::FollowUp {
        description: "More.".to_owned(),
        requirements: Vec::new(),
    };
    let budget = Command::Budget {
        micro_usd: 2_000_000,
    };
    let rollback = Command::Rollback { release: None };
    for command in [follow_up.clone(), budget, rollback, Command::Retry {}] {
        assert_eq!(world.command(command), Err("closed"));
    }
    // Somebody did not see it closed: the task goes on, and is closed some time after its end.
    world.facts.log.push(Fact::Command(follow_up));
    assert!(!world.facts.is_closed());
    assert_eq!(world.settle(), Status::Completed);
    assert_ne!(world.command(Command::Pause {}), Err("closed"));
}

#[test]
fn a_task_whose_build_is_repaired_can_not_be_cancelled_even_after_a_retry() {
    let mut world = World::new();
    world.broken_builds = BUILD_REPAIRS_MAX + 2;
    assert_eq!(world.settle(), Status::Failed);
    assert_eq!(world.command(Command::Cancel {}), Err("not_now"));
    world.command(Command::Retry {}).unwrap();
    world.run_until(|world| world.status() == Status::Coding);
    assert_eq!(world.command(Command::Cancel {}), Err("too_late"));
    assert_eq!(world.settle(), Status::Completed);
}

/// Row 40 of the list of known misbehaviours: what was spent in the middle is not forgotten.
#[test]
fn a_unit_that_was_cancelled_tells_what_it_cost() {
    let work = Work::Assignment(Box::new(crate::agent::work()));
    let mut journal = Journal::default();
    let Step::Do(effects) = decide(&work, &journal) else {
        panic!("nothing to do");
    };
    let write = crate::agent::call("write_file", json!({"path": "a.js", "content": "1"}));
    let answer = Entry::Turn {
        reply: write,
        results: String::new(),
    };
    let (entry, _) = record(&work, &journal, &effects[0], answer);
    let fingerprint = effects[0].action.fingerprint();
    journal.insert(effects[0].key.clone(), Recorded { fingerprint, entry });
    let end = Law::WHOLE.cancelled(&work, &journal, spent());
    assert_eq!(end.spent.model_calls, 2 * spent().model_calls);
    assert_eq!(end.columns["state"], "cancelled");
    assert_eq!(end.columns["turn"], 1);
    assert!(end.files.is_empty());
    let (level, line) = messages::end_line("a", 1, &end.outcome);
    assert_eq!(level, messages::Level::Warning);
    assert_eq!(line, "a: Stopped, because you cancelled the task.");

    let mut world = World::new();
    world.advance(None);
    let key = world.key(UnitKind::Plan, 1, "");
    let facts = Facts {
        task: key.task.clone(),
        owner: "owner".to_owned(),
        log: vec![
            Fact::Command(Command::Cancel {}),
            Fact::Done(Box::new(Done {
                unit: key,
                outcome: end.outcome,
                spent: spent(),
            })),
        ],
    };
    let projection = advance(&facts, None).projection;
    assert_eq!(projection.status, Status::Cancelled);
    assert_eq!(projection.failure, None);
    assert_eq!(projection.totals.spent, spent());
}
