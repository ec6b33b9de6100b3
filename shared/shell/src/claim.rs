//! Claims: who is at work on a unit. They keep a second execution from spending money at
//! the same time; correctness rests on the journal alone.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use appwrite::{Query, Row};
use jiff::Timestamp;
use pipeline::UnitKey;
use pipeline::limits::{UNIT_ATTEMPTS_MAX, UNIT_PAUSES_MAX};
use pipeline::rows::NewRow;
use pipeline::sweep::{ClaimState, ClaimWord, Holder, holder};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::clock;
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// The claims of a unit are at most its attempts, and a few that were let go.
const CLAIMS_MAX: usize = (UNIT_PAUSES_MAX + 10 * UNIT_ATTEMPTS_MAX) as usize;
/// `state` of a claim whose holder is at work, or died.
const HELD: &str = "held";
/// `state` of a claim that the owner's command took away from its holder.
const STOPPED: &str = "stopped";
/// `state` of a claim that was stopped, and that nobody holds any more.
const LEFT: &str = "left";
/// Others that may change a claim, one after the other, while one changes it.
const CHANGES_MAX: usize = 10;

/// A claim that this execution holds.
#[derive(Debug)]
pub struct Claim {
    row_id: String,
    /// 1 for the first execution of the unit. Higher: others were at work before, so the
    /// journal may hold entries and effects may have happened.
    pub epoch: u64,
    stopped: AtomicBool,
    /// Rings at each sign of life for which the claim was found stopped.
    heard: Notify,
}

impl Claim {
    /// Claims `unit` for this execution. `None` if another one holds it.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn take(
        store: &Store,
        unit: &UnitKey,
        execution_id: &str,
        lapse: Duration,
    ) -> Result<Option<Self>, Trouble> {
        if let Some(claim) = Self::create(store, unit, 1, execution_id, HELD).await? {
            return Ok(Some(claim));
        }
        match newest(store, unit, lapse).await? {
            // Whoever is called before the time it was to rest until may look for itself.
            Some(ClaimState {
                epoch,
                holder: Holder::Gone | Holder::Resting,
                ..
            }) => Self::create(store, unit, epoch + 1, execution_id, HELD).await,
            Some(ClaimState {
                holder: Holder::AtWork | Holder::Stopping | Holder::Stopped,
                ..
            })
            | None => Ok(None),
        }
    }

    async fn create(
        store: &Store,
        unit: &UnitKey,
        epoch: u64,
        execution_id: &str,
        state: &'static str,
    ) -> Result<Option<Self>, Trouble> {
        let row_id = unit.id().claim(epoch);
        let data = json!({
            "taskId": unit.task, "unitId": unit.id(), "epoch": epoch, "executionId": execution_id,
            "heartbeatAt": clock::appwrite_time(clock::now()), "state": state,
        });
        let row = NewRow {
            table: "claims",
            id: row_id.clone(),
            data,
            permissions: Vec::new(),
        };
        let is_new = matches!(store.create(row).await?, Created::New);
        Ok(is_new.then(|| Self {
            row_id,
            epoch,
            stopped: AtomicBool::new(false),
            heard: Notify::new(),
        }))
    }

    /// Lets the holder's life be seen, for as long as it is awaited, and learns whether the
    /// owner has stopped it. A sign that is lost is not an error: the next one follows.
    pub async fn beat(&self, store: &Store, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let data = json!({"heartbeatAt": clock::appwrite_time(clock::now())});
            let row = store.patch("claims", &self.row_id, data, None).await;
            let Ok(Some(row)) = row else {
                continue;
            };
            match row.text("state") {
                Some(STOPPED) => {
                    self.stopped.store(true, Ordering::Relaxed);
                    self.heard.notify_waiters();
                }
                Some(HELD) => self.stopped.store(false, Ordering::Relaxed),
                Some(_) | None => {}
            }
        }
    }

    /// Whether the owner has stopped the unit: the holder lets go after its turn.
    pub fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Waits until the holder hears that it is stopped, once more if it knows already.
    pub async fn hears(&self) {
        self.heard.notified().await;
    }

    /// Lets go until the owner lets the unit go on: nobody takes it over before.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn stop(&self, store: &Store) -> Result<(), Trouble> {
        let data = json!({"state": LEFT});
        store
            .patch("claims", &self.row_id, data, None)
            .await
            .map(|_| ())
    }

    /// Lets go after the turn at whose end the owner's stop was heard of. False if the owner has
    /// lifted it meanwhile: then the holder goes on.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn leave(&self, store: &Store) -> Result<bool, Trouble> {
        let state = change(store, &self.row_id, &[(STOPPED, json!({"state": LEFT}))]).await?;
        let is_lifted = state.as_deref() == Some(HELD);
        if is_lifted {
            self.stopped.store(false, Ordering::Relaxed);
        }
        Ok(!is_lifted)
    }

    /// Lets go, so that the next execution need not wait for the claim to lapse. False if the owner
    /// has stopped the unit, heard of or not: then nobody takes it over until it is lifted.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn release(&self, store: &Store, release: Release) -> Result<bool, Trouble> {
        let not_before = match release {
            Release::Failed | Release::Continued => None,
            Release::Waiting { until } => Some(clock::appwrite_time(until)),
        };
        let released = json!({"state": release.state(), "notBefore": not_before});
        let left = json!({"state": LEFT});
        let state = change(store, &self.row_id, &[(HELD, released), (STOPPED, left)]).await?;
        Ok(state.as_deref() != Some(LEFT))
    }
}

/// Stops a unit: who is at work on it lets go after its turn, and nobody takes it over until
/// it is lifted.
///
/// # Errors
/// What the store could not mend.
pub async fn stop(store: &Store, unit: &UnitKey, lapse: Duration) -> Result<(), Trouble> {
    for _ in 0..CHANGES_MAX {
        let newest = newest(store, unit, lapse).await?;
        let (epoch, holder) = match newest {
            Some(claim) => (claim.epoch, claim.holder),
            None => (0, Holder::Gone),
        };
        match holder {
            Holder::Stopping | Holder::Stopped => return Ok(()),
            Holder::AtWork => {
                let stopped = [(HELD, json!({"state": STOPPED}))];
                let state = change(store, &unit.id().claim(epoch), &stopped).await?;
                if state.as_deref() == Some(STOPPED) {
                    return Ok(());
                }
            }
            Holder::Gone | Holder::Resting => {
                let taken = Claim::create(store, unit, epoch + 1, "", LEFT).await?;
                if taken.is_some() {
                    return Ok(());
                }
            }
        }
    }
    Err(Trouble::Row(format!(
        "unit {unit} was taken by others {CHANGES_MAX} times in a row"
    )))
}

/// Lifts what was stopped: the unit may be taken over again. It did not fail meanwhile.
///
/// # Errors
/// What the store could not mend.
pub async fn lift(store: &Store, unit: &UnitKey, epoch: u64) -> Result<(), Trouble> {
    let lifted = json!({"state": Release::Continued.state()});
    let lifted = [(STOPPED, lifted.clone()), (LEFT, lifted)];
    change(store, &unit.id().claim(epoch), &lifted)
        .await
        .map(|_| ())
}

/// Lifts what was stopped before its holder let go: it goes on. False if it has let go.
///
/// # Errors
/// What the store could not mend.
pub async fn keep(store: &Store, unit: &UnitKey, epoch: u64) -> Result<bool, Trouble> {
    let kept = [(STOPPED, json!({"state": HELD}))];
    let state = change(store, &unit.id().claim(epoch), &kept).await?;
    Ok(state.as_deref() == Some(HELD))
}

/// Changes a claim in one of these states, each to what stands beside it, and leaves any other as it
/// is: its holder and its owner may change it at the same time. Returns its state then.
async fn change(
    store: &Store,
    row_id: &str,
    changes: &[(&str, Value)],
) -> Result<Option<String>, Trouble> {
    for _ in 0..CHANGES_MAX {
        let row = store.get("claims", row_id).await?;
        let state = row.as_ref().and_then(|row| row.text("state"));
        let wanted = changes.iter().find(|(from, _)| state == Some(from));
        let (Some(row), Some((_, data))) = (&row, wanted) else {
            return Ok(state.map(str::to_owned));
        };
        let since = Some(row.updated_at.clone());
        // Its holder's sign of life may come between.
        if let Some(row) = store.patch("claims", row_id, data.clone(), since).await? {
            return Ok(row.text("state").map(str::to_owned));
        }
    }
    Err(Trouble::Row(format!(
        "claim `{row_id}` was changed by others {CHANGES_MAX} times in a row"
    )))
}

/// Why a holder lets go before its unit has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// It failed at something that may succeed later.
    Failed,
    /// Its slice of time is over; another execution goes on at once.
    Continued,
    /// Nothing can be done before a time.
    Waiting {
        /// That time.
        until: Timestamp,
    },
}

impl Release {
    /// `state` of the claim.
    const fn state(self) -> &'static str {
        match self {
            Self::Failed => "released",
            Self::Continued => "continued",
            Self::Waiting { .. } => "waiting",
        }
    }
}

/// The claim that an import leaves on a unit of `task`: somebody was at work on it before and let
/// go. So whoever takes the unit up reads its journal first, and looks for what may have happened
/// outside before it does it again.
pub fn left_behind(task: &str, unit_id: &str) -> NewRow {
    let data = json!({
        "taskId": task, "unitId": unit_id, "epoch": 1, "executionId": "",
        "heartbeatAt": clock::appwrite_time(clock::now()), "state": Release::Continued.state(),
    });
    NewRow {
        table: "claims",
        id: format!("{unit_id}.1"),
        data,
        permissions: Vec::new(),
    }
}

/// How an execution left a claim that another took over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Without a word.
    Died,
    /// It failed at something that may succeed later.
    Failed,
    /// It was to go on later.
    OnPurpose,
}

/// How the holder of the claim with this epoch left it.
///
/// # Errors
/// What the store could not mend.
pub async fn left(store: &Store, unit: &UnitKey, epoch: u64) -> Result<Left, Trouble> {
    let row = store.get("claims", &unit.id().claim(epoch)).await?;
    let state = row.as_ref().and_then(|row| row.text("state"));
    Ok(match state {
        Some(HELD) => Left::Died,
        Some(state) if state == Release::Failed.state() => Left::Failed,
        Some(_) | None => Left::OnPurpose,
    })
}

/// The newest claim on `unit`, if there is any.
///
/// # Errors
/// What the store could not mend.
pub async fn newest(
    store: &Store,
    unit: &UnitKey,
    lapse: Duration,
) -> Result<Option<ClaimState>, Trouble> {
    let queries = vec![Query::equal("unitId", unit.id().as_str())];
    let rows = store.list("claims", queries, CLAIMS_MAX).await?;
    let now = clock::now();
    let lapse_ms = u64::try_from(lapse.as_millis()).unwrap_or(u64::MAX);
    let pauses = rows.iter().filter(|row| is_pause(row)).count() as u64;
    Ok(rows
        .iter()
        .filter_map(|row| {
            let epoch = u64::try_from(row.integer("epoch")?).ok()?;
            let (word, silent_ms) = signs(row, now);
            let (holder, gone_in_ms) = holder(word, silent_ms, lapse_ms);
            Some(ClaimState {
                epoch,
                pauses,
                holder,
                gone_in_ms,
            })
        })
        .max_by_key(|claim| claim.epoch))
}

fn is_pause(row: &Row) -> bool {
    let state = row.text("state").unwrap_or_default();
    // The time does not matter here.
    let until = Timestamp::UNIX_EPOCH;
    [Release::Continued, Release::Waiting { until }]
        .iter()
        .any(|release| release.state() == state)
}

/// What a claim's row says of its holder, and how long nothing was heard of it.
fn signs(row: &Row, now: Timestamp) -> (ClaimWord, i64) {
    let now_ms = now.as_millisecond();
    let word = match row.text("state") {
        Some(HELD) => ClaimWord::Held,
        Some(STOPPED) => ClaimWord::Stopped,
        Some(LEFT) => ClaimWord::Left,
        Some(_) | None => {
            let until = row.text("notBefore").and_then(clock::parse);
            ClaimWord::LetGo {
                rests_ms: until.map(|until| until.as_millisecond() - now_ms),
            }
        }
    };
    let seen = clock::parse(&row.updated_at);
    let silent_ms = seen.map_or(i64::MAX, |seen| now_ms - seen.as_millisecond());
    (word, silent_ms)
}
