//! Requests made as a GitHub App.

use std::io::Write as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use super::fake::{Fake, Fault};
use super::{new_repository, settings};
use crate::{Auth, Client, Error, Installation, NewRepository, Settings};

const FIND: &str = "GET /orgs/team/installation";
const MINT: &str = "POST /app/installations/30614487/access_tokens";
const LOOK: &str = "GET /repos/team/app";

/// A key made for this test, by the program that also checks the signature.
fn key(format: &[&str]) -> String {
    let mut arguments = vec!["genrsa"];
    arguments.extend(format);
    arguments.push("2048");
    let made = Command::new("openssl").args(arguments).output();
    String::from_utf8(made.expect("openssl is installed").stdout).expect("text")
}

fn app(fake: &Fake, pem: &str, installation: Installation) -> Client {
    let auth = Auth::App {
        app_id: "7".to_owned(),
        private_key_pem: SecretString::from(pem),
        installation,
    };
    let mut client = Client::new(Settings {
        auth,
        ..settings(&fake.url())
    })
    .expect("client");
    client.pace = crate::pace::Pace::immediate();
    client
}

fn in_team() -> Installation {
    Installation::Owner("team".to_owned())
}

async fn ready() -> (Fake, String) {
    let fake = Fake::start().await;
    fake.existing("team", "app", None);
    (fake, key(&["-traditional"]))
}

#[tokio::test]
async fn token_is_minted_once_and_renewed_before_it_expires() {
    let (fake, pem) = ready().await;
    let client = app(&fake, &pem, in_team());
    for calls in [
        vec![FIND, MINT, LOOK],
        // The first token lives shorter than the margin.
        vec![MINT, LOOK],
        vec![LOOK],
    ] {
        client.existing_repository("team/app").await.expect("found");
        assert_eq!(fake.taken(), calls);
    }
    assert_eq!(client.requests(), 6);
    let used = fake.tokens().pop();
    assert_eq!(used.as_deref(), Some("Bearer ghs_7_never-shown-2"));
    let shown = format!("{client:?} {:?}", settings(&fake.url()));
    assert!(!shown.contains("ghs_"));
}

#[tokio::test]
async fn statement_of_the_app_is_signed_and_short_lived() {
    let (fake, pem) = ready().await;
    let client = app(&fake, &pem, Installation::Id(30_614_487));
    client.existing_repository("team/app").await.expect("found");
    assert_eq!(fake.taken(), [MINT, LOOK]);
    let jwt = fake.tokens().remove(0);
    let jwt = jwt.trim_start_matches("Bearer ");
    let (signed, signature) = jwt.rsplit_once('.').expect("three parts");
    let part = |text: &str| URL_SAFE_NO_PAD.decode(text).expect("base64url");
    let (header, claims) = signed.split_once('.').expect("two parts");
    let header: Value = serde_json::from_slice(&part(header)).expect("json");
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
    let claims: Value = serde_json::from_slice(&part(claims)).expect("json");
    assert_eq!(claims["iss"], 7);
    let at = |name: &str| claims[name].as_i64().expect("seconds");
    assert_eq!(at("exp") - at("iat"), 600, "ten minutes at most");
    let now = jiff::Timestamp::now().as_second();
    assert!((now - at("iat") - 60).abs() < 30, "a minute back");

    let folder = tempfile::tempdir().expect("tempdir");
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        let mut file = std::fs::File::create(&path).expect("file");
        file.write_all(bytes).expect("written");
        path
    };
    let (pem, signature) = (file("key", pem.as_bytes()), file("sig", &part(signature)));
    let checked = Command::new("openssl")
        .args(["dgst", "-sha256", "-prverify"])
        .arg(pem)
        .arg("-signature")
        .arg(signature)
        .arg(file("signed", signed.as_bytes()))
        .output()
        .expect("openssl");
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn revoked_token_is_replaced_once() {
    let (fake, pem) = ready().await;
    let client = app(&fake, &pem, Installation::Id(30_614_487));
    let bad = || {
        let body = json!({"message": "Bad credentials"});
        Fault::Answer(ResponseTemplate::new(401).set_body_json(body))
    };
    fake.fault(LOOK, bad());
    client.existing_repository("team/app").await.expect("found");
    assert_eq!(fake.taken(), [MINT, LOOK, MINT, LOOK]);
    fake.fault(LOOK, bad());
    fake.fault(LOOK, bad());
    let error = client
        .existing_repository("team/app")
        .await
        .expect_err("refused");
    assert!(matches!(error, Error::Unauthorized), "{error:?}");
}

#[tokio::test]
async fn app_that_is_not_installed_is_told() {
    let (fake, pem) = ready().await;
    let client = app(&fake, &pem, Installation::Owner("nobody".to_owned()));
    let error = client
        .existing_repository("team/app")
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"could not find the App's installation: it is not installed for `nobody`; install the App there, or use a token");
    let calls = [
        "GET /orgs/nobody/installation",
        "GET /users/nobody/installation",
    ];
    assert_eq!(fake.taken(), calls);
    let client = app(&fake, &pem, Installation::Id(1));
    let error = client
        .existing_repository("team/app")
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"could not get a token for the App's installation: it has no installation 1; install the App there, or use a token");
}

#[tokio::test]
async fn app_creates_in_an_organization_and_not_for_a_person() {
    let (fake, pem) = ready().await;
    let client = app(&fake, &pem, in_team());
    let error = client
        .ensure_repository(&new_repository())
        .await
        .expect_err("refused");
    insta::assert_snapshot!(error, @"could not create the repository: a GitHub App cannot create a repository in a personal account; name an organization, use a token, or choose an existing repository");
    assert!(fake.taken().is_empty());
    let new = NewRepository {
        owner: Some("team".to_owned()),
        ..new_repository()
    };
    client.ensure_repository(&new).await.expect("made");
    assert_eq!(fake.taken(), [FIND, MINT, "POST /orgs/team/repos"]);
    let new = NewRepository {
        owner: Some("ann".to_owned()),
        ..new_repository()
    };
    let by_number = app(&fake, &pem, Installation::Id(30_614_487));
    let error = by_number.ensure_repository(&new).await.expect_err("404");
    assert!(matches!(error, Error::Validation { .. }), "{error:?}");
    assert_eq!(fake.taken(), [MINT, "POST /orgs/ann/repos"]);
    let person = app(&fake, &pem, Installation::Owner("ann".to_owned()));
    let error = person.ensure_repository(&new).await.expect_err("refused");
    assert!(matches!(error, Error::Validation { .. }), "{error:?}");
    let calls = ["GET /orgs/ann/installation", "GET /users/ann/installation"];
    assert_eq!(fake.taken(), calls);
}

#[tokio::test]
async fn unusable_keys_are_refused() {
    let modern = key(&[]);
    assert!(modern.contains("BEGIN PRIVATE KEY"));
    let refused = |pem: &str, id: &str, owner: &str| {
        let auth = Auth::App {
            app_id: id.to_owned(),
            private_key_pem: SecretString::from(pem),
            installation: Installation::Owner(owner.to_owned()),
        };
        let shown = format!("{auth:?}");
        assert!(pem.is_empty() || !shown.contains(pem));
        matches!(
            Client::new(Settings::new(auth)),
            Err(Error::Settings { .. })
        )
    };
    let garbage = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    for pem in ["", "no key", garbage] {
        assert!(refused(pem, "7", "team"), "{pem}");
    }
    assert!(refused(&modern, "", "team"));
    assert!(refused(&modern, "7", "a/b"));
    assert!(!refused(&modern, "Iv1.0123456789abcdef", "team"));
}
