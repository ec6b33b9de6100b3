//! Making a repository: what is asked, and how often.

use serde_json::json;
use wiremock::ResponseTemplate;

use super::fake::{Fake, Fault};
use super::{MARKER, client, new_repository};
use crate::{Error, NewRepository, Retry};

const CREATE: &str = "POST /user/repos";
const USER: &str = "GET /user";
const LOOK: &str = "GET /repos/ann/demo";

fn again() -> NewRepository {
    NewRepository {
        looked_before: true,
        ..new_repository()
    }
}

fn not_found() -> Fault {
    Fault::Answer(ResponseTemplate::new(404).set_body_json(json!({"message": "Not Found"})))
}

#[tokio::test]
async fn first_attempt_posts_at_once() {
    let fake = Fake::start().await;
    let client = client(&fake);
    let made = client
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    assert_eq!(fake.taken(), [CREATE]);
    assert_eq!(client.requests(), 1);
    assert_eq!(made.full_name, "ann/demo");
    assert_eq!(made.default_branch, "main");
    assert_eq!(made.homepage.as_deref(), Some(MARKER));
    assert!(made.private);
    let sent = fake.bodies().pop().expect("body");
    let expected = json!({"name": "demo", "description": "A demo for tests", "homepage": MARKER,
        "private": true, "auto_init": true});
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn organization_needs_no_login() {
    let fake = Fake::start().await;
    fake.existing("Team", "demo", Some(MARKER));
    let new = NewRepository {
        owner: Some("team".to_owned()),
        ..new_repository()
    };
    let found = client(&fake)
        .ensure_repository(&new)
        .await
        .expect("adopted");
    assert_eq!(
        fake.taken(),
        ["POST /orgs/team/repos", "GET /repos/team/demo"]
    );
    assert_eq!(found.owner, "Team");
}

#[tokio::test]
async fn our_repository_is_adopted() {
    let fake = Fake::start().await;
    fake.existing("ann", "Demo", Some(MARKER));
    let client = client(&fake);
    let found = client
        .ensure_repository(&new_repository())
        .await
        .expect("adopted");
    assert_eq!(found.full_name, "ann/Demo");
    assert_eq!(fake.taken(), [CREATE, USER, LOOK]);
    client.ensure_repository(&again()).await.expect("adopted");
    assert_eq!(fake.taken(), [LOOK], "the login is known");
}

#[tokio::test]
async fn foreign_repository_is_not_touched() {
    for homepage in [None, Some(""), Some("https://orchestrator.example/p/t43")] {
        let fake = Fake::start().await;
        fake.existing("ann", "demo", homepage);
        for new in [new_repository(), again()] {
            let error = client(&fake)
                .ensure_repository(&new)
                .await
                .expect_err("taken");
            assert!(matches!(&error, Error::NameTaken { full_name } if full_name == "ann/demo"));
            assert_eq!(error.retry(), Retry::Terminal);
        }
        assert_eq!(fake.taken(), [CREATE, USER, LOOK, USER, LOOK]);
    }
}

#[tokio::test]
async fn lost_answer_is_looked_up() {
    let fake = Fake::start().await;
    fake.fault(CREATE, Fault::LostAnswer);
    let found = client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect("adopted");
    assert_eq!(found.homepage.as_deref(), Some(MARKER));
    assert_eq!(fake.taken(), [CREATE, USER, LOOK]);
    assert_eq!(fake.repositories(), 1);
}

#[tokio::test]
async fn lost_request_is_sent_again_after_a_look() {
    let fake = Fake::start().await;
    fake.fault(CREATE, Fault::LostRequest);
    client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    assert_eq!(fake.taken(), [CREATE, USER, LOOK, CREATE]);
}

#[tokio::test]
async fn creation_that_keeps_failing_ends() {
    let fake = Fake::start().await;
    for _ in 0..3 {
        fake.fault(CREATE, Fault::Answer(ResponseTemplate::new(502)));
    }
    let error = client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect_err("ends");
    assert!(
        matches!(error, Error::Server { status: 502, .. }),
        "{error:?}"
    );
    assert_eq!(error.retry(), Retry::Transient { after: None });
    assert_eq!(fake.taken(), [CREATE, USER, LOOK, CREATE, LOOK, CREATE]);
}

/// The answer is lost, and the repository shows up only later.
#[tokio::test]
async fn repository_that_is_not_visible_yet_is_awaited() {
    let fake = Fake::start().await;
    fake.fault(CREATE, Fault::LostAnswer);
    for _ in 0..4 {
        fake.fault(LOOK, not_found());
    }
    client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect("adopted");
    let mut expected = vec![CREATE, USER, LOOK, CREATE];
    expected.extend([LOOK; 4]);
    assert_eq!(fake.taken(), expected);
}

#[tokio::test]
async fn taken_name_that_stays_hidden_is_foreign_unless_it_may_be_ours() {
    let fake = Fake::start().await;
    fake.existing("ann", "demo", None);
    for _ in 0..6 {
        fake.fault(LOOK, not_found());
    }
    let error = client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect_err("taken");
    assert!(matches!(error, Error::NameTaken { .. }), "{error:?}");
    for _ in 0..7 {
        fake.fault(LOOK, not_found());
    }
    let error = client(&fake)
        .ensure_repository(&again())
        .await
        .expect_err("hidden");
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(fake.all_faults_met());
}

#[tokio::test]
async fn repeat_looks_before_it_posts() {
    let fake = Fake::start().await;
    client(&fake)
        .ensure_repository(&again())
        .await
        .expect("made");
    assert_eq!(fake.taken(), [USER, LOOK, CREATE]);
    client(&fake)
        .ensure_repository(&again())
        .await
        .expect("adopted");
    assert_eq!(fake.taken(), [USER, LOOK]);
}

#[tokio::test]
async fn our_renamed_repository_is_adopted() {
    let fake = Fake::start().await;
    fake.existing("ann", "demo", Some(MARKER));
    fake.rename("ann/demo", "better");
    let client = client(&fake);
    let found = client.ensure_repository(&again()).await.expect("adopted");
    assert_eq!(found.full_name, "ann/better");
    assert_eq!(fake.taken(), [USER, LOOK, "GET /repositories/1001"]);
    assert_eq!(client.requests(), 3, "the redirect is counted");
}

#[tokio::test]
async fn old_name_of_a_foreign_repository_is_free() {
    let fake = Fake::start().await;
    fake.existing("ann", "demo", None);
    fake.rename("ann/demo", "better");
    let made = client(&fake)
        .ensure_repository(&again())
        .await
        .expect("made");
    assert_eq!(made.full_name, "ann/demo");
    assert_eq!(fake.repositories(), 2);
}

#[tokio::test]
async fn looks_are_repeated_within_bounds() {
    let fake = Fake::start().await;
    fake.existing("ann", "demo", Some(MARKER));
    for _ in 0..3 {
        fake.fault(LOOK, Fault::Answer(ResponseTemplate::new(503)));
    }
    client(&fake)
        .ensure_repository(&again())
        .await
        .expect("adopted");
    assert_eq!(fake.taken(), [USER, LOOK, LOOK, LOOK, LOOK]);
    for _ in 0..4 {
        fake.fault(LOOK, Fault::LostRequest);
    }
    let error = client(&fake)
        .ensure_repository(&again())
        .await
        .expect_err("ends");
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
}

#[tokio::test]
async fn unusable_names_are_refused_without_a_request() {
    let fake = Fake::start().await;
    let long = "x".repeat(101);
    for name in [
        "",
        ".",
        "..",
        "a/b",
        "a b",
        "ä",
        "x.git",
        "a?b",
        long.as_str(),
    ] {
        let new = NewRepository {
            name: name.to_owned(),
            ..new_repository()
        };
        let error = client(&fake)
            .ensure_repository(&new)
            .await
            .expect_err("refused");
        assert!(
            matches!(error, Error::Validation { .. }),
            "{name}: {error:?}"
        );
    }
    for owner in ["", "..", "a/b"] {
        let new = NewRepository {
            owner: Some(owner.to_owned()),
            ..new_repository()
        };
        assert!(
            client(&fake).ensure_repository(&new).await.is_err(),
            "{owner}"
        );
    }
    assert!(fake.taken().is_empty());
}

#[tokio::test]
async fn topics_are_set_once_and_then_left_to_people() {
    let fake = Fake::start().await;
    let client = client(&fake);
    let topics = |names: &[&str]| NewRepository {
        topics: names.iter().map(|name| (*name).to_owned()).collect(),
        ..again()
    };
    let new = topics(&["Rust", "rust", "web-app"]);
    client.ensure_repository(&new).await.expect("made");
    let put = "PUT /repos/ann/demo/topics";
    assert_eq!(fake.taken(), [USER, LOOK, CREATE, put]);
    let sent = fake.bodies().pop().expect("body");
    assert_eq!(sent, json!({"names": ["rust", "web-app"]}));
    client.ensure_repository(&new).await.expect("adopted");
    assert_eq!(fake.taken(), [LOOK]);
    let many: Vec<String> = (0..21).map(|at| format!("t{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let long = "x".repeat(51);
    for names in [
        &["a b"][..],
        &[""],
        &["-a"],
        &["ä"],
        &[long.as_str()],
        &many,
    ] {
        let error = client.ensure_repository(&topics(names)).await;
        assert!(matches!(error, Err(Error::Validation { .. })), "{names:?}");
    }
    assert!(fake.taken().is_empty());
}

#[tokio::test]
async fn owner_may_be_the_account_of_the_token() {
    let fake = Fake::start().await;
    let client = client(&fake);
    let owned = |owner: &str, name: &str| NewRepository {
        owner: Some(owner.to_owned()),
        name: name.to_owned(),
        ..new_repository()
    };
    let made = client.ensure_repository(&owned("Ann", "demo")).await;
    assert_eq!(made.expect("made").full_name, "ann/demo");
    assert_eq!(fake.taken(), ["POST /orgs/Ann/repos", USER, CREATE]);
    let made = client.ensure_repository(&owned("ann", "next")).await;
    assert_eq!(made.expect("made").full_name, "ann/next");
    assert_eq!(fake.taken(), [CREATE], "the login is known");
    let error = client
        .ensure_repository(&owned("nobody", "demo"))
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"could not create the repository: `nobody` is neither an organization that the token can see nor its own account, which is `ann`");
}

#[tokio::test]
async fn our_repository_that_was_archived_is_told() {
    let fake = Fake::start().await;
    fake.existing("ann", "demo", Some(MARKER));
    fake.set("ann/demo", "archived", json!(true));
    let error = client(&fake)
        .ensure_repository(&again())
        .await
        .expect_err("archived");
    assert!(matches!(error, Error::Archived { .. }), "{error:?}");
    assert_eq!(error.retry(), Retry::Terminal);
}

#[tokio::test]
async fn rules_of_an_organization_are_told_in_its_name() {
    let fake = Fake::start().await;
    let new = NewRepository {
        owner: Some("team".to_owned()),
        ..new_repository()
    };
    let create = "POST /orgs/team/repos";
    let refuse = |status, message: &str| {
        let body = json!({"message": message});
        fake.fault(
            create,
            Fault::Answer(ResponseTemplate::new(status).set_body_json(body)),
        );
    };
    refuse(
        403,
        "You need admin access to the organization before adding a repository to it.",
    );
    let client = client(&fake);
    let error = client.ensure_repository(&new).await.expect_err("refused");
    insta::assert_snapshot!(error, @"`team` does not allow to create the repository: You need admin access to the organization before adding a repository to it.; ask an owner of the organization, or choose another place");
    refuse(
        422,
        "Visibility can't be private. Please upgrade your plan.",
    );
    let error = client.ensure_repository(&new).await.expect_err("refused");
    assert!(matches!(&error, Error::Policy { owner, .. } if owner == "team"));
    assert_eq!(error.retry(), Retry::Terminal);
    refuse(403, "Resource not accessible by personal access token");
    let error = client.ensure_repository(&new).await.expect_err("refused");
    insta::assert_snapshot!(error, @"the token may not create the repository: give it scope `repo`, or the permission Administration: write (Resource not accessible by personal access token)");
    refuse(403, "You have exceeded a secondary rate limit.");
    let error = client.ensure_repository(&new).await.expect_err("refused");
    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
}
