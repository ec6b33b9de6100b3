//! Which release of a task is the newest: an older one must never be served after it.

use appwrite::{Query, Row};
use pipeline::effect::DeploymentRef;
use pipeline::release_record::ReleaseRecord;
use pipeline::{UnitKind, rows};

use super::Performer;
use crate::blocking::blocking;
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

/// What the newest later release serves in the place of `deployment`, if it is out.
pub(super) async fn served_instead(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Option<DeploymentRef>, Trouble> {
    let rows = newer(performer).await?;
    let record = rows.iter().find_map(|row| {
        let text = row.text("release")?;
        serde_json::from_str::<ReleaseRecord>(text).ok()
    });
    let parts = record.map(|record| record.parts).unwrap_or_default();
    Ok(parts
        .into_iter()
        .map(|part| part.deployment)
        .find(|it| it.resource == deployment.resource && it.resource_id == deployment.resource_id))
}
