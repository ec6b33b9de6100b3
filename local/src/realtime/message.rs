//! Messages of clients.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::bus::Event;
use crate::ids;
use crate::queries::{self, Filter};

/// Most subscriptions of one message.
const SUBSCRIPTIONS_MAX: usize = 100;

/// Methods that a filter may use.
const METHODS: &[&str] = &[
    "equal",
    "notEqual",
    "lessThan",
    "lessThanEqual",
    "greaterThan",
    "greaterThanEqual",
    "isNull",
    "isNotNull",
    "and",
    "or",
    "select",
];

/// A message that cannot be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Invalid;

/// Channels with filters, under an id.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Subscription {
    pub(super) id: String,
    pub(super) channels: Vec<String>,
    queries: Vec<String>,
    filters: Vec<Filter>,
}

impl Subscription {
    pub(super) fn new(
        id: Option<String>,
        channels: Vec<String>,
        queries: Vec<String>,
    ) -> Result<Self, Invalid> {
        for query in &queries {
            allowed(&serde_json::from_str(query).map_err(|_| Invalid)?)?;
        }
        let filters = queries::parse(&queries).map_err(|_| Invalid)?.filters;
        let queries = queries.iter().map(|query| compact(query)).collect();
        Ok(Self {
            id: id.unwrap_or_else(ids::unique),
            channels,
            queries,
            filters,
        })
    }

    /// Whether the event is for this subscription, permissions aside.
    pub(super) fn hears(&self, event: &Event) -> bool {
        self.channels
            .iter()
            .any(|channel| event.channels.contains(channel))
            && self
                .filters
                .iter()
                .all(|filter| queries::matches(filter, &event.payload))
    }

    /// As the answer to `subscribe` shows it.
    pub(super) fn json(&self) -> Value {
        json!({"subscriptionId": self.id, "channels": self.channels, "queries": self.queries})
    }
}

fn allowed(query: &Value) -> Result<(), Invalid> {
    let method = query.get("method").and_then(Value::as_str).ok_or(Invalid)?;
    if !METHODS.contains(&method) {
        return Err(Invalid);
    }
    if matches!(method, "and" | "or") {
        return query
            .get("values")
            .and_then(Value::as_array)
            .ok_or(Invalid)?
            .iter()
            .try_for_each(allowed);
    }
    Ok(())
}

/// A query as the server writes it: without spaces, in its own order of keys.
fn compact(query: &str) -> String {
    let Ok(query) = serde_json::from_str::<Value>(query) else {
        return query.to_owned();
    };
    let parts = ["method", "attribute", "values"]
        .iter()
        .filter_map(|key| query.get(key).map(|v| format!("\"{key}\":{v}")));
    format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Message {
    Ping,
    Authentication { session: String },
    Subscribe(Vec<Subscription>),
    Unsubscribe(Vec<String>),
}

#[derive(Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "lowercase")]
enum Raw {
    Ping,
    Authentication { session: String },
    Subscribe(Vec<RawSubscription>),
    Unsubscribe(Vec<RawId>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSubscription {
    #[serde(default)]
    subscription_id: Option<String>,
    channels: Vec<String>,
    #[serde(default)]
    queries: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawId {
    subscription_id: String,
}

impl Message {
    pub(super) fn read(text: &str) -> Result<Self, Invalid> {
        match serde_json::from_str(text).map_err(|_| Invalid)? {
            Raw::Ping => Ok(Self::Ping),
            Raw::Authentication { session } => Ok(Self::Authentication { session }),
            Raw::Subscribe(list) if list.len() > SUBSCRIPTIONS_MAX => Err(Invalid),
            Raw::Subscribe(list) => {
                let read = |raw: RawSubscription| {
                    Subscription::new(raw.subscription_id, raw.channels, raw.queries)
                };
                list.into_iter()
                    .map(read)
                    .collect::<Result<_, _>>()
                    .map(Self::Subscribe)
            }
            Raw::Unsubscribe(list) => Ok(Self::Unsubscribe(
                list.into_iter().map(|raw| raw.subscription_id).collect(),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_messages_are_read() {
        assert_eq!(Message::read(r#"{"type":"ping"}"#), Ok(Message::Ping));
        for text in [
            "not json",
            r#"{"type":"nope"}"#,
            r#"{"type":"subscribe","data":[{}]}"#,
        ] {
            assert_eq!(Message::read(text), Err(Invalid), "{text}");
        }
    }

    #[test]
    fn filters_are_limited_to_cheap_methods() {
        let subscribe = |query: Value| {
            let data = json!([{"channels": ["rows"], "queries": [query.to_string()]}]);
            Message::read(&json!({"type": "subscribe", "data": data}).to_string())
        };
        assert!(subscribe(json!({"method": "equal", "attribute": "a", "values": [1]})).is_ok());
        assert!(subscribe(json!({"method": "search", "attribute": "a", "values": ["x"]})).is_err());
    }
}
