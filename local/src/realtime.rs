//! Realtime: a WebSocket at `/v1/realtime` that tells of committed changes.
//!
//! Nothing is kept for a client that is away; one that falls behind is dropped.

mod connection;
mod message;

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
    // Keys give no access here, only sessions do; a broken one makes a guest.
    let caller = match auth::session_token(&headers, &kernel.project.id) {
        Some(token) => auth::by_session(&kernel, token)
            .await
            .unwrap_or(Caller::Guest),
        None => Caller::Guest,
    };
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

/// Reads the subscriptions of the address: `channels[]=a`, and filters as
/// `a[0][]=<query>`. A filter that cannot be read is an error, told once the
/// socket is open.
fn subscriptions(query: &str) -> Result<Vec<Subscription>, message::Invalid> {
    let channels = query_list(query, "channels").unwrap_or_default();
    let mut plain = Vec::new();
    let mut subscriptions = Vec::new();
    for channel in channels {
        let prefix = format!("{channel}[");
        let queries: Vec<String> = query_pairs(query)
            .filter(|(key, _)| key.starts_with(&prefix))
            .map(|(_, value)| value)
            .collect();
        if queries.is_empty() {
            plain.push(channel);
        } else {
            subscriptions.push(Subscription::new(None, vec![channel], queries)?);
        }
    }
    if !plain.is_empty() {
        subscriptions.insert(0, Subscription::new(None, plain, Vec::new())?);
    }
    Ok(subscriptions)
}
