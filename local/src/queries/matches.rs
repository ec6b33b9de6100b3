//! Queries asked of one object, for Realtime.

use std::cmp::Ordering;

use serde_json::Value;

use super::{Filter, Op};

/// Whether the object fulfils the filter. Text is compared without case, as
/// everywhere; a missing value fulfils only `isNull`.
#[must_use]
pub fn matches(filter: &Filter, object: &Value) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| matches(part, object)),
        Filter::Or(parts) => parts.iter().any(|part| matches(part, object)),
        Filter::Compare {
            attribute,
            op,
            values,
        } => compare(*op, object.get(attribute).unwrap_or(&Value::Null), values),
    }
}

fn compare(op: Op, value: &Value, values: &[Value]) -> bool {
    let order = |index: usize| values.get(index).and_then(|other| order(value, other));
    let any = |test: fn(&str, &str) -> bool| values.iter().any(|other| text(value, other, test));
    match op {
        Op::IsNull => value.is_null(),
        Op::IsNotNull => !value.is_null(),
        _ if value.is_null() => false,
        Op::Equal => (0..values.len()).any(|index| order(index) == Some(Ordering::Equal)),
        Op::NotEqual => order(0) != Some(Ordering::Equal),
        Op::LessThan => order(0) == Some(Ordering::Less),
        Op::LessThanEqual => matches!(order(0), Some(Ordering::Less | Ordering::Equal)),
        Op::GreaterThan => order(0) == Some(Ordering::Greater),
        Op::GreaterThanEqual => matches!(order(0), Some(Ordering::Greater | Ordering::Equal)),
        Op::Between => between(order(0), order(1)),
        Op::NotBetween => !between(order(0), order(1)),
        Op::Contains => contains(value, values),
        Op::NotContains => !contains(value, values),
        Op::ContainsAll => values
            .iter()
            .all(|other| contains(value, std::slice::from_ref(other))),
        Op::StartsWith => any(|text, part| text.starts_with(part)),
        Op::NotStartsWith => !any(|text, part| text.starts_with(part)),
        Op::EndsWith => any(|text, part| text.ends_with(part)),
        Op::NotEndsWith => !any(|text, part| text.ends_with(part)),
        Op::Search => any(has_words),
        Op::NotSearch => !any(has_words),
    }
}

fn has_words(text: &str, words: &str) -> bool {
    words.split_whitespace().all(|word| text.contains(word))
}

fn between(low: Option<Ordering>, high: Option<Ordering>) -> bool {
    matches!(low, Some(Ordering::Greater | Ordering::Equal))
        && matches!(high, Some(Ordering::Less | Ordering::Equal))
}

fn contains(value: &Value, values: &[Value]) -> bool {
    values.iter().any(|other| {
        if let Value::Array(items) = value {
            items
                .iter()
                .any(|item| order(item, other) == Some(Ordering::Equal))
        } else {
            text(value, other, |text, part| text.contains(part))
        }
    })
}

fn text(value: &Value, other: &Value, test: fn(&str, &str) -> bool) -> bool {
    match (value, other) {
        (Value::String(value), Value::String(other)) => {
            test(&value.to_lowercase(), &other.to_lowercase())
        }
        _ => false,
    }
}

pub(super) fn order(value: &Value, other: &Value) -> Option<Ordering> {
    match (value, other) {
        (Value::Number(a), Value::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Value::String(a), Value::String(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ask(query: Value) -> bool {
        let object = json!({"status": "running", "count": 3, "tags": ["a"], "due": null});
        let queries = crate::queries::parse(&[query.to_string()]).unwrap();
        matches(&queries.filters[0], &object)
    }

    #[test]
    fn objects_are_filtered_as_rows_are() {
        let q = |method: &str, attribute: &str, values: Value| json!({"method": method, "attribute": attribute, "values": values});
        assert!(ask(q("equal", "status", json!(["queued", "RUNNING"]))));
        assert!(!ask(q("equal", "status", json!(["queued"]))));
        assert!(ask(q("greaterThan", "count", json!([2]))));
        assert!(ask(q("between", "count", json!([3, 4]))));
        assert!(ask(q("contains", "tags", json!(["a"]))));
        assert!(ask(q("isNull", "due", json!([]))));
        assert!(!ask(q("notEqual", "due", json!(["x"]))));
        assert!(ask(q("startsWith", "status", json!(["run"]))));
    }
}
