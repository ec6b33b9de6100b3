//! Which release of a task is the newest: an older one must never be served after it.

use appwrite::{Query, Row};
use pipeline::effect::DeploymentRef;
use pipeline::release_record::ReleaseRecord;
use pipeline::{UnitKey, UnitKind, rows};

use super::Performer;
use crate::blocking::blocking;
use crate::load;
use crate::trouble::Trouble;

/// Newer rows that are looked at.
const NEWER_MAX: u32 = 25;

/// The rows of releases of the task that were wanted after the unit at hand, newest first.
async fn newer(performer: &Performer<'_>) -> Result<Vec<Row>, Trouble> {
    let unit = performer.attempt.unit;
    let queries = vec![
        Query::equal("taskId", unit.task.as_str()),
        Query::greater_than_equal("generation", unit.generation),
        Query::order_desc("generation"),
        Query::order_desc("round"),
        Query::select(&["$id", "generation", "round", "unitKey", "release"]),
        Query::limit(NEWER_MAX),
    ];
    let client = performer.store.client().clone();
    let table = UnitKind::Deployment.table();
    let list = blocking(move || client.table(rows::DATABASE, table).list(&queries)).await?;
    let place = |row: &Row| (row.integer("generation"), row.integer("round"));
    let own = (
        Some(i64::from(unit.generation)),
        Some(i64::from(unit.round)),
    );
    let is_release = |row: &Row| {
        row.text("unitKey")
            .is_some_and(|key| key.ends_with("/deployment/"))
    };
    Ok(list
        .rows
        .into_iter()
        .filter(|row| is_release(row) && place(row) > own)
        .collect())
}

/// Whether a later release of the task is wanted.
pub(super) async fn is_newer_there(performer: &Performer<'_>) -> Result<bool, Trouble> {
    Ok(!newer(performer).await?.is_empty())
}

/// What later releases serve in the place of a deployment.
pub(super) enum Newer {
    /// There is none.
    None,
    /// One is wanted and has not come so far, or was not recorded yet.
    Comes,
    /// This.
    Serves(DeploymentRef),
}

/// What the newest later release serves in the place of `deployment`. One that has not ended
/// counts from the activation on that is in its journal; one that failed does not count.
pub(super) async fn served_instead(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Newer, Trouble> {
    let is_it = |it: &DeploymentRef| {
        it.resource == deployment.resource && it.resource_id == deployment.resource_id
    };
    let mut newest = Newer::None;
    for row in newer(performer).await? {
        let record = row.text("release").unwrap_or_default();
        if let Ok(record) = serde_json::from_str::<ReleaseRecord>(record) {
            let mut parts = record.parts.into_iter().map(|part| part.deployment);
            return Ok(parts.find(is_it).map_or(newest, Newer::Serves));
        }
        let (journal, done) =
            load::journal(performer.store, &unit_of(performer, &row).id()).await?;
        if done.is_some() {
            continue;
        }
        if let Some(served) = journal.activated().find(|it| is_it(it)) {
            return Ok(Newer::Serves(served.clone()));
        }
        newest = Newer::Comes;
    }
    Ok(newest)
}

fn unit_of(performer: &Performer<'_>, row: &Row) -> UnitKey {
    let number = |column| {
        let value = row.integer(column).unwrap_or_default();
        u32::try_from(value).unwrap_or_default()
    };
    UnitKey {
        generation: number("generation"),
        round: number("round"),
        ..performer.attempt.unit.clone()
    }
}
