//! Models that misbehave on the wire, and the sentence that the owner of the task reads. The
//! numbers are the rows of the list of known misbehaviours; what needs no wire is in the
//! corpus of `pipeline`'s tests.

use serde_json::Value;

use crate::replay::assert_replays;
use crate::world::{Setup, World, todo};

/// How a task ends whose planner and reviewer is `model`: its status, and what went wrong.
async fn ended(model: &'static str) -> (String, String) {
    let world = World::with(Setup {
        settings: vec![
            ("GROK_MODEL", model),
            ("ANTHROPIC_MODEL", "scripted-flawless"),
        ],
        sweep_every: Some(1),
        ..Setup::default()
    })
    .await;
    let row = world.run(&todo()).await;
    let failure: Value = row
        .text("failure")
        .map_or(Value::Null, |text| serde_json::from_str(text).unwrap());
    let message = failure["message"].as_str().unwrap_or_default().to_owned();
    let status = row.text("status").unwrap().to_owned();
    let reviews = world.rows("reviews", &row.id).await;
    let verdicts = reviews.iter().map(|review| {
        let verdict = review.text("verdict").unwrap_or("none");
        format!(", review {}: {verdict}", review.integer("round").unwrap())
    });
    let seen = format!("{status}{}", verdicts.collect::<String>());
    assert_replays(&world, &row.id).await;
    world.stop().await;
    (seen, message)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn planners_and_reviewers_that_misbehave_are_told_in_a_sentence() {
    let mut text = String::new();
    for (row, model) in [
        (2, "scripted-hopeless-plan"),
        (7, "scripted-refusal"),
        (19, "scripted-suspicious"),
        (23, "scripted-out-of-credit"),
        (24, "scripted-overloaded"),
        (29, "grok-0"),
        (33, "scripted-never-satisfied"),
        (33, "scripted-rubber-stamp"),
        (34, "scripted-miscites"),
        (38, "scripted-too-long"),
    ] {
        let (seen, message) = ended(model).await;
        text.push_str(&format!("row {row}: {model}\n    {seen}\n    {message}\n"));
    }
    insta::assert_snapshot!(text);
}
