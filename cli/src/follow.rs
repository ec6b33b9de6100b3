//! Follows one task by Realtime until it has ended. A message may be lost: everything is
//! fetched again on open, and after a silence. Whoever follows a task that is silent also
//! has it looked at: an execution that died is then made up for without the sweep.

use std::time::{Duration, Instant};

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
use crate::silence::{SILENCE, Silence};
use crate::task::{Change, Seen, TaskRow, UNITS, View};
use crate::task_api;

/// Pause before a look that failed is tried again.
const NUDGE_AGAIN: Duration = Duration::from_secs(5);
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
    /// Where following ends; at the latest where the task has ended.
    pub(crate) stops: fn(&TaskRow) -> bool,
}

impl Follow<'_> {
    /// Tells `on_change` of everything so far.
    ///
    /// # Errors
    /// The endpoint does not answer.
    pub(crate) async fn so_far(&self, on_change: &mut dyn FnMut(&Change)) -> anyhow::Result<()> {
        self.fetch(&mut View::default(), on_change).await.map(drop)
    }

    fn is_over(&self, task: &TaskRow) -> bool {
        task.status.is_final() || (self.stops)(task)
    }

    /// Tells `on_change` of everything new until the task has ended, or following it stops.
    ///
    /// # Errors
    /// The endpoint does not answer for a long time.
    pub(crate) async fn to_the_end(
        &self,
        on_change: &mut dyn FnMut(&Change),
    ) -> anyhow::Result<TaskRow> {
        let mut view = View::default();
        let silence = Silence::begin(Instant::now());
        let mut failures = 0;
        loop {
            let socket = self.open().await.ok();
            let watched = self.watch(socket, &mut view, &silence, on_change);
            match watched.await {
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
        silence: &Silence,
        on_change: &mut dyn FnMut(&Change),
    ) -> anyhow::Result<Option<TaskRow>> {
        let mut on_change = |change: &Change| {
            silence.heard(Instant::now());
            on_change(change);
        };
        if let Some(row) = self.fetch(view, &mut on_change).await? {
            return Ok(Some(row));
        }
        let Some(mut socket) = socket else {
            self.nudge_if_due(view, silence).await;
            tokio::time::sleep(SILENCE).await;
            return Ok(None);
        };
        loop {
            self.nudge_if_due(view, silence).await;
            let patience = silence.left(Instant::now()).min(SILENCE);
            let row = match timeout(patience, socket.next()).await {
                Err(_) => self.fetch(view, &mut on_change).await?,
                Ok(Some(Ok(Message::Text(text)))) => {
                    self.take(&text, view, &mut on_change);
                    // The lines before the last change may not have come.
                    let ended = view.task().is_some_and(|task| self.is_over(task));
                    if ended {
                        self.fetch(view, &mut on_change).await?
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

    /// Has the task looked at if it should be at work and has been silent.
    async fn nudge_if_due(&self, view: &View, silence: &Silence) {
        let is_at_work = view.task().is_some_and(|task| match task.status {
            Status::Pending
            | Status::Planning
            | Status::Coding
            | Status::Reviewing
            | Status::Publishing
            | Status::Deploying => true,
            Status::AwaitingApproval
            | Status::Paused
            | Status::Completed
            | Status::Failed
            | Status::Cancelled => false,
        });
        if !is_at_work {
            silence.rest(Instant::now(), SILENCE);
        } else if silence.is_due(Instant::now()) {
            let again = task_api::nudge(self.client, self.task_id).await;
            silence.rest(Instant::now(), again.unwrap_or(NUDGE_AGAIN));
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
        let knows_brief = view.knows_brief();
        let fetched = tokio::task::spawn_blocking(move || -> Result<_, appwrite::Error> {
            // The row first: the lines then hold everything that led to it.
            let task = client.table(DATABASE, "tasks").get(&task_id)?;
            let ended = task.text("status").and_then(Status::parse);
            let since = since.filter(|_| !ended.is_some_and(Status::is_final));
            let mut rows = Vec::new();
            if !knows_brief {
                rows.push(("briefs", client.table(DATABASE, "briefs").get(&task_id)?));
            }
            for table in UNITS.iter().map(|(table, _)| *table).chain(["progress"]) {
                let mut queries = vec![Query::equal("taskId", task_id.as_str())];
                queries.push(Query::select(match table {
                    "progress" => &["stage", "level", "text", "data", "unitId"],
                    "plans" => &["line", "level", "generation", "round", "estimate"],
                    "assignments" => &[
                        "line",
                        "level",
                        "generation",
                        "round",
                        "buildLog",
                        "title",
                        "name",
                    ],
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
        let mut lines = Vec::new();
        for change in news {
            match change {
                Change::Line(line) => lines.push(*line),
                known @ (Change::Task(_)
                | Change::Agent(_)
                | Change::Estimate(_)
                | Change::Budget(_)) => on_change(&known),
            }
        }
        for line in in_order(lines) {
            on_change(&Change::Line(Box::new(line)));
        }
        let seen = Seen {
            table: "tasks",
            row: &task,
        };
        view.take(&seen).iter().for_each(on_change);
        Ok(view.task().filter(|task| self.is_over(task)).cloned())
    }
}
