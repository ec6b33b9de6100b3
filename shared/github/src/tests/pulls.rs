//! Pull requests: one for two branches, with a text that is kept up to date.

use super::client;
use super::fake::{Fake, Fault};
use crate::{Client, Error, PullRequest, PullState, Repository};

const LIST: &str = "GET /repos/ann/app/pulls";
const OPEN: &str = "POST /repos/ann/app/pulls";
const UPDATE: &str = "PATCH /repos/ann/app/pulls/1";

/// A repository with a branch that is one commit ahead.
async fn ready() -> (Fake, Client, Repository) {
    let fake = Fake::start().await;
    fake.existing("ann", "app", None);
    fake.git("ann/app", &["branch", "bot/t42", "main"]);
    fake.push("ann/app", "bot/t42", &[("x", "1")]);
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    fake.taken();
    (fake, client, repository)
}

fn wanted(repeat: bool) -> PullRequest {
    PullRequest {
        head: "bot/t42".to_owned(),
        base: "main".to_owned(),
        title: "Change it".to_owned(),
        body: "## Plan\n".to_owned(),
        repeat,
    }
}

#[tokio::test]
async fn first_attempt_is_one_request() {
    let (fake, client, repository) = ready().await;
    let opened = client
        .ensure_pull_request(&repository, &wanted(false))
        .await
        .expect("opened");
    assert_eq!(fake.taken(), [OPEN]);
    assert_eq!((opened.number, opened.state), (1, PullState::Open));
    assert_eq!(opened.html_url, "https://github.com/ann/app/pull/1");
}

#[tokio::test]
async fn open_one_is_adopted_and_its_text_updated() {
    let (fake, client, repository) = ready().await;
    client
        .ensure_pull_request(&repository, &wanted(false))
        .await
        .expect("opened");
    fake.taken();
    client
        .ensure_pull_request(&repository, &wanted(false))
        .await
        .expect("adopted");
    assert_eq!(fake.taken(), [OPEN, LIST]);
    let next = PullRequest {
        body: "## Plan\n\n## Verdict\n".to_owned(),
        ..wanted(true)
    };
    client
        .ensure_pull_request(&repository, &next)
        .await
        .expect("updated");
    assert_eq!(fake.taken(), [LIST, UPDATE]);
    assert_eq!(fake.pulls()[0]["body"], next.body);
    client
        .ensure_pull_request(&repository, &next)
        .await
        .expect("found");
    assert_eq!(fake.taken(), [LIST]);
    assert_eq!(fake.pulls().len(), 1);
}

#[tokio::test]
async fn lost_answers_open_no_second_one() {
    for fault in [Fault::LostAnswer, Fault::LostRequest] {
        let (fake, client, repository) = ready().await;
        fake.fault(OPEN, fault);
        client
            .ensure_pull_request(&repository, &wanted(false))
            .await
            .expect("opened");
        assert_eq!(fake.pulls().len(), 1);
    }
}

#[tokio::test]
async fn ended_ones_are_left_alone() {
    let (fake, client, repository) = ready().await;
    client
        .ensure_pull_request(&repository, &wanted(false))
        .await
        .expect("opened");
    fake.end_pull(1, false);
    let second = client
        .ensure_pull_request(&repository, &wanted(true))
        .await
        .expect("opened");
    assert_eq!((second.number, second.state), (2, PullState::Open));
    assert_eq!(fake.pulls()[0]["state"], "closed");
}

#[tokio::test]
async fn merged_one_with_nothing_more_to_merge_is_the_answer() {
    let (fake, client, repository) = ready().await;
    client
        .ensure_pull_request(&repository, &wanted(false))
        .await
        .expect("opened");
    fake.git("ann/app", &["branch", "-f", "main", "bot/t42"]);
    fake.end_pull(1, true);
    let found = client
        .ensure_pull_request(&repository, &wanted(true))
        .await
        .expect("found");
    assert_eq!((found.number, found.state), (1, PullState::Merged));
    let error = client
        .ensure_pull_request(&repository, &wanted(false))
        .await
        .expect_err("nothing to merge");
    assert!(matches!(error, Error::Validation { .. }), "{error:?}");
}

#[tokio::test]
async fn long_texts_are_cut_with_a_note() {
    let (fake, client, repository) = ready().await;
    let long = PullRequest {
        title: "t".repeat(300),
        body: "ä".repeat(70_000),
        ..wanted(false)
    };
    client
        .ensure_pull_request(&repository, &long)
        .await
        .expect("opened");
    let pull = fake.pulls().remove(0);
    let body = pull["body"].as_str().expect("body");
    assert_eq!(body.chars().count(), 65_536);
    assert!(body.ends_with("*The rest did not fit and is left out.*"));
    assert_eq!(pull["title"].as_str().expect("title").chars().count(), 256);
}

#[tokio::test]
async fn missing_branch_is_told() {
    let (_fake, client, repository) = ready().await;
    let wrong = PullRequest {
        head: "nowhere".to_owned(),
        ..wanted(false)
    };
    let error = client
        .ensure_pull_request(&repository, &wrong)
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"could not open the pull request: Validation Failed; head: invalid");
}
