//! Secrets and variables of Actions.

use secrecy::SecretString;
use serde_json::json;
use wiremock::ResponseTemplate;

use super::client;
use super::fake::{Fake, Fault};
use crate::{Client, Error, Repository};

const KEY: &str = "GET /repos/ann/app/actions/secrets/public-key";
const VALUE: &str = "standard_never_shown";

async fn ready() -> (Fake, Client, Repository) {
    let fake = Fake::start().await;
    fake.existing("ann", "app", None);
    let client = client(&fake);
    let repository = client.existing_repository("ann/app").await.expect("found");
    fake.taken();
    (fake, client, repository)
}

fn secret(name: &str, value: &str) -> (String, SecretString) {
    (name.to_owned(), SecretString::from(value))
}

#[tokio::test]
async fn secrets_arrive_and_are_sealed_on_the_way() {
    let (fake, client, repository) = ready().await;
    let secrets = [secret("API_KEY", VALUE), secret("_other", "ü\n")];
    for _ in 0..2 {
        client
            .set_secrets(&repository, &secrets)
            .await
            .expect("set");
        let put = "PUT /repos/ann/app/actions/secrets";
        let calls = [
            KEY.to_owned(),
            format!("{put}/API_KEY"),
            format!("{put}/_other"),
        ];
        assert_eq!(fake.taken(), calls);
    }
    assert_eq!(fake.secrets()["API_KEY"], VALUE);
    assert_eq!(fake.secrets()["_other"], "ü\n");
    let sent = format!("{:?}", fake.bodies());
    assert!(!sent.contains(VALUE));
    client.set_secrets(&repository, &[]).await.expect("nothing");
    assert!(fake.taken().is_empty());
}

#[tokio::test]
async fn values_are_in_no_error() {
    let (fake, client, repository) = ready().await;
    let answer = ResponseTemplate::new(403).set_body_json(json!({
        "message": "Resource not accessible by personal access token"}));
    fake.fault("PUT", Fault::Answer(answer.clone()));
    let error = client
        .set_secrets(&repository, &[secret("API_KEY", VALUE)])
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"the token may not set the Actions secrets: give it scope `repo`, or the permission Secrets: write (Resource not accessible by personal access token)");
    fake.fault("PATCH", Fault::Answer(answer));
    let variable = [("A".to_owned(), VALUE.to_owned())];
    let other = client
        .set_variables(&repository, &variable)
        .await
        .expect_err("refused");
    assert!(!format!("{error:?} {other} {other:?}").contains(VALUE));
}

#[tokio::test]
async fn names_github_refuses_are_refused_first() {
    let (fake, client, repository) = ready().await;
    for name in ["", "1A", "A-B", "GITHUB_TOKEN", "github_x", "A/../B", "Ä"] {
        let error = client
            .set_secrets(&repository, &[secret(name, VALUE)])
            .await
            .expect_err("refused");
        assert!(matches!(error, Error::Validation { .. }), "{name}");
        assert!(!error.to_string().contains(VALUE));
    }
    let long = "x".repeat(48 * 1024 + 1);
    let error = client
        .set_secrets(&repository, &[secret("A", &long)])
        .await
        .expect_err("too long");
    insta::assert_snapshot!(error, @"could not set the Actions secrets: `A` is longer than 48 KB");
    assert!(fake.taken().is_empty());
}

#[tokio::test]
async fn variables_are_made_and_changed() {
    let (fake, client, repository) = ready().await;
    let root = "/repos/ann/app/actions/variables";
    for (value, calls) in [
        ("1", vec![format!("PATCH {root}/A"), format!("POST {root}")]),
        ("2", vec![format!("PATCH {root}/A")]),
    ] {
        let variables = [("A".to_owned(), value.to_owned())];
        client
            .set_variables(&repository, &variables)
            .await
            .expect("set");
        assert_eq!(fake.taken(), calls);
        assert_eq!(fake.variables()["A"], value);
    }
}
