//! Which Realtime connections are open, for people to look at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::message::Subscription;
use crate::clock;

/// The open connections; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Connections(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    next: u64,
    open: BTreeMap<u64, Shown>,
}

#[derive(Debug)]
struct Shown {
    since: String,
    user_id: Option<String>,
    subscriptions: Vec<Value>,
    messages: u64,
}

impl Connections {
    /// Adds a connection, which is shown until the entry is dropped.
    pub(super) fn open(&self) -> Entry {
        let mut table = lock(&self.0);
        table.next += 1;
        let id = table.next;
        let shown = Shown {
            since: clock::format(clock::now()),
            user_id: None,
            subscriptions: Vec::new(),
            messages: 0,
        };
        table.open.insert(id, shown);
        Entry {
            id,
            table: Arc::clone(&self.0),
        }
    }

    /// `{"total", "connections": [{"id", "since", "userId", "subscriptions", "messages"}]}`:
    /// the oldest first; `userId` is null for guests, `messages` counts the events it was sent.
    #[must_use]
    pub fn json(&self) -> Value {
        let table = lock(&self.0);
        let all: Vec<Value> = table
            .open
            .iter()
            .map(|(id, shown)| {
                json!({"id": id, "since": shown.since, "userId": shown.user_id,
                       "subscriptions": shown.subscriptions, "messages": shown.messages})
            })
            .collect();
        json!({"total": all.len(), "connections": all})
    }
}

/// One connection's place among the open ones.
pub(super) struct Entry {
    id: u64,
    table: Arc<Mutex<Table>>,
}

impl Entry {
    pub(super) fn update(&self, user_id: Option<&str>, subscriptions: &[Subscription]) {
        let subscriptions = subscriptions.iter().map(Subscription::json).collect();
        if let Some(shown) = lock(&self.table).open.get_mut(&self.id) {
            shown.user_id = user_id.map(str::to_owned);
            shown.subscriptions = subscriptions;
        }
    }

    pub(super) fn count_message(&self) {
        if let Some(shown) = lock(&self.table).open.get_mut(&self.id) {
            shown.messages += 1;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.table).open.remove(&self.id);
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}
