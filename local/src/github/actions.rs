//! Secrets and variables of GitHub Actions.

use std::collections::BTreeMap;

use anyhow::Context as _;
use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::SecretKey;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::input::Input;
use super::opened::Opened;
use super::pull::Page;
use super::refusal::Refusal;
use super::{format_time, now};

/// GitHub's limit for a value, in bytes.
const VALUE_BYTES_MAX: usize = 48 * 1024;
const SECRETS_MAX: usize = 100;
const VARIABLES_MAX: usize = 500;

/// What a repository keeps for its workflows. Secrets stay sealed, as they came.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct ActionsRecord {
    /// Base64 of the X25519 key that secrets are sealed for; made when it is first asked for.
    key: Option<String>,
    secrets: BTreeMap<String, Stored>,
    variables: BTreeMap<String, Stored>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stored {
    value: String,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Stored {
    fn new(value: &str) -> Self {
        let time = now();
        Self {
            value: value.to_owned(),
            created_at: time,
            updated_at: time,
        }
    }

    fn body(&self, name: &str) -> Value {
        json!({
            "name": name,
            "created_at": format_time(self.created_at),
            "updated_at": format_time(self.updated_at),
        })
    }
}

impl ActionsRecord {
    /// A secret in the clear, for tests.
    pub(super) fn secret(&self, name: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let Some(stored) = self.secrets.get(name) else {
            return Ok(None);
        };
        let key = self.key()?.context("there is no key")?;
        open(&key, &stored.value).map(Some)
    }

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|stored| stored.value.clone())
    }

    fn key(&self) -> anyhow::Result<Option<SecretKey>> {
        let Some(key) = &self.key else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(key)?;
        SecretKey::from_slice(&bytes)
            .map(Some)
            .map_err(|_| anyhow::anyhow!("the key has a wrong length"))
    }
}

fn open(key: &SecretKey, sealed: &str) -> anyhow::Result<Vec<u8>> {
    let sealed = STANDARD.decode(sealed)?;
    key.unseal(&sealed)
        .map_err(|_| anyhow::anyhow!("the secret is not sealed for this key"))
}

/// The key's number as GitHub writes it, 18 digits or so.
fn key_id(repository: u64) -> String {
    format!("568250{repository:012}")
}

/// `GET …/actions/secrets/public-key`
pub(super) async fn get_key(opened: Opened) -> Result<Json<Value>, Refusal> {
    let id = opened.record.id;
    let key = opened.service.registry.edit(id, |record| {
        if record.actions.key.is_none() {
            let mut bytes = [0_u8; 32];
            getrandom::fill(&mut bytes)
                .map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
            record.actions.key = Some(STANDARD.encode(bytes));
        }
        let key = record.actions.key()?.context("there is no key")?;
        Ok(STANDARD.encode(key.public_key().as_bytes()))
    })?;
    Ok(Json(json!({ "key_id": key_id(id), "key": key })))
}

/// `PUT …/actions/secrets/{secret_name}`
pub(super) async fn put_secret(opened: Opened, input: Input) -> Result<Response, Refusal> {
    let name = legal_name(&opened.rest, "Secret")?;
    let sealed = input.required_text("encrypted_value")?;
    if input.required_text("key_id")? != key_id(opened.record.id) {
        return Err(Refusal::unprocessable(
            "Failed to add secret. Please use the correct public key.",
        ));
    }
    let id = opened.record.id;
    let created = opened.service.registry.edit(id, |record| {
        let key = record.actions.key()?;
        let opened = key.and_then(|key| open(&key, sealed).ok());
        let value = opened.ok_or_else(|| {
            Refusal::unprocessable("Bad request - The encrypted value is not valid.")
        })?;
        if value.len() > VALUE_BYTES_MAX {
            return Err(Refusal::unprocessable("Secret value is too large."));
        }
        let secrets = &mut record.actions.secrets;
        if let Some(stored) = secrets.get_mut(&name) {
            sealed.clone_into(&mut stored.value);
            stored.updated_at = now();
            return Ok(false);
        }
        if secrets.len() == SECRETS_MAX {
            return Err(Refusal::unprocessable("Too many secrets."));
        }
        secrets.insert(name, Stored::new(sealed));
        Ok(true)
    })?;
    Ok(if created {
        (StatusCode::CREATED, Json(json!({}))).into_response()
    } else {
        StatusCode::NO_CONTENT.into_response()
    })
}

/// `GET …/actions/secrets/{secret_name}`
pub(super) async fn get_secret(opened: Opened) -> Result<Json<Value>, Refusal> {
    let name = opened.rest.to_ascii_uppercase();
    let found = opened.record.actions.secrets.get(&name);
    let stored = found.ok_or_else(Refusal::not_found)?;
    Ok(Json(stored.body(&name)))
}

/// `GET …/actions/secrets`
pub(super) async fn list_secrets(
    opened: Opened,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let all = &opened.record.actions.secrets;
    let bodies = all.iter().map(|(name, stored)| stored.body(name));
    list(&opened, &query, "secrets", bodies.collect())
}

fn list(
    opened: &Opened,
    query: &BTreeMap<String, String>,
    name: &str,
    all: Vec<Value>,
) -> Response {
    let page = Page::of(query, all.len());
    let mut body = json!({ "total_count": all.len() });
    let shown = all.into_iter().skip(page.skipped()).take(page.size());
    body[name] = Value::Array(shown.collect());
    let address = opened.url(&format!("/actions/{name}"));
    page.answer(&address, query, Json(body))
}

/// `GET …/actions/variables`
pub(super) async fn list_variables(
    opened: Opened,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let all = &opened.record.actions.variables;
    let bodies = all.iter().map(|(name, stored)| variable_body(name, stored));
    list(&opened, &query, "variables", bodies.collect())
}

fn variable_body(name: &str, stored: &Stored) -> Value {
    let mut body = stored.body(name);
    body["value"] = json!(stored.value);
    body
}

/// `GET …/actions/variables/{name}`
pub(super) async fn get_variable(opened: Opened) -> Result<Json<Value>, Refusal> {
    let name = opened.rest.to_ascii_uppercase();
    let found = opened.record.actions.variables.get(&name);
    let stored = found.ok_or_else(Refusal::not_found)?;
    Ok(Json(variable_body(&name, stored)))
}

/// `POST …/actions/variables`
pub(super) async fn create_variable(opened: Opened, input: Input) -> Result<Response, Refusal> {
    let name = legal_name(input.required_text("name")?, "Variable")?;
    let value = legal_value(input.required_text("value")?)?;
    opened.service.registry.edit(opened.record.id, |record| {
        let variables = &mut record.actions.variables;
        if variables.contains_key(&name) {
            let message = "Already exists - Variable already exists";
            return Err(Refusal::new(StatusCode::CONFLICT, message));
        }
        if variables.len() == VARIABLES_MAX {
            return Err(Refusal::unprocessable("Too many variables."));
        }
        variables.insert(name, Stored::new(value));
        Ok(())
    })?;
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}

/// `PATCH …/actions/variables/{name}`
pub(super) async fn update_variable(opened: Opened, input: Input) -> Result<Response, Refusal> {
    let name = opened.rest.to_ascii_uppercase();
    let next = input
        .text("name")?
        .map(|name| legal_name(name, "Variable"))
        .transpose()?;
    let value = input.text("value")?.map(legal_value).transpose()?;
    opened.service.registry.edit(opened.record.id, |record| {
        let variables = &mut record.actions.variables;
        let mut stored = variables
            .get(&name)
            .cloned()
            .ok_or_else(Refusal::not_found)?;
        if let Some(value) = value {
            value.clone_into(&mut stored.value);
        }
        stored.updated_at = now();
        variables.remove(&name);
        variables.insert(next.unwrap_or(name), stored);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn legal_value(value: &str) -> Result<&str, Refusal> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(Refusal::unprocessable("Variable value is too large."));
    }
    Ok(value)
}

/// Letters, digits and `_`, not beginning with a digit or `GITHUB_`; kept in capitals.
fn legal_name(name: &str, kind: &str) -> Result<String, Refusal> {
    let name = name.to_ascii_uppercase();
    let legal = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if !legal {
        return Err(Refusal::unprocessable(format!(
            "{kind} names can only contain alphanumeric characters ([a-z], [A-Z], [0-9]) or underscores (_). Spaces are not allowed. Must start with a letter ([a-z], [A-Z]) or underscores (_)."
        )));
    }
    if name.starts_with("GITHUB_") {
        return Err(Refusal::unprocessable(format!(
            "{kind} names must not start with GITHUB_."
        )));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::legal_name;

    #[test]
    fn names_are_capitals_and_not_githubs_own() {
        assert_eq!(legal_name("api_key2", "Secret").unwrap(), "API_KEY2");
        for name in ["", "2x", "a-b", "ä", "GITHUB_TOKEN", "github_x"] {
            assert!(legal_name(name, "Secret").is_err(), "{name}");
        }
    }
}
