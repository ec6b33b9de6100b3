//! Who asks, and that nobody else learns it.

use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use wiremock::matchers::{any, header};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::recorded::{body, sent, serve};
use super::{SECRET, blocking, chain, client, settings, tasks};
use crate::{Client, Credential, Error, ErrorType, RESPONSE_FORMAT, Retry};

#[tokio::test]
async fn every_request_names_project_and_format() {
    let server = serve("row_patched").await;
    let url = server.uri();
    blocking(move || {
        tasks(&client(&url)).patch("task-3", &json!({}), Some("2026-11-22T20:26:29.813+00:00"))
    })
    .await
    .unwrap();
    let requests = server.received_requests().await.unwrap();
    let sent = |name: &str| requests[0].headers.get(name).unwrap().to_str().unwrap();
    assert_eq!(sent("x-appwrite-project"), "orch");
    assert_eq!(sent("x-appwrite-response-format"), RESPONSE_FORMAT);
    assert_eq!(sent("x-appwrite-key"), SECRET);
    assert_eq!(
        sent("x-appwrite-timestamp"),
        "2026-11-22T20:26:29.813+00:00"
    );
    assert_eq!(sent("content-type"), "application/json");
    assert_eq!(sent("accept"), "application/json");
}

#[tokio::test]
async fn credentials_use_their_own_headers() {
    let server = serve("account").await;
    let url = server.uri();
    blocking(move || {
        let client = client(&url);
        let secret = || SecretString::from("abcdefghijkl");
        for credential in [
            Credential::Session(secret()),
            Credential::Jwt(secret()),
            Credential::Guest,
        ] {
            client.with_credential(credential).account().get().unwrap();
        }
    })
    .await;
    let requests = server.received_requests().await.unwrap();
    let names = ["x-appwrite-session", "x-appwrite-jwt", "x-appwrite-key"];
    let sent: Vec<[bool; 3]> = requests
        .iter()
        .map(|request| names.map(|name| request.headers.contains_key(name)))
        .collect();
    assert_eq!(
        sent,
        [
            [true, false, false],
            [false, true, false],
            [false, false, false]
        ]
    );
}

#[test]
fn secrets_are_in_no_debug_text() {
    let settings = settings("http://127.0.0.1:9");
    let text = format!("{settings:?}");
    assert!(
        !text.contains(SECRET) && text.contains("REDACTED"),
        "{text}"
    );
    let text = format!("{:?}", Client::new(settings).unwrap());
    assert!(
        !text.contains(SECRET) && text.contains("REDACTED"),
        "{text}"
    );
}

#[tokio::test]
async fn echoed_secret_is_blanked_out() {
    let server = MockServer::start().await;
    let error = json!({
        "message": format!("bad key {SECRET}!"), "code": 401, "type": format!("bad_{SECRET}"), "version": "1.9.6",
    });
    Mock::given(any())
        .respond_with(ResponseTemplate::new(401).set_body_json(error))
        .mount(&server)
        .await;
    let url = server.uri();
    let error = blocking(move || tasks(&client(&url)).get("x"))
        .await
        .unwrap_err();
    let text = format!("{} {error:?}", chain(&error));
    assert!(text.contains("bad key [redacted]!"), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[test]
fn malformed_secret_is_refused_without_being_told() {
    let mut settings = settings("http://127.0.0.1:9");
    settings.credential = Credential::Key(SecretString::from("line\nbreak-secret"));
    let client = Client::new(settings).unwrap();
    let error = tasks(&client).get("x").unwrap_err();
    assert!(matches!(error, Error::Argument { .. }));
    let text = format!("{} {error:?}", chain(&error));
    assert!(!text.contains("break-secret"), "{text}");
}

#[test]
fn errors_name_operation_and_object_once() {
    let error = tasks(&client("http://127.0.0.1:9"))
        .get("../keys")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`rows.get` of `t1/tasks/../keys` was not sent: "),
        "{error}"
    );
}

#[test]
fn ids_that_change_the_path_are_refused() {
    let client = client("http://127.0.0.1:9");
    let long = "a".repeat(37);
    for id in [
        "",
        "unique()",
        "a/b",
        "..",
        "_a",
        "a b",
        "ä",
        "a?b",
        long.as_str(),
    ] {
        let error = tasks(&client).get(id).unwrap_err();
        assert!(matches!(error, Error::Argument { .. }), "{id}: {error}");
    }
    assert!(client.counts().is_empty());
}

#[test]
fn bad_settings_are_refused() {
    for endpoint in [
        "",
        "localhost",
        "ftp://x",
        "http://user:word@host",
        "http://h/v1?x=1",
    ] {
        let mut bad = settings("http://h");
        bad.endpoint = endpoint.to_owned();
        assert!(
            matches!(Client::new(bad), Err(Error::Settings { .. })),
            "{endpoint}"
        );
    }
    for project in ["", "a\nb"] {
        let mut bad = settings("http://h");
        bad.project = project.to_owned();
        assert!(Client::new(bad).is_err(), "{project}");
    }
}

#[tokio::test]
async fn session_token_comes_from_the_fallback() {
    let server = serve("session_anonymous").await;
    let url = server.uri();
    let (session, token) = blocking(move || client(&url).account().create_anonymous_session())
        .await
        .unwrap();
    assert_eq!(session.user_id, "6b03544809bb9fb6a549");
    assert_eq!(session.provider, "anonymous");
    assert_eq!(token.expose_secret(), "<session-token base64>");
}

#[tokio::test]
async fn people_sign_up_and_in_with_an_address() {
    let password = || SecretString::from("bobPassw0rd!");
    let server = serve("account_created").await;
    let url = server.uri();
    let user = blocking(move || {
        client(&url)
            .account()
            .create("bob@localhost.test", &password())
    });
    assert_eq!(user.await.unwrap().email, "bob@localhost.test");
    let body = sent(&server).await;
    assert_eq!(body["userId"], "unique()");
    assert_eq!(body["password"], "bobPassw0rd!");

    let sign_in = move |url: String| {
        let account = client(&url);
        account
            .account()
            .create_email_session("bob@localhost.test", &password())
    };
    let server = serve("session_email").await;
    let url = server.uri();
    let (session, token) = blocking(move || sign_in(url)).await.unwrap();
    assert_eq!(session.provider, "email");
    assert_eq!(token.expose_secret(), "<session-token base64>");

    let server = serve("session_refused").await;
    let url = server.uri();
    let error = blocking(move || sign_in(url)).await.unwrap_err();
    assert_eq!(error.kind(), Some(&ErrorType::UserInvalidCredentials));
    assert_eq!(error.retry(), Retry::Terminal);
}

async fn session_with(headers: &[(&str, &str)]) -> Result<SecretString, Error> {
    let server = MockServer::start().await;
    let mut template = ResponseTemplate::new(201).set_body_json(body("session_anonymous"));
    for (name, value) in headers {
        template = template.append_header(*name, *value);
    }
    Mock::given(header("x-appwrite-project", "orch"))
        .respond_with(template)
        .mount(&server)
        .await;
    let url = server.uri();
    let result = blocking(move || client(&url).account().create_anonymous_session()).await;
    result.map(|(_, token)| token)
}

#[tokio::test]
async fn session_token_comes_from_the_cookie() {
    let token = session_with(&[
        ("set-cookie", "a_session_orch_legacy=old; path=/; HttpOnly"),
        (
            "set-cookie",
            "a_session_orch=eyJpZCI6IngifQ%3D%3D; path=/; HttpOnly",
        ),
    ]);
    assert_eq!(token.await.unwrap().expose_secret(), "eyJpZCI6IngifQ==");
}

#[tokio::test]
async fn missing_session_token_is_an_error() {
    let other = session_with(&[("set-cookie", "a_session_other=x")]);
    assert!(matches!(other.await, Err(Error::MissingToken { .. })));
}
