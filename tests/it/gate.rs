//! Holding requests of functions, so that what happens beside them has an order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use local::faults::Faults;
use local::faults::decide::Asked;
use tokio::sync::watch;

/// Longest that anything is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until `look` finds something.
pub(crate) async fn awaited<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Holds requests until they are let go.
pub(crate) struct Gate {
    held: watch::Sender<usize>,
    open: watch::Sender<bool>,
}

impl Gate {
    /// Holds the requests of which `is_it` says so, beside what `faults` holds already.
    pub(crate) fn before(
        faults: &mut Faults,
        is_it: impl Fn(&Asked<'_>) -> bool + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (held, open) = (watch::channel(0).0, watch::channel(false).0);
        let gate = Arc::new(Self { held, open });
        let own = Arc::clone(&gate);
        let earlier = faults.on_request.take();
        faults.on_request = Some(Arc::new(move |asked| {
            if let Some(held) = earlier.as_ref().and_then(|gate| gate(asked)) {
                return Some(held);
            }
            if !is_it(asked) {
                return None;
            }
            own.held.send_modify(|count| *count += 1);
            let mut is_open = own.open.subscribe();
            Some(Box::pin(async move {
                let _ = is_open.wait_for(|open| *open).await;
            }))
        }));
        gate
    }

    /// Waits until somebody stands before it.
    pub(crate) async fn reached(&self) {
        self.reached_by(1).await;
    }

    /// Waits until so many stand before it.
    pub(crate) async fn reached_by(&self, count: usize) {
        let mut held = self.held.subscribe();
        let reached = held.wait_for(|held| *held >= count);
        let reached = tokio::time::timeout(PATIENCE, reached).await.is_ok();
        let held = *self.held.borrow();
        assert!(reached, "{held} of {count} came to the gate");
    }

    /// Lets everybody through from now on.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }
}
