//! PUT: a row is made or changed, under the one event `.upsert`.

use super::access::Access;
use super::create::{insert, require_create};
use super::data;
use super::draft::Draft;
use super::row::{Row, find};
use super::update::{Changes, apply};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::schema::Table;
use crate::store::Transaction;

/// Makes or changes the row. Every required column must be given; of a row that
/// is there, columns and permissions that are not given stay.
pub(super) fn run(
    tx: &Transaction<'_>,
    table: &Table,
    caller: &Caller,
    draft: &Draft,
    bulk: bool,
) -> Result<Row, ApiError> {
    let Some(row) = find(tx, table, &draft.id)? else {
        require_create(table, caller)?;
        return insert(tx, table, draft, caller, bulk);
    };
    Access::of(table, caller, Action::Update).require(&row.permissions)?;
    data::for_create(table, &draft.data)?;
    let changes = Changes::of(table, caller, &row, &draft.data, draft.permissions.as_ref())?;
    apply(tx, table, row, changes)
}
