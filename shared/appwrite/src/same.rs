//! Is what is stored what was sent?
//!
//! The server rewrites some values: dates get milliseconds and an offset, a double without a
//! fraction comes back as an integer, `write` permissions come back as `update` and `delete`.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::row::Row;

/// Says whether a stored row has this id, these columns and these permissions. Columns that were
/// not sent may hold anything (they have defaults), and no permissions may have become the user's.
pub(crate) fn row_is(
    row: &Row,
    id: &str,
    data: &Map<String, Value>,
    permissions: &[String],
) -> bool {
    row.id == id
        && data
            .iter()
            .filter(|(name, _)| !name.starts_with('$'))
            .all(|(name, sent)| value_is(row.data.get(name).unwrap_or(&Value::Null), sent))
        && (permissions.is_empty() || expanded(&row.permissions) == expanded(permissions))
}

/// Says whether a stored value is the one sent.
pub(crate) fn value_is(stored: &Value, sent: &Value) -> bool {
    match (stored, sent) {
        (Value::String(stored), Value::String(sent)) => {
            stored == sent || is_same_time(stored, sent)
        }
        (Value::Number(stored), Value::Number(sent)) => {
            stored == sent
                || ((stored.is_f64() || sent.is_f64()) && stored.as_f64() == sent.as_f64())
        }
        (Value::Array(stored), Value::Array(sent)) => {
            stored.len() == sent.len()
                && stored
                    .iter()
                    .zip(sent)
                    .all(|(stored, sent)| value_is(stored, sent))
        }
        (stored, sent) => stored == sent,
    }
}

/// Two spellings of one millisecond.
fn is_same_time(stored: &str, sent: &str) -> bool {
    match (stored.parse::<Timestamp>(), sent.parse::<Timestamp>()) {
        (Ok(stored), Ok(sent)) => stored.as_millisecond() == sent.as_millisecond(),
        (Ok(_) | Err(_), _) => false,
    }
}

fn expanded(permissions: &[String]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for permission in permissions {
        if let Some(role) = permission.strip_prefix("write(") {
            all.insert(format!("update({role}"));
            all.insert(format!("delete({role}"));
        } else {
            all.insert(permission.clone());
        }
    }
    all
}
