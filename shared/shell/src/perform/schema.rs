//! The database of an app: its tables, made or migrated.

use std::time::Duration;

use appwrite::{
    Client, ErrorType, IndexKind, NewColumn, NewIndex, Query, SchemaStatus, TableSchema,
    TableSettings,
};
use pipeline::effect::{Entry, MigrateRequest};
use pipeline::limits::TABLES_MAX;
use pipeline::tables::{
    Change, Column, ColumnKind, Index, LiveColumn, LiveIndex, LiveTable, Replaced, Table, describe,
    migration,
};
use pipeline::{Code, Failure};

use super::deploy::refused;
use super::{Performer, Target};
use crate::blocking::blocking;
use crate::clock;
use crate::trouble::Trouble;

/// First wait between two looks at a column or an index that is being made; each doubles it.
const POLL_FIRST: Duration = Duration::from_millis(20);
/// Longest wait between two looks.
const POLL_MAX: Duration = Duration::from_secs(1);
/// How long columns and indexes are waited for; they take 0.1 to 0.3 s.
const PATIENCE: Duration = Duration::from_secs(10);

/// Makes sure that the database has the tables. What an earlier attempt has made is found and
/// not made again.
pub(super) async fn migrate(
    performer: &Performer<'_>,
    request: &MigrateRequest,
) -> Result<Entry, Trouble> {
    let target = performer.target().await?;
    ensure_database(target, request).await?;
    let live = live(performer, &request.database_id).await?;
    let tables: Vec<LiveTable> = live.iter().map(of_schema).collect();
    let changes = migration(&tables, &request.tables, &request.replaces)
        .map_err(|columns| Trouble::Terminal(conflict(&request.database_id, &columns)))?;
    for change in &changes {
        apply(performer, &request.database_id, change).await?;
    }
    Ok(Entry::Migrated {
        changes: changes
            .iter()
            .filter(|it| is_told(it, &changes))
            .map(describe)
            .collect(),
    })
}

/// The indexes of a new table go without saying.
fn is_told(change: &Change, all: &[Change]) -> bool {
    let Change::CreateIndex { table, .. } = change else {
        return true;
    };
    let made = |it: &Change| matches!(it, Change::CreateTable(new) if new.id == *table);
    !all.iter().any(made)
}

fn conflict(database: &str, columns: &[Replaced]) -> Failure {
    let names: Vec<String> = columns
        .iter()
        .map(|it| format!("`{}` of `{}`", it.column, it.table))
        .collect();
    Failure::new(
        Code::DeployFailed,
        format!(
            "Database `{database}` has other columns than the release before: {}. They would have to be made anew, with the loss of what they hold. Rename or delete them in Appwrite, then retry the task.",
            names.join(", ")
        ),
    )
}

async fn ensure_database(target: &Target, request: &MigrateRequest) -> Result<(), Trouble> {
    let (client, id, name) = (
        target.client.clone(),
        request.database_id.clone(),
        request.name.clone(),
    );
    match blocking(move || client.databases().create(&id, &name)).await {
        Ok(_) | Err(appwrite::Error::Conflict { .. }) => Ok(()),
        Err(error) if error.kind() == Some(&ErrorType::DatabaseAlreadyExists) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

/// The tables that are there, once nothing in them is being made or deleted any more.
async fn live(performer: &Performer<'_>, database: &str) -> Result<Vec<TableSchema>, Trouble> {
    let end = clock::monotonic() + PATIENCE;
    let target = performer.target().await?;
    let mut wait = POLL_FIRST;
    loop {
        let (client, id) = (target.client.clone(), database.to_owned());
        let limit = u32::try_from(2 * TABLES_MAX).unwrap_or(u32::MAX);
        let list = blocking(move || client.databases().list_tables(&id, &[Query::limit(limit)]));
        let tables = list.await.map_err(refused)?.tables;
        let moves = |status| matches!(status, SchemaStatus::Processing | SchemaStatus::Deleting);
        let is_moving = tables.iter().any(|table| {
            table.columns.iter().any(|it| moves(it.status))
                || table.indexes.iter().any(|it| moves(it.status))
        });
        if !is_moving {
            return Ok(tables);
        }
        if clock::monotonic() + wait > end {
            return Err(performer.building());
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(POLL_MAX);
    }
}

/// Performs one change and waits until it holds.
async fn apply(performer: &Performer<'_>, database: &str, change: &Change) -> Result<(), Trouble> {
    let client = performer.target().await?.client.clone();
    let (database_id, wanted) = (database.to_owned(), change.clone());
    let done = blocking(move || perform(&client, &database_id, &wanted)).await;
    done.map_err(refused)?;
    match change {
        Change::CreateTable(_) | Change::UpdateTable(_) | Change::WidenColumn { .. } => Ok(()),
        Change::DropIndex { .. }
        | Change::DropColumn(_)
        | Change::CreateColumn { .. }
        | Change::CreateIndex { .. } => {
            let tables = live(performer, database).await?;
            failed_part(&tables, change).map_or(Ok(()), |failure| Err(Trouble::Terminal(failure)))
        }
    }
}

/// The column or index of `change`, if Appwrite could not make it.
fn failed_part(tables: &[TableSchema], change: &Change) -> Option<Failure> {
    let of = |id: &String| tables.iter().find(|table| table.id == *id);
    let (what, status, error) = match change {
        Change::CreateColumn { table, column } => {
            let found = of(table)?.columns.iter().find(|it| it.key == column.key)?;
            (
                format!("column `{}` of `{table}`", found.key),
                found.status,
                &found.error,
            )
        }
        Change::CreateIndex { table, index } => {
            let found = of(table)?.indexes.iter().find(|it| it.key == index.key)?;
            (
                format!("index `{}` of `{table}`", found.key),
                found.status,
                &found.error,
            )
        }
        Change::CreateTable(_)
        | Change::UpdateTable(_)
        | Change::WidenColumn { .. }
        | Change::DropIndex { .. }
        | Change::DropColumn(_) => return None,
    };
    match status {
        SchemaStatus::Available | SchemaStatus::Processing | SchemaStatus::Deleting => None,
        SchemaStatus::Stuck | SchemaStatus::Failed => Some(Failure::new(
            Code::DeployFailed,
            format!(
                "Appwrite could not make {what}: {error}. Delete it in Appwrite, then retry the task."
            ),
        )),
    }
}

fn perform(client: &Client, database: &str, change: &Change) -> Result<(), appwrite::Error> {
    let databases = client.databases();
    match change {
        Change::CreateTable(table) => {
            let columns: Vec<NewColumn> = table.columns.iter().map(new_column).collect();
            let made = databases.create_table(database, &settings(table), &columns, &[]);
            made.map(drop)
        }
        Change::UpdateTable(table) => databases.update_table(database, &settings(table)).map(drop),
        Change::DropIndex { table, index } => databases.delete_index(database, table, index),
        Change::DropColumn(Replaced { table, column }) => {
            databases.delete_column(database, table, column)
        }
        Change::CreateColumn { table, column } => databases
            .create_column(database, table, &new_column(column))
            .map(drop),
        Change::WidenColumn { table, column } => databases
            .update_column(database, table, &new_column(column))
            .map(drop),
        Change::CreateIndex { table, index } => databases
            .create_index(database, table, &new_index(index))
            .map(drop),
    }
}

fn settings(table: &Table) -> TableSettings {
    let permissions = table.access.permissions().iter();
    TableSettings {
        id: table.id.clone(),
        name: table.name.clone(),
        permissions: permissions.map(|it| (*it).to_owned()).collect(),
        row_security: table.access.row_security(),
    }
}

fn new_column(column: &Column) -> NewColumn {
    let kind = match column.kind {
        ColumnKind::String => appwrite::ColumnKind::String {
            size: column.size.into(),
        },
        ColumnKind::Integer => appwrite::ColumnKind::Integer {
            min: None,
            max: None,
        },
        ColumnKind::Float => appwrite::ColumnKind::Float {
            min: None,
            max: None,
        },
        ColumnKind::Boolean => appwrite::ColumnKind::Boolean,
        ColumnKind::Datetime => appwrite::ColumnKind::Datetime,
        ColumnKind::Enum => appwrite::ColumnKind::Enum {
            elements: column.elements.clone(),
        },
        ColumnKind::Email => appwrite::ColumnKind::Email,
        ColumnKind::Url => appwrite::ColumnKind::Url,
    };
    NewColumn {
        required: column.required,
        array: column.array,
        ..NewColumn::new(&column.key, kind)
    }
}

fn new_index(index: &Index) -> NewIndex {
    use pipeline::tables::IndexKind as Planned;
    let kind = match index.kind {
        Planned::Key => IndexKind::Key,
        Planned::Unique => IndexKind::Unique,
        Planned::Fulltext => IndexKind::Fulltext,
    };
    let columns: Vec<&str> = index.columns.iter().map(String::as_str).collect();
    NewIndex::new(&index.key, kind, &columns)
}

fn of_schema(schema: &TableSchema) -> LiveTable {
    let index = |index: &appwrite::Index| LiveIndex {
        key: index.key.clone(),
        kind: match &index.kind {
            IndexKind::Key => "key".to_owned(),
            IndexKind::Unique => "unique".to_owned(),
            IndexKind::Fulltext => "fulltext".to_owned(),
            IndexKind::Other(kind) => kind.clone(),
        },
        columns: index.columns.clone(),
    };
    LiveTable {
        id: schema.id.clone(),
        name: schema.name.clone(),
        permissions: schema.permissions.clone(),
        row_security: schema.row_security,
        columns: schema.columns.iter().map(of_column).collect(),
        indexes: schema.indexes.iter().map(index).collect(),
    }
}

fn of_column(column: &appwrite::Column) -> LiveColumn {
    use appwrite::ColumnKind as Live;
    let (kind, size, elements) = match &column.kind {
        Live::String { size } => {
            let size = u32::try_from(*size).unwrap_or(u32::MAX);
            (Some(ColumnKind::String), size, Vec::new())
        }
        Live::Integer { .. } => (Some(ColumnKind::Integer), 0, Vec::new()),
        Live::Float { .. } => (Some(ColumnKind::Float), 0, Vec::new()),
        Live::Boolean => (Some(ColumnKind::Boolean), 0, Vec::new()),
        Live::Datetime => (Some(ColumnKind::Datetime), 0, Vec::new()),
        Live::Enum { elements } => (Some(ColumnKind::Enum), 0, elements.clone()),
        Live::Email => (Some(ColumnKind::Email), 0, Vec::new()),
        Live::Url => (Some(ColumnKind::Url), 0, Vec::new()),
        Live::Varchar { .. } | Live::Text | Live::Mediumtext | Live::Ip | Live::Other(_) => {
            (None, 0, Vec::new())
        }
    };
    LiveColumn {
        key: column.key.clone(),
        kind,
        size,
        required: column.required,
        array: column.array,
        elements,
    }
}
