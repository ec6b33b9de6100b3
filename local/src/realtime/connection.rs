//! One open socket.

use std::sync::Arc;

use axum::extract::ws::{Message as Frame, WebSocket};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;

use super::connections::Entry;
use super::message::{Invalid, Message, Subscription};
use crate::auth::{self, Caller};
use crate::bus::Event;
use crate::kernel::Kernel;
use crate::{accounts, clock};

/// Code of every error in a message, as measured in production mode.
const BAD_MESSAGE: u16 = 1003;
/// Code of an unknown project.
const POLICY: u16 = 1008;

struct Connection {
    kernel: Arc<Kernel>,
    socket: WebSocket,
    caller: Caller,
    roles: Vec<String>,
    account: Value,
    subscriptions: Vec<Subscription>,
    entry: Entry,
}

/// The socket is gone.
struct Gone;

/// Tells the client that its project is unknown and drops the socket.
pub(super) async fn refuse(mut socket: WebSocket) {
    let message = error(POLICY, "Missing or unknown project ID");
    let _ = socket.send(Frame::text(message.to_string())).await;
}

/// Serves a socket until it closes, falls behind, or the platform stops.
pub(super) async fn run(
    kernel: Arc<Kernel>,
    socket: WebSocket,
    caller: Caller,
    subscriptions: Result<Vec<Subscription>, Invalid>,
    deaf: bool,
) {
    let mut events = kernel.bus.subscribe();
    let stopping = kernel.stopping.clone();
    let roles = caller.roles();
    let unreadable = subscriptions.is_err();
    let subscriptions = subscriptions.unwrap_or_default();
    let entry = kernel.connections.open();
    let mut connection = Connection {
        kernel,
        socket,
        caller: Caller::Guest,
        roles,
        account: Value::Null,
        subscriptions,
        entry,
    };
    if connection.become_caller(caller).await.is_err()
        || connection.greet(unreadable).await.is_err()
    {
        return;
    }
    loop {
        let served = tokio::select! {
            () = stopping.cancelled() => Err(Gone),
            frame = connection.socket.recv() => match frame {
                Some(Ok(Frame::Text(text))) => connection.answer(&text).await,
                Some(Ok(Frame::Binary(_))) => connection.say(&server_error()).await,
                Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => Ok(()),
                Some(Ok(Frame::Close(_)) | Err(_)) | None => Err(Gone),
            },
            event = events.recv() => match event {
                Ok(_) if deaf => Ok(()),
                Ok(event) => connection.tell(&event).await,
                Err(RecvError::Lagged(_) | RecvError::Closed) => Err(Gone),
            },
        };
        if served.is_err() {
            return;
        }
    }
}

fn error(code: u16, message: &str) -> Value {
    json!({"type": "error", "data": {"code": code, "message": message}})
}

fn server_error() -> Value {
    error(BAD_MESSAGE, "Error: Server Error")
}

impl Connection {
    /// Brings what is told of this connection up to date.
    fn show(&self) {
        self.entry
            .update(self.caller.user_id(), &self.subscriptions);
    }

    async fn say(&mut self, message: &Value) -> Result<(), Gone> {
        self.socket
            .send(Frame::text(message.to_string()))
            .await
            .map_err(|_| Gone)
    }

    /// Takes over the roles and the account of a caller.
    async fn become_caller(&mut self, caller: Caller) -> Result<(), Gone> {
        if let Some(id) = caller.user_id() {
            let account = accounts::account(&self.kernel, id)
                .await
                .map_err(|_| Gone)?;
            self.account = account.unwrap_or(Value::Null);
            let own = format!("account.{id}");
            for subscription in &mut self.subscriptions {
                add_own(subscription, &own);
            }
        }
        self.roles = caller.roles();
        self.caller = caller;
        self.show();
        Ok(())
    }

    async fn greet(&mut self, unreadable: bool) -> Result<(), Gone> {
        let channels: Vec<&String> = self
            .subscriptions
            .iter()
            .flat_map(|subscription| &subscription.channels)
            .collect();
        let ids: Vec<&String> = self
            .subscriptions
            .iter()
            .map(|subscription| &subscription.id)
            .collect();
        let data = json!({"channels": channels, "subscriptions": ids, "user": self.account});
        self.say(&json!({"type": "connected", "data": data}))
            .await?;
        if unreadable {
            self.say(&server_error()).await
        } else {
            Ok(())
        }
    }

    async fn answer(&mut self, text: &str) -> Result<(), Gone> {
        match Message::read(text) {
            Ok(Message::Ping) => self.say(&json!({"type": "pong"})).await,
            Ok(Message::Authentication { session }) => self.authenticate(session).await,
            Ok(Message::Subscribe(list)) => self.subscribe(list).await,
            Ok(Message::Unsubscribe(ids)) => self.unsubscribe(&ids).await,
            Err(Invalid) => self.say(&server_error()).await,
        }
    }

    async fn authenticate(&mut self, session: String) -> Result<(), Gone> {
        let caller = auth::by_session(&self.kernel, session)
            .await
            .unwrap_or(Caller::Guest);
        if caller.user_id().is_none() {
            return self.say(&server_error()).await;
        }
        self.become_caller(caller).await?;
        let data = json!({"to": "authentication", "success": true, "user": self.account});
        self.say(&json!({"type": "response", "data": data})).await
    }

    async fn subscribe(&mut self, list: Vec<Subscription>) -> Result<(), Gone> {
        let own = self.caller.user_id().map(|id| format!("account.{id}"));
        let mut answers = Vec::with_capacity(list.len());
        for mut subscription in list {
            if let Some(own) = &own {
                add_own(&mut subscription, own);
            }
            answers.push(subscription.json());
            self.subscriptions
                .retain(|known| known.id != subscription.id);
            self.subscriptions.push(subscription);
        }
        self.show();
        let data = json!({"to": "subscribe", "success": true, "subscriptions": answers});
        self.say(&json!({"type": "response", "data": data})).await
    }

    async fn unsubscribe(&mut self, ids: &[String]) -> Result<(), Gone> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            let before = self.subscriptions.len();
            self.subscriptions
                .retain(|subscription| subscription.id != *id);
            answers
                .push(json!({"subscriptionId": id, "removed": self.subscriptions.len() < before}));
        }
        self.show();
        let data = json!({"to": "unsubscribe", "success": true, "subscriptions": answers});
        self.say(&json!({"type": "response", "data": data})).await
    }

    /// Takes over the labels of a user that was changed, and makes one that is
    /// gone or blocked a guest.
    async fn refresh(&mut self, event: &Event) -> Result<(), Gone> {
        let Caller::User { id, session_id, .. } = &self.caller else {
            return Ok(());
        };
        let own = format!("users.{id}");
        if !event.names.contains(&own) {
            return Ok(());
        }
        let (id, session_id) = (id.clone(), session_id.clone());
        let caller = self
            .kernel
            .store
            .run(move |db| Ok(accounts::caller_of(db, id, session_id)?.unwrap_or(Caller::Guest)))
            .await
            .unwrap_or(Caller::Guest);
        self.become_caller(caller).await
    }

    /// Sends an event once, naming every subscription that it is for.
    async fn tell(&mut self, event: &Event) -> Result<(), Gone> {
        self.refresh(event).await?;
        if !event
            .readers
            .iter()
            .any(|reader| self.roles.contains(reader))
        {
            return Ok(());
        }
        let hearing = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.hears(event));
        let ids: Vec<&String> = hearing.map(|subscription| &subscription.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        if self
            .kernel
            .faults
            .drops_message(&event.names, &event.channels)
        {
            return Ok(());
        }
        let data = json!({
            "events": event.realtime_names.list(),
            "channels": event.channels,
            "timestamp": clock::format(clock::now()),
            "payload": event.payload,
            "subscriptions": ids,
        });
        self.entry.count_message();
        self.say(&json!({"type": "event", "data": data})).await
    }
}

/// `account` also means the user's own account.
fn add_own(subscription: &mut Subscription, own: &str) {
    let asked = subscription
        .channels
        .iter()
        .any(|channel| channel == "account");
    if asked && !subscription.channels.iter().any(|channel| channel == own) {
        subscription.channels.push(own.to_owned());
    }
}
