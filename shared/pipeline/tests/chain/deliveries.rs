//! Whatever is delivered twice, lost or cut off: the end is the same.

use pipeline::model::Spent;
use pipeline::{Done, Fact, Facts, Outcome, Status, UnitKind, advance};
use proptest::prelude::*;

use crate::world::{Cut, World, assignment, plan};

fn ended() -> World {
    let mut world = World::new();
    world.run();
    world
}

/// What must be the same whatever happened on the way.
fn result(world: &World) -> (Status, String, usize, Vec<String>) {
    let units = world.units.keys().cloned().collect();
    (
        world.status(),
        world.workspace().manifest_hash(),
        world.commits.len(),
        units,
    )
}

#[test]
fn a_brief_becomes_a_deployed_site() {
    let world = ended();
    assert_eq!(world.status(), Status::Completed);
    let mut seen = world.statuses.clone();
    seen.dedup();
    assert_eq!(
        seen,
        [
            Status::Planning,
            Status::Coding,
            Status::Reviewing,
            Status::Publishing,
            Status::Deploying,
            Status::Completed
        ]
    );
    let projection = advance(&world.facts, None).projection;
    assert_eq!(projection.totals.spent.github_requests, 5);
    // The plan, two turns of each agent, a judgement of each, and one of the whole.
    assert_eq!(projection.totals.spent.model_calls, 1 + 3 * 2 + 3 + 1);
    assert!(projection.site_url.is_some() && projection.commit_sha.is_some());
}

#[test]
fn no_unit_is_created_twice_in_ordinary_operation() {
    let world = ended();
    // create-task's advance and one for each unit's end: each unit's bell rang once.
    assert_eq!(world.rung, 1 + 3 + 1 + 1 + 1);
}

#[test]
fn every_effect_twice_reaches_same_end() {
    let mut world = World::new();
    world.twice = true;
    world.run();
    assert_eq!(result(&world), result(&ended()));
}

#[test]
fn crash_after_every_effect_reaches_same_end() {
    let plain = ended();
    for number in 0..plain.performed {
        for cut in [Cut::Performed(number), Cut::Recorded(number)] {
            let mut world = World::new();
            world.cut = cut;
            world.run();
            assert_eq!(result(&world), result(&plain), "{cut:?}");
            let repeated: usize = world.calls.values().map(|count| count - 1).sum();
            let allowed = usize::from(matches!(cut, Cut::Performed(_)));
            assert!(
                repeated <= allowed,
                "{cut:?} repeated {repeated} model calls"
            );
        }
    }
}

#[test]
fn crash_after_every_result_reaches_same_end() {
    let plain = ended();
    for number in 0..plain.done {
        let mut world = World::new();
        world.cut = Cut::Done(number);
        world.run();
        assert_eq!(result(&world), result(&plain), "{number}");
        assert!(world.calls.values().all(|count| *count == 1));
    }
}

#[test]
fn every_lost_bell_is_made_up_for() {
    let plain = ended();
    for number in 0..plain.rung {
        let mut world = World::new();
        world.lost_bell = Some(number);
        world.run();
        assert_eq!(result(&world), result(&plain), "{number}");
    }
}

#[test]
fn every_bell_twice_reaches_same_end() {
    let mut world = World::new();
    world.advance(None);
    while let Some(unit) = world.bells.pop_front() {
        let _ = world.drive(&unit);
        let _ = world.drive(&unit);
    }
    assert_eq!(result(&world), result(&ended()));
    assert!(world.calls.values().all(|count| *count == 1));
}

#[test]
fn two_agents_that_finish_at_once_do_not_stall() {
    let world = ended();
    let (a, b) = (
        world.key(UnitKind::Assignment, 1, "a"),
        world.key(UnitKind::Assignment, 1, "b"),
    );
    let plan_only: Vec<_> = world
        .facts
        .done()
        .filter(|done| {
            [UnitKind::Plan, UnitKind::Assignment].contains(&done.unit.kind)
                && done.unit.name != "docs"
        })
        .cloned()
        .map(|done| Fact::Done(Box::new(done)))
        .collect();
    // Both results are committed before either lists the facts: both see both.
    let both = Facts {
        log: plan_only,
        ..world.facts.clone()
    };
    let docs = world.key(UnitKind::Assignment, 1, "docs");
    let created = |finished| {
        advance(&both, Some(finished))
            .units
            .into_iter()
            .any(|unit| unit.key == docs)
    };
    assert!(created(&a) && created(&b));
    // One lists before the other has committed: the other sees both.
    let mut only_a = both.clone();
    only_a = only_a.before(&b);
    assert!(
        advance(&only_a, Some(&a))
            .units
            .iter()
            .all(|unit| unit.key != docs)
    );
    assert!(created(&b));
}

/// The facts of a task whose plan has these assignments, and whose agents have finished
/// these, in this order.
fn coded(assignments: &[serde_json::Value], finished: &[&str]) -> (World, Facts) {
    let mut world = World::with(plan(assignments));
    world.advance(None);
    let plan_unit = world.bells.pop_front().unwrap();
    let _ = world.drive(&plan_unit);
    let mut facts = world.facts.clone();
    for name in finished {
        facts.log.push(Fact::Done(Box::new(Done {
            unit: world.key(UnitKind::Assignment, 1, name),
            outcome: Outcome::Coded {
                summary: String::new(),
                files: 1,
                turns: 1,
                contract_change_request: String::new(),
            },
            spent: Spent::default(),
        })));
    }
    (world, facts)
}

fn names(units: &[pipeline::advance::NewUnit]) -> Vec<&str> {
    units.iter().map(|unit| unit.key.name.as_str()).collect()
}

#[test]
fn agents_that_free_slots_at_once_do_not_stall() {
    let six: Vec<_> = (1..=6)
        .map(|number| assignment(&format!("n{number}"), &format!("n{number}.js"), &[]))
        .collect();
    let (_, none) = coded(&six, &[]);
    assert_eq!(names(&advance(&none, None).units), ["n1", "n2", "n3", "n4"]);
    // Both results are committed before either lists the facts: both see both.
    let (world, both) = coded(&six, &["n2", "n1"]);
    let created = |name| {
        let finished = world.key(UnitKind::Assignment, 1, name);
        advance(&both, Some(&finished)).units
    };
    assert_eq!(names(&created("n2")), ["n5", "n6"]);
    assert_eq!(names(&created("n1")), ["n6"]);
    // One lists before the other has committed.
    let (_, one) = coded(&six, &["n2"]);
    let finished = world.key(UnitKind::Assignment, 1, "n2");
    assert_eq!(names(&advance(&one, Some(&finished)).units), ["n5"]);
}

#[test]
fn a_freed_slot_is_used_and_nobody_waits_for_a_stranger() {
    let mut assignments: Vec<_> = ["slow", "b", "c", "d"]
        .iter()
        .map(|id| assignment(id, &format!("{id}.js"), &[]))
        .collect();
    // Those that depend on the slow one come first in the plan's order.
    for id in ["x", "y"] {
        let mut late = assignment(id, &format!("{id}.js"), &["slow"]);
        late["priority"] = 0.into();
        assignments.push(late);
    }
    assignments.push(assignment("e", "e.js", &[]));
    let (_, facts) = coded(&assignments, &["b"]);
    assert_eq!(names(&advance(&facts, None).units), ["slow", "c", "d", "e"]);
    let (_, facts) = coded(&assignments, &["b", "c", "slow"]);
    assert_eq!(names(&advance(&facts, None).units), ["x", "y", "d", "e"]);
}

#[test]
fn rework_goes_back_to_coding_and_on() {
    let mut world = World::new();
    world.defects = 1;
    world.run();
    assert_eq!(world.status(), Status::Completed);
    let mut seen = world.statuses.clone();
    seen.dedup();
    use Status::{Coding, Completed, Deploying, Planning, Publishing, Reviewing};
    assert_eq!(
        seen,
        [
            Planning, Coding, Reviewing, Coding, Reviewing, Publishing, Deploying, Completed
        ]
    );
    assert!(world.workspace().manifest().contains("a.js"));
    assert_eq!(advance(&world.facts, None).projection.totals.agent_runs, 4);
    assert_eq!(advance(&world.facts, None).projection.round, 2);
}

#[test]
fn a_reviewer_who_is_never_satisfied_ends_the_task() {
    let mut world = World::new();
    world.defects = 9;
    world.run();
    let projection = advance(&world.facts, None).projection;
    assert_eq!(projection.status, Status::Failed);
    assert_eq!(
        projection.failure.unwrap().code,
        pipeline::Code::ReviewNotApproved
    );
    assert_eq!(world.commits.len(), 0);
}

#[test]
fn a_plan_that_stays_invalid_fails_with_its_problem() {
    let mut world = World::with(plan(&[assignment("a", "../x", &["zz"])]));
    world.run();
    let failure = advance(&world.facts, None).projection.failure.unwrap();
    assert_eq!(failure.code, pipeline::Code::PlanInvalid);
    assert!(failure.message.contains("zz"), "{}", failure.message);
    assert_eq!(world.calls.values().sum::<usize>(), 3);
}

#[test]
fn at_most_the_allowed_number_of_agents_is_at_work() {
    let many: Vec<_> = (0..9)
        .map(|number| assignment(&format!("n{number}"), &format!("n{number}.js"), &[]))
        .collect();
    let mut world = World::with(plan(&many));
    world.brief.options.assignments_max = Some(9);
    world.advance(None);
    let plan_unit = world.bells.pop_front().unwrap();
    let _ = world.drive(&plan_unit);
    while !world.bells.is_empty() {
        let agents = world
            .bells
            .iter()
            .filter(|unit| unit.kind == UnitKind::Assignment)
            .count();
        assert!(agents <= 4, "{agents}");
        let unit = world.bells.pop_back().unwrap();
        let _ = world.drive(&unit);
    }
    assert_eq!(world.status(), Status::Completed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever the order in which bells are answered, and with crashes anywhere, the end
    /// is the same and no unit is ever taken back.
    #[test]
    fn any_order_reaches_same_end(picks in prop::collection::vec(0usize..8, 0..40), cut in 0usize..20) {
        let mut world = World::new();
        world.cut = Cut::Recorded(cut);
        world.advance(None);
        for pick in picks {
            if world.bells.is_empty() {
                world.sweep();
            }
            if world.bells.is_empty() {
                break;
            }
            let unit = world.bells.remove(pick % world.bells.len()).unwrap();
            let before = advance(&world.facts, None).units;
            let _ = world.drive(&unit);
            let after = advance(&world.facts, None).units;
            for unit in before {
                let still = after.iter().any(|other| other.key == unit.key);
                prop_assert!(still || world.facts.outcome(&unit.key).is_some());
            }
        }
        world.run();
        prop_assert_eq!(result(&world), result(&ended()));
    }
}
