use serde_json::json;

use super::*;

const PEM: &str =
    "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD9\n-----END RSA PRIVATE KEY-----\n";

fn project() -> Value {
    json!({"endpoint": "https://fra.cloud.appwrite.io/v1/", "project": "apps", "key": "standard_0123456789", "siteDomain": "appwrite.network"})
}

fn errors(body: Value, http: PlainHttp) -> Vec<(&'static str, &'static str)> {
    let errors = changes(body.to_string().as_bytes(), http).unwrap_err();
    errors.iter().map(|it| (it.field, it.rule)).collect()
}

#[test]
fn what_was_sealed_is_opened_for_its_owner_and_its_purpose_alone() {
    let (public, secret) = new_key_pair();
    let value = json!({"token": "ghp_of_the_owner"});
    let text = seal(&public, "ann", Kind::GitHub, &value, "now".to_owned()).unwrap();
    assert!(!text.contains("ghp_") && !text.contains("ann"), "{text}");
    let opened = open_github(&secret, "ann", &text).unwrap();
    assert_eq!(opened.secrets(), ["ghp_of_the_owner"]);
    let other = open_github(&secret, "bob", &text).unwrap_err();
    assert_eq!(other, Unusable::Foreign);
    let other = open_appwrite(&secret, "ann", &text).unwrap_err();
    assert_eq!(other, Unusable::Foreign);
    let (_, another) = new_key_pair();
    let closed = open_github(&another, "ann", &text).unwrap_err();
    assert_eq!(closed, Unusable::Closed);
    let damaged = open_github(&secret, "ann", "{}").unwrap_err();
    assert_eq!(damaged, Unusable::Closed);
}

#[test]
fn equal_values_are_sealed_differently() {
    let (public, secret) = new_key_pair();
    let sealed = || seal(&public, "ann", Kind::Appwrite, &project(), String::new()).unwrap();
    assert_ne!(sealed(), sealed());
    let opened = open_appwrite(&secret, "ann", &sealed()).unwrap();
    assert_eq!(opened.endpoint, "https://fra.cloud.appwrite.io/v1");
    assert!(!format!("{opened:?}").contains("standard_"));
}

#[test]
fn the_largest_credential_fits_a_column() {
    let (public, secret) = new_key_pair();
    let line = format!("{}\n", "A".repeat(64)).repeat(60);
    let key = format!("-----BEGIN PRIVATE KEY-----\n{line}-----END PRIVATE KEY-----");
    let value =
        json!({"app": {"id": "i".repeat(100), "privateKey": key, "installationId": u64::MAX}});
    let body = json!({"github": value}).to_string();
    assert_eq!(changes(body.as_bytes(), PlainHttp::Off).unwrap().len(), 1);
    let owner = "o".repeat(36);
    let text = seal(
        &public,
        &owner,
        Kind::GitHub,
        &value,
        "2026-11-30T00:00:00.000+00:00".to_owned(),
    );
    assert!(matches!(
        open_github(&secret, &owner, &text.unwrap()),
        Ok(GitHubCredential::App { .. })
    ));
}

#[test]
fn a_key_is_taken_with_its_lines_apart_or_joined() {
    for key in [
        PEM.to_owned(),
        PEM.replace('\n', "\\n"),
        PEM.replace('\n', "\r\n"),
    ] {
        let value = json!({"app": {"id": "7", "privateKey": key}});
        let Ok(GitHubCredential::App { private_key, .. }) = parse::github(&value) else {
            panic!("{key:?} was refused");
        };
        assert_eq!(private_key.expose_secret(), PEM);
    }
}

#[test]
fn wrong_fields_are_named_and_no_value_is_shown() {
    let off = PlainHttp::Off;
    assert_eq!(errors(json!([]), off), [("body", "must be a JSON object")]);
    assert_eq!(errors(json!({}), off)[0].0, "body");
    assert_eq!(
        errors(json!({"gitlab": {}, "github": null}), off)[0].0,
        "body"
    );
    assert_eq!(
        errors(json!({"github": {"token": "two words"}}), off)[0].0,
        "github.token"
    );
    assert_eq!(
        errors(json!({"github": {"token": "a", "extra": 1}}), off),
        [("github", "has a field that is not known")]
    );
    assert_eq!(
        errors(
            json!({"github": {"token": "a", "app": {"id": 7, "installationId": "x"}}}),
            off
        )
        .iter()
        .map(|it| it.0)
        .collect::<Vec<_>>(),
        [
            "github",
            "github.app.id",
            "github.app.privateKey",
            "github.app.installationId"
        ]
    );
    let wrong = json!({"appwrite": {"endpoint": "ftp://a", "project": "a b", "key": "", "siteDomain": "a/b"}});
    assert_eq!(errors(wrong, off).len(), 4);
}

#[test]
fn endpoints_without_https_are_taken_only_where_they_may_be() {
    let is_taken = |endpoint: &str, http| {
        let mut value = project();
        value["endpoint"] = json!(endpoint);
        parse::appwrite(&value, http).is_ok()
    };
    let (local, remote) = ("http://127.0.0.1:80/v1", "http://example.org/v1");
    assert!(!is_taken(local, PlainHttp::Off));
    assert!(
        is_taken(local, PlainHttp::Loopback)
            && is_taken("http://localhost/v1", PlainHttp::Loopback)
    );
    assert!(!is_taken(remote, PlainHttp::Loopback));
    assert!(is_taken(remote, PlainHttp::Any));
    assert!(is_taken("https://example.org/v1", PlainHttp::Off));
}

#[test]
fn null_removes_and_what_is_not_named_stays() {
    let read = |body: Value| changes(body.to_string().as_bytes(), PlainHttp::Off).unwrap();
    assert_eq!(read(json!({"github": null})), [(Kind::GitHub, None)]);
    assert_eq!(
        read(json!({"appwrite": project(), "github": null})),
        [(Kind::GitHub, None), (Kind::Appwrite, Some(project()))]
    );
}
