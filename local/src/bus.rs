//! The bus: what has happened, told to functions and to Realtime after commit.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde_json::Value;
use tokio::sync::{broadcast, mpsc};

use crate::events::Names;
use crate::store::Writer;

/// Events a Realtime connection may fall behind before it is dropped.
const LAG_MAX: usize = 4_096;

/// One committed change.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Names that function subscriptions are matched against, most specific
    /// first; the first is sent as `x-appwrite-event`.
    pub names: Names,
    /// Names that Realtime sends as `data.events`.
    pub realtime_names: Names,
    /// Realtime channels.
    pub channels: Vec<String>,
    /// Roles that may hear of it on Realtime (`any`, `users`, `user:ID`, `label:X`).
    pub readers: Vec<String>,
    /// The object as the REST API answers it.
    pub payload: Value,
    /// The user who caused it; none for keys and the platform itself.
    pub user_id: Option<String>,
}

/// Carries events; clones share it.
#[derive(Clone)]
pub struct Bus {
    functions: mpsc::UnboundedSender<Arc<Event>>,
    functions_end: Arc<Mutex<Option<mpsc::UnboundedReceiver<Arc<Event>>>>>,
    patterns: Arc<RwLock<Vec<String>>>,
    realtime: broadcast::Sender<Arc<Event>>,
}

impl Default for Bus {
    fn default() -> Self {
        let (functions, end) = mpsc::unbounded_channel();
        Self {
            functions,
            functions_end: Arc::new(Mutex::new(Some(end))),
            patterns: Arc::default(),
            realtime: broadcast::Sender::new(LAG_MAX),
        }
    }
}

impl Bus {
    /// Tells everybody. Never blocks. Call it after the commit only.
    ///
    /// For functions no event is lost while the process lives; a process that
    /// dies loses those not yet taken, as the real platform may.
    pub fn publish(&self, event: Event) {
        tracing::trace!(name = event.names.list().first(), "event");
        let event = Arc::new(event);
        let _ = self.realtime.send(Arc::clone(&event));
        let _ = self.functions.send(event);
    }

    /// Tells everybody once the commit of what `writer` is doing is there; nobody
    /// when it is undone.
    pub fn publish_after_commit(&self, writer: &mut Writer, event: Event) {
        let bus = self.clone();
        writer.after_commit(move || bus.publish(event));
    }

    /// Says which patterns functions are subscribed to from now on.
    pub fn set_patterns(&self, patterns: Vec<String>) {
        *self
            .patterns
            .write()
            .unwrap_or_else(PoisonError::into_inner) = patterns;
    }

    /// Whether a function is subscribed to a pattern for which `is_name` is true.
    pub fn is_subscribed(&self, is_name: impl Fn(&str) -> bool) -> bool {
        let patterns = self.patterns.read().unwrap_or_else(PoisonError::into_inner);
        patterns.iter().any(|pattern| is_name(pattern))
    }

    /// Whether somebody listens on Realtime.
    #[must_use]
    pub fn has_listeners(&self) -> bool {
        self.realtime.receiver_count() > 0
    }

    /// Hands out the functions' end once; `None` afterwards.
    #[must_use]
    pub fn take_function_events(&self) -> Option<mpsc::UnboundedReceiver<Arc<Event>>> {
        self.functions_end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// Listens from now on. A receiver that lags more than 4,096 events learns
    /// so by `RecvError::Lagged`.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.realtime.subscribe()
    }
}
