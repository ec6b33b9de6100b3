//! Every setting there is, once: parsing, the health report, the documentation and the hand-out of
//! secrets all read this table.

use super::setting::{
    Kind, Setting, one_of, optional_secret, optional_url, prices, secret, text, url, whole,
};

/// Folder names of the functions.
pub const FUNCTIONS: &[&str] = &[
    "create-task",
    "plan",
    "run-agent",
    "review",
    "publish",
    "deploy",
    "sweep",
];

const DOORMEN: &[&str] = &["create-task"];
const THINKERS: &[&str] = &["plan", "review"];
const PLANNERS: &[&str] = &["plan"];
const REVIEWERS: &[&str] = &["review"];
// A plan's estimate is made of what these cost.
const REVIEWERS_AND_PLAN: &[&str] = &["review", "plan"];
const CODERS_AND_PLAN: &[&str] = &["run-agent", "plan"];
const CODERS: &[&str] = &["run-agent"];
const MODEL_USERS: &[&str] = &["plan", "run-agent", "review"];
const PUBLISHERS: &[&str] = &["publish"];
// The site's address is also the mark of the repository.
const DEPLOYERS: &[&str] = &["publish", "deploy"];
const BUILDERS: &[&str] = &["deploy"];
const SWEEPERS: &[&str] = &["sweep"];
const UNIT_DRIVERS: &[&str] = &["plan", "run-agent", "review", "publish", "deploy", "sweep"];

/// Returns what is handed to a function of this folder name.
pub fn settings_of(function: &str) -> impl Iterator<Item = &'static Setting> {
    SETTINGS
        .iter()
        .filter(move |setting| setting.used_by.contains(&function))
}

/// Returns the names of the secrets that are handed to a function of this folder name.
pub fn secrets_of(function: &str) -> Vec<&'static str> {
    settings_of(function)
        .filter(|setting| setting.secret)
        .map(|setting| setting.name)
        .collect()
}

const EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const AUTHS: &[&str] = &["bearer", "x-api-key", "none"];
const STRUCTURED: &[&str] = &["json_schema", "json_object", "prompt_only"];

/// Every setting, in the order in which a person meets them.
pub const SETTINGS: &[Setting] = &[
    Setting {
        alias: Some("APPWRITE_FUNCTION_API_ENDPOINT"),
        required: true,
        kind: Kind::Endpoint,
        ..text(
            "APPWRITE_ENDPOINT",
            FUNCTIONS,
            "base URL of the Appwrite API, ending in /v1",
        )
    },
    Setting {
        alias: Some("APPWRITE_FUNCTION_PROJECT_ID"),
        required: true,
        ..text(
            "APPWRITE_PROJECT_ID",
            FUNCTIONS,
            "id of the Appwrite project",
        )
    },
    // Handed to nobody: on Appwrite every execution brings its own key.
    Setting {
        required: false,
        ..secret(
            "APPWRITE_API_KEY",
            &[],
            "API key of the project, only for hosts that bring none",
        )
    },
    Setting {
        required: false,
        ..secret(
            "APPWRITE_DEV_KEY",
            &[],
            "API key that may set up the project, for scripts/push",
        )
    },
    // On AWS Lambda only, where they are set by hand or by a template.
    optional_secret(
        "APPWRITE_WEBHOOK_SIGNATURE_KEY",
        &[],
        "signature key of the webhook that calls a function on AWS Lambda",
    ),
    optional_url(
        "APPWRITE_WEBHOOK_URL",
        &[],
        "URL of that webhook as Appwrite has it, if AWS does not call the function by it",
    ),
    Setting {
        alias: Some("XAI_API_KEY"),
        ..secret("GROK_API_KEY", THINKERS, "key of the xAI API")
    },
    url(
        "GROK_BASE_URL",
        "https://api.x.ai/v1",
        THINKERS,
        "base URL of the xAI API",
    ),
    Setting {
        default: Some("grok-4.7"),
        ..text("GROK_MODEL", THINKERS, "xAI model that plans and reviews")
    },
    secret("ANTHROPIC_API_KEY", CODERS, "key of the Anthropic API"),
    url(
        "ANTHROPIC_BASE_URL",
        "https://api.anthropic.com",
        CODERS,
        "base URL of the Anthropic API",
    ),
    Setting {
        default: Some("claude-sonnet-5-5"),
        ..text(
            "ANTHROPIC_MODEL",
            CODERS_AND_PLAN,
            "Anthropic model that writes the code",
        )
    },
    text(
        "ANTHROPIC_FALLBACK_MODEL",
        CODERS,
        "model that takes over when the first declines; else Opus for Sonnet and the reverse",
    ),
    one_of(
        "PLANNER_DIALECT",
        &["responses", "chat"],
        PLANNERS,
        "API that the planner speaks",
    ),
    optional_url(
        "PLANNER_BASE_URL",
        PLANNERS,
        "base URL of the planner's API; it then needs a key of its own",
    ),
    optional_secret("PLANNER_API_KEY", PLANNERS, "key of the planner's API"),
    one_of(
        "PLANNER_AUTH",
        AUTHS,
        PLANNERS,
        "how the planner's key is sent",
    ),
    text("PLANNER_MODEL", PLANNERS, "model of the planner"),
    one_of(
        "PLANNER_EFFORT",
        EFFORTS,
        PLANNERS,
        "how much the planner thinks",
    ),
    one_of(
        "PLANNER_STRUCTURED",
        STRUCTURED,
        PLANNERS,
        "how the planner is made to answer with JSON, over chat",
    ),
    prices("PLANNER_PRICES", PLANNERS),
    one_of(
        "REVIEWER_DIALECT",
        &["responses", "chat"],
        REVIEWERS_AND_PLAN,
        "API that the reviewer speaks",
    ),
    optional_url(
        "REVIEWER_BASE_URL",
        REVIEWERS,
        "base URL of the reviewer's API; it then needs a key of its own",
    ),
    optional_secret("REVIEWER_API_KEY", REVIEWERS, "key of the reviewer's API"),
    one_of(
        "REVIEWER_AUTH",
        AUTHS,
        REVIEWERS,
        "how the reviewer's key is sent",
    ),
    text(
        "REVIEWER_MODEL",
        REVIEWERS_AND_PLAN,
        "model of the reviewer",
    ),
    one_of(
        "REVIEWER_EFFORT",
        EFFORTS,
        REVIEWERS,
        "how much the reviewer thinks",
    ),
    one_of(
        "REVIEWER_STRUCTURED",
        STRUCTURED,
        REVIEWERS,
        "how the reviewer is made to answer with JSON, over chat",
    ),
    prices("REVIEWER_PRICES", REVIEWERS_AND_PLAN),
    one_of(
        "AGENT_DIALECT",
        &["messages", "chat"],
        CODERS_AND_PLAN,
        "API that the agents speak",
    ),
    optional_url(
        "AGENT_BASE_URL",
        CODERS,
        "base URL of the agents' API; it then needs a key of its own",
    ),
    optional_secret("AGENT_API_KEY", CODERS, "key of the agents' API"),
    one_of("AGENT_AUTH", AUTHS, CODERS, "how the agents' key is sent"),
    text("AGENT_MODEL", CODERS_AND_PLAN, "model of the agents"),
    one_of("AGENT_EFFORT", EFFORTS, CODERS, "how much the agents think"),
    prices("AGENT_PRICES", CODERS_AND_PLAN),
    secret(
        "GITHUB_TOKEN",
        PUBLISHERS,
        "GitHub token that may create repositories",
    ),
    text(
        "GITHUB_APP_ID",
        PUBLISHERS,
        "id of a GitHub App that publishes, in place of the token",
    ),
    Setting {
        kind: Kind::PrivateKey,
        ..optional_secret(
            "GITHUB_APP_PRIVATE_KEY",
            PUBLISHERS,
            "that App's private key as PEM; its lines may be joined with \\n",
        )
    },
    Setting {
        kind: Kind::Whole {
            min: 1,
            max: u64::MAX,
        },
        ..text(
            "GITHUB_APP_INSTALLATION_ID",
            PUBLISHERS,
            "that App's installation; else the one of the organisation that is published to",
        )
    },
    url(
        "GITHUB_BASE_URL",
        "https://api.github.com",
        PUBLISHERS,
        "base URL of the GitHub API",
    ),
    optional_secret(
        "DEPLOY_WORKFLOW_API_KEY",
        PUBLISHERS,
        "key that workflows of published repositories deploy with (`workflows: deploy`); give it no more scopes than that takes",
    ),
    text(
        "GITHUB_OWNER",
        PUBLISHERS,
        "organisation for new repositories; else the token's account",
    ),
    Setting {
        required: true,
        ..text(
            "SITE_DOMAIN",
            DEPLOYERS,
            "domain below which sites are named, such as appwrite.network",
        )
    },
    one_of(
        "SITE_CHECK",
        &["on", "off"],
        BUILDERS,
        "whether what was deployed must answer at its public address",
    ),
    optional_url(
        "DEPLOY_ENDPOINT",
        BUILDERS,
        "Appwrite endpoint of the project that apps are deployed to, if it is another one",
    ),
    text("DEPLOY_PROJECT_ID", BUILDERS, "that project"),
    optional_secret(
        "DEPLOY_API_KEY",
        BUILDERS,
        "key of that project, with the scopes of `deploy` in appwrite.json",
    ),
    text(
        "DEPLOY_SITE_DOMAIN",
        DEPLOYERS,
        "domain below which sites of that project are named; else SITE_DOMAIN",
    ),
    Setting {
        kind: Kind::BoxKey,
        ..text(
            "CREDENTIALS_PUBLIC_KEY",
            DOORMEN,
            "key that owners' credentials are sealed with",
        )
    },
    Setting {
        kind: Kind::BoxKey,
        ..optional_secret(
            "CREDENTIALS_SECRET_KEY",
            DEPLOYERS,
            "key that opens owners' credentials, the other half of CREDENTIALS_PUBLIC_KEY",
        )
    },
    one_of(
        "CREDENTIALS_HTTP",
        &["off", "loopback", "any"],
        DOORMEN,
        "where owners' Appwrite endpoints may be without https; nowhere if not set",
    ),
    whole(
        "CLAIM_HEARTBEAT_SECONDS",
        "5",
        (1, 60),
        FUNCTIONS,
        "seconds between signs of life of a claim",
    ),
    whole(
        "CLAIM_LAPSE_SECONDS",
        "15",
        (2, 600),
        FUNCTIONS,
        "seconds of silence after which a claim lapses",
    ),
    whole(
        "CHECK_AFTER_SECONDS",
        "10",
        (1, 3_600),
        FUNCTIONS,
        "seconds until an open task is looked at again",
    ),
    whole(
        "BUILD_TIMEOUT_SECONDS",
        "900",
        (1, 86_400),
        BUILDERS,
        "seconds after which a build that is not done is called off",
    ),
    whole(
        "BUILD_CHECK_SECONDS",
        "60",
        (1, 3_600),
        BUILDERS,
        "seconds until a build that was not done is looked at again",
    ),
    whole(
        "COLLECT_AFTER_SECONDS",
        "60",
        (1, 3_600),
        MODEL_USERS,
        "seconds until an answer that was not there yet is looked for again",
    ),
    whole(
        "OWNER_OPEN_TASKS_MAX",
        "20",
        (0, 1_000_000),
        DOORMEN,
        "open tasks of one user; 0 is no limit",
    ),
    whole(
        "OWNER_TASKS_A_MINUTE_MAX",
        "10",
        (0, 1_000_000),
        DOORMEN,
        "tasks one user may start within a minute; 0 is no limit",
    ),
    whole(
        "OWNER_TASKS_A_DAY_MAX",
        "200",
        (0, 1_000_000),
        DOORMEN,
        "tasks one user may start within 24 hours; 0 is no limit",
    ),
    whole(
        "OWNER_USD_A_DAY_MAX",
        "100",
        (0, 1_000_000),
        DOORMEN,
        "US dollars one user's tasks of 24 hours may cost before the next one; 0 is no limit",
    ),
    whole(
        "OWNER_USD_A_MONTH_MAX",
        "500",
        (0, 1_000_000),
        DOORMEN,
        "US dollars one user's tasks of 30 days may cost before the next one; 0 is no limit",
    ),
    whole(
        "RETENTION_DAYS_PROGRESS",
        "0",
        (0, 36_500),
        SWEEPERS,
        "days after its end that a task's feed is kept; 0 is for ever",
    ),
    whole(
        "RETENTION_DAYS_JOURNAL",
        "0",
        (0, 36_500),
        SWEEPERS,
        "days after its end that a task's journal is kept, but for its results; 0 is for ever",
    ),
    whole(
        "RETENTION_DAYS_FILES",
        "0",
        (0, 36_500),
        SWEEPERS,
        "days after its end that a task's files are kept, then it takes no commands; 0 is for ever",
    ),
    whole(
        "RETENTION_DAYS_TASKS",
        "0",
        (0, 36_500),
        SWEEPERS,
        "days after its end that a task is kept; 0 is for ever",
    ),
    one_of(
        "NOTICE_EMAIL",
        &["on", "off"],
        UNIT_DRIVERS,
        "on: an owner gets an e-mail when a task waits for a word, failed or is done; off if not set",
    ),
    Setting {
        kind: Kind::Url,
        ..text(
            "NOTICE_PAGE_URL",
            UNIT_DRIVERS,
            "address of the web page, for the link in an e-mail",
        )
    },
    optional_url(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        FUNCTIONS,
        "where traces are sent as OTLP over HTTP, without /v1/traces; nowhere if not set",
    ),
    Setting {
        kind: Kind::Headers,
        ..optional_secret(
            "OTEL_EXPORTER_OTLP_HEADERS",
            FUNCTIONS,
            "headers of those requests, such as authorization=Bearer%20KEY",
        )
    },
    one_of(
        "ENDPOINTS_HTTP",
        &["loopback", "any"],
        FUNCTIONS,
        "where services may be reached without https, which shows them our keys: any, or only on this machine if not set",
    ),
    whole(
        "TIME_SLICE_SECONDS",
        "120",
        (0, 840),
        UNIT_DRIVERS,
        "seconds after which an execution lets another one go on",
    ),
];

#[cfg(test)]
mod tests {
    use super::{FUNCTIONS, Kind, SETTINGS, secrets_of};

    #[test]
    fn each_function_gets_only_its_own_secrets() {
        let all: Vec<_> = FUNCTIONS
            .iter()
            .map(|function| secrets_of(function).join(" "))
            .collect();
        let expected = [
            "",
            "GROK_API_KEY PLANNER_API_KEY ",
            "ANTHROPIC_API_KEY AGENT_API_KEY ",
            "GROK_API_KEY REVIEWER_API_KEY ",
            "GITHUB_TOKEN GITHUB_APP_PRIVATE_KEY DEPLOY_WORKFLOW_API_KEY CREDENTIALS_SECRET_KEY ",
            "DEPLOY_API_KEY CREDENTIALS_SECRET_KEY ",
            "",
        ];
        // Where all of them send their traces opens nothing else.
        assert_eq!(
            all,
            expected.map(|own| format!("{own}OTEL_EXPORTER_OTLP_HEADERS"))
        );
    }

    #[test]
    fn defaults_obey_their_own_rules() {
        for setting in SETTINGS {
            if let Some(default) = setting.default {
                assert_eq!(setting.kind.check(default), Ok(()), "{}", setting.name);
                assert!(!setting.secret && !setting.required, "{}", setting.name);
            }
        }
    }

    #[test]
    fn names_are_unique_and_used_by_known_functions() {
        let mut names: Vec<_> = SETTINGS
            .iter()
            .flat_map(|s| [Some(s.name), s.alias])
            .flatten()
            .collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for setting in SETTINGS {
            assert!(
                setting.used_by.iter().all(|name| FUNCTIONS.contains(name)),
                "{}",
                setting.name
            );
        }
    }

    #[test]
    fn only_plain_base_urls_are_accepted() {
        for good in ["http://localhost:8080/v1", "https://api.x.ai"] {
            assert_eq!(Kind::Url.check(good), Ok(()), "{good}");
        }
        for bad in [
            "localhost",
            "ftp://a",
            "https://u:p@a",
            "https://a?b",
            "https://a#b",
            "/v1",
            "https://",
        ] {
            assert!(Kind::Url.check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_address_is_an_endpoint_but_the_one_that_people_open() {
        let plain = SETTINGS
            .iter()
            .filter(|setting| setting.kind == Kind::Url)
            .map(|setting| setting.name);
        assert_eq!(plain.collect::<Vec<_>>(), ["NOTICE_PAGE_URL"]);
    }
}
