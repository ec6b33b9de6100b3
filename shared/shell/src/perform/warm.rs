//! Warm one, then fan out. Agents of a task share the beginning of what they ask. Who asks
//! first writes it to the service's cache; it can be read there once that answer has begun,
//! so the others, if they run in the same process, start their first call then.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use models::MessagesRequest;
use pipeline::ids::sha256_hex;
use tokio::sync::Notify;

use crate::clock;

/// Longest that a call waits for another one to begin.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a prefix counts as cached: a little less than the service keeps it.
const WARM_FOR: Duration = Duration::from_secs(4 * 60);

/// What one process knows to be cached.
#[derive(Default)]
pub struct Warmth {
    prefixes: Mutex<HashMap<String, Prefix>>,
    changed: Notify,
}

#[derive(Clone, Copy)]
enum Prefix {
    /// Somebody asks, and the answer has not begun.
    Asked,
    /// An answer had begun at this time.
    Warm(Instant),
}

/// The right to write a prefix. Ends with the answer's beginning, or with its failure.
pub(super) struct First<'a> {
    warmth: &'a Warmth,
    key: String,
}

impl First<'_> {
    /// The answer has begun.
    pub(super) fn begun(&self) {
        let warm = Prefix::Warm(clock::monotonic());
        self.warmth.lock().insert(self.key.clone(), warm);
        self.warmth.changed.notify_waiters();
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        let mut prefixes = self.warmth.lock();
        if let Some(Prefix::Asked) = prefixes.get(&self.key) {
            prefixes.remove(&self.key);
        }
        drop(prefixes);
        self.warmth.changed.notify_waiters();
    }
}

impl Warmth {
    /// Waits until the prefix of `request` can be read from the cache, at most [`WAIT_MAX`].
    /// Returns the right to write it if nobody does or has. A call in the middle of a
    /// conversation, or of a model that caches nothing on demand, need not wait.
    pub(super) async fn enter(&self, request: &MessagesRequest) -> Option<First<'_>> {
        if request.messages.len() > 1 || !models::wire::takes_cache_marks(&request.model) {
            return None;
        }
        self.pass(key(request), WAIT_MAX).await
    }

    async fn pass(&self, key: String, wait: Duration) -> Option<First<'_>> {
        let deadline = tokio::time::Instant::from_std(clock::monotonic() + wait);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // From here on no change is missed.
            changed.as_mut().enable();
            match self.take(&key) {
                None => return Some(First { warmth: self, key }),
                Some(Prefix::Warm(_)) => return None,
                Some(Prefix::Asked) => {}
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return None;
            }
        }
    }

    /// What is known of a prefix; if it is nothing, it is now being asked for.
    fn take(&self, key: &str) -> Option<Prefix> {
        let now = clock::monotonic();
        let mut prefixes = self.lock();
        prefixes.retain(|_, prefix| match prefix {
            Prefix::Asked => true,
            Prefix::Warm(since) => now.duration_since(*since) < WARM_FOR,
        });
        let known = prefixes.get(key).copied();
        if known.is_none() {
            prefixes.insert(key.to_owned(), Prefix::Asked);
        }
        known
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Prefix>> {
        // Nothing is left half done by whoever panicked.
        self.prefixes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What tells the cached prefix from others: the model, the tools, the system blocks.
fn key(request: &MessagesRequest) -> String {
    let tools: Vec<_> = request
        .tools
        .iter()
        .map(|tool| (&tool.name, &tool.description, &tool.input_schema))
        .collect();
    let system: Vec<&str> = request
        .system
        .iter()
        .map(|block| block.text.as_str())
        .collect();
    // Texts and values can always be written.
    let text = serde_json::to_vec(&(&request.model, tools, system)).unwrap_or_default();
    sha256_hex(&text)
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    fn is_pending(future: std::pin::Pin<&mut impl Future>) -> bool {
        matches!(
            future.poll(&mut Context::from_waker(Waker::noop())),
            Poll::Pending
        )
    }

    #[tokio::test]
    async fn others_wait_until_the_first_answer_has_begun() {
        let warmth = Warmth::default();
        let first = warmth.pass("a".to_owned(), LONG).await.unwrap();
        let mut second = pin!(warmth.pass("a".to_owned(), LONG));
        assert!(is_pending(second.as_mut()));
        assert!(warmth.pass("b".to_owned(), LONG).await.is_some());
        first.begun();
        assert!(second.await.is_none());
        drop(first);
        assert!(warmth.pass("a".to_owned(), LONG).await.is_none());
    }

    #[tokio::test]
    async fn one_of_the_others_is_first_after_a_failure() {
        let warmth = Warmth::default();
        let first = warmth.pass("a".to_owned(), LONG).await.unwrap();
        let mut second = pin!(warmth.pass("a".to_owned(), LONG));
        let mut third = pin!(warmth.pass("a".to_owned(), LONG));
        assert!(is_pending(second.as_mut()) && is_pending(third.as_mut()));
        drop(first);
        let second = second.await.unwrap();
        assert!(is_pending(third.as_mut()));
        second.begun();
        assert!(third.await.is_none());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let warmth = Warmth::default();
        let first = warmth.pass("a".to_owned(), LONG).await;
        let wait = Duration::from_millis(1);
        assert!(first.is_some() && warmth.pass("a".to_owned(), wait).await.is_none());
    }
}
