use std::collections::BTreeMap;

use secrecy::ExposeSecret;

use super::{GitHubCredential, InvalidSettings, Kind, SETTINGS, Setting, Settings};

const PEM: &str =
    "-----BEGIN RSA PRIVATE KEY-----\\nMIIBOgIBAAJBAKj34GkxFhD9\\n-----END RSA PRIVATE KEY-----\\n";

fn parse(pairs: &[(&str, &str)]) -> Result<Settings, InvalidSettings> {
    let map: BTreeMap<_, _> = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::from_map(&map)
}

#[test]
fn empty_environment_gives_defaults_and_no_error() {
    let settings = parse(&[]).unwrap();
    assert_eq!(settings.appwrite_endpoint, None);
    assert_eq!(settings.planner.base_url, "https://api.x.ai/v1");
    assert_eq!(settings.agent.base_url, "https://api.anthropic.com");
    assert_eq!(settings.github_base_url, "https://api.github.com");
    assert_eq!(settings.planner.model, "grok-4.7");
    assert_eq!(settings.agent.model, "claude-sonnet-5-5");
    assert_eq!(settings.agent_fallback_model, "claude-opus-5-5");
    assert_eq!(
        (
            settings.claim_heartbeat_seconds,
            settings.claim_lapse_seconds
        ),
        (5, 15)
    );
    assert_eq!(settings.check_after_seconds, 10);
    assert_eq!(settings.build_timeout_seconds, 900);
    assert_eq!(settings.build_check_seconds, 60);
}

#[test]
fn own_name_wins_over_the_alias() {
    let alias = parse(&[
        ("XAI_API_KEY", "from-alias"),
        ("APPWRITE_FUNCTION_API_ENDPOINT", "http://localhost/v1/"),
        ("APPWRITE_FUNCTION_PROJECT_ID", "p1"),
    ]);
    let alias = alias.unwrap();
    assert_eq!(alias.planner.key.unwrap().expose_secret(), "from-alias");
    assert_eq!(
        alias.appwrite_endpoint.as_deref(),
        Some("http://localhost/v1")
    );
    assert_eq!(alias.project_id.as_deref(), Some("p1"));
    let both = parse(&[
        ("XAI_API_KEY", "from-alias"),
        ("GROK_API_KEY", " from-name\n"),
    ])
    .unwrap();
    assert_eq!(both.planner.key.unwrap().expose_secret(), "from-name");
}

#[test]
fn blank_value_is_missing() {
    let settings = parse(&[("GITHUB_TOKEN", "  "), ("GROK_MODEL", "")]).unwrap();
    assert!(settings.github.is_none());
    assert_eq!(settings.planner.model, "grok-4.7");
}

#[test]
fn every_invalid_value_is_named_with_its_rule_and_not_shown() {
    let error = parse(&[
        ("CHECK_AFTER_SECONDS", "soon"),
        ("CLAIM_HEARTBEAT_SECONDS", "0"),
        ("XAI_API_KEY", "two words"),
        ("APPWRITE_ENDPOINT", "localhost"),
        ("PORT", "70000"),
        ("OPEN_RUNTIMES_HEADERS", "[]"),
    ]);
    insta::assert_snapshot!(error.unwrap_err(), @"invalid settings: `APPWRITE_ENDPOINT` must be an `http://` or `https://` URL without user and query; `XAI_API_KEY` must be one word of printable ASCII characters; `CLAIM_HEARTBEAT_SECONDS` must be a whole number from 1 to 60; `CHECK_AFTER_SECONDS` must be a whole number from 1 to 3600; `PORT` must be a whole number from 0 to 65535; `OPEN_RUNTIMES_HEADERS` must be a JSON object of headers");
}

#[test]
fn every_endpoint_beyond_this_machine_must_be_https() {
    let endpoints = SETTINGS
        .iter()
        .filter(|setting| setting.kind == Kind::Endpoint)
        .map(|setting| setting.name);
    for name in endpoints {
        for good in [
            "https://example.org/v1",
            "http://localhost:1/v1",
            "http://127.0.0.2/v1",
            "http://[::1]:1/v1",
        ] {
            assert!(parse(&[(name, good)]).is_ok(), "{name} {good}");
        }
        for bad in [
            "http://example.org/v1",
            "http://localhost.example.org/v1",
            "http://a.localhost/v1",
            "http://10.0.0.1/v1",
            "http://[::2]/v1",
        ] {
            let error = parse(&[(name, bad)]).unwrap_err().to_string();
            assert!(
                error.contains(name) && error.contains("https://"),
                "{error}"
            );
            assert!(
                parse(&[(name, bad), ("ENDPOINTS_HTTP", "any")]).is_ok(),
                "{name}"
            );
            assert!(
                parse(&[(name, bad), ("ENDPOINTS_HTTP", "loopback")]).is_err(),
                "{name}"
            );
        }
    }
    // Appwrite tells its functions its own address.
    let own = parse(&[("APPWRITE_FUNCTION_API_ENDPOINT", "http://appwrite/v1")]).unwrap();
    assert_eq!(own.appwrite_endpoint.as_deref(), Some("http://appwrite/v1"));
}

#[test]
fn one_of_token_and_app_is_needed_and_both_are_refused() {
    let missing = |pairs: &[(&str, &str)]| {
        let missing = parse(pairs).unwrap().missing("publish");
        missing[2..].to_vec()
    };
    assert_eq!(missing(&[]), ["GITHUB_TOKEN", "SITE_DOMAIN"]);
    let app = [("GITHUB_APP_ID", "7"), ("GITHUB_APP_PRIVATE_KEY", PEM)];
    assert_eq!(missing(&app), ["SITE_DOMAIN"]);
    assert_eq!(
        missing(&app[..1]),
        ["GITHUB_APP_PRIVATE_KEY", "SITE_DOMAIN"]
    );
    assert_eq!(missing(&app[1..]), ["GITHUB_APP_ID", "SITE_DOMAIN"]);
    let both = [app[0], app[1], ("GITHUB_TOKEN", "ghp_1")];
    insta::assert_snapshot!(parse(&both).unwrap_err(), @"invalid settings: `GITHUB_TOKEN` must not be set beside `GITHUB_APP_ID`: choose one of them");
    let settings = parse(&app).unwrap();
    let Some(GitHubCredential::App { private_key, .. }) = &settings.github else {
        panic!("no app");
    };
    assert_eq!(private_key.expose_secret(), PEM.replace("\\n", "\n"));
    let text = "it said MIIBOgIBAAJBAKj34GkxFhD9 and";
    assert_eq!(settings.redactor().clean(text), "it said [redacted] and");
    assert!(!format!("{settings:?}").contains("MIIBOg"));
}

#[test]
fn lapse_must_leave_room_for_a_lost_heartbeat() {
    let error = parse(&[("CLAIM_HEARTBEAT_SECONDS", "10")]).unwrap_err();
    insta::assert_snapshot!(error, @"invalid settings: `CLAIM_LAPSE_SECONDS` must be at least twice `CLAIM_HEARTBEAT_SECONDS`");
}

#[test]
fn all_missing_settings_stand_in_one_message() {
    let settings = parse(&[("APPWRITE_PROJECT_ID", "p1")]).unwrap();
    let names = [
        "APPWRITE_ENDPOINT",
        "APPWRITE_PROJECT_ID",
        "GROK_API_KEY",
        "GROK_MODEL",
    ];
    let missing = settings.require(&names).unwrap_err();
    assert_eq!(missing.names(), ["APPWRITE_ENDPOINT", "GROK_API_KEY"]);
    insta::assert_snapshot!(missing, @"missing settings: `APPWRITE_ENDPOINT` (base URL of the Appwrite API, ending in /v1), `GROK_API_KEY` (key of the xAI API); set them as variables of the function, or in `.env.local` for the embedded platform");
}

#[test]
fn function_misses_only_what_it_uses() {
    let settings = parse(&[("APPWRITE_ENDPOINT", "http://localhost/v1")]).unwrap();
    assert_eq!(
        settings.missing("plan"),
        ["APPWRITE_PROJECT_ID", "GROK_API_KEY"]
    );
    assert_eq!(
        settings.missing("deploy"),
        ["APPWRITE_PROJECT_ID", "SITE_DOMAIN"]
    );
    assert_eq!(settings.missing("sweep"), ["APPWRITE_PROJECT_ID"]);
    assert_eq!(
        settings.require_for("sweep").unwrap_err().names(),
        ["APPWRITE_PROJECT_ID"]
    );
}

#[test]
fn report_says_what_is_set_and_shows_no_value() {
    let settings = parse(&[("ANTHROPIC_API_KEY", "very-secret-value")]).unwrap();
    let report = serde_json::to_string(&settings.report("run-agent")).unwrap();
    assert!(
        report.contains(r#"{"name":"ANTHROPIC_API_KEY","set":true,"required":true}"#),
        "{report}"
    );
    assert!(
        report.contains(r#"{"name":"ANTHROPIC_MODEL","set":false,"required":false}"#),
        "{report}"
    );
    assert!(
        !report.contains("very-secret-value") && !report.contains("GROK"),
        "{report}"
    );
}

#[test]
fn every_secret_of_the_table_is_redacted_and_hidden_from_debug() {
    let value = |setting: &Setting| match setting.kind {
        Kind::PrivateKey => PEM.to_owned(),
        Kind::BoxKey => crate::credentials::new_key_pair().0,
        Kind::Headers => format!("x-key=value-of-{}", setting.name),
        Kind::Word
        | Kind::Url
        | Kind::Endpoint
        | Kind::OneOf(_)
        | Kind::Prices
        | Kind::Whole { .. } => {
            format!("value-of-{}", setting.name)
        }
    };
    let mut pairs: Vec<(&str, String)> = SETTINGS
        .iter()
        .filter(|setting| setting.secret)
        .map(|setting| (setting.name, value(setting)))
        .collect();
    pairs.push(("OPEN_RUNTIMES_SECRET", "value-of-the-runtime".to_owned()));
    let map = pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    let settings = Settings::from_map(&map).unwrap();
    let debug = format!("{settings:?}");
    for (_, value) in &pairs {
        let secret = value.trim_start_matches("x-key=");
        assert!(
            !settings.redactor().clean(value).contains(secret),
            "{value}"
        );
        assert!(!debug.contains(value.as_str()), "{debug}");
    }
}
