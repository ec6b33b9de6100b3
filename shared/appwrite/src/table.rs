//! The rows of one table.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::call::{self, Answer, Call, Repeat};
use crate::client::Client;
use crate::error::{Error, Operation};
use crate::kind::Kind;
use crate::query::Query;
use crate::retry::{self, Budget};
use crate::row::{NewRow, Row, RowList};
use crate::same;

/// The most rows of one [`Table::create_many`].
pub const ROWS_PER_CREATE_MAX: usize = 100;
/// The rows of one page of [`Table::list_all`].
pub const ROWS_PER_PAGE: u32 = 100;
/// Ids in one look-up: 100 ids of 36 characters would pass the 4,096 characters of a query.
const IDS_PER_LOOK_UP: usize = 50;

/// The rows of one table.
///
/// Source: Appwrite 1.9.6 REST, `/tablesdb/{database}/tables/{table}/rows` (measured).
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    client: &'a Client,
    database: &'a str,
    table: &'a str,
}

impl Client {
    /// The rows of one table; nothing is sent.
    pub fn table<'a>(&'a self, database: &'a str, table: &'a str) -> Table<'a> {
        Table {
            client: self,
            database,
            table,
        }
    }
}

impl Table<'_> {
    /// Reads one row.
    ///
    /// # Errors
    /// [`ErrorType::RowNotFound`](crate::ErrorType) also for a row that the user may not read. Repeated: it is a read.
    pub fn get(&self, id: &str) -> Result<Row, Error> {
        self.get_within(id, &mut self.client.budget())
    }

    fn get_within(&self, id: &str, budget: &mut Budget) -> Result<Row, Error> {
        let operation = self.operation(Kind::RowsGet, id)?;
        let call = Call::get(operation, self.row_path(id));
        self.client.send(&call, budget)?.decode(&call.operation)
    }

    /// Reads one page of rows: 25 unless a [`Query::limit`] says otherwise.
    ///
    /// # Errors
    /// As the server refuses the queries. Repeated: it is a read.
    pub fn list(&self, queries: &[Query]) -> Result<RowList, Error> {
        self.list_within(queries, &mut self.client.budget())
    }

    fn list_within(&self, queries: &[Query], budget: &mut Budget) -> Result<RowList, Error> {
        let operation = call::operation(Kind::RowsList, &[self.database, self.table])?;
        let path = format!("{}{}", self.rows_path(), Query::query_string(queries));
        let call = Call::get(operation, path);
        self.client.send(&call, budget)?.decode(&call.operation)
    }

    /// Reads up to `limit_total` rows, page by page behind a cursor, in the order of the queries
    /// or of creation. Fewer rows than `total` were cut off by `limit_total`, or came and went
    /// meanwhile: the pages are no snapshot.
    ///
    /// # Errors
    /// [`Error::Argument`] if the queries hold a limit, an offset or a cursor;
    /// [`ErrorType::GeneralCursorNotFound`](crate::ErrorType) if a page's last row is deleted before the next page
    /// is read: start again. Each page is repeated: it is a read.
    pub fn list_all(&self, queries: &[Query], limit_total: usize) -> Result<RowList, Error> {
        let is_paging = |query: &Query| {
            matches!(
                query,
                Query::Limit(_) | Query::Offset(_) | Query::CursorAfter(_)
            )
        };
        if queries.iter().any(is_paging) {
            return Err(Error::Argument {
                operation: call::operation(Kind::RowsList, &[self.database, self.table])?,
                reason: "the pages bring their own limit and cursor",
            });
        }
        let mut all = RowList {
            total: 0,
            rows: Vec::new(),
        };
        while all.rows.len() < limit_total {
            let left = u32::try_from(limit_total - all.rows.len()).unwrap_or(u32::MAX);
            let size = left.min(ROWS_PER_PAGE);
            let mut page_queries = queries.to_vec();
            page_queries.push(Query::limit(size));
            page_queries.extend(all.rows.last().map(|row| Query::cursor_after(&row.id)));
            let page = self.list(&page_queries)?;
            if all.rows.is_empty() {
                all.total = page.total;
            }
            let is_last = page.rows.len() < size as usize;
            all.rows.extend(page.rows);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    /// Creates a row with a chosen id: the one atomic claim there is, as exactly one of many
    /// creates of an id succeeds. `data` is an object.
    ///
    /// # Errors
    /// [`ErrorType::RowAlreadyExists`](crate::ErrorType) if it is refused at once, also for a unique value of
    /// another row; [`Error::Conflict`] if an answer was lost and the row is there but differs;
    /// [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no row. Two callers that send the same
    /// content are told apart only if the content names the caller: put an owner into the row.
    pub fn create(&self, id: &str, data: &Value, permissions: &[String]) -> Result<Row, Error> {
        self.create_as(id, data, permissions, Answer::decode, |row| row)
    }

    /// The same, for whoever does not want the row that is answered: it is as large as what was
    /// sent, and reading it takes longer than all else.
    ///
    /// # Errors
    /// As those of [`Table::create`].
    ///
    /// # Idempotency
    /// As that of [`Table::create`].
    pub fn add(&self, id: &str, data: &Value, permissions: &[String]) -> Result<(), Error> {
        self.create_as(id, data, permissions, Answer::skip, |_| ())
    }

    fn create_as<R>(
        &self,
        id: &str,
        data: &Value,
        permissions: &[String],
        decode: impl Fn(&Answer, &Operation) -> Result<R, Error>,
        wanted: impl Fn(Row) -> R,
    ) -> Result<R, Error> {
        let operation = self.operation(Kind::RowsCreate, id)?;
        let Value::Object(columns) = data else {
            return Err(Error::Argument {
                operation,
                reason: "the data is not an object",
            });
        };
        let body = CreateBody {
            row_id: id,
            data: columns,
            permissions,
        };
        let call = Call::post(operation, self.rows_path(), Repeat::AfterLookUp).json(&body)?;
        self.client.create_as(
            &call,
            |answer| decode(answer, &call.operation),
            |budget| retry::none_if_missing(self.get_within(id, budget)),
            |row| same::row_is(&row, id, columns, permissions).then(|| wanted(row)),
        )
    }

    /// Creates up to 100 rows in one request, all or none. For keys only: users get 401.
    ///
    /// # Errors
    /// [`Error::Argument`] over 100 rows; otherwise as [`Table::create`], where a 409 names no id
    /// and means that none of the rows was created.
    ///
    /// # Idempotency
    /// As [`Table::create`], by a look-up of all ids; some rows without the others are a conflict.
    pub fn create_many(&self, rows: &[NewRow]) -> Result<Vec<Row>, Error> {
        let decode = |answer: &Answer, operation: &Operation| {
            answer.decode::<RowList>(operation).map(|list| list.rows)
        };
        self.create_many_as(rows, decode, |rows| rows)
    }

    /// The same, for whoever does not want the rows that are answered.
    ///
    /// # Errors
    /// As those of [`Table::create_many`].
    ///
    /// # Idempotency
    /// As that of [`Table::create_many`].
    pub fn add_many(&self, rows: &[NewRow]) -> Result<(), Error> {
        self.create_many_as(rows, Answer::skip, |_| ())
    }

    fn create_many_as<R>(
        &self,
        rows: &[NewRow],
        decode: impl Fn(&Answer, &Operation) -> Result<R, Error>,
        wanted: impl Fn(Vec<Row>) -> R,
    ) -> Result<R, Error> {
        for row in rows {
            self.operation(Kind::RowsCreateMany, &row.id)?;
        }
        let object = format!("{} rows of {}/{}", rows.len(), self.database, self.table);
        let kind = Kind::RowsCreateMany;
        let operation = Operation { kind, object };
        if rows.len() > ROWS_PER_CREATE_MAX {
            return Err(Error::Argument {
                operation,
                reason: "more than 100 rows",
            });
        }
        if rows.is_empty() {
            return Ok(wanted(Vec::new()));
        }
        let body = CreateManyBody {
            rows: rows.iter().map(BulkRow::of).collect(),
        };
        let call = Call::post(operation, self.rows_path(), Repeat::AfterLookUp).json(&body)?;
        self.client.create_as(
            &call,
            |answer| decode(answer, &call.operation),
            |budget| self.find_many(rows, budget),
            |found| are_as_sent(&found, rows).then(|| wanted(found)),
        )
    }

    /// Those of the rows that exist, in the order sent; `None` if none does.
    fn find_many(&self, rows: &[NewRow], budget: &mut Budget) -> Result<Option<Vec<Row>>, Error> {
        let mut found = Vec::new();
        for some in rows.chunks(IDS_PER_LOOK_UP) {
            let ids: Vec<Value> = some.iter().map(|row| json!(row.id)).collect();
            let limit = Query::Limit(u32::try_from(some.len()).unwrap_or(ROWS_PER_PAGE));
            let queries = [Query::Equal("$id".to_owned(), ids), limit];
            let mut page = self.list_within(&queries, budget)?.rows;
            page.sort_by_key(|row| some.iter().position(|sent| sent.id == row.id));
            found.extend(page);
        }
        Ok((!found.is_empty()).then_some(found))
    }

    /// Changes the columns that `data` names. With `if_unmodified_since`, the `$updatedAt` that
    /// was read, only if nobody has changed the row since (to the millisecond): of many such
    /// patches exactly one succeeds, if they change anything at all.
    ///
    /// # Errors
    /// [`ErrorType::RowUpdateConflict`](crate::ErrorType) if the row is newer: read it again.
    /// [`ErrorType::UserUnauthorized`](crate::ErrorType) also for a row that the user may not read.
    ///
    /// # Idempotency
    /// Repeated. With a timestamp, the repeat of a patch whose answer was lost is refused as a
    /// conflict with itself: after a conflict, the caller reads the row and compares before
    /// concluding that someone else was faster. Without one, the repeat may overwrite what another
    /// wrote in between, as any patch without one may.
    pub fn patch(
        &self,
        id: &str,
        data: &Value,
        if_unmodified_since: Option<&str>,
    ) -> Result<Row, Error> {
        let operation = self.operation(Kind::RowsPatch, id)?;
        let mut call = Call::patch(operation, self.row_path(id)).json(&json!({ "data": data }))?;
        call.if_unmodified_since = if_unmodified_since;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Creates the row, or sets all that `data` names where it is there. It is announced as
    /// `.upsert`, which no function can be triggered by (measured): a row of a trigger table that
    /// is put back starts nothing. A key may set `$createdAt` and `$updatedAt` in `data`.
    ///
    /// # Errors
    /// [`ErrorType::RowInvalidStructure`](crate::ErrorType) for a column that the table does not
    /// have, or a required one that is missing.
    ///
    /// # Idempotency
    /// Repeated: it sets all values. It may overwrite what another wrote in between.
    pub fn put(
        &self,
        id: &str,
        data: &Map<String, Value>,
        permissions: &[String],
    ) -> Result<Row, Error> {
        let operation = self.operation(Kind::RowsPut, id)?;
        let body = json!({ "data": data, "permissions": permissions });
        let call = Call::put(operation, self.row_path(id)).json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Deletes the rows that match, at most as many as a [`Query::limit`] says. For keys only.
    /// Returns how many were deleted. The answer holds them all, and is read up to 32 MiB.
    ///
    /// # Errors
    /// As the server refuses the queries.
    ///
    /// # Idempotency
    /// Repeated: where the answer was lost, the repeat deletes the next ones, and the number is
    /// of the last answer alone. Call it until it says 0.
    pub fn delete_many(&self, queries: &[Query]) -> Result<u64, Error> {
        /// Source: Appwrite 1.9.6 REST, delete rows (measured). The rows are left out.
        #[derive(serde::Deserialize)]
        struct Deleted {
            total: u64,
        }
        let operation = call::operation(Kind::RowsDeleteMany, &[self.database, self.table])?;
        let texts: Vec<String> = queries.iter().map(Query::to_json).collect();
        let call = Call::delete(operation, self.rows_path()).json(&json!({ "queries": texts }))?;
        let deleted: Deleted = self.client.fetch(&call)?.decode(&call.operation)?;
        Ok(deleted.total)
    }

    /// Deletes a row.
    ///
    /// # Errors
    /// [`ErrorType::RowNotFound`](crate::ErrorType) if there was none. Of two deletes at once both may succeed: it
    /// is no claim.
    ///
    /// # Idempotency
    /// Repeated; "not found" after a lost answer counts as done.
    pub fn delete(&self, id: &str) -> Result<(), Error> {
        let operation = self.operation(Kind::RowsDelete, id)?;
        self.client
            .remove(&Call::delete(operation, self.row_path(id)))
    }

    fn operation(&self, kind: Kind, id: &str) -> Result<Operation, Error> {
        call::operation(kind, &[self.database, self.table, id])
    }

    fn rows_path(&self) -> String {
        format!("/tablesdb/{}/tables/{}/rows", self.database, self.table)
    }

    fn row_path(&self, id: &str) -> String {
        format!("{}/{id}", self.rows_path())
    }
}

/// What is sent to create a row. It is written from where it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateBody<'a> {
    row_id: &'a str,
    data: &'a Map<String, Value>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    permissions: &'a [String],
}

/// What is sent to create several.
#[derive(Serialize)]
struct CreateManyBody<'a> {
    rows: Vec<BulkRow<'a>>,
}

/// In bulk the id and the permissions travel inside the row.
#[derive(Serialize)]
struct BulkRow<'a> {
    #[serde(rename = "$id")]
    id: &'a str,
    #[serde(rename = "$permissions", skip_serializing_if = "<[_]>::is_empty")]
    permissions: &'a [String],
    #[serde(flatten)]
    data: &'a Map<String, Value>,
}

impl<'a> BulkRow<'a> {
    fn of(row: &'a NewRow) -> Self {
        Self {
            id: &row.id,
            permissions: &row.permissions,
            data: &row.data,
        }
    }
}

fn are_as_sent(found: &[Row], sent: &[NewRow]) -> bool {
    found.len() == sent.len()
        && found
            .iter()
            .zip(sent)
            .all(|(row, sent)| same::row_is(row, &sent.id, &sent.data, &sent.permissions))
}
