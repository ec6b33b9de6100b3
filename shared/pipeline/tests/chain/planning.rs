//! Plans that break rules, and what becomes of them.

use pipeline::brief::Approval;
use pipeline::{Code, Outcome, Status, advance, messages};
use serde_json::json;

use crate::world::{World, assignment, plan};

/// What the plan's end says, and how loud.
fn line(world: &World) -> (messages::Level, String) {
    let done = world.facts.done().next().unwrap();
    messages::end_line("", 1, &done.outcome)
}

#[test]
fn a_plan_that_the_planner_can_not_repair_is_mended_and_carried_out() {
    let mut world = World::with(plan(&[
        assignment("a", "a.js", &["docs"]),
        assignment("b", "b.js", &["nobody"]),
        assignment("docs", "README.md", &["a", "b"]),
    ]));
    assert_eq!(world.settle(), Status::Completed);
    let asked = world
        .calls
        .keys()
        .filter(|key| key.contains("plan"))
        .count();
    assert_eq!(asked, 3, "{:?}", world.calls);
    let (level, line) = line(&world);
    assert_eq!(level, messages::Level::Warning);
    assert_eq!(
        line,
        "Planned 3 assignments: a, b, docs. It will take about 6 minutes and $0.45. The plan was mended: `b` no longer waits for `nobody`; \
         `a` no longer waits for `docs`, which waits for it"
    );
    let Outcome::Planned { mended, .. } = &world.facts.done().next().unwrap().outcome else {
        panic!("not planned");
    };
    assert_eq!(mended.len(), 2);
}

#[test]
fn a_mended_plan_waits_for_its_owners_word_too() {
    let mut world = World::with(plan(&[assignment("a", "a.js", &["nobody"])]));
    world.brief.options.approval = Approval::Plan;
    assert_eq!(world.settle(), Status::AwaitingApproval);
}

#[test]
fn a_plan_that_nobody_can_mend_is_a_failure_that_says_what_to_do() {
    let mut world = World::with(plan(&[assignment("a", "../a.js", &[])]));
    assert_eq!(world.settle(), Status::Failed);
    let failure = advance(&world.facts, None).projection.failure.unwrap();
    assert_eq!(failure.code, Code::PlanInvalid);
    for part in ["3 attempts", "Retry the task", "`a` owns"] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
}

#[test]
fn an_answer_that_is_no_plan_leaves_the_one_before_it_to_mend() {
    let mut world = World::with(plan(&[assignment("a", "a.js", &["nobody"])]));
    world.later_plans = vec![json!("no plan"), json!({"refused": 1})];
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(line(&world).0, messages::Level::Warning);
}

#[test]
fn nine_assignments_are_carried_out_where_the_brief_allows_them() {
    let parts: Vec<_> = (0..9)
        .map(|part| assignment(&format!("p{part}"), &format!("{part}.js"), &[]))
        .collect();
    let planned = |assignments_max| {
        let mut world = World::with(plan(&parts));
        world.brief.options.assignments_max = assignments_max;
        world.brief.options.approval = Approval::Plan;
        assert_eq!(world.settle(), Status::AwaitingApproval);
        (world.plans[&1].1.assignments.len(), world.calls.len())
    };
    assert_eq!(planned(None), (8, 3));
    assert_eq!(planned(Some(9)), (9, 1));
}
