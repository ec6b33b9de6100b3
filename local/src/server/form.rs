//! Form bodies: `data[title]=x&tags[]=a` as nested parameters.

use serde_json::{Map, Value};

/// Deepest nesting; deeper brackets are part of the key.
const DEPTH_MAX: usize = 8;

/// Nests pairs by the brackets of their keys. An object whose keys are 0, 1, …
/// or empty is a list.
pub(super) fn nested(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut root = Map::new();
    for (key, value) in pairs {
        insert(&mut root, &path(&key), value);
    }
    root.into_iter()
        .map(|(key, value)| (key, listed(value)))
        .collect()
}

fn path(key: &str) -> Vec<&str> {
    let Some((name, rest)) = key.split_once('[').filter(|_| key.ends_with(']')) else {
        return vec![key];
    };
    let parts = rest.trim_end_matches(']').splitn(DEPTH_MAX, "][");
    std::iter::once(name).chain(parts).collect()
}

fn insert(object: &mut Map<String, Value>, path: &[&str], value: String) {
    let Some((first, rest)) = path.split_first() else {
        return;
    };
    let key = if first.is_empty() {
        object.len().to_string()
    } else {
        (*first).to_owned()
    };
    if rest.is_empty() {
        object.insert(key, Value::String(value));
        return;
    }
    let inner = object
        .entry(key)
        .or_insert_with(|| Value::Object(Map::new()));
    if !inner.is_object() {
        *inner = Value::Object(Map::new());
    }
    if let Some(inner) = inner.as_object_mut() {
        insert(inner, rest, value);
    }
}

/// Objects whose keys count up from 0 become lists.
fn listed(value: Value) -> Value {
    let Value::Object(object) = value else {
        return value;
    };
    let counts_up = !object.is_empty()
        && (0..object.len()).all(|place| object.contains_key(&place.to_string()));
    if !counts_up {
        let inner = object.into_iter().map(|(key, value)| (key, listed(value)));
        return Value::Object(inner.collect());
    }
    let mut object = object;
    let items = (0..object.len()).filter_map(|place| object.remove(&place.to_string()));
    Value::Array(items.collect::<Vec<_>>().into_iter().map(listed).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn brackets_nest() {
        let pairs = [
            ("rowId", "a"),
            ("data[title]", "x"),
            ("data[tags][]", "b"),
            ("data[tags][]", "c"),
        ];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(
            Value::Object(nested(pairs.into_iter())),
            json!({"rowId": "a", "data": {"title": "x", "tags": ["b", "c"]}})
        );
    }
}
