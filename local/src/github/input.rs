//! A JSON request body, read field by field so that each refusal can name its field.

use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde_json::{Map, Value};

use super::gate::Caller;
use super::refusal::Refusal;
use super::schema;

/// A participant of a public thread measured 50 MB as the largest accepted blob request.
pub(super) const BODY_BYTES_MAX: usize = 50 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Input(Map<String, Value>);

impl Input {
    pub(super) fn from_object(object: &Map<String, Value>) -> Self {
        Self(object.clone())
    }

    /// Refuses unless every name (given in alphabetical order) is present.
    pub(super) fn require(&self, names: &[&str]) -> Result<(), Refusal> {
        let missing: Vec<String> = names
            .iter()
            .filter(|name| !self.0.contains_key(**name))
            .map(|name| format!("\"{name}\""))
            .collect();
        match missing.as_slice() {
            [] => Ok(()),
            [one] => Err(Refusal::invalid_request(format_args!(
                "{one} wasn't supplied."
            ))),
            [_, ..] => Err(Refusal::invalid_request(format_args!(
                "{} weren't supplied.",
                missing.join(", ")
            ))),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A string, or none when the field is absent or null.
    pub(super) fn text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        self.typed(name, "a string", Value::as_str)
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        self.typed(name, "a boolean", Value::as_bool)
    }

    pub(super) fn list(&self, name: &str) -> Result<Option<&Vec<Value>>, Refusal> {
        self.typed(name, "an array", Value::as_array)
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, Refusal> {
        self.typed(name, "an object", Value::as_object)
    }

    /// A string that must be there.
    pub(super) fn required_text(&self, name: &str) -> Result<&str, Refusal> {
        self.require(&[name])?;
        self.text(name)?.ok_or_else(|| {
            Refusal::invalid_request(format_args!(
                "For 'properties/{name}', nil is not a string."
            ))
        })
    }

    fn typed<'a, T>(
        &'a self,
        name: &str,
        expected: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| {
            Refusal::invalid_request(format_args!(
                "For 'properties/{name}', {value} is not {expected}."
            ))
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Input {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        let operation = request
            .extensions()
            .get::<Caller>()
            .and_then(|caller| caller.operation);
        // The gate has read it.
        let bytes = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX)
            .await
            .map_err(|error| Refusal::Internal(error.into()))?;
        let optional = operation.is_some_and(schema::is_optional);
        if bytes.is_empty() && optional {
            return Ok(Self(Map::new()));
        }
        let value: Value = serde_json::from_slice(&bytes)
            .map_err(|_| Refusal::new(StatusCode::BAD_REQUEST, "Problems parsing JSON"))?;
        match value {
            Value::Object(object) => {
                if let Some(operation) = operation {
                    schema::check(operation, &object)?;
                }
                Ok(Self(object))
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => Err(Refusal::new(
                StatusCode::BAD_REQUEST,
                "Body should be a JSON object",
            )),
        }
    }
}

/// Whether this is a full object id as the API writes it.
pub(super) fn is_object_id(text: &str) -> bool {
    text.len() == 40
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
