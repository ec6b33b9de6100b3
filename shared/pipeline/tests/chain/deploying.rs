//! Databases, functions, previews and earlier releases.

use pipeline::brief::Workflows;
use pipeline::effect::Resource;
use pipeline::release_record::{ReleaseRecord, records};
use pipeline::unit::{Journal, Recorded};
use pipeline::{Command, Fact, Outcome, Status, Step, UnitKind, Work, advance, decide};
use serde_json::{Value, json};

use crate::world::{World, assignment};

fn follow_up(world: &mut World) {
    let description = "More.".to_owned();
    let requirements = Vec::new();
    let command = Command::FollowUp {
        description,
        requirements,
    };
    world.command(command).unwrap();
}

/// A follow-up that brings one file more.
fn follow_up_with(world: &mut World, name: &str) {
    let path = format!("{}.js", name.replacen('-', "/", 1));
    world.plan["assignments"] = json!([assignment(name, &path, &[])]);
    follow_up(world);
}

fn rollback(world: &mut World, release: Option<u32>) -> Result<Status, &'static str> {
    world.command(Command::Rollback { release })?;
    Ok(world.settle())
}

fn numbers(world: &World) -> Vec<u32> {
    records(&world.facts).map(|record| record.number).collect()
}

/// The keys of a deployment's effects, step by step.
fn steps(world: &mut World, work: &Work) -> Vec<String> {
    let (mut journal, mut steps) = (Journal::default(), Vec::new());
    let key = world.key(UnitKind::Deployment, 1, "");
    while let Step::Do(effects) = decide(work, &journal) {
        let keys: Vec<&str> = effects.iter().map(|effect| effect.key.as_str()).collect();
        steps.push(keys.join(" "));
        for effect in effects {
            let entry = world.perform(&key, &effect);
            let fingerprint = effect.action.fingerprint();
            journal.insert(effect.key, Recorded { fingerprint, entry });
        }
    }
    steps
}

#[test]
fn a_release_of_a_number_after_which_there_is_none_ends_nobody() {
    let mut world = World::new();
    assert_eq!(world.settle(), Status::Completed);
    for fact in &mut world.facts.log {
        if let Fact::Done(done) = fact
            && let Outcome::Deployed {
                release: Some(release),
                ..
            } = &mut done.outcome
        {
            release.number = u32::MAX;
        }
    }
    follow_up(&mut world);
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(numbers(&world), [u32::MAX; 2]);
}

#[test]
fn a_site_is_served_after_what_it_calls() {
    let mut world = World::fullstack();
    assert_eq!(world.settle(), Status::Completed);
    let work = world.work(&world.key(UnitKind::Deployment, 1, ""));
    assert_eq!(
        steps(&mut world, &work),
        ["schema", "f0u upload", "f0a", "activate", "look0 look1"]
    );
    let record = records(&world.facts).next().unwrap();
    let parts: Vec<_> = record
        .parts
        .iter()
        .map(|part| (part.name.as_str(), part.deployment.resource))
        .collect();
    assert_eq!(parts, [("api", Resource::Function), ("", Resource::Site)]);
    assert!(record.url.contains("test-app-") && !record.schema_version.is_empty());
    assert_eq!(record.verdicts.len(), 3);
    assert_eq!(world.databases.len(), 1);
}

#[test]
fn an_api_has_no_site_and_its_functions_address() {
    let mut world = World::fullstack();
    world.brief.project_type = pipeline::brief::ProjectType::Api;
    assert_eq!(world.settle(), Status::Completed);
    let record = records(&world.facts).next().unwrap();
    assert_eq!(record.parts.len(), 1);
    let site_url = advance(&world.facts, None).projection.site_url;
    assert_eq!(site_url.as_ref(), Some(&record.url));
    assert!(!record.url.is_empty());
}

#[test]
fn a_column_that_loses_its_values_waits_for_the_owners_word() {
    let mut world = World::fullstack();
    assert_eq!(world.settle(), Status::Completed);
    world.plan["tables"][0]["columns"][0]["type"] = json!("datetime");
    world.plan["tables"][0]["columns"][0]["size"] = json!(0);
    follow_up(&mut world);
    assert_eq!(world.settle(), Status::AwaitingApproval);
    let replaces = advance(&world.facts, None).projection.totals.replaces;
    assert_eq!(replaces.len(), 1);
    assert_eq!(
        (&*replaces[0].table, &*replaces[0].column),
        ("items", "title")
    );
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    // What was agreed to is what the deployment is told.
    let mut goals = world.units.values().filter_map(|unit| match &unit.input {
        pipeline::advance::UnitInput::Deployment { goal, .. } if unit.key.generation == 2 => {
            Some(&**goal)
        }
        _ => None,
    });
    let Some(pipeline::deployment::Goal::Release { replaces: told, .. }) = goals.next() else {
        panic!("nothing is deployed");
    };
    assert_eq!(*told, replaces);
}

#[test]
fn columns_that_only_come_on_top_need_no_word() {
    let mut world = World::fullstack();
    assert_eq!(world.settle(), Status::Completed);
    world.plan["tables"][0]["columns"][0]["size"] = json!(500);
    follow_up(&mut world);
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(numbers(&world), [1, 2]);
}

#[test]
fn an_earlier_release_is_served_again_and_a_later_one_after_it() {
    let mut world = World::fullstack();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(rollback(&mut world, None), Err("no_release"));
    let first = world.active.clone();
    follow_up_with(&mut world, "site-more");
    assert_eq!(world.settle(), Status::Completed);
    let second = world.active.clone();
    assert_ne!(first, second);

    assert_eq!(rollback(&mut world, None), Ok(Status::Completed));
    assert_eq!(world.active, first);
    let served = advance(&world.facts, None).projection.totals.release;
    assert_eq!(served, Some(1));
    for impossible in [None, Some(1), Some(3)] {
        assert_eq!(rollback(&mut world, impossible), Err("no_release"));
    }
    assert_eq!(rollback(&mut world, Some(2)), Ok(Status::Completed));
    assert_eq!(world.active, second);

    // What comes after is a new release, on top of the newest files.
    follow_up_with(&mut world, "site-yet-more");
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(numbers(&world), [1, 2, 1, 2, 3]);
    assert_eq!(advance(&world.facts, None).units, []);
}

#[test]
fn a_preview_is_built_and_nothing_is_active_before_the_owners_word() {
    let mut world = World::fullstack();
    world.brief.options.preview = true;
    world.broken_builds = 1;
    assert_eq!(world.settle(), Status::AwaitingApproval);
    assert!(world.active.is_empty() && world.commits.is_empty());
    let totals = advance(&world.facts, None).projection.totals;
    assert!(totals.preview_url.is_some());
    // The row that shows the build moves on to the wait.
    let mut building = world.facts.clone();
    building.log.pop();
    let [building, waiting] = [&building, &world.facts].map(|it| advance(it, None).projection);
    assert_eq!(building.status, Status::Deploying);
    assert!(waiting.position() > building.position());
    let uploads = world.deployments.len();
    for refused in [
        Command::Rollback { release: None },
        Command::Revise {
            comment: "Other".to_owned(),
        },
    ] {
        assert_eq!(world.command(refused), Err("not_now"));
    }
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(world.deployments.len(), uploads, "it is uploaded once");
    assert_eq!((world.active.len(), world.commits.len()), (2, 1));
}

#[test]
fn who_does_not_like_a_preview_asks_for_more_before_it_is_published() {
    let mut world = World::fullstack();
    world.brief.options.preview = true;
    assert_eq!(world.settle(), Status::AwaitingApproval);
    follow_up_with(&mut world, "site-more");
    assert_eq!(world.settle(), Status::AwaitingApproval);
    assert!(world.commits.is_empty());
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!((world.commits.len(), numbers(&world)), (1, vec![1]));
}

/// What a commit writes, by the path's end.
fn written<'a>(world: &'a World, path: &str) -> Option<&'a str> {
    let change = world.changes.iter().find(|it| it.path.ends_with(path))?;
    change.content.as_deref()
}

#[test]
fn what_was_asked_for_twice_before_it_was_published_leaves_at_once() {
    let mut world = World::fullstack();
    world.brief.options.preview = true;
    world.settle();
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    for name in ["site-more", "site-most"] {
        follow_up_with(&mut world, name);
        assert_eq!(world.settle(), Status::AwaitingApproval);
    }
    world.command(Command::Approve {}).unwrap();
    assert_eq!(world.settle(), Status::Completed);
    let paths: Vec<&str> = world.changes.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["site/more.js", "site/most.js"]);
}

#[test]
fn a_function_that_comes_later_is_deployed_by_the_workflow_too() {
    let mut world = World::fullstack();
    world.brief.options.workflows = Some(Workflows::Deploy);
    assert_eq!(world.settle(), Status::Completed);
    assert!(written(&world, "ci.yml").is_some());
    // The rest stays as its owner has it.
    follow_up_with(&mut world, "site-more");
    assert_eq!(world.settle(), Status::Completed);
    let paths: Vec<&str> = world.changes.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(paths, ["site/more.js"]);

    let later = json!({"id": "later", "folder": "later", "entrypoint": "c.js", "access": "users"});
    let functions = world.plan["functions"].as_array_mut().unwrap();
    functions.push(later);
    follow_up_with(&mut world, "later-c");
    assert_eq!(world.settle(), Status::Completed);
    assert_eq!(written(&world, "ci.yml"), None);
    let workflow = written(&world, "appwrite-deploy.yml").unwrap();
    assert!(workflow.contains(r#""later":{"functionId""#), "{workflow}");
    let config: Value =
        serde_json::from_str(written(&world, "appwrite.config.json").unwrap()).unwrap();
    assert_eq!(config["functions"][1]["path"], "later");

    world.plan["functions"].as_array_mut().unwrap().remove(0);
    follow_up_with(&mut world, "later-d");
    assert_eq!(world.settle(), Status::Completed);
    let config: Value =
        serde_json::from_str(written(&world, "appwrite.config.json").unwrap()).unwrap();
    assert_eq!(config["functions"].as_array().unwrap().len(), 1);
    assert_eq!(config["functions"][0]["path"], "later");
}

#[test]
fn facts_from_before_there_were_releases_are_read() {
    let text = r#"{"deployed": {"site_id": "s", "deployment_id": "d", "url": "http://u", "build_log": ""}}"#;
    let outcome: Outcome = serde_json::from_str(text).unwrap();
    assert!(matches!(outcome, Outcome::Deployed { release: None, .. }));
    let record: ReleaseRecord = serde_json::from_value(json!(ReleaseRecord::default())).unwrap();
    assert_eq!(record, ReleaseRecord::default());
}
