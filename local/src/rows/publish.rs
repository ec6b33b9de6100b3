//! Tells the bus of a committed change.

use serde_json::Value;

use super::row::Row;
use crate::auth::Caller;
use crate::bus::{Bus, Event};
use crate::events::{self, RowPath, Verb};
use crate::permissions::{self, Action};
use crate::schema::Table;

/// A committed change of one row.
pub(super) struct Change<'a> {
    pub(super) table: &'a Table,
    /// As it is now; for a removal as it was.
    pub(super) row: &'a Row,
    pub(super) verb: Verb,
    /// Whether it came by a bulk request.
    pub(super) bulk: bool,
}

/// Publishes the change with the row as the REST API answers it.
pub(super) fn publish(bus: &Bus, change: &Change<'_>, payload: Value, caller: &Caller) {
    let Change {
        table,
        row,
        verb,
        bulk,
    } = change;
    let path = RowPath {
        database: &table.config.database_id,
        table: &table.config.id,
        row: &row.id,
    };
    let mut readers: Vec<String> = permissions::roles(&table.config.permissions, Action::Read)
        .map(str::to_owned)
        .collect();
    if table.config.row_security {
        readers.extend(permissions::roles(&row.permissions, Action::Read).map(str::to_owned));
    }
    bus.publish(Event {
        names: events::function_names(path, *verb, *bulk),
        realtime_names: events::realtime_names(path, *verb),
        channels: events::channels(path, *verb),
        readers,
        payload,
        user_id: caller.user_id().map(str::to_owned),
    });
}
