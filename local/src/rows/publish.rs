//! Tells the bus of a change, after its commit.

use std::sync::Arc;

use serde_json::Value;

use super::row::Row;
use crate::auth::Caller;
use crate::bus::{Bus, Event};
use crate::events::{self, Names, RowEvent, RowPath, Verb};
use crate::legacy::{self, Spelling};
use crate::permissions::{self, Action};
use crate::schema::Table;
use crate::store::Writer;

/// A change of one row.
pub(super) struct Change<'a> {
    pub(super) table: &'a Table,
    /// As it is now; for a removal as it was.
    pub(super) row: &'a Row,
    pub(super) verb: Verb,
    /// Whether it came by a bulk request.
    pub(super) bulk: bool,
    /// How the request spelled rows.
    pub(super) spelling: Spelling,
}

/// Publishes the change with the row as the REST API answers it.
pub(super) fn publish(
    db: &mut Writer,
    bus: &Bus,
    change: &Change<'_>,
    mut payload: Value,
    caller: &Caller,
) {
    if change.spelling == Spelling::Collections {
        legacy::respell(&mut payload);
    }
    // The older spelling names its own first.
    let collections_first = change.bulk || change.spelling == Spelling::Collections;
    let names = |event: &Arc<RowEvent>| events::function_names(event, collections_first);
    send((db, bus), change, names, payload, caller);
}

/// Publishes a change that a transaction brought.
pub(super) fn publish_committed(
    db: &mut Writer,
    bus: &Bus,
    change: &Change<'_>,
    payload: Value,
    caller: &Caller,
) {
    send((db, bus), change, events::committed_names, payload, caller);
}

impl Change<'_> {
    fn path(&self) -> RowPath<'_> {
        RowPath {
            database: &self.table.config.database_id,
            table: &self.table.config.id,
            row: &self.row.id,
        }
    }

    fn readers(&self) -> Vec<String> {
        let Self { table, row, .. } = self;
        let of_table = permissions::roles(&table.config.permissions, Action::Read);
        let of_row = permissions::roles(&row.permissions, Action::Read);
        let of_row = of_row.filter(|_| table.config.row_security);
        of_table.chain(of_row).map(str::to_owned).collect()
    }
}

/// What an event says is made only for those who listen.
fn send(
    (db, bus): (&mut Writer, &Bus),
    change: &Change<'_>,
    names: impl FnOnce(&Arc<RowEvent>) -> Names,
    payload: Value,
    caller: &Caller,
) {
    let (path, verb) = (change.path(), change.verb);
    let subscribed = bus.is_subscribed(|pattern| events::is_function_name(pattern, path, verb));
    let is_heard = bus.has_listeners();
    if !subscribed && !is_heard {
        return;
    }
    let for_realtime = |make: &dyn Fn() -> Vec<String>| if is_heard { make() } else { Vec::new() };
    let event = RowEvent::new(path, verb);
    let event = Event {
        names: names(&event),
        realtime_names: if change.table.legacy {
            events::legacy_realtime_names(&event)
        } else {
            events::realtime_names(&event)
        },
        channels: for_realtime(&|| events::channels(path, verb)),
        readers: for_realtime(&|| change.readers()),
        payload,
        user_id: caller.user_id().map(str::to_owned),
    };
    bus.publish_after_commit(db, event);
}
