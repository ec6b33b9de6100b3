//! What the seven functions have in common; what makes each of them is its [`Duty`].

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Method;
use pipeline::{Stage, TaskId};
use serde_json::{Value, json};

use crate::clients::Clients;
use crate::clock;
use crate::drive::{Craft, Drive, Driven, TriggerRow};
use crate::duty::Duty;
use crate::hosts;
use crate::invocation::{Handler, Invocation, Reply};
use crate::notice::Notices;
use crate::otlp::Exporter;
use crate::store::Store;
use crate::trace::Trace;
use crate::trouble::Trouble;

/// An execution that has less time than this left begins nothing new.
const CONTINUE_RESERVE: Duration = Duration::from_secs(30);

/// Longest that an answer waits for its execution's spans to be sent, where they could not be sent
/// after it.
const EXPORT_BEFORE_ANSWER_MAX: Duration = Duration::from_secs(1);
/// Longest that the end of the process waits for the last spans.
const EXPORT_AT_END_MAX: Duration = Duration::from_secs(2);

/// Serves the function of `duty` until its host ends it: the whole of every `main`.
pub fn run(duty: Duty) -> ExitCode {
    hosts::run(move |settings| {
        Ok(Function {
            duty,
            exporter: Exporter::of(settings, duty.stage.function_id()),
            clients: Clients::new(settings.clone()),
        })
    })
}

/// One of the seven functions.
pub(crate) struct Function {
    duty: Duty,
    exporter: Option<Exporter>,
    clients: Clients,
}

impl Handler for Function {
    async fn handle(&self, invocation: Invocation) -> Reply {
        let stage = self.duty.stage;
        let is_task = stage == Stage::CreateTask && !invocation.path.trim_matches('/').is_empty();
        if invocation.method == Method::GET && !is_task {
            return self.health();
        }
        if let Some(reply) = (self.duty.front)(&invocation) {
            return reply;
        }
        if invocation.method != Method::POST && !is_task {
            return Reply::error(
                400,
                "unknown_call",
                "Use GET for a self-check or POST to run.",
            );
        }
        let missing = self.clients.settings().missing(stage.function_id());
        if !missing.is_empty() {
            let message = format!(
                "The function lacks settings: {}. Set them as variables of the function.",
                missing.join(", ")
            );
            invocation.log.error(&message);
            return Reply::error(500, "not_configured", &message);
        }
        let trace = Trace::begin(stage, &invocation, self.exporter.clone());
        let ending = trace.ending();
        let reply = match self.serve(&invocation, &trace).await {
            Ok(reply) => reply,
            Err(trouble) => {
                let chain = format!("{:#}", anyhow::Error::from(trouble));
                let chain = invocation.log.redactor().clean(&chain).into_owned();
                invocation.log.error(&chain);
                Reply::error(503, "try_again", &chain)
            }
        };
        ending.answered(reply.status);
        if let (Some(exporter), Some(_)) = (&self.exporter, self.clients.invoker()) {
            // Lambda lets nothing run once it has the answer, which must not come too late by it.
            let left = invocation
                .deadline
                .saturating_duration_since(clock::monotonic());
            exporter.flush(EXPORT_BEFORE_ANSWER_MAX.min(left / 2)).await;
        }
        reply
    }

    async fn stopped(&self) {
        if let Some(exporter) = &self.exporter {
            exporter.flush(EXPORT_AT_END_MAX).await;
        }
    }
}

impl Function {
    fn health(&self) -> Reply {
        let (settings, name) = (self.clients.settings(), self.duty.stage.function_id());
        let missing = settings.missing(name);
        let status = if missing.is_empty() { 200 } else { 500 };
        let report: Vec<Value> = settings
            .report(name)
            .iter()
            .map(|setting| json!({"name": setting.name, "set": setting.set, "required": setting.required}))
            .collect();
        Reply::json(
            status,
            &json!({
                "ok": missing.is_empty(), "function": name, "version": env!("CARGO_PKG_VERSION"),
                "missing": missing, "settings": report,
            }),
        )
    }

    async fn serve(&self, invocation: &Invocation, trace: &Trace) -> Result<Reply, Trouble> {
        let client = self
            .clients
            .appwrite(invocation.appwrite_key.as_ref(), invocation.deadline)?
            .observed_by(Arc::new(trace.clone()));
        let settings = self.clients.settings();
        let notices = match self.duty.stage {
            Stage::CreateTask => None,
            Stage::Plan
            | Stage::RunAgent
            | Stage::Review
            | Stage::Publish
            | Stage::Deploy
            | Stage::Sweep => Notices::of(settings, &invocation.log),
        };
        let store = Store::new(client, trace.clone())
            .telling(notices)
            .starting(self.clients.invoker(), self.duty.stage);
        (self.duty.serve)(self, store, invocation).await
    }

    /// The outside services.
    pub(crate) fn clients(&self) -> &Clients {
        &self.clients
    }

    /// When an execution lets another one go on: after its slice of time, and before the
    /// host would cut it off.
    fn slice_end(&self, deadline: Instant) -> Instant {
        let slice = Duration::from_secs(self.clients.settings().time_slice_seconds);
        let reserved = deadline.checked_sub(CONTINUE_RESERVE).unwrap_or(deadline);
        reserved.min(clock::monotonic() + slice)
    }

    /// Drives the unit that the invocation names, one of the kinds of `craft`.
    pub(crate) async fn drive(
        &self,
        craft: &'static Craft,
        store: Store,
        invocation: &Invocation,
    ) -> Result<Reply, Trouble> {
        let kind = craft.kind;
        let trigger = match trigger(&invocation.body) {
            Some(Trigger::Row(row)) => row,
            Some(Trigger::Id(id)) => match store.get(kind.table(), &id).await? {
                Some(row) => TriggerRow {
                    id: row.id,
                    created_at: row.created_at,
                    data: row.data,
                },
                None => {
                    return Ok(Reply::error(
                        404,
                        "row_not_found",
                        &format!("There is no row `{id}` in `{}`.", kind.table()),
                    ));
                }
            },
            None => {
                let message = format!(
                    "The body must be a row of `{}` or {{\"rowId\": \"…\"}}.",
                    kind.table()
                );
                return Ok(Reply::error(400, "invalid_body", &message));
            }
        };
        let task = trigger.data.get("taskId").and_then(Value::as_str);
        let store = match task.and_then(TaskId::parse) {
            Some(task) => {
                store.trace().of_task(&task);
                store.beside(self.clients.tasks().siblings(&task))
            }
            None => store,
        };
        store.trace().of_unit(&trigger.id);
        store.trace().tell_begin();
        let trace = store.trace().clone();
        let execution_id = invocation.execution_id.clone().unwrap_or_default();
        let drive = Drive {
            craft,
            clients: &self.clients,
            store,
            execution_id,
            log: invocation.log.clone(),
            slice_end: self.slice_end(invocation.deadline),
        };
        let kind = kind.of_row(&trigger.id);
        let (outcome, until) = match drive.run(kind, trigger).await? {
            Driven::Done => ("done", None),
            Driven::Held => ("held", None),
            Driven::Stopped => ("stopped", None),
            Driven::Continued => ("continued", None),
            Driven::Waiting(until) => ("waiting", Some(until)),
        };
        trace.came_to(outcome);
        let mut reply = json!({"unit": outcome});
        if let Some(until) = until {
            reply["until"] = json!(until.to_string());
        }
        Ok(Reply::json(200, &reply))
    }
}

/// What a POST to a unit's function names.
enum Trigger {
    /// The whole row, from an event.
    Row(TriggerRow),
    /// Only its id, from a person or the sweep.
    Id(String),
}

fn trigger(body: &[u8]) -> Option<Trigger> {
    let Ok(Value::Object(data)) = serde_json::from_slice(body) else {
        return None;
    };
    let text = |name: &str| data.get(name).and_then(Value::as_str).map(str::to_owned);
    match (
        text("$id"),
        text("$createdAt"),
        data.contains_key("unitKey"),
    ) {
        (Some(id), Some(created_at), true) => Some(Trigger::Row(TriggerRow {
            id,
            created_at,
            data,
        })),
        (Some(id), _, _) => Some(Trigger::Id(id)),
        (None, _, _) if data.len() == 1 => text("rowId")
            .filter(|id| !id.is_empty() && id.len() <= 36)
            .map(Trigger::Id),
        (None, _, _) => None,
    }
}
