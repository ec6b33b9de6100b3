//! Follows one task by Realtime until it has ended. A message may be lost: everything is
//! fetched again on open, and after a silence.

use std::time::Duration;

use anyhow::Context;
use appwrite::{Client, Query, Row};
use futures::{SinkExt, StreamExt};
use pipeline::Status;
use pipeline::rows::DATABASE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::feed::in_order;
use crate::task::{Change, Seen, TaskRow, UNITS, View};

/// Silence after which everything is fetched again.
const SILENCE: Duration = Duration::from_secs(2);
/// Longest that a connection or a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Fetches in a row that may fail before following is given up.
const FAILURES_MAX: u32 = 30;
/// Lines of one task.
const LINES_MAX: usize = 10_000;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Who follows what.
pub(crate) struct Follow<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) project: &'a str,
    pub(crate) client: &'a Client,
    pub(crate) token: &'a SecretString,
    pub(crate) task_id: &'a str,
}

impl Follow<'_> {
    /// Tells `on_change` of everything new until the task has ended.
    ///
    /// # Errors
    /// The endpoint does not answer for a long time.
    pub(crate) async fn to_the_end(
        &self,
        on_change: &mut dyn FnMut(&Change),
    ) -> anyhow::Result<TaskRow> {
        let mut view = View::default();
        let mut failures = 0;
        loop {
            let socket = self.open().await.ok();
            match self.watch(socket, &mut view, on_change).await {
                Ok(Some(row)) => return Ok(row),
                Ok(None) => failures = 0,
                Err(error) => {
                    failures += 1;
                    if failures >= FAILURES_MAX {
                        return Err(error.context(format!("{} does not answer", self.endpoint)));
                    }
                    tokio::time::sleep(SILENCE).await;
                }
            }
        }
    }

    /// Watches one connection (or, without one, looks once after a silence). `None` when
    /// the connection is gone.
    async fn watch(
        &self,
        socket: Option<Socket>,
        view: &mut View,
        on_change: &mut dyn FnMut(&Change),
    ) -> anyhow::Result<Option<TaskRow>> {
        if let Some(row) = self.fetch(view, on_change).await? {
            return Ok(Some(row));
        }
        let Some(mut socket) = socket else {
            tokio::time::sleep(SILENCE).await;
            return Ok(None);
        };
        loop {
            let row = match timeout(SILENCE, socket.next()).await {
                Err(_) => self.fetch(view, on_change).await?,
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.take(&text, view, on_change);
                    // The lines before the last change may not have come.
                    let ended = view.task().is_some_and(|task| task.status.is_final());
                    if ended {
                        self.fetch(view, on_change).await?
                    } else {
                        None
                    }
                }
                Ok(Some(Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_),
                ))) => None,
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return Ok(None),
            };
            if row.is_some() {
                return Ok(row);
            }
        }
    }

    async fn open(&self) -> anyhow::Result<Socket> {
        let base = self.endpoint.replacen("http", "ws", 1);
        let tables = ["tasks", "progress"]
            .into_iter()
            .chain(UNITS.iter().map(|(table, _)| *table));
        let channels: String = tables
            .map(|table| format!("&channels[]=databases.{DATABASE}.tables.{table}.rows"))
            .collect();
        let url = format!("{base}/realtime?project={}{channels}", self.project);
        let (mut socket, _) = timeout(TIMEOUT, connect_async(url))
            .await
            .context("the connection takes too long")??;
        let sign_in =
            json!({"type": "authentication", "data": {"session": self.token.expose_secret()}});
        socket.send(Message::text(sign_in.to_string())).await?;
        Ok(socket)
    }

    fn take(&self, text: &str, view: &mut View, on_change: &mut dyn FnMut(&Change)) {
        let Ok(message) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let Some(payload) = message["data"]["payload"]
            .as_object()
            .filter(|_| message["type"] == "event")
        else {
            return;
        };
        let Ok(row) = serde_json::from_value::<Row>(Value::Object(payload.clone())) else {
            return;
        };
        let table = payload
            .get("$tableId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let of_task = match table {
            "tasks" => Some(row.id.as_str()),
            _ => row.text("taskId"),
        };
        if of_task == Some(self.task_id) {
            let seen = Seen { table, row: &row };
            view.take(&seen).iter().for_each(on_change);
        }
    }

    /// Fetches the task's row and its lines. The row comes with the answer once it is final.
    async fn fetch(
        &self,
        view: &mut View,
        on_change: &mut dyn FnMut(&Change),
    ) -> anyhow::Result<Option<TaskRow>> {
        let (client, task_id) = (self.client.clone(), self.task_id.to_owned());
        let since = view.fetch_since().map(str::to_owned);
        let fetched = tokio::task::spawn_blocking(move || -> Result<_, appwrite::Error> {
            // The row first: the lines then hold everything that led to it.
            let task = client.table(DATABASE, "tasks").get(&task_id)?;
            let ended = task.text("status").and_then(Status::parse);
            let since = since.filter(|_| !ended.is_some_and(Status::is_final));
            let mut rows = Vec::new();
            for table in UNITS.iter().map(|(table, _)| *table).chain(["progress"]) {
                let mut queries = vec![Query::equal("taskId", task_id.as_str())];
                queries.push(Query::select(match table {
                    "progress" => &["stage", "level", "text", "data"],
                    _ => &["line", "level", "generation", "round"],
                }));
                if let ("progress", Some(time)) = (table, &since) {
                    queries.push(Query::greater_than_equal("$updatedAt", time.as_str()));
                }
                let found = client
                    .table(DATABASE, table)
                    .list_all(&queries, LINES_MAX)?;
                rows.extend(found.rows.into_iter().map(|row| (table, row)));
            }
            Ok((task, rows))
        });
        let (task, rows) = fetched.await??;
        let news = rows
            .iter()
            .flat_map(|(table, row)| view.take(&Seen { table, row }));
        let lines = news.filter_map(|change| match change {
            Change::Line(line) => Some(line),
            Change::Task(_) => None,
        });
        for line in in_order(lines.collect()) {
            on_change(&Change::Line(line));
        }
        let seen = Seen {
            table: "tasks",
            row: &task,
        };
        view.take(&seen).iter().for_each(on_change);
        Ok(view.task().filter(|task| task.status.is_final()).cloned())
    }
}
