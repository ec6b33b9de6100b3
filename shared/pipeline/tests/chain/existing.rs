//! A task that changes a repository which is there.

use pipeline::effect::{Action, Entry, ModelCall};
use pipeline::release::ReleaseWork;
use pipeline::unit::{Journal, Recorded};
use pipeline::{
    Code, Command, Fact, Failure, Outcome, Status, Step, UnitKind, Work, advance, decide,
};

use crate::world::{World, assignment, plan};

fn world() -> World {
    World::with(plan(&[
        assignment("a", "a.js", &[]),
        assignment("docs", "README.md", &["a"]),
    ]))
    .on_existing()
}

fn release(world: &World) -> ReleaseWork {
    match world.work(&world.key(UnitKind::Release, 1, "")) {
        Work::Release(work) => *work,
        other => panic!("{other:?}"),
    }
}

fn changed(world: &World) -> Vec<(&str, bool, bool)> {
    let changes = world.changes.iter();
    changes
        .map(|it| (it.path.as_str(), it.content.is_some(), it.executable))
        .collect()
}

#[test]
fn the_repository_is_read_before_the_first_plan() {
    let mut world = world();
    let first = advance(&world.facts, None);
    assert_eq!(first.projection.status, Status::Planning);
    let keys: Vec<_> = first.units.iter().map(|unit| &unit.key).collect();
    assert_eq!(
        (keys.len(), keys[0].kind, keys[0].generation),
        (1, UnitKind::Import, 0)
    );
    world.run();
    let kinds: Vec<UnitKind> = world.facts.done().map(|done| done.unit.kind).collect();
    assert_eq!(kinds[..2], [UnitKind::Import, UnitKind::Plan]);
    // Whoever merges it deploys it.
    assert!(!kinds.contains(&UnitKind::Deployment));
    assert_eq!(world.status(), Status::Completed);
}

#[test]
fn planner_and_agents_see_what_is_shown_and_know_what_is_not() {
    let mut world = world();
    world.run();
    let Work::Plan(work) = world.work(&world.key(UnitKind::Plan, 1, "")) else {
        panic!("a plan");
    };
    assert_eq!(
        work.brief.unshown,
        ["logo.png", ".github/workflows/test.yml"]
    );
    let Step::Do(effects) = decide(&Work::Plan(work), &Journal::default()) else {
        panic!("it asks");
    };
    let Action::Ask(ModelCall::Planner(question)) = &effects[0].action else {
        panic!("{effects:?}");
    };
    insta::assert_snapshot!(question.turns[0].1);
    let Work::Assignment(work) = world.work(&world.key(UnitKind::Assignment, 1, "a")) else {
        panic!("an assignment");
    };
    let seen: Vec<&str> = work.base.files().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        seen,
        [
            "README.md",
            "build.sh",
            "index.html",
            "old.js",
            "shared.json"
        ]
    );
}

#[test]
fn only_what_was_changed_leaves() {
    let mut world = world();
    world.run();
    assert_eq!(
        changed(&world),
        [
            (".github/workflows/appwrite-deploy.yml", true, false),
            (".github/workflows/ci.yml", true, false),
            ("README.md", true, false),
            ("a.js", true, false),
            ("appwrite.config.json", true, false),
            ("shared.json", true, false),
        ]
    );
    let work = release(&world);
    let before = work.before.unwrap();
    assert_eq!(before.commit, "0".repeat(40));
    assert_eq!(before.files.len(), 4);
}

#[test]
fn a_follow_up_goes_on_top_of_the_release_and_into_the_same_pull_request() {
    let mut world = world();
    world.run();
    let commit = advance(&world.facts, None).projection.commit_sha.unwrap();
    world.plan = plan(&[assignment("more", "more.js", &[])]);
    world
        .command(Command::FollowUp {
            description: "Add more.".to_owned(),
            requirements: Vec::new(),
        })
        .unwrap();
    world.run();
    let paths: Vec<&str> = world.changes.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["more.js"]);
    assert_eq!(world.pull_requests.len(), 1);
    let key = world.facts.done().next_back().unwrap().unit.clone();
    let Work::Release(work) = world.work(&key) else {
        panic!("{key}");
    };
    assert_eq!(work.before.unwrap().commit, commit);
}

#[test]
fn a_pull_request_explains_itself() {
    let mut world = world();
    world.defects = 1;
    world.run();
    let (branch, body) = world.pull_requests.first_key_value().unwrap();
    assert!(branch.starts_with("orchestrator/test-app-"), "{branch}");
    insta::assert_snapshot!(body);
}

#[test]
fn words_of_models_and_customers_do_nothing_in_a_pull_request() {
    let mut world = world();
    world.plan["summary"] =
        "</details> Fixes #7, @octocat `x` | ![p](https://x.example/p.png) <img src=x> [skip ci]"
            .into();
    world.plan["assignments"][0]["title"] = "A | B\n## Approved by @admin".into();
    world.run();
    let body = world.pull_requests.values().next().unwrap();
    for bad in [
        "</details>",
        "#7",
        "@octocat",
        "![",
        "<img",
        "\n## Approved",
        "[skip",
        "@admin",
    ] {
        assert!(!body.contains(bad), "{bad}: {body}");
    }
}

#[test]
fn a_repository_that_can_not_be_read_fails_the_task_and_is_read_again() {
    let mut world = world();
    world.advance(None);
    let key = world.bells.pop_front().unwrap();
    let work = world.work(&key);
    let Step::Do(effects) = decide(&work, &Journal::default()) else {
        panic!("it reads");
    };
    let failure = Failure::new(Code::PublishFailed, "GitHub did not show the repository.");
    let entry = Entry::Failed(failure);
    world.keep(&key, &work, &Journal::default(), &effects[0], entry);
    assert!(world.drive(&key).is_ok());
    assert_eq!(world.status(), Status::Failed);
    world.command(Command::Retry {}).unwrap();
    world.run();
    assert_eq!(world.status(), Status::Completed);
    let is_repository = |fact: &Fact| matches!(fact, Fact::Repository(_));
    assert!(is_repository(&world.facts.log[0]));
}

#[test]
fn what_is_gone_is_deleted_and_what_names_its_program_can_be_started() {
    let mut world = world();
    world.run();
    let mut work = release(&world);
    let path = |path: &str| pipeline::SafePath::parse(path).unwrap();
    work.files.delete(&path("old.js"));
    let script = "#!/bin/sh\necho more\n".to_owned();
    work.files.write(path("more.sh"), script, "a").unwrap();
    work.approved_manifest = work.files.manifest_hash();
    let mut journal = Journal::default();
    let commit = loop {
        let Step::Do(effects) = decide(&Work::Release(Box::new(work.clone())), &journal) else {
            panic!("it commits");
        };
        let effect = &effects[0];
        if let Action::Publish(commit) = &effect.action {
            break commit.clone();
        }
        let entry = world.perform(&world.key(UnitKind::Release, 1, ""), effect);
        let fingerprint = effect.action.fingerprint();
        journal.insert(effect.key.clone(), Recorded { fingerprint, entry });
    };
    let of = |path: &str| commit.changes.iter().find(|it| it.path == path).unwrap();
    assert_eq!(of("old.js").content, None);
    assert!(of("more.sh").executable && !of("a.js").executable);
    assert!(commit.changes.iter().all(|it| it.path != "build.sh"));
    assert_eq!(commit.base, Some("0".repeat(40)));
}

#[test]
fn agents_that_change_nothing_have_nothing_to_propose() {
    let mut world = world();
    world.run();
    let mut work = release(&world);
    let before = work.before.as_ref().unwrap();
    work.files = before.files.clone();
    work.approved_manifest = work.files.manifest_hash();
    work.project.workflows = pipeline::brief::Workflows::None;
    let Step::Done(end) = decide(&Work::Release(Box::new(work)), &Journal::default()) else {
        panic!("it goes on");
    };
    let Outcome::Failed(failure) = end.outcome else {
        panic!("{:?}", end.outcome);
    };
    insta::assert_snapshot!(failure.message, @"The agents changed no file, so there is nothing to propose. Start the task anew, and say in the brief what must change.");
}
