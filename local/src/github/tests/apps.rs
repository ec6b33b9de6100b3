use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::{Access, Hub, TOKEN, git, succeeded, text};
use crate::github::{App, Installation, OutsideFile};

/// A new private key and its public key, both as PEM.
fn keys(public: &str) -> (String, String) {
    let run = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.pem");
    let private = run(&["genrsa", "-traditional", "2048"]);
    std::fs::write(&path, &private).unwrap();
    let public = run(&["rsa", "-in", path.to_str().unwrap(), public]);
    (private, public)
}

fn access(public_key: String) -> Access {
    let installation = |id, account: &str, repositories| Installation {
        id,
        account: account.to_owned(),
        repositories,
        permissions: [
            ("contents", "write"),
            ("pull_requests", "write"),
            ("administration", "write"),
        ]
        .map(|(name, level)| (name.to_owned(), level.to_owned()))
        .into(),
        suspended: id == 9,
    };
    let app = |id, installations| App {
        id,
        slug: "publisher".to_owned(),
        owner: "Ada".to_owned(),
        public_key: public_key.clone(),
        installations,
    };
    Access {
        apps: vec![app(
            7,
            vec![
                installation(70, "Guild", None),
                installation(71, "Ada", Some(vec!["shop".to_owned()])),
                installation(9, "bob", None),
            ],
        )],
        ..Access::default()
    }
}

struct Signer(RsaKeyPair);

impl Signer {
    fn new(private: &str) -> Self {
        let packed: String = private
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(packed)
            .unwrap();
        Self(RsaKeyPair::from_der(&der).unwrap())
    }

    fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({ "alg": "RS256", "typ": "JWT" });
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn jwt(&self) -> String {
        self.sign(&claims(-60, 540))
    }
}

fn claims(issued: i64, expires: i64) -> Value {
    let now = jiff::Timestamp::now().as_second();
    json!({ "iss": 7, "iat": now + issued, "exp": now + expires })
}

async fn hub() -> (Hub, Signer) {
    let (private, public) = keys("-pubout");
    let hub = Hub::with_access(access(public)).await;
    let files = [OutsideFile::new("README.md", "x")];
    for name in ["Ada/shop", "Ada/secret", "Guild/site"] {
        hub.github.seed(name, true, &files).await.unwrap();
    }
    (hub, Signer::new(&private))
}

async fn get(hub: &Hub, token: &str, path: &str) -> super::Answer {
    hub.try_send(token, "GET", path, None).await.unwrap()
}

async fn token(hub: &Hub, signer: &Signer, installation: u64, body: Value) -> super::Answer {
    let path = format!("/app/installations/{installation}/access_tokens");
    hub.send(&signer.jwt(), "POST", &path, body).await
}

#[tokio::test]
async fn an_app_finds_itself_and_its_installations() {
    let (hub, signer) = hub().await;
    let jwt = signer.jwt();
    let app = get(&hub, &jwt, "/app").await.expect(200);
    assert_eq!(app["slug"], "publisher");
    for (path, id) in [
        ("/orgs/guild/installation", 70),
        ("/users/Ada/installation", 71),
        ("/repos/Ada/shop/installation", 71),
        ("/repos/Guild/site/installation", 70),
    ] {
        assert_eq!(get(&hub, &jwt, path).await.expect(200)["id"], id, "{path}");
    }
    for path in ["/orgs/none/installation", "/repos/Ada/secret/installation"] {
        get(&hub, &jwt, path).await.refused(404, "Not Found");
    }
    // A client id does as well as the number, and nothing else is open to the App itself.
    let mut named = claims(-60, 540);
    named["iss"] = app["client_id"].clone();
    get(&hub, &signer.sign(&named), "/app").await.expect(200);
    let refused = "Resource not accessible by integration";
    get(&hub, &jwt, "/user").await.refused(403, refused);
    let person = get(&hub, TOKEN, "/app").await;
    person.refused(401, "A JSON web token could not be decoded");
}

#[tokio::test]
async fn what_is_wrong_with_a_json_web_token_is_told() {
    let (hub, signer) = hub().await;
    let decoded = "A JSON web token could not be decoded";
    let late = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
    let early = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
    for (claims, message) in [
        (claims(-660, -1), late),
        (json!({ "iss": 7, "iat": 1 }), late),
        (claims(600, 540), early),
        (
            claims(-60, 700),
            "'Expiration time' claim ('exp') is too far in the future",
        ),
        (
            json!({ "iss": "me" }),
            "'Issuer' claim ('iss') must be an Integer",
        ),
    ] {
        get(&hub, &signer.sign(&claims), "/app")
            .await
            .refused(401, message);
    }
    let mut unknown = claims(-60, 540);
    unknown["iss"] = json!(8);
    get(&hub, &signer.sign(&unknown), "/app")
        .await
        .refused(404, "Integration not found");
    let (private, _) = keys("-pubout");
    let foreign = Signer::new(&private).jwt();
    get(&hub, &foreign, "/app").await.refused(401, decoded);
    let unsigned = format!("{}.e30.x", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
    get(&hub, &unsigned, "/app").await.refused(401, decoded);
}

#[tokio::test]
async fn an_installation_works_where_it_is_installed() {
    let (hub, signer) = hub().await;
    let made = token(&hub, &signer, 71, json!({})).await.expect(201);
    assert_eq!(made["repository_selection"], "selected");
    let expires: jiff::Timestamp = text(&made["expires_at"]).parse().unwrap();
    let left = expires.as_second() - jiff::Timestamp::now().as_second();
    assert!((3_590..=3_600).contains(&left));
    let held = text(&made["token"]);
    assert!(held.starts_with("ghs_7_") && held.len() > 100);
    let shown = get(&hub, &held, "/repos/Ada/shop").await;
    assert!(!shown.headers.contains_key("x-oauth-scopes"));
    assert_eq!(shown.expect(200)["permissions"]["push"], false);
    get(&hub, &held, "/repos/Ada/secret")
        .await
        .refused(404, "Not Found");
    let refused = "Resource not accessible by integration";
    get(&hub, &held, "/user").await.refused(403, refused);
    hub.send(&held, "POST", "/user/repos", json!({ "name": "x" }))
        .await
        .refused(403, refused);
    let secrets = get(&hub, &held, "/repos/Ada/shop/actions/secrets").await;
    assert_eq!(
        secrets.header("x-accepted-github-permissions"),
        "secrets=read"
    );
    secrets.refused(403, refused);
    get(&hub, "ghs_7_unknown", "/user")
        .await
        .refused(401, "Bad credentials");
    let host = hub.github.base_url().trim_start_matches("http://");
    let url = format!("http://x-access-token:{held}@{host}/Ada/shop.git");
    let work = tempfile::tempdir().unwrap();
    succeeded(git(work.path(), &["clone", "--quiet", &url, "shop"]).await);
}

#[tokio::test]
async fn an_organisations_installation_creates_repositories() {
    let (hub, signer) = hub().await;
    let made = token(&hub, &signer, 70, json!({ "permissions": {} })).await;
    let made = made.expect(201);
    assert_eq!(made["repository_selection"], "all");
    assert_eq!(made["permissions"]["contents"], "write");
    let held = text(&made["token"]);
    let body = json!({ "name": "fresh", "auto_init": true, "private": true });
    hub.send(&held, "POST", "/orgs/Guild/repos", body)
        .await
        .expect(201);
    get(&hub, &held, "/repos/Guild/fresh/git/ref/heads/main")
        .await
        .expect(200);
}

#[tokio::test]
async fn a_token_can_be_narrowed_but_not_widened() {
    let (hub, signer) = hub().await;
    let narrow = json!({ "repositories": ["site"], "permissions": { "contents": "read" } });
    let made = token(&hub, &signer, 70, narrow).await.expect(201);
    assert_eq!(made["repositories"][0]["full_name"], "Guild/site");
    let held = text(&made["token"]);
    get(&hub, &held, "/repos/Guild/site/git/ref/heads/main")
        .await
        .expect(200);
    let blob = json!({ "content": "x" });
    hub.send(&held, "POST", "/repos/Guild/site/git/blobs", blob)
        .await
        .refused(403, "Resource not accessible by integration");
    let wide = json!({ "permissions": { "secrets": "write" } });
    token(&hub, &signer, 70, wide).await.refused(
        422,
        "The permissions requested are not granted to this installation.",
    );
    let foreign = "There is at least one repository that does not exist or is not accessible to the parent installation.";
    for body in [
        json!({ "repositories": ["secret"] }),
        json!({ "repository_ids": [1] }),
    ] {
        token(&hub, &signer, 71, body).await.refused(422, foreign);
    }
    token(&hub, &signer, 9, json!({}))
        .await
        .refused(403, "This installation has been suspended");
    token(&hub, &signer, 1, json!({}))
        .await
        .refused(404, "Not Found");
}

#[tokio::test]
async fn a_key_may_be_in_the_old_form_and_must_be_a_key() {
    let (private, public) = keys("-RSAPublicKey_out");
    assert!(public.contains("BEGIN RSA PUBLIC KEY"));
    let hub = Hub::with_access(access(public)).await;
    get(&hub, &Signer::new(&private).jwt(), "/app")
        .await
        .expect(200);
    let directory = tempfile::tempdir().unwrap();
    let config = super::config(directory.path(), super::Faults::default(), true);
    let access = access("no key".to_owned());
    let wrong = super::GitHubConfig { access, ..config };
    let error = super::GitHub::start(wrong).await.unwrap_err();
    assert!(error.to_string().contains("public key of publisher"));
}
