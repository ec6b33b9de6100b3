//! The shapes of credentials that are known without being told.

use crate::redaction::Redactor;

/// The samples are put together here, so that no file of the repository looks like it leaks.
fn long(prefix: &str, length: usize) -> String {
    format!(
        "{prefix}{}",
        "aB3".repeat(length.div_ceil(3)).split_at(length).0
    )
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(Redactor::default().clean(text), expected);
}

#[test]
fn keys_are_known_by_their_prefix() {
    let prefixes = [
        "xai-",
        "sk-ant-api03-",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "ghr_",
        "github_pat_",
    ];
    for prefix in prefixes {
        check(
            &format!("key={}, next", long(prefix, 36)),
            "key=[redacted], next",
        );
    }
    check(
        &format!("\"standard_{}\"", "0123456789abcdef".repeat(16)),
        "\"[redacted]\"",
    );
}

#[test]
fn appwrite_execution_keys_are_removed() {
    let token = format!("{}.{}.{}", long("eyJ", 20), long("", 60), long("", 43));
    check(
        &format!("x-appwrite-key: ephemeral_{token}"),
        "x-appwrite-key: [redacted]",
    );
    check(
        &format!("x-appwrite-key: dynamic_{token}"),
        "x-appwrite-key: [redacted]",
    );
    check(&format!("jwt {token}."), "jwt [redacted].");
}

#[test]
fn aws_access_key_ids_are_removed() {
    check(&format!("AK{} ok", "IA0123456789ABCDEF"), "[redacted] ok");
    check("AKIA and more", "AKIA and more");
}

#[test]
fn private_key_blocks_are_removed_even_when_cut() {
    let dashes = "-----";
    for kind in ["", "RSA ", "EC ", "OPENSSH "] {
        let head = format!("{dashes}BEGIN {kind}PRIVATE KEY{dashes}\nMIIE\nabcd\n");
        check(
            &format!("a\n{head}{dashes}END {kind}PRIVATE KEY{dashes}\nb"),
            "a\n[redacted]\nb",
        );
        check(&format!("a\n{head}"), "a\n[redacted]");
    }
    let public = "-----BEGIN PUBLIC KEY-----\nMIIE\n-----END PUBLIC KEY-----";
    check(public, public);
}

#[test]
fn authorization_credentials_are_removed_in_every_spelling() {
    check(
        "Authorization: Bearer abc.def",
        "Authorization: Bearer [redacted]",
    );
    check(
        "authorization: basic b3ByOnM=",
        "authorization: basic [redacted]",
    );
    check(
        r#"{"authorization":"Bearer abc","x":1}"#,
        r#"{"authorization":"Bearer [redacted]","x":1}"#,
    );
    check(
        r#"{\"Authorization\": \"Bearer abc\"}"#,
        r#"{\"Authorization\": \"Bearer [redacted]\"}"#,
    );
    check(
        "-H 'Authorization: Bearer abc'",
        "-H 'Authorization: Bearer [redacted]'",
    );
    check("bearer 0123456789abcdefgh", "bearer [redacted]");
}

#[test]
fn prose_about_credentials_is_kept() {
    let prose = "Set the authorization header: Bearer authentication, a xai-key or ghp_ token. \
                 dynamic_dispatch, standard_library, eyJ, sk-ant-…, PRIVATE KEY, Übergröße";
    check(prose, prose);
}
