//! What every request passes: its body, parameters, origins, unknown routes.

mod form;
mod origin;
pub(crate) mod passage;
pub(crate) mod whole_body;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequest, Request, State};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse as _, Response};
use http::{StatusCode, header};
use http_body_util::BodyExt as _;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::counts;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::legacy::{self, Spelling};
use crate::limits::{self, Gate};

/// The page for unknown routes; Appwrite answers HTML whatever is accepted.
const NOT_FOUND: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Not found</title></head>\n\
<body><h1>404</h1><p>Page not found: there is no such route.</p></body>\n</html>\n";

/// Adds what needs the route that a request has found (counters and limits), and the answer to
/// unknown routes. Everything else that all requests share is in [`passage`].
pub fn wrap(router: Router<Arc<Kernel>>, kernel: Arc<Kernel>) -> Router {
    let gate = Gate {
        kernel: Arc::clone(&kernel),
        limits: Arc::default(),
    };
    router
        .route_layer(middleware::from_fn_with_state(gate, counted))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(kernel)
}

/// One layer for both, as each is boxed and cloned for every request.
async fn counted(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let limited = |request| limits::layer(&gate, request, |request| next.run(request));
    counts::layer(&gate.kernel, request, limited).await
}

fn unknown() -> std::future::Ready<Response> {
    std::future::ready(no_route())
}

/// What is answered where there is no route: a page, whatever was asked for (measured).
pub(crate) fn no_route() -> Response {
    (StatusCode::NOT_FOUND, Html(NOT_FOUND)).into_response()
}

/// The parameters in a request's body: a JSON object or a form. Anything else,
/// malformed JSON too, is no parameters at all, as in Appwrite.
#[derive(Debug, Default)]
pub struct Params {
    values: Map<String, Value>,
}

impl Params {
    /// Parameters that came in another way than by a JSON object or a form.
    #[must_use]
    pub fn of(values: Map<String, Value>) -> Self {
        Self { values }
    }

    /// Takes a parameter; null counts as absent.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.values.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub fn take_str(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ApiError::argument(format!(
                "Invalid `{name}` param: Value must be a valid string"
            ))),
        }
    }

    /// Takes an object; an empty list counts as an empty object.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub fn take_object(&mut self, name: &str) -> Result<Option<Map<String, Value>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Object(object)) => Ok(Some(object)),
            Some(Value::Array(list)) if list.is_empty() => Ok(Some(Map::new())),
            Some(_) => Err(ApiError::argument(format!(
                "Invalid `{name}` param: Value must be a valid object"
            ))),
        }
    }

    /// Takes the columns of a row: an object, its JSON text, or a list, whose
    /// places are then its keys.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub fn take_data(&mut self) -> Result<Option<Map<String, Value>>, ApiError> {
        let data = self.take("data");
        let parsed = data
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|text| serde_json::from_str(text).ok());
        match parsed.or(data) {
            Some(Value::Array(list)) => {
                let keyed = list.into_iter().enumerate();
                Ok(Some(
                    keyed
                        .map(|(place, item)| (place.to_string(), item))
                        .collect(),
                ))
            }
            Some(other) => {
                self.values.insert("data".to_owned(), other);
                self.take_object("data")
            }
            None => Ok(None),
        }
    }

    /// Takes a list.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub fn take_list(&mut self, name: &str) -> Result<Option<Vec<Value>>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(ApiError::argument(format!(
                "Invalid `{name}` param: Value must be a valid array"
            ))),
        }
    }

    /// Takes a whole number; a form's digits count.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub fn take_i64(&mut self, name: &str) -> Result<Option<i64>, ApiError> {
        let Some(value) = self.take(name) else {
            return Ok(None);
        };
        let number = value
            .as_i64()
            .or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let invalid = || {
            ApiError::argument(format!(
                "Invalid `{name}` param: Value must be a valid integer"
            ))
        };
        number.map(Some).ok_or_else(invalid)
    }

    /// Takes a truth value; a form's `true` and `false` count.
    ///
    /// # Errors
    /// 400 `general_argument_invalid`.
    pub fn take_bool(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(yes)),
            Some(Value::String(text)) if text == "true" || text == "1" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" || text == "0" => Ok(Some(false)),
            Some(_) => Err(ApiError::argument(format!(
                "Invalid `{name}` param: Value must be a valid boolean"
            ))),
        }
    }

    /// Whether a parameter was given.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_null())
    }
}

impl From<Map<String, Value>> for Params {
    fn from(values: Map<String, Value>) -> Self {
        Self { values }
    }
}

impl<S: Send + Sync> FromRequest<S> for Params {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let spelling = request.extensions().get().copied().unwrap_or_default();
        let kind = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        let body = match request.into_body().collect().await {
            Ok(body) => body.to_bytes(),
            Err(_) => return Err(StatusCode::PAYLOAD_TOO_LARGE.into_response()),
        };
        let mut values: Map<String, Value> = if kind.starts_with("application/json") {
            serde_json::from_slice(&body).unwrap_or_default()
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            let text = String::from_utf8_lossy(&body);
            form::nested(query_pairs(&text))
        } else {
            Map::new()
        };
        match spelling {
            Spelling::Tables => {}
            Spelling::Collections => legacy::respell_parameters(&mut values),
        }
        Ok(Self { values })
    }
}

/// Refuses a request without a parameter that it must have.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub fn required<T>(name: &str, given: Option<T>) -> Result<T, ApiError> {
    given.ok_or_else(|| ApiError::argument(format!("Param \"{name}\" is not optional.")))
}

/// Returns the decoded value of a parameter of a query string.
#[must_use]
pub fn query_value(query: &str, name: &str) -> Option<String> {
    query_pairs(query).find_map(|(key, value)| (key == name).then_some(value))
}

/// Returns all values of a list parameter: `name[]=…` or `name[0]=…`.
///
/// # Errors
/// 400 `general_argument_invalid` when it is written without brackets.
pub fn query_list(query: &str, name: &str) -> Result<Vec<String>, ApiError> {
    let mut values = Vec::new();
    for (key, value) in query_pairs(query) {
        match key.strip_prefix(name) {
            Some("") => {
                let why = "Value must a valid array and Value must be a valid string";
                return Err(ApiError::argument(format!("Invalid `{name}` param: {why}")));
            }
            Some(rest) if rest.starts_with('[') && rest.ends_with(']') => values.push(value),
            Some(_) | None => {}
        }
    }
    Ok(values)
}

/// Decodes a query string; `+` is a space.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_need_brackets() {
        assert_eq!(
            query_list("queries%5B%5D=a+b&queries[1]=c&other=d", "queries").unwrap(),
            ["a b", "c"]
        );
        assert_eq!(
            query_list("queries=a", "queries").unwrap_err().kind,
            "general_argument_invalid"
        );
    }
}
