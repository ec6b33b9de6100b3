//! The tables as the functions use them: the blocking client, awaited.

use std::sync::Arc;

use appwrite::{Client, ErrorType, NewExecution, Query, Row};
use futures::future::try_join_all;
use jiff::Timestamp;
use pipeline::Stage;
use pipeline::advance::Projection;
use pipeline::rows::{DATABASE, NewRow};
use serde_json::{Map, Value, json};

use crate::aws::Invoker;
use crate::blocking::blocking;
use crate::clock;
use crate::notice::Notices;
use crate::together::Siblings;
use crate::trace::Trace;
use crate::trouble::Trouble;

/// Rows of one bulk create.
const BULK_ROWS_MAX: usize = 100;
/// Bytes of text of a row that is created together with others. As many of them as fit into one
/// request stay far below what Appwrite reads of one.
const TOGETHER_BYTES_MAX: usize = 32 * 1024;

/// Whether a create was the one that made the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It was.
    New,
    /// A row with this id was there already.
    Exists,
}

/// The tables, with the key of one execution.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    notices: Option<Notices>,
    starter: Starter,
    trace: Trace,
    siblings: Option<Arc<Siblings>>,
}

/// Who starts functions.
#[derive(Clone, Debug)]
enum Starter {
    /// Appwrite, which has them all.
    Appwrite,
    /// Appwrite, if it has them; else the sweep, wherever that is.
    AppwriteOrSweep,
    /// AWS Lambda, as the function of a stage.
    Lambda(Invoker, Stage),
}

impl Store {
    /// The tables as `client` sees them, for the execution of `trace`.
    pub fn new(client: Client, trace: Trace) -> Self {
        Self {
            client,
            trace,
            notices: None,
            starter: Starter::Appwrite,
            siblings: None,
        }
    }

    /// The same, for the function of a stage. On Lambda functions start each other there. The one
    /// that takes briefs may be on Appwrite alone: then the sweep starts what this can not.
    #[must_use]
    pub(crate) fn starting(self, invoker: Option<&Invoker>, stage: Stage) -> Self {
        let starter = match (invoker, stage) {
            (Some(invoker), stage) => Starter::Lambda(invoker.clone(), stage),
            (None, Stage::CreateTask) => Starter::AppwriteOrSweep,
            (
                None,
                Stage::Plan
                | Stage::RunAgent
                | Stage::Review
                | Stage::Publish
                | Stage::Deploy
                | Stage::Sweep,
            ) => Starter::Appwrite,
        };
        Self { starter, ..self }
    }

    /// The same, with e-mails to owners whose task it moves.
    #[must_use]
    pub fn telling(self, notices: Option<Notices>) -> Self {
        Self { notices, ..self }
    }

    /// The same, for one of the executions of a task: what they create at once is created together.
    #[must_use]
    pub(crate) fn beside(self, siblings: Arc<Siblings>) -> Self {
        let siblings = Some(siblings);
        Self { siblings, ..self }
    }

    /// What the executions of the task share, if these tables are used for one.
    pub(crate) fn siblings(&self) -> Option<&Arc<Siblings>> {
        self.siblings.as_ref()
    }

    /// The execution that these tables are used in.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Tells that a task's row was moved from a place to another: its owner by e-mail, where that
    /// is wanted and worth it, and the trace, if it is the end. Never fails.
    pub async fn tell(&self, row: &Row, before: Option<(u32, u32, u32)>, after: &Projection) {
        if after.status.is_final() {
            self.trace.task_ended(row, after);
        }
        if let Some(notices) = &self.notices {
            notices.tell(&self.client, row, before, after).await;
        }
    }

    /// The client, for what is not a row.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// One row, `None` if there is none.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn get(&self, table: &'static str, id: &str) -> Result<Option<Row>, Trouble> {
        let (client, id) = (self.client.clone(), id.to_owned());
        match blocking(move || client.table(DATABASE, table).get(&id)).await {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.kind() == Some(&ErrorType::RowNotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The rows that match, on all pages, at most `rows_max`.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn list(
        &self,
        table: &'static str,
        queries: Vec<Query>,
        rows_max: usize,
    ) -> Result<Vec<Row>, Trouble> {
        let client = self.client.clone();
        Ok(
            blocking(move || client.table(DATABASE, table).list_all(&queries, rows_max))
                .await?
                .rows,
        )
    }

    /// All rows that match.
    ///
    /// # Errors
    /// What the client could not mend by repeating, or more than `rows_max` rows: what is
    /// decided from a part of them would be wrong.
    pub async fn list_whole(
        &self,
        table: &'static str,
        queries: Vec<Query>,
        rows_max: usize,
    ) -> Result<Vec<Row>, Trouble> {
        let rows = self.list(table, queries, rows_max + 1).await?;
        if rows.len() > rows_max {
            return Err(Trouble::Row(format!(
                "the task has more than {rows_max} rows of `{table}`, which is the limit"
            )));
        }
        Ok(rows)
    }

    /// One page of the rows that match: as many as the queries' limit says.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn page(
        &self,
        table: &'static str,
        queries: Vec<Query>,
    ) -> Result<Vec<Row>, Trouble> {
        let client = self.client.clone();
        Ok(
            blocking(move || client.table(DATABASE, table).list(&queries))
                .await?
                .rows,
        )
    }

    /// Creates a row under its deterministic id, together with those of the same table that other
    /// executions of the task create at the same time.
    ///
    /// # Errors
    /// What the client could not mend by repeating. A row that exists is none.
    pub async fn create(&self, row: NewRow) -> Result<Created, Trouble> {
        let creating = self.siblings().and_then(|all| all.creating(row.table));
        if let Some(creating) = creating.filter(|_| is_small(&row)) {
            let perform = |rows| self.create_together(rows);
            let created = creating.join(row.clone(), BULK_ROWS_MAX, perform).await;
            if let Some(created) = created.flatten() {
                return created;
            }
        }
        self.create_alone(row).await
    }

    /// Creates rows of several executions. `None` for what is to be created alone: where one of them
    /// is refused, so are all, and each is to hear its own answer.
    async fn create_together(&self, rows: Vec<NewRow>) -> Vec<Option<Result<Created, Trouble>>> {
        let rows = match <[NewRow; 1]>::try_from(rows) {
            Ok([row]) => return vec![Some(self.create_alone(row).await)],
            Err(rows) => rows,
        };
        let count = rows.len();
        let created = self.create_bulk(rows).await.ok().map(|()| Created::New);
        (0..count).map(|_| created.map(Ok)).collect()
    }

    async fn create_alone(&self, row: NewRow) -> Result<Created, Trouble> {
        let client = self.client.clone();
        let created = blocking(move || {
            client
                .table(DATABASE, row.table)
                .add(&row.id, &row.data, &row.permissions)
        });
        let created = unless_there(created.await)?;
        Ok(created.map_or(Created::Exists, |()| Created::New))
    }

    /// Creates a row under its deterministic id and returns it. `None` if one was there already.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn create_row(&self, row: NewRow) -> Result<Option<Row>, Trouble> {
        let client = self.client.clone();
        let created = blocking(move || {
            client
                .table(DATABASE, row.table)
                .create(&row.id, &row.data, &row.permissions)
        });
        unless_there(created.await)
    }

    /// Creates rows of one table, at most 100 in one request; where some exist already, one
    /// by one.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn create_many(&self, rows: Vec<NewRow>) -> Result<(), Trouble> {
        if let [row] = rows.as_slice() {
            return self.create(row.clone()).await.map(|_| ());
        }
        for chunk in rows.chunks(BULK_ROWS_MAX) {
            match self.create_bulk(chunk.to_vec()).await {
                Ok(()) => {}
                Err(error) if exists(&error) => {
                    let alone = chunk.iter().cloned().map(|row| self.create_alone(row));
                    try_join_all(alone).await?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Creates all of the rows or none.
    async fn create_bulk(&self, rows: Vec<NewRow>) -> Result<(), appwrite::Error> {
        let Some(table) = rows.first().map(|row| row.table) else {
            return Ok(());
        };
        let rows = rows.into_iter().map(|row| appwrite::NewRow {
            id: row.id,
            data: if let Value::Object(columns) = row.data {
                columns
            } else {
                Map::new()
            },
            permissions: row.permissions,
        });
        let (client, rows) = (self.client.clone(), rows.collect::<Vec<_>>());
        blocking(move || client.table(DATABASE, table).add_many(&rows)).await
    }

    /// Changes columns of a row; with `since`, only if nobody changed it after that.
    /// `None` if somebody did.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn patch(
        &self,
        table: &'static str,
        id: &str,
        data: Value,
        since: Option<String>,
    ) -> Result<Option<Row>, Trouble> {
        let (client, id) = (self.client.clone(), id.to_owned());
        match blocking(move || {
            client
                .table(DATABASE, table)
                .patch(&id, &data, since.as_deref())
        })
        .await
        {
            Ok(row) => Ok(Some(row)),
            Err(error) if error.kind() == Some(&ErrorType::RowUpdateConflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a row; one that is not there is none less.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn delete(&self, table: &'static str, id: &str) -> Result<(), Trouble> {
        let (client, id) = (self.client.clone(), id.to_owned());
        match blocking(move || client.table(DATABASE, table).delete(&id)).await {
            Err(error) if error.kind() != Some(&ErrorType::RowNotFound) => Err(error.into()),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Deletes the rows that match, as many as the queries' limit says. Returns how many.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn delete_many(
        &self,
        table: &'static str,
        queries: Vec<Query>,
    ) -> Result<u64, Trouble> {
        let client = self.client.clone();
        let deleted = blocking(move || client.table(DATABASE, table).delete_many(&queries)).await;
        Ok(deleted?)
    }

    /// Starts the function of a trigger table for one of its rows, at once or at a time,
    /// without waiting for it. Lambda knows no time: what is to rest is then started by the sweep.
    ///
    /// # Errors
    /// What the client could not mend by repeating.
    pub async fn start(
        &self,
        function_id: &'static str,
        row_id: &str,
        at: Option<Timestamp>,
    ) -> Result<(), Trouble> {
        if let Starter::Lambda(invoker, own) = &self.starter {
            return match at {
                Some(_) => Ok(()),
                None => invoker.start_sibling(*own, function_id, row_id).await,
            };
        }
        let new = NewExecution {
            body: json!({"rowId": row_id}).to_string(),
            is_async: true,
            scheduled_at: at.map(clock::appwrite_time),
            ..NewExecution::default()
        };
        let client = self.client.clone();
        match blocking(move || client.executions().create(function_id, &new)).await {
            Err(error)
                if matches!(self.starter, Starter::AppwriteOrSweep)
                    && error.kind() == Some(&ErrorType::FunctionNotFound) =>
            {
                Ok(())
            }
            created => created.map(|_| ()).map_err(Trouble::from),
        }
    }
}

fn is_small(row: &NewRow) -> bool {
    let columns = row.data.as_object().into_iter().flatten();
    let texts = columns.filter_map(|(_, value)| value.as_str());
    texts.map(str::len).sum::<usize>() <= TOGETHER_BYTES_MAX
}

/// What a create brought, `None` if a row was there already.
fn unless_there<T>(created: Result<T, appwrite::Error>) -> Result<Option<T>, Trouble> {
    match created {
        Ok(created) => Ok(Some(created)),
        Err(error) if exists(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether a create was refused because of a row that is there.
fn exists(error: &appwrite::Error) -> bool {
    error.kind() == Some(&ErrorType::RowAlreadyExists)
        || matches!(error, appwrite::Error::Conflict { .. })
}
