//! Which model does the planning, the reviewing and the coding, and how it is reached.

use models::{Auth, Effort, Price, Structured};
use secrecy::SecretString;

use super::Values;

/// How a model's service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// xAI Responses for the planner and the reviewer, Anthropic Messages for the agents.
    Own,
    /// Chat Completions.
    Chat,
}

/// The model of one role.
#[derive(Clone, Debug)]
pub struct RoleSettings {
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Base of the API, without a final slash.
    pub base_url: String,
    /// The key; `None` where there is none.
    pub key: Option<SecretString>,
    /// The setting that would hold the key.
    pub key_name: &'static str,
    /// Id of the model.
    pub model: String,
    /// How much it should think, instead of what is usual for the question.
    pub effort: Option<Effort>,
    /// What its tokens cost, instead of the price table.
    pub price: Option<Price>,
    /// How it is made to answer with JSON, in the chat dialect.
    pub structured: Structured,
    /// How the key is sent; `None` is the service's own way.
    pub auth: Option<Auth>,
}

impl RoleSettings {
    /// Whether calls can be made as far as the key goes.
    pub fn has_key(&self) -> bool {
        self.key.is_some() || self.auth == Some(Auth::None)
    }
}

/// Names of one role's settings, and of those that count where they are not set.
struct Names {
    dialect: &'static str,
    base_url: &'static str,
    key: &'static str,
    model: &'static str,
    effort: &'static str,
    prices: &'static str,
    structured: Option<&'static str>,
    auth: &'static str,
    default_base_url: &'static str,
    default_key: &'static str,
    default_model: &'static str,
    /// What follows the default base URL in the chat dialect.
    chat_path: &'static str,
}

const PLANNER: Names = Names {
    dialect: "PLANNER_DIALECT",
    base_url: "PLANNER_BASE_URL",
    key: "PLANNER_API_KEY",
    model: "PLANNER_MODEL",
    effort: "PLANNER_EFFORT",
    prices: "PLANNER_PRICES",
    structured: Some("PLANNER_STRUCTURED"),
    auth: "PLANNER_AUTH",
    default_base_url: "GROK_BASE_URL",
    default_key: "GROK_API_KEY",
    default_model: "GROK_MODEL",
    chat_path: "",
};

const REVIEWER: Names = Names {
    dialect: "REVIEWER_DIALECT",
    base_url: "REVIEWER_BASE_URL",
    key: "REVIEWER_API_KEY",
    model: "REVIEWER_MODEL",
    effort: "REVIEWER_EFFORT",
    prices: "REVIEWER_PRICES",
    structured: Some("REVIEWER_STRUCTURED"),
    auth: "REVIEWER_AUTH",
    ..PLANNER
};

const AGENT: Names = Names {
    dialect: "AGENT_DIALECT",
    base_url: "AGENT_BASE_URL",
    key: "AGENT_API_KEY",
    model: "AGENT_MODEL",
    effort: "AGENT_EFFORT",
    prices: "AGENT_PRICES",
    structured: None,
    auth: "AGENT_AUTH",
    default_base_url: "ANTHROPIC_BASE_URL",
    default_key: "ANTHROPIC_API_KEY",
    default_model: "ANTHROPIC_MODEL",
    chat_path: "/v1",
};

const ALL: [(&str, &Names); 3] = [
    ("plan", &PLANNER),
    ("review", &REVIEWER),
    ("run-agent", &AGENT),
];

/// Whether `function` needs the setting `name` no more, because the model of its role is
/// reached another way: with a key of its own, at an address of its own, or without a key;
/// or because a GitHub App takes the place of the token.
pub fn is_replaced<'a>(
    name: &str,
    function: &str,
    given: impl Fn(&str) -> Option<&'a str>,
) -> bool {
    if name == "GITHUB_TOKEN" {
        return given("GITHUB_APP_ID").is_some();
    }
    let names = ALL.iter().find(|(folder, _)| *folder == function);
    names.is_some_and(|(_, names)| {
        let other_way = given(names.key).is_some() || given(names.auth) == Some("none");
        names.default_key == name && other_way
    })
}

/// The models of all roles.
pub(super) struct Roles {
    pub(super) planner: RoleSettings,
    pub(super) reviewer: RoleSettings,
    pub(super) agent: RoleSettings,
}

impl Roles {
    pub(super) fn read(values: &Values<'_>) -> Self {
        Self {
            planner: role(values, &PLANNER),
            reviewer: role(values, &REVIEWER),
            agent: role(values, &AGENT),
        }
    }
}

fn role(values: &Values<'_>, names: &Names) -> RoleSettings {
    let dialect = match values.raw(names.dialect) {
        Some("chat") => Dialect::Chat,
        Some(_) | None => Dialect::Own,
    };
    let own_base = values.url(names.base_url);
    let key_name = if own_base.is_some() {
        names.key
    } else {
        names.default_key
    };
    let key = values.secret(names.key).or_else(|| match own_base {
        Some(_) => None,
        None => values.secret(names.default_key),
    });
    let base_url = own_base.unwrap_or_else(|| {
        let base = values.url(names.default_base_url).unwrap_or_default();
        match dialect {
            Dialect::Own => base,
            Dialect::Chat => base + names.chat_path,
        }
    });
    RoleSettings {
        dialect,
        base_url,
        key,
        key_name,
        model: values
            .text(names.model)
            .or_else(|| values.text(names.default_model))
            .unwrap_or_default(),
        effort: values.raw(names.effort).and_then(effort),
        price: values.raw(names.prices).and_then(prices),
        structured: match names.structured.and_then(|name| values.raw(name)) {
            Some("json_object") => Structured::JsonObject,
            Some("prompt_only") => Structured::PromptOnly,
            Some(_) | None => Structured::JsonSchema,
        },
        auth: values.raw(names.auth).and_then(auth),
    }
}

fn effort(word: &str) -> Option<Effort> {
    Some(match word {
        "low" => Effort::Low,
        "medium" => Effort::Medium,
        "high" => Effort::High,
        "xhigh" => Effort::Xhigh,
        "max" => Effort::Max,
        _ => return None,
    })
}

fn auth(word: &str) -> Option<Auth> {
    Some(match word {
        "bearer" => Auth::Bearer,
        "x-api-key" => Auth::ApiKey,
        "none" => Auth::None,
        _ => return None,
    })
}

/// Reads `in/cached/out`, each in micro-USD for a million tokens.
pub(super) fn prices(text: &str) -> Option<Price> {
    let numbers: Result<Vec<u64>, _> = text.split('/').map(str::parse).collect();
    match numbers.ok()?.as_slice() {
        [fresh, cached, output] => Some(Price::flat(*fresh, *cached, *output)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::config::Settings;

    fn parse(pairs: &[(&str, &str)]) -> Settings {
        let map: BTreeMap<_, _> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Settings::from_map(&map).unwrap()
    }

    fn key(role: &RoleSettings) -> Option<&str> {
        role.key.as_ref().map(|key| key.expose_secret())
    }

    #[test]
    fn roles_are_the_two_services_unless_set() {
        let settings = parse(&[("GROK_API_KEY", "g"), ("ANTHROPIC_API_KEY", "a")]);
        for role in [&settings.planner, &settings.reviewer] {
            assert_eq!(role.dialect, Dialect::Own);
            assert_eq!(role.base_url, "https://api.x.ai/v1");
            assert_eq!((role.model.as_str(), key(role)), ("grok-4.7", Some("g")));
        }
        assert_eq!(settings.agent.model, "claude-sonnet-5-5");
        assert_eq!(key(&settings.agent), Some("a"));
    }

    #[test]
    fn a_role_can_be_another_model_of_the_same_service() {
        let settings = parse(&[("GROK_API_KEY", "g"), ("REVIEWER_MODEL", "grok-4.3")]);
        assert_eq!(settings.planner.model, "grok-4.7");
        assert_eq!(settings.reviewer.model, "grok-4.3");
        assert_eq!(key(&settings.reviewer), Some("g"));
    }

    #[test]
    fn a_key_is_never_sent_to_another_address() {
        let settings = parse(&[
            ("GROK_API_KEY", "g"),
            ("ANTHROPIC_API_KEY", "a"),
            ("PLANNER_BASE_URL", "https://models.example.com/v1"),
        ]);
        assert_eq!(key(&settings.planner), None);
        assert_eq!(key(&settings.reviewer), Some("g"));
        assert!(settings.missing("plan").contains(&"PLANNER_API_KEY"));
        assert!(!settings.missing("review").contains(&"REVIEWER_API_KEY"));
    }

    #[test]
    fn a_server_without_keys_needs_none() {
        let settings = parse(&[
            ("AGENT_DIALECT", "chat"),
            ("AGENT_BASE_URL", "http://127.0.0.1:11434/v1"),
            ("AGENT_AUTH", "none"),
            ("AGENT_MODEL", "qwen3-coder:30b"),
            ("AGENT_PRICES", "0/0/0"),
            ("AGENT_EFFORT", "low"),
        ]);
        let agent = &settings.agent;
        assert_eq!(agent.dialect, Dialect::Chat);
        assert_eq!((agent.auth, key(agent)), (Some(Auth::None), None));
        assert_eq!(agent.price, Some(Price::flat(0, 0, 0)));
        assert_eq!(agent.effort, Some(Effort::Low));
        let missing = settings.missing("run-agent");
        assert!(!missing.iter().any(|name| name.ends_with("_API_KEY")));
    }

    #[test]
    fn chat_at_the_service_itself_has_its_path() {
        let settings = parse(&[("AGENT_DIALECT", "chat"), ("PLANNER_DIALECT", "chat")]);
        assert_eq!(settings.agent.base_url, "https://api.anthropic.com/v1");
        assert_eq!(settings.planner.base_url, "https://api.x.ai/v1");
    }

    #[test]
    fn prices_are_three_numbers() {
        assert_eq!(prices("1/2/3"), Some(Price::flat(1, 2, 3)));
        for wrong in ["", "1/2", "1/2/3/4", "1/2/x", "1.5/2/3"] {
            assert_eq!(prices(wrong), None, "{wrong}");
        }
    }
}
