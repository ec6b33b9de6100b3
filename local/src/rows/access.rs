//! Who may do what with the rows of a table.

use rusqlite::Connection;

use super::place::Place;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::permissions::{self, Action};
use crate::schema::{self, Table};

/// Finds a table that the caller may know of: a disabled one is for keys only.
pub(super) fn table(db: &Connection, caller: &Caller, place: &Place) -> Result<Table, ApiError> {
    let table = schema::table(db, &place.database, &place.table)?;
    if table.config.enabled || caller.is_key() {
        Ok(table)
    } else {
        Err(schema::no_table(&place.table))
    }
}

/// What a caller may do with the rows of a table.
pub(super) enum Access {
    /// Everything: a key, or a permission of the table.
    All,
    /// Rows that give it to one of these roles.
    Rows { action: Action, roles: Vec<String> },
    /// Nothing.
    None,
}

impl Access {
    pub(super) fn of(table: &Table, caller: &Caller, action: Action) -> Self {
        let roles = caller.roles();
        if caller.is_key() || permissions::allow(&table.config.permissions, action, &roles) {
            Self::All
        } else if table.config.row_security {
            Self::Rows { action, roles }
        } else {
            Self::None
        }
    }

    /// Whether a row with these permissions is included.
    pub(super) fn includes(&self, row: &[String]) -> bool {
        match self {
            Self::All => true,
            Self::Rows { action, roles } => permissions::allow(row, *action, roles),
            Self::None => false,
        }
    }

    /// Refuses a caller for whom no row can be included.
    pub(super) fn require_any(&self) -> Result<(), ApiError> {
        match self {
            Self::All | Self::Rows { .. } => Ok(()),
            Self::None => Err(ApiError::unauthorized()),
        }
    }

    /// Refuses a caller for whom this row is not included.
    pub(super) fn require(&self, row: &[String]) -> Result<(), ApiError> {
        if self.includes(row) {
            Ok(())
        } else {
            Err(ApiError::unauthorized())
        }
    }
}
