//! Claims: who is at work on a unit. They keep a second execution from spending money at
//! the same time; correctness rests on the journal alone.

use std::time::Duration;

use appwrite::{Query, Row};
use jiff::Timestamp;
use pipeline::UnitKey;
use pipeline::limits::UNIT_ATTEMPTS_MAX;
use pipeline::rows::NewRow;
use pipeline::sweep::ClaimState;
use serde_json::json;

use crate::clock;
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// The claims of a unit are at most its attempts, and a few that were let go.
const CLAIMS_MAX: usize = 10 * UNIT_ATTEMPTS_MAX as usize;

/// A claim that this execution holds.
#[derive(Clone, Debug)]
pub struct Claim {
    row_id: String,
    /// 1 for the first execution of the unit. Higher: others were at work before, so the
    /// journal may hold entries and effects may have happened.
    pub epoch: u64,
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
        if let Some(claim) = Self::create(store, unit, 1, execution_id).await? {
            return Ok(Some(claim));
        }
        match newest(store, unit, lapse).await? {
            Some(ClaimState {
                epoch,
                lapsed: true,
            }) => Self::create(store, unit, epoch + 1, execution_id).await,
            Some(ClaimState { lapsed: false, .. }) | None => Ok(None),
        }
    }

    async fn create(
        store: &Store,
        unit: &UnitKey,
        epoch: u64,
        execution_id: &str,
    ) -> Result<Option<Self>, Trouble> {
        let row_id = unit.id().claim(epoch);
        let data = json!({
            "taskId": unit.task, "unitId": unit.id(), "epoch": epoch, "executionId": execution_id,
            "heartbeatAt": clock::appwrite_time(clock::now()), "state": "held",
        });
        let row = NewRow {
            table: "claims",
            id: row_id.clone(),
            data,
            permissions: Vec::new(),
        };
        let is_new = matches!(store.create(row).await?, Created::New(_));
        Ok(is_new.then_some(Self { row_id, epoch }))
    }

    /// Lets the holder's life be seen, for as long as it is awaited. A sign that is lost
    /// is not an error: the next one follows.
    pub async fn beat(&self, store: &Store, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let data = json!({"heartbeatAt": clock::appwrite_time(clock::now())});
            let _ = store.patch("claims", &self.row_id, data, None).await;
        }
    }

    /// Lets go, so that the next execution need not wait for the claim to lapse.
    ///
    /// # Errors
    /// What the store could not mend.
    pub async fn release(&self, store: &Store) -> Result<(), Trouble> {
        store
            .patch("claims", &self.row_id, json!({"state": "released"}), None)
            .await
            .map(|_| ())
    }
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
    Ok(rows
        .iter()
        .filter_map(|row| state(row, lapse, now))
        .max_by_key(|claim| claim.epoch))
}

fn state(row: &Row, lapse: Duration, now: Timestamp) -> Option<ClaimState> {
    let epoch = u64::try_from(row.integer("epoch")?).ok()?;
    let released = row.text("state") == Some("released");
    let seconds_silent =
        clock::parse(&row.updated_at).map_or(i64::MAX, |seen| now.as_second() - seen.as_second());
    let silent = u64::try_from(seconds_silent).is_ok_and(|seconds| seconds >= lapse.as_secs());
    Some(ClaimState {
        epoch,
        lapsed: released || silent,
    })
}
