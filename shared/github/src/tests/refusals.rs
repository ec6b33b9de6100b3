//! What a person and a caller learn from GitHub's refusals.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::fake::{Fake, Fault};
use super::{TOKEN, client, commit, file, new_repository, settings};
use crate::{Auth, Client, Error, Retry, Settings};

const CREATE: &str = "POST /user/repos";

/// The error of creating a repository that is answered so.
async fn refused(status: u16, headers: &[(&str, &str)], body: Value) -> Error {
    let fake = Fake::start().await;
    let mut answer = ResponseTemplate::new(status).set_body_json(body);
    for (name, value) in headers {
        answer = answer.insert_header(*name, *value);
    }
    fake.fault(CREATE, Fault::Answer(answer));
    let error = client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect_err("refused");
    assert_eq!(fake.taken(), [CREATE], "nothing is tried again");
    error
}

#[tokio::test]
async fn bad_token_is_terminal() {
    let error = refused(401, &[], json!({"message": "Bad credentials"})).await;
    assert!(matches!(error, Error::Unauthorized), "{error:?}");
    assert_eq!(error.retry(), Retry::Terminal);
}

#[tokio::test]
async fn missing_permission_names_what_is_needed() {
    let error = refused(
        403,
        &[("x-accepted-github-permissions", "administration=write")],
        json!({"message": "Resource not accessible by personal access token"}),
    )
    .await;
    insta::assert_snapshot!(error, @"the token may not create the repository: give it administration=write (Resource not accessible by personal access token)");
    assert!(
        matches!(&error, Error::MissingPermission { needed: Some(needed), .. }
            if needed == "administration=write")
    );
    assert_eq!(error.retry(), Retry::Terminal);
}

#[tokio::test]
async fn missing_classic_scope_behind_a_404_is_named() {
    let scopes = [
        ("x-oauth-scopes", "gist, workflow"),
        ("x-accepted-oauth-scopes", "public_repo, repo"),
    ];
    let error = refused(404, &scopes, json!({"message": "Not Found"})).await;
    insta::assert_snapshot!(error, @"the token may not create the repository: give it public_repo, repo (Not Found)");
    let held = [
        ("x-oauth-scopes", "repo"),
        ("x-accepted-oauth-scopes", "repo"),
    ];
    let error = refused(404, &held, json!({"message": "Not Found"})).await;
    assert!(matches!(error, Error::NotFound { .. }), "{error:?}");
}

#[tokio::test]
async fn single_sign_on_shows_where_to_authorize() {
    let sso = "required; url=https://github.com/orgs/team/sso?authorization_request=A";
    let error = refused(403, &[("x-github-sso", sso)], json!({"message": "SAML"})).await;
    insta::assert_snapshot!(error, @"the token may not create the repository: authorize the token for the organization's single sign-on at https://github.com/orgs/team/sso?authorization_request=A");
}

#[tokio::test]
async fn validation_tells_every_reason() {
    let error = refused(
        422,
        &[],
        json!({"message": "Repository creation failed.", "errors": [
            {"resource": "Repository", "code": "custom", "field": "description", "message": "too long"},
            {"resource": "Repository", "code": "invalid", "field": "homepage"},
            "plain words"]}),
    )
    .await;
    insta::assert_snapshot!(error, @"could not create the repository: Repository creation failed.; description: too long; homepage: invalid; plain words");
    let error = refused(422, &[], json!({"message": "No", "errors": "one string"})).await;
    insta::assert_snapshot!(error, @"could not create the repository: No; one string");
    let error = refused(422, &[], json!({"message": "x".repeat(9000)})).await;
    assert!(error.to_string().len() < 600);
}

async fn wait_of(status: u16, headers: &[(&str, &str)], message: &str) -> Option<Duration> {
    let error = refused(status, headers, json!({"message": message})).await;
    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    match error.retry() {
        Retry::Transient { after } => after,
        Retry::Terminal => panic!("terminal"),
    }
}

#[tokio::test]
async fn rate_limits_say_how_long_to_wait() {
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    let asked = wait_of(429, &[("retry-after", "17")], "slow down").await;
    assert_eq!(asked, seconds(17));
    let asked = wait_of(403, &[("retry-after", "90")], "secondary rate limit").await;
    assert_eq!(asked, seconds(90));
    let exhausted = [
        ("x-ratelimit-remaining", "0"),
        ("x-ratelimit-reset", "1763800100"),
        ("date", "Sat, 22 Nov 2025 08:26:40 GMT"),
    ];
    let asked = wait_of(403, &exhausted, "API rate limit exceeded").await;
    assert_eq!(asked, seconds(100), "by GitHub's own clock");
    let words = "You have exceeded a secondary rate limit.";
    assert_eq!(wait_of(403, &[], words).await, seconds(60));
}

#[tokio::test]
async fn workflow_without_its_scope_is_explained() {
    let fake = Fake::start().await;
    let client = client(&fake);
    let repository = client
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    let mut commit = commit(1);
    commit
        .changes
        .push(file(".github/workflows/deploy.yml", "on: push\n"));
    let tree = "POST /repos/ann/demo/git/trees";
    for _ in 0..6 {
        let body = json!({"message": "Not Found"});
        fake.fault(
            tree,
            Fault::Answer(ResponseTemplate::new(404).set_body_json(body)),
        );
    }
    let error = client
        .publish(&repository, &commit, false)
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"the token may not write files under `.github/workflows/`: give a classic token the scope `workflow`, any other token the permission Workflows: write");
    assert!(fake.all_faults_met());
}

#[tokio::test]
async fn known_lack_of_the_workflow_scope_writes_nothing() {
    let fake = Fake::start().await;
    let client = client(&fake);
    let repository = client
        .ensure_repository(&new_repository())
        .await
        .expect("made");
    fake.taken();
    let branch = "GET /repos/ann/demo/git/ref/heads/main";
    let body = json!({"object": {"sha": "162ce9d0ed69b9e4950c92e1896ab3539a9cba1a"}});
    let answer = ResponseTemplate::new(200)
        .set_body_json(body)
        .insert_header("x-oauth-scopes", "gist, repo");
    fake.fault(branch, Fault::Answer(answer));
    let mut commit = commit(1);
    commit
        .changes
        .push(file(".github/workflows/deploy.yml", "on: push\n"));
    let error = client
        .publish(&repository, &commit, false)
        .await
        .expect_err("refused");
    assert!(
        matches!(error, Error::MissingPermission { .. }),
        "{error:?}"
    );
    assert_eq!(fake.taken(), [branch]);
}

#[tokio::test]
async fn refused_workflow_at_the_branch_is_a_missing_permission() {
    let words = "refusing to allow a Personal Access Token to create or update workflow \
                 `.github/workflows/a.yml` without `workflow` scope";
    let error = refused(422, &[], json!({"message": words})).await;
    assert!(
        matches!(error, Error::MissingPermission { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn answers_that_are_no_json_are_survived() {
    let fake = Fake::start().await;
    for answer in [
        ResponseTemplate::new(400).set_body_string("<html>unicorn</html>"),
        ResponseTemplate::new(400).set_body_json(json!(["odd"])),
    ] {
        fake.fault(CREATE, Fault::Answer(answer));
        let error = client(&fake)
            .ensure_repository(&new_repository())
            .await
            .expect_err("refused");
        insta::allow_duplicates! {
            insta::assert_snapshot!(error, @"could not create the repository: bad request");
        }
    }
}

#[tokio::test]
async fn redirected_post_is_not_taken_for_a_success() {
    let fake = Fake::start().await;
    fake.existing("ann", "other", None);
    for status in [301, 302, 307, 308] {
        let answer = ResponseTemplate::new(status)
            .insert_header("location", "/repositories/1001")
            .set_body_json(json!({"message": "Moved"}));
        fake.fault(CREATE, Fault::Answer(answer));
        let error = client(&fake)
            .ensure_repository(&new_repository())
            .await
            .expect_err("moved");
        assert!(
            matches!(error, Error::Renamed { .. }),
            "{status}: {error:?}"
        );
    }
}

#[tokio::test]
async fn other_hosts_are_never_asked() {
    let fake = Fake::start().await;
    let other = Fake::start().await;
    let to = format!("{}/repos/ann/demo", other.url());
    for _ in 0..4 {
        let answer = ResponseTemplate::new(301).insert_header("location", to.as_str());
        fake.fault("GET /user", Fault::Answer(answer));
    }
    fake.existing("ann", "demo", None);
    let error = client(&fake)
        .ensure_repository(&new_repository())
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    assert!(other.taken().is_empty());
}

#[tokio::test]
async fn hanging_server_is_cut_off() {
    let fake = Fake::start().await;
    let hang = ResponseTemplate::new(201).set_delay(Duration::from_secs(60));
    fake.fault(CREATE, Fault::Answer(hang));
    fake.existing("ann", "demo", Some(super::MARKER));
    let mut client = Client::new(Settings {
        read_timeout: Duration::from_millis(100),
        ..settings(&fake.url())
    })
    .expect("client");
    client.pace = crate::pace::Pace::immediate();
    client
        .ensure_repository(&new_repository())
        .await
        .expect("adopted after a look");
    assert_eq!(fake.taken(), [CREATE, "GET /user", "GET /repos/ann/demo"]);
}

#[tokio::test]
async fn token_is_never_shown() {
    let fake = Fake::start().await;
    let client = client(&fake);
    let mut shown = format!("{client:?} {:?}", settings(&fake.url()));
    for fault in [
        Fault::Answer(ResponseTemplate::new(401).set_body_json(json!({"message": "no"}))),
        Fault::Answer(ResponseTemplate::new(403).set_body_json(json!({"message": "no"}))),
        Fault::Answer(ResponseTemplate::new(201).set_body_json(json!({"shape": 1}))),
    ] {
        fake.fault(CREATE, fault);
        if let Err(error) = client.ensure_repository(&new_repository()).await {
            shown.push_str(&format!("{error} {error:?}"));
        }
    }
    let mut closed = Client::new(settings("http://127.0.0.1:1")).expect("client");
    closed.pace = crate::pace::Pace::immediate();
    let error = closed
        .ensure_repository(&new_repository())
        .await
        .expect_err("closed");
    assert!(matches!(error, Error::Transport { .. }), "{error:?}");
    shown.push_str(&format!("{error} {error:?}"));
    assert!(!shown.contains(TOKEN), "{shown}");
}

#[tokio::test]
async fn unusable_settings_are_refused() {
    let refused = |token: &str, url: &str| {
        let settings = Settings {
            auth: Auth::Token(SecretString::from(token)),
            ..settings(url)
        };
        matches!(Client::new(settings), Err(Error::Settings { .. }))
    };
    let url = "https://api.github.com";
    for token in ["", "  \n", "a b", "tök", "a\nb", "a\u{7f}"] {
        assert!(refused(token, url), "{token:?}");
    }
    for url in ["", "api.github.com", "ftp://x", "/x", "http://"] {
        assert!(refused("good", url), "{url}");
    }
    assert!(!refused(" good\n", "https://host/api/v3/"));
}

#[test]
fn client_outside_a_runtime_is_refused() {
    let made = Client::new(settings("https://api.github.com"));
    assert!(matches!(made, Err(Error::Settings { .. })));
}

#[tokio::test]
async fn token_is_trimmed_and_path_of_the_base_is_kept() {
    let server = wiremock::MockServer::start().await;
    wiremock::Mock::given(wiremock::matchers::path("/api/v3/user/repos"))
        .and(wiremock::matchers::header(
            "authorization",
            format!("Bearer {TOKEN}").as_str(),
        ))
        .respond_with(ResponseTemplate::new(401))
        .expect(1)
        .mount(&server)
        .await;
    let client = Client::new(Settings {
        auth: Auth::Token(SecretString::from(format!(" {TOKEN}\n"))),
        ..settings(&format!("{}/api/v3/", server.uri()))
    })
    .expect("client");
    let error = client
        .ensure_repository(&new_repository())
        .await
        .expect_err("401");
    assert!(matches!(error, Error::Unauthorized), "{error:?}");
}
