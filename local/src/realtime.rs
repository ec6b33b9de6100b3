//! Realtime: a WebSocket at `/v1/realtime` that tells of committed changes.
//!
//! Nothing is kept for a client that is away; one that falls behind is dropped.

mod connection;
mod connections;
mod message;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;

use crate::auth::{self, Caller};
use crate::kernel::Kernel;
use crate::server::{query_list, query_pairs, query_value};

pub use connections::Connections;
use message::Subscription;

/// Largest message of a client, in bytes.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// The route of Realtime.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new().route("/v1/realtime", get(open))
}

async fn open(
    State(kernel): State<Arc<Kernel>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    upgrade: WebSocketUpgrade,
) -> Response {
    let query = query.unwrap_or_default();
    let project = query_value(&query, "project");
    let known = project
        .as_ref()
        .is_none_or(|project| *project == kernel.project.id);
    // Without a project the socket opens and hears nothing, as measured.
    let deaf = project.is_none();
    let caller = caller(&kernel, &headers, &query).await;
    let subscriptions = subscriptions(&query);
    upgrade
        .max_message_size(MESSAGE_BYTES_MAX)
        .on_upgrade(move |socket| async move {
            if known {
                connection::run(kernel, socket, caller, subscriptions, deaf).await;
            } else {
                connection::refuse(socket).await;
            }
        })
}

/// Finds who connects. Keys give no access here, only sessions and JWTs do; a
/// broken one makes a guest.
async fn caller(kernel: &Kernel, headers: &HeaderMap, query: &str) -> Caller {
    if let Some(token) = auth::session_token(headers, &kernel.project.id) {
        return auth::by_session(kernel, token)
            .await
            .unwrap_or(Caller::Guest);
    }
    match query_value(query, "jwt") {
        Some(jwt) => auth::by_jwt(kernel, &jwt).await.unwrap_or(Caller::Guest),
        None => Caller::Guest,
    }
}

/// Reads the subscriptions of the address: `channels[]=a`, and filters as
/// `a[0][]=<query>`, where channels with the same number share a subscription. A
/// filter that cannot be read is an error, told once the socket is open.
fn subscriptions(query: &str) -> Result<Vec<Subscription>, message::Invalid> {
    let channels = query_list(query, "channels").unwrap_or_default();
    let mut plain = Vec::new();
    let mut slots: BTreeMap<String, (Vec<String>, Vec<String>)> = BTreeMap::new();
    for channel in channels {
        let mut filtered = false;
        for (key, value) in query_pairs(query) {
            let Some(slot) = slot(&key, &channel) else {
                continue;
            };
            filtered = true;
            let (channels, queries) = slots.entry(slot).or_default();
            if !channels.contains(&channel) {
                channels.push(channel.clone());
            }
            if !queries.contains(&value) {
                queries.push(value);
            }
        }
        if !filtered {
            plain.push(channel);
        }
    }
    let mut subscriptions = Vec::with_capacity(slots.len() + 1);
    if !plain.is_empty() {
        subscriptions.push(Subscription::new(None, plain, Vec::new())?);
    }
    for (channels, queries) in slots.into_values() {
        subscriptions.push(Subscription::new(None, channels, queries)?);
    }
    Ok(subscriptions)
}

/// The number in `channel[number][]`; none for `channel[]` itself.
fn slot(key: &str, channel: &str) -> Option<String> {
    let rest = key.strip_prefix(channel)?.strip_prefix('[')?;
    let (slot, _) = rest.split_once(']')?;
    Some(slot.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_with_the_same_number_share_a_subscription() {
        let query =
            |value: u8| format!(r#"{{"method":"equal","attribute":"a","values":[{value}]}}"#);
        let (one, two) = (query(1), query(2));
        let address = format!(
            "channels[]=rows&channels[]=documents&channels[]=executions\
             &rows[0][]={one}&rows[1][]={two}&documents[0][]={one}"
        );
        let found = subscriptions(&address).unwrap();
        let channels: Vec<&[String]> = found.iter().map(|one| one.channels.as_slice()).collect();
        assert_eq!(
            channels,
            [
                ["executions".to_owned()].as_slice(),
                &["rows".to_owned(), "documents".to_owned()],
                &["rows".to_owned()],
            ]
        );
    }
}
