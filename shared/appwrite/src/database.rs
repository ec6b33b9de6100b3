//! Databases and the schema of their tables.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call::{self, Call, Repeat};
use crate::client::Client;
use crate::column::{Column, Index, NewColumn, NewIndex};
use crate::error::{Error, Operation};
use crate::kind::Kind;
use crate::query::Query;
use crate::retry::{self, Budget};

/// The most columns, and the most indexes, of the request for a table.
pub const COLUMNS_PER_CREATE_MAX: usize = 100;

/// A database.
///
/// Source: Appwrite 1.9.6 REST, tablesdb (measured). Fixture: `database_created.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Database {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The name.
    pub name: String,
    /// Whether others than keys may use it.
    pub enabled: bool,
}

/// The schema of a table; its rows are a [`Table`](crate::Table).
///
/// Source: Appwrite 1.9.6 REST, tablesdb tables (measured). Fixture: `table_read.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableSchema {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The database.
    pub database_id: String,
    /// The name.
    pub name: String,
    /// Permissions on the whole table, such as `create("users")`.
    #[serde(rename = "$permissions")]
    pub permissions: Vec<String>,
    /// Whether permissions of single rows count too.
    pub row_security: bool,
    /// Whether others than keys may use it.
    pub enabled: bool,
    /// The columns, in order of creation. Empty in the answer to a create, whatever was sent.
    pub columns: Vec<Column>,
    /// The indexes, in order of creation. Empty in the answer to a create, whatever was sent.
    pub indexes: Vec<Index>,
}

/// Some tables, and how many there are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TableList {
    /// How many match.
    pub total: u64,
    /// The tables of this page.
    pub tables: Vec<TableSchema>,
}

/// What a table has besides columns and indexes; an update sets all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableSettings {
    /// The id.
    pub id: String,
    /// The name, 1 to 128 characters.
    pub name: String,
    /// Permissions on the whole table, such as `create("users")`; at most 100.
    pub permissions: Vec<String>,
    /// Whether permissions of single rows count too.
    pub row_security: bool,
}

impl TableSettings {
    fn made(&self, table: &TableSchema) -> bool {
        // `write` comes back as three others, and the order may differ: compare ids and switches,
        // and permissions only as a set of what was not `write`.
        let is_there = |permission: &String| {
            permission.starts_with("write(") || table.permissions.contains(permission)
        };
        self.id == table.id
            && self.name == table.name
            && self.row_security == table.row_security
            && self.permissions.iter().all(is_there)
    }
}

/// The databases and the schema of their tables.
///
/// Source: Appwrite 1.9.6 REST, `/tablesdb` (measured).
#[derive(Debug, Clone, Copy)]
pub struct Databases<'a> {
    client: &'a Client,
}

impl Client {
    /// The databases; nothing is sent.
    pub fn databases(&self) -> Databases<'_> {
        Databases { client: self }
    }
}

impl Databases<'_> {
    /// Reads one database.
    ///
    /// # Errors
    /// [`ErrorType::DatabaseNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get(&self, database_id: &str) -> Result<Database, Error> {
        self.get_within(database_id, &mut self.client.budget())
    }

    fn get_within(&self, database_id: &str, budget: &mut Budget) -> Result<Database, Error> {
        let operation = call::operation(Kind::DatabasesGet, &[database_id])?;
        self.read(operation, format!("/tablesdb/{database_id}"), budget)
    }

    /// Creates a database.
    ///
    /// # Errors
    /// [`ErrorType::DatabaseAlreadyExists`](crate::ErrorType) if it is refused at once;
    /// [`Error::Conflict`] if an answer was lost and the database has another name;
    /// [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no database.
    pub fn create(&self, database_id: &str, name: &str) -> Result<Database, Error> {
        let operation = call::operation(Kind::DatabasesCreate, &[database_id])?;
        let body = json!({ "databaseId": database_id, "name": name });
        let path = "/tablesdb".to_owned();
        let call = Call::post(operation, path, Repeat::AfterLookUp).json(&body)?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| retry::none_if_missing(self.get_within(database_id, budget)),
            |database: &Database| database.id == database_id && database.name == name,
        )
    }

    /// Reads the tables of a database with their columns and indexes: 25 unless a
    /// [`Query::limit`] says otherwise.
    ///
    /// # Errors
    /// [`ErrorType::DatabaseNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn list_tables(&self, database_id: &str, queries: &[Query]) -> Result<TableList, Error> {
        let operation = call::operation(Kind::TablesList, &[database_id])?;
        let query = Query::query_string(queries);
        let path = format!("/tablesdb/{database_id}/tables{query}");
        self.read(operation, path, &mut self.client.budget())
    }

    /// Reads one table with its columns and indexes.
    ///
    /// # Errors
    /// [`ErrorType::TableNotFound`](crate::ErrorType) or
    /// [`ErrorType::DatabaseNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get_table(&self, database_id: &str, table_id: &str) -> Result<TableSchema, Error> {
        self.get_table_within(database_id, table_id, &mut self.client.budget())
    }

    fn get_table_within(
        &self,
        database_id: &str,
        table_id: &str,
        budget: &mut Budget,
    ) -> Result<TableSchema, Error> {
        let operation = call::operation(Kind::TablesGet, &[database_id, table_id])?;
        self.read(operation, table_path(database_id, table_id), budget)
    }

    /// Creates a table, at once with its columns and indexes, all of which are available when the
    /// answer comes (measured). The answer itself names none of them.
    ///
    /// # Errors
    /// [`Error::Argument`] for a column that [`ColumnKind::is_inline`](crate::ColumnKind) denies,
    /// and over [`COLUMNS_PER_CREATE_MAX`];
    /// [`ErrorType::TableAlreadyExists`](crate::ErrorType) if it is refused at once;
    /// [`ErrorType::GeneralArgumentInvalid`](crate::ErrorType) whatever is wrong with a column;
    /// [`Error::Conflict`] if an answer was lost and the table differs;
    /// [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no table. A table whose request died
    /// half-way on the server can lack columns: it is a conflict, to be deleted or completed.
    pub fn create_table(
        &self,
        database_id: &str,
        table: &TableSettings,
        columns: &[NewColumn],
        indexes: &[NewIndex],
    ) -> Result<TableSchema, Error> {
        let operation = call::operation(Kind::TablesCreate, &[database_id, &table.id])?;
        let refuse = |reason| {
            let operation = operation.clone();
            Err(Error::Argument { operation, reason })
        };
        if columns.len().max(indexes.len()) > COLUMNS_PER_CREATE_MAX {
            return refuse("more than 100 columns or indexes");
        }
        let Some(inline) = columns
            .iter()
            .map(NewColumn::inline_body)
            .collect::<Option<Vec<_>>>()
        else {
            return refuse("a column's type is only for a request of its own");
        };
        let mut body = settings_body(table);
        body["tableId"] = json!(table.id);
        if !inline.is_empty() {
            body["columns"] = json!(inline);
        }
        if !indexes.is_empty() {
            let inline = indexes.iter().map(|index| index.body("attributes"));
            body["indexes"] = Value::Array(inline.collect());
        }
        let path = format!("/tablesdb/{database_id}/tables");
        let call = Call::post(operation, path, Repeat::AfterLookUp).json(&body)?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| retry::none_if_missing(self.get_table_within(database_id, &table.id, budget)),
            |found: &TableSchema| {
                table.made(found)
                    && has_all(columns, &found.columns, NewColumn::made)
                    && has_all(indexes, &found.indexes, NewIndex::made)
            },
        )
    }

    /// Sets a table's name, permissions and row security.
    ///
    /// # Errors
    /// [`ErrorType::TableNotFound`](crate::ErrorType).
    ///
    /// # Idempotency
    /// Repeated: it sets all values.
    pub fn update_table(
        &self,
        database_id: &str,
        table: &TableSettings,
    ) -> Result<TableSchema, Error> {
        let operation = call::operation(Kind::TablesUpdate, &[database_id, &table.id])?;
        let path = table_path(database_id, &table.id);
        let call = Call::put(operation, path).json(&settings_body(table))?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Deletes a table with its rows.
    ///
    /// # Errors
    /// [`ErrorType::TableNotFound`](crate::ErrorType) if there was none.
    ///
    /// # Idempotency
    /// Repeated; "not found" after a lost answer counts as done.
    pub fn delete_table(&self, database_id: &str, table_id: &str) -> Result<(), Error> {
        let operation = call::operation(Kind::TablesDelete, &[database_id, table_id])?;
        let path = table_path(database_id, table_id);
        self.client.remove(&Call::delete(operation, path))
    }

    /// Reads one column: what tells when a new one is available.
    ///
    /// # Errors
    /// [`ErrorType::ColumnNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get_column(
        &self,
        database_id: &str,
        table_id: &str,
        key: &str,
    ) -> Result<Column, Error> {
        let mut budget = self.client.budget();
        self.get_column_within([database_id, table_id, key], &mut budget)
    }

    fn get_column_within(&self, ids: [&str; 3], budget: &mut Budget) -> Result<Column, Error> {
        let operation = call::operation(Kind::ColumnsGet, &ids)?;
        self.read(operation, part_path(ids, "columns"), budget)
    }

    /// Creates a column. The server makes it in the background: poll
    /// [`get_column`](Self::get_column) before it is used or indexed.
    ///
    /// # Errors
    /// [`Error::Argument`] for [`ColumnKind::Other`](crate::ColumnKind).
    /// [`ErrorType::ColumnAlreadyExists`](crate::ErrorType) if it is refused at once;
    /// [`ErrorType::ColumnLimitExceeded`](crate::ErrorType) if the row would be too wide;
    /// [`Error::Conflict`] if an answer was lost and the column is another;
    /// [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no column.
    pub fn create_column(
        &self,
        database_id: &str,
        table_id: &str,
        column: &NewColumn,
    ) -> Result<Column, Error> {
        let ids = [database_id, table_id, column.key.as_str()];
        let operation = call::operation(Kind::ColumnsCreate, &ids)?;
        let Some(route) = column.kind.route() else {
            return Err(Error::Argument {
                operation,
                reason: "the column's type is not known here",
            });
        };
        let path = format!("{}/columns/{route}", table_path(database_id, table_id));
        let call = Call::post(operation, path, Repeat::AfterLookUp).json(&column.body())?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| retry::none_if_missing(self.get_column_within(ids, budget)),
            |found| column.made(found),
        )
    }

    /// Deletes a column with its values, in the background.
    ///
    /// # Errors
    /// [`ErrorType::ColumnNotFound`](crate::ErrorType) if there was none;
    /// [`ErrorType::ColumnNotAvailable`](crate::ErrorType) while it is being made.
    ///
    /// # Idempotency
    /// Repeated; "not found" after a lost answer counts as done.
    pub fn delete_column(&self, database_id: &str, table_id: &str, key: &str) -> Result<(), Error> {
        let ids = [database_id, table_id, key];
        let operation = call::operation(Kind::ColumnsDelete, &ids)?;
        self.client
            .remove(&Call::delete(operation, part_path(ids, "columns")))
    }

    /// Reads one index: what tells when a new one is available.
    ///
    /// # Errors
    /// [`ErrorType::IndexNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get_index(&self, database_id: &str, table_id: &str, key: &str) -> Result<Index, Error> {
        let mut budget = self.client.budget();
        self.get_index_within([database_id, table_id, key], &mut budget)
    }

    fn get_index_within(&self, ids: [&str; 3], budget: &mut Budget) -> Result<Index, Error> {
        let operation = call::operation(Kind::IndexesGet, &ids)?;
        self.read(operation, part_path(ids, "indexes"), budget)
    }

    /// Creates an index on columns that are available, in the background.
    ///
    /// # Errors
    /// [`ErrorType::IndexAlreadyExists`](crate::ErrorType) if it is refused at once;
    /// [`ErrorType::ColumnUnknown`](crate::ErrorType) for a column that is missing or not yet
    /// available; [`ErrorType::IndexInvalid`](crate::ErrorType) over 768 characters;
    /// [`Error::Conflict`] if an answer was lost and the index is another;
    /// [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no index.
    pub fn create_index(
        &self,
        database_id: &str,
        table_id: &str,
        index: &NewIndex,
    ) -> Result<Index, Error> {
        let ids = [database_id, table_id, index.key.as_str()];
        let operation = call::operation(Kind::IndexesCreate, &ids)?;
        let path = format!("{}/indexes", table_path(database_id, table_id));
        let body = index.body("columns");
        let call = Call::post(operation, path, Repeat::AfterLookUp).json(&body)?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| retry::none_if_missing(self.get_index_within(ids, budget)),
            |found| index.made(found),
        )
    }

    /// Deletes an index, in the background.
    ///
    /// # Errors
    /// [`ErrorType::IndexNotFound`](crate::ErrorType) if there was none.
    ///
    /// # Idempotency
    /// Repeated; "not found" after a lost answer counts as done.
    pub fn delete_index(&self, database_id: &str, table_id: &str, key: &str) -> Result<(), Error> {
        let ids = [database_id, table_id, key];
        let operation = call::operation(Kind::IndexesDelete, &ids)?;
        self.client
            .remove(&Call::delete(operation, part_path(ids, "indexes")))
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        operation: Operation,
        path: String,
        budget: &mut Budget,
    ) -> Result<T, Error> {
        let call = Call::get(operation, path);
        self.client.send(&call, budget)?.decode(&call.operation)
    }
}

fn settings_body(table: &TableSettings) -> Value {
    json!({
        "name": table.name,
        "permissions": table.permissions,
        "rowSecurity": table.row_security,
    })
}

fn has_all<N, T>(wanted: &[N], found: &[T], made: impl Fn(&N, &T) -> bool) -> bool {
    wanted
        .iter()
        .all(|wanted| found.iter().any(|found| made(wanted, found)))
}

fn table_path(database_id: &str, table_id: &str) -> String {
    format!("/tablesdb/{database_id}/tables/{table_id}")
}

fn part_path([database_id, table_id, key]: [&str; 3], parts: &str) -> String {
    format!("{}/{parts}/{key}", table_path(database_id, table_id))
}
