//! The rules that credentials keep. What is wrong is told without the value.

use secrecy::SecretString;
use serde::Serialize;
use serde_json::{Map, Value};

use super::limits::{
    APP_ID_CHARS_MAX, DOMAIN_CHARS_MAX, ENDPOINT_CHARS_MAX, KEY_CHARS_MAX, PRIVATE_KEY_CHARS_MAX,
    PROJECT_CHARS_MAX, TOKEN_CHARS_MAX,
};
use super::{AppwriteCredential, GitHubCredential, PlainHttp};
use crate::config::{is_base_url, is_loopback, is_private_key};

/// A field that breaks a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field.
    pub field: &'static str,
    /// Follows the field's name in a sentence.
    pub rule: &'static str,
}

impl FieldError {
    pub(super) fn new(field: &'static str, rule: &'static str) -> Self {
        Self { field, rule }
    }
}

/// The fields of one object: each is taken, and what is left is unknown.
struct Fields {
    left: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    fn of(value: &Value, name: &'static str) -> Self {
        match value.as_object() {
            Some(left) => Self {
                left: left.clone(),
                errors: Vec::new(),
            },
            None => Self {
                left: Map::new(),
                errors: vec![FieldError::new(
                    name,
                    "must be an object, or null to remove it",
                )],
            },
        }
    }

    fn text(
        &mut self,
        field: &'static str,
        name: &str,
        chars_max: usize,
        rule: &'static str,
        is_good: impl Fn(&str) -> bool,
    ) -> String {
        let given = self.left.remove(name);
        let text = given.as_ref().and_then(Value::as_str).unwrap_or_default();
        if text.is_empty() || text.len() > chars_max || !is_good(text) {
            self.errors.push(FieldError::new(field, rule));
        }
        text.to_owned()
    }

    fn end(mut self, name: &'static str) -> Vec<FieldError> {
        if !self.left.is_empty() {
            let rule = "has a field that is not known";
            self.errors.push(FieldError::new(name, rule));
        }
        self.errors
    }
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A key whose lines may be joined with `\n`, with its lines apart.
pub(crate) fn joined_lines(key: &str) -> SecretString {
    SecretString::from(key.replace("\\n", "\n").replace('\r', ""))
}

/// `{"token"}` or `{"app": {"id", "privateKey", "installationId"?}}`.
pub(super) fn github(value: &Value) -> Result<GitHubCredential, Vec<FieldError>> {
    let mut fields = Fields::of(value, "github");
    let Some(app) = fields.left.remove("app") else {
        let rule = "must be one word of at most 500 characters";
        let token = fields.text("github.token", "token", TOKEN_CHARS_MAX, rule, is_word);
        return done(fields.end("github"), GitHubCredential::Token(token.into()));
    };
    let mut errors = fields.end("github");
    let mut fields = Fields::of(&app, "github.app");
    let rule = "must be one word of at most 100 characters";
    let id = fields.text("github.app.id", "id", APP_ID_CHARS_MAX, rule, is_word);
    let key = fields.text(
        "github.app.privateKey",
        "privateKey",
        PRIVATE_KEY_CHARS_MAX,
        "must be a private key as PEM, from BEGIN to END, of at most 4,000 characters",
        is_private_key,
    );
    let given = fields.left.remove("installationId");
    let given = given.filter(|value| !value.is_null());
    let installation = given.as_ref().and_then(Value::as_u64);
    if given.is_some() && installation.is_none_or(|id| id == 0) {
        let rule = "must be a whole number";
        let field = "github.app.installationId";
        fields.errors.push(FieldError::new(field, rule));
    }
    errors.extend(fields.end("github.app"));
    let private_key = joined_lines(&key);
    done(
        errors,
        GitHubCredential::App {
            id,
            private_key,
            installation,
        },
    )
}

/// `{"endpoint", "project", "key", "siteDomain"}`.
pub(super) fn appwrite(
    value: &Value,
    http: PlainHttp,
) -> Result<AppwriteCredential, Vec<FieldError>> {
    let mut fields = Fields::of(value, "appwrite");
    let endpoint = fields.text(
        "appwrite.endpoint",
        "endpoint",
        ENDPOINT_CHARS_MAX,
        "must be the https URL of an Appwrite API, such as https://fra.cloud.appwrite.io/v1",
        |text| is_endpoint(text, http),
    );
    let rule = "must be a project's id";
    let project = fields.text(
        "appwrite.project",
        "project",
        PROJECT_CHARS_MAX,
        rule,
        |text| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        },
    );
    let rule = "must be one word of at most 1,000 characters";
    let key = fields.text("appwrite.key", "key", KEY_CHARS_MAX, rule, is_word);
    let rule = "must be a domain, such as appwrite.network";
    let site_domain = fields.text(
        "appwrite.siteDomain",
        "siteDomain",
        DOMAIN_CHARS_MAX,
        rule,
        is_domain,
    );
    done(
        fields.end("appwrite"),
        AppwriteCredential {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            project,
            key: key.into(),
            site_domain,
        },
    )
}

fn done<T>(errors: Vec<FieldError>, value: T) -> Result<T, Vec<FieldError>> {
    if errors.is_empty() {
        Ok(value)
    } else {
        Err(errors)
    }
}

fn is_endpoint(text: &str, http: PlainHttp) -> bool {
    let is_plain = |text: &str| match http {
        PlainHttp::Off => false,
        PlainHttp::Loopback => text
            .parse::<http::Uri>()
            .ok()
            .and_then(|uri| uri.host().map(is_loopback))
            .unwrap_or(false),
        PlainHttp::Any => true,
    };
    is_word(text) && is_base_url(text) && (text.starts_with("https://") || is_plain(text))
}

/// A domain, with a port where there is one.
fn is_domain(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "1"));
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label) && port.parse::<u16>().is_ok()
}
