//! The older spelling of tables and rows: `/v1/databases/{}/collections/{}/documents`
//! over the same store.
//!
//! Its routes share the handlers of the newer spelling. Requests are respelled
//! where their parameters are read, answers here.

use std::convert::Infallible;
use std::future::{Future, ready};

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderValue, header};
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

/// How a request spells tables and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spelling {
    /// `tablesdb`, tables, columns, rows.
    #[default]
    Tables,
    /// `databases`, collections, attributes, documents.
    Collections,
}

impl<S: Sync> FromRequestParts<S> for Spelling {
    type Rejection = Infallible;

    fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> impl Future<Output = Result<Self, Infallible>> + Send {
        let spelling = parts.extensions.get().copied().unwrap_or_default();
        ready(Ok(spelling))
    }
}

/// Parameters: older name, newer name.
const PARAMETERS: &[(&str, &str)] = &[
    ("documentId", "rowId"),
    ("documents", "rows"),
    ("collectionId", "tableId"),
    ("documentSecurity", "rowSecurity"),
    ("attributes", "columns"),
];

/// Lists: newer name, older name.
const LISTS: &[(&str, &str)] = &[
    ("rows", "documents"),
    ("tables", "collections"),
    ("columns", "attributes"),
    ("indexes", "indexes"),
];

/// Error types that differ in more than their first word. The increment of what
/// is no number is told under the other spelling's type on both (measured).
const TYPES: &[(&str, &str)] = &[
    ("column_index_already_exists", "index_already_exists"),
    ("column_index_invalid", "index_invalid"),
    ("column_index_not_found", "index_not_found"),
    ("attribute_type_invalid", "column_type_invalid"),
];

/// First words of error types: newer, older.
const WORDS: &[(&str, &str)] = &[
    ("row_", "document_"),
    ("table_", "collection_"),
    ("column_", "attribute_"),
];

/// Gives the parameters of a request in the older spelling their newer names.
pub fn respell_parameters(values: &mut Map<String, Value>) {
    for (old, new) in PARAMETERS {
        rename(values, old, new);
    }
}

fn rename(object: &mut Map<String, Value>, from: &str, to: &str) {
    if from != to
        && let Some(value) = object.remove(from)
    {
        object.insert(to.to_owned(), value);
    }
}

/// Marks requests as spelled the older way and respells their answers.
pub async fn layer(mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(Spelling::Collections);
    let response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE);
    let is_json = kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    if !is_json {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    // Our own answers are in memory already and cannot fail.
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => {
            let cause = crate::error::ApiError::internal(&error);
            return axum::response::IntoResponse::into_response(cause);
        }
    };
    let Ok(mut value) = serde_json::from_slice::<Value>(&body) else {
        return Response::from_parts(parts, Body::from(body));
    };
    if parts.status.is_success() {
        respell(&mut value);
    } else {
        respell_error(&mut value);
    }
    let body = value.to_string();
    parts
        .headers
        .insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    Response::from_parts(parts, Body::from(body))
}

/// Respells a row, table, column, index or a list of them.
pub fn respell(value: &mut Value) {
    let Some(object) = value.as_object_mut() else {
        return;
    };
    if object.contains_key("$tableId") {
        rename(object, "$tableId", "$collectionId");
    } else if object.contains_key("rowSecurity") {
        rename(object, "rowSecurity", "documentSecurity");
        rename(object, "columns", "attributes");
        each(object.get_mut("indexes"));
    } else if object.contains_key("lengths") {
        rename(object, "columns", "attributes");
    } else if object.contains_key("total") {
        for (new, old) in LISTS {
            each(object.get_mut(*new));
            rename(object, new, old);
        }
    }
}

fn each(list: Option<&mut Value>) {
    let items = list.and_then(Value::as_array_mut);
    items.into_iter().flatten().for_each(respell);
}

fn respell_error(value: &mut Value) {
    let Some(kind) = value.get("type").and_then(Value::as_str) else {
        return;
    };
    let whole = TYPES.iter().find(|(new, _)| *new == kind);
    let other = whole.map(|(_, old)| (*old).to_owned()).or_else(|| {
        WORDS
            .iter()
            .find_map(|(new, old)| Some(format!("{old}{}", kind.strip_prefix(new)?)))
    });
    if let Some(other) = other {
        value["type"] = Value::String(other);
    }
    if let Some(message) = value.get("message").and_then(Value::as_str) {
        let message = message
            .replace("Row with", "Document with")
            .replace("Table with", "Collection with")
            .replace("table with", "collection with")
            .replace("Column with", "Attribute with");
        value["message"] = Value::String(message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_of_a_row_keep_their_names() {
        let mut row = json!({"$tableId": "t", "rows": [], "columns": 1, "total": 2});
        respell(&mut row);
        assert_eq!(
            row,
            json!({"$collectionId": "t", "rows": [], "columns": 1, "total": 2})
        );
    }

    #[test]
    fn error_types_are_respelled() {
        let respelled = |kind: &str| {
            let mut error = json!({"type": kind, "message": ""});
            respell_error(&mut error);
            error["type"].as_str().unwrap().to_owned()
        };
        assert_eq!(respelled("row_already_exists"), "document_already_exists");
        assert_eq!(respelled("column_index_invalid"), "index_invalid");
        assert_eq!(respelled("attribute_type_invalid"), "column_type_invalid");
        assert_eq!(respelled("database_not_found"), "database_not_found");
    }
}
