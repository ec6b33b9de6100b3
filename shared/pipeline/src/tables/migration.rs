//! From the tables that are there to those of a plan. What is there and not in the plan any
//! more stays, so that nothing is lost and an older release still runs. A column can not
//! change what it holds without losing its values: that needs the owner's word.

use serde::{Deserialize, Serialize};

use super::{Column, ColumnKind, Index, Table};

/// A table as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTable {
    /// Its id.
    pub id: String,
    /// For people.
    pub name: String,
    /// In Appwrite's words.
    pub permissions: Vec<String>,
    /// Whether its rows have permissions of their own.
    pub row_security: bool,
    /// Its columns.
    pub columns: Vec<LiveColumn>,
    /// Its indexes.
    pub indexes: Vec<LiveIndex>,
}

/// A column as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveColumn {
    /// Its key.
    pub key: String,
    /// What it holds; `None` if that is nothing a plan could want.
    pub kind: Option<ColumnKind>,
    /// Characters of a string.
    pub size: u32,
    /// Whether a row must have it.
    pub required: bool,
    /// Whether it holds a list.
    pub array: bool,
    /// The words of an enumeration.
    pub elements: Vec<String>,
}

/// An index as it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveIndex {
    /// Its key.
    pub key: String,
    /// In Appwrite's words.
    pub kind: String,
    /// Its columns, in order.
    pub columns: Vec<String>,
}

/// A column that holds something else from now on: what it held is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Replaced {
    /// The table's id.
    pub table: String,
    /// The column's key.
    pub column: String,
}

/// One change of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make a table with all its columns; its indexes follow.
    CreateTable(Table),
    /// Give a table this name and these permissions.
    UpdateTable(Table),
    /// Take an index away.
    DropIndex {
        /// The table's id.
        table: String,
        /// The index's key.
        index: String,
    },
    /// Take a column away, with everything in it.
    DropColumn(Replaced),
    /// Make a column.
    CreateColumn {
        /// The table's id.
        table: String,
        /// The column.
        column: Column,
    },
    /// Let a column hold more than before.
    WidenColumn {
        /// The table's id.
        table: String,
        /// The column, as it shall be.
        column: Column,
    },
    /// Make an index.
    CreateIndex {
        /// The table's id.
        table: String,
        /// The index.
        index: Index,
    },
}

/// The changes, in order, that make `live` serve `wanted`. Only columns of `allowed` are
/// replaced.
///
/// # Errors
/// The columns that would have to be replaced and are not allowed to. Nothing is to be
/// changed then.
pub fn migration(
    live: &[LiveTable],
    wanted: &[Table],
    allowed: &[Replaced],
) -> Result<Vec<Change>, Vec<Replaced>> {
    let (mut changes, mut refused) = (Vec::new(), Vec::new());
    for table in wanted {
        match live.iter().find(|live| live.id == table.id) {
            Some(live) => changes.extend(of_table(live, table, allowed, &mut refused)),
            None => {
                changes.push(Change::CreateTable(table.clone()));
                let create = |index: &Index| Change::CreateIndex {
                    table: table.id.clone(),
                    index: index.clone(),
                };
                changes.extend(table.indexes.iter().map(create));
            }
        }
    }
    if refused.is_empty() {
        Ok(changes)
    } else {
        Err(refused)
    }
}

fn of_table(
    live: &LiveTable,
    wanted: &Table,
    allowed: &[Replaced],
    refused: &mut Vec<Replaced>,
) -> Vec<Change> {
    let id = || wanted.id.clone();
    let (mut changes, mut dropped) = (Vec::new(), Vec::new());
    let mut later = Vec::new();
    if !is_open_to_the_same(live, wanted) || live.name != wanted.name {
        changes.push(Change::UpdateTable(wanted.clone()));
    }
    for column in &wanted.columns {
        let there = live.columns.iter().find(|it| it.key == column.key);
        match there {
            // Rows that are there do not have it.
            None => later.push(Change::CreateColumn {
                table: id(),
                column: optional(column),
            }),
            Some(there) if replaces(there, column) => {
                let replaced = Replaced {
                    table: id(),
                    column: column.key.clone(),
                };
                if !allowed.contains(&replaced) {
                    refused.push(replaced);
                    continue;
                }
                dropped.push(column.key.as_str());
                later.push(Change::CreateColumn {
                    table: id(),
                    column: optional(column),
                });
            }
            Some(there) => later.extend(widened(there, column).map(|column| {
                let table = id();
                Change::WidenColumn { table, column }
            })),
        }
    }
    // What no row of this release sets must not be required any more.
    let unknown = |it: &&LiveColumn| !wanted.columns.iter().any(|column| column.key == it.key);
    for there in live.columns.iter().filter(unknown) {
        if let (true, Some(kind)) = (there.required, there.kind) {
            let column = Column {
                key: there.key.clone(),
                kind,
                size: there.size,
                required: false,
                array: there.array,
                elements: there.elements.clone(),
            };
            later.push(Change::WidenColumn {
                table: id(),
                column,
            });
        }
    }
    for there in &live.indexes {
        let wanted = wanted.indexes.iter().find(|index| index.key == there.key);
        let differs = wanted.is_some_and(|index| !is_same(there, index));
        let stands_on_dropped = there.columns.iter().any(|key| dropped.contains(&&**key));
        if differs || stands_on_dropped {
            let index = there.key.clone();
            changes.push(Change::DropIndex { table: id(), index });
        }
    }
    for key in &dropped {
        changes.push(Change::DropColumn(Replaced {
            table: id(),
            column: (*key).to_owned(),
        }));
    }
    changes.extend(later);
    for index in &wanted.indexes {
        let stays = live.indexes.iter().any(|there| {
            let stands = !there.columns.iter().any(|key| dropped.contains(&&**key));
            is_same(there, index) && stands
        });
        if !stays {
            changes.push(Change::CreateIndex {
                table: id(),
                index: index.clone(),
            });
        }
    }
    changes
}

fn optional(column: &Column) -> Column {
    Column {
        required: false,
        ..column.clone()
    }
}

fn is_open_to_the_same(live: &LiveTable, wanted: &Table) -> bool {
    let sorted = |mut permissions: Vec<String>| {
        permissions.sort_unstable();
        permissions
    };
    let permissions = wanted.access.permissions().iter();
    live.row_security == wanted.access.row_security()
        && sorted(live.permissions.clone()) == sorted(permissions.map(|it| (*it).into()).collect())
}

fn is_same(live: &LiveIndex, wanted: &Index) -> bool {
    live.key == wanted.key && live.kind == wanted.kind.as_str() && live.columns == wanted.columns
}

/// Whether a column can only serve `wanted` if it is made anew.
fn replaces(live: &LiveColumn, wanted: &Column) -> bool {
    live.kind != Some(wanted.kind) || live.array != wanted.array
}

/// The column with room for what was there and what is wanted, if it has not.
fn widened(live: &LiveColumn, wanted: &Column) -> Option<Column> {
    let mut elements = live.elements.clone();
    for word in &wanted.elements {
        if !elements.contains(word) {
            elements.push(word.clone());
        }
    }
    let column = Column {
        size: wanted.size.max(live.size),
        // Rows that are there may lack it, so it is never made required.
        required: wanted.required && live.required,
        elements,
        ..wanted.clone()
    };
    let is_enough = column.size == live.size
        && column.required == live.required
        && column.elements.len() == live.elements.len();
    (!is_enough).then_some(column)
}

/// The columns of `released` that hold something else in `planned`.
pub fn replaced(released: &[Table], planned: &[Table]) -> Vec<Replaced> {
    let mut found = Vec::new();
    for table in planned {
        let Some(before) = released.iter().find(|it| it.id == table.id) else {
            continue;
        };
        for column in &table.columns {
            let there = before.columns.iter().find(|it| it.key == column.key);
            let differs = |it: &Column| it.kind != column.kind || it.array != column.array;
            if there.is_some_and(differs) {
                found.push(Replaced {
                    table: table.id.clone(),
                    column: column.key.clone(),
                });
            }
        }
    }
    found
}

/// A change in words, as a part of a sentence.
pub fn describe(change: &Change) -> String {
    match change {
        Change::CreateTable(table) => format!("made table `{}`", table.id),
        Change::UpdateTable(table) => format!("changed who may use table `{}`", table.id),
        Change::DropIndex { table, index } => format!("took index `{index}` from `{table}`"),
        Change::DropColumn(Replaced { table, column }) => {
            format!("took column `{column}` from `{table}`")
        }
        Change::CreateColumn { table, column } => {
            format!("gave `{table}` column `{}`", column.key)
        }
        Change::WidenColumn { table, column } => {
            format!("widened column `{}` of `{table}`", column.key)
        }
        Change::CreateIndex { table, index } => format!("gave `{table}` index `{}`", index.key),
    }
}
