//! A look at one task that somebody is waiting for: the same as the sweep's, but at the
//! moment at which a silent execution counts as dead.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pipeline::rows::{TaskStamp, UnitRow};
use pipeline::{TaskId, UnitKind};

use crate::clients::Clients;
use crate::clock;
use crate::logging::Log;
use crate::store::Store;
use crate::sweep::{Swept, check_task};
use crate::trouble::Trouble;

/// Least time between two looks of one process at the same task.
const PAUSE_MIN: Duration = Duration::from_millis(500);
/// Least time until another look, however soon something can be gone.
const AGAIN_MIN: Duration = Duration::from_millis(250);
/// Tasks whose last look is remembered.
const TASKS_MAX: usize = 1_000;

/// When this process last looked at which task, so that many who watch one task cost no
/// more than one.
#[derive(Default)]
pub struct Nudges {
    last: Mutex<BTreeMap<TaskId, Instant>>,
}

impl Nudges {
    /// Whether `task` may be looked at now. If not, for how long not yet.
    fn admit(&self, task: &TaskId, now: Instant) -> Result<(), Duration> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = last.get(task)
            && let Some(left) = PAUSE_MIN.checked_sub(now.duration_since(*before))
            && !left.is_zero()
        {
            return Err(left);
        }
        last.retain(|_, before| now.duration_since(*before) < PAUSE_MIN);
        if last.len() < TASKS_MAX {
            last.insert(task.clone(), now);
        }
        Ok(())
    }
}

/// What a nudge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nudged {
    /// What was repaired.
    pub swept: Swept,
    /// When to nudge again, if nothing is heard of the task meanwhile.
    pub look_again: Duration,
}

/// Looks at `task`, unless this process did a moment ago. A row that nobody has claimed is
/// given as long as a claim: its event may be waiting for a free slot.
///
/// # Errors
/// What the store could not mend. The next nudge, or the sweep, makes up for it.
pub async fn nudge(
    clients: &Clients,
    store: &Store,
    task: &TaskId,
    owner: &str,
    seen: Option<TaskStamp>,
) -> Result<Nudged, Trouble> {
    let mut swept = Swept::default();
    if let Err(left) = clients.nudges().admit(task, clock::monotonic()) {
        return Ok(Nudged {
            swept,
            look_again: left.max(AGAIN_MIN),
        });
    }
    swept.tasks = 1;
    let settings = clients.settings();
    let patience = Duration::from_secs(settings.claim_lapse_seconds);
    let checked = check_task(store, settings, task, owner, seen, patience, &mut swept).await?;
    Ok(Nudged {
        swept,
        look_again: Duration::from_millis(checked.look_again_ms).max(AGAIN_MIN),
    })
}

/// Looks after the other agents of a task while its own is at work, for as long as it is
/// awaited. The first look comes with the first sign of life, so that work that is soon
/// done costs nothing.
pub async fn look_after_others(clients: &Clients, store: &Store, unit: &UnitRow, log: &Log) {
    let (key, settings) = (&unit.key, clients.settings());
    if key.kind != UnitKind::Assignment {
        // Nothing else of its task is at work.
        return std::future::pending().await;
    }
    let heartbeat = Duration::from_secs(settings.claim_heartbeat_seconds);
    let mut pause = heartbeat;
    loop {
        tokio::time::sleep(pause).await;
        pause = match nudge(clients, store, &key.task, &unit.owner, None).await {
            Ok(nudged) => {
                if nudged.swept.started > 0 {
                    log.info(&format!("started {} of others", nudged.swept.started));
                }
                nudged.look_again
            }
            // Not its own work: the next look, or the sweep, makes up for it.
            Err(_) => heartbeat,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_who_nudge_at_once_cause_one_look() {
        let nudges = Nudges::default();
        let task = TaskId::of_request("owner", "one");
        let other = TaskId::of_request("owner", "other");
        let now = clock::monotonic();
        assert_eq!(nudges.admit(&task, now), Ok(()));
        assert_eq!(nudges.admit(&task, now), Err(PAUSE_MIN));
        assert_eq!(nudges.admit(&other, now), Ok(()));
        assert_eq!(nudges.admit(&task, now + PAUSE_MIN), Ok(()));
    }
}
