//! What one execution is known by in traces and logs, and what becomes of its calls.
//!
//! All work on a task is one trace, whose id follows from the task's; see [`pipeline::trace`]. The
//! execution of create-task that took the brief is its root, every other one that belongs to the
//! task is below it, and calls are below their execution. Without a task an execution is a trace
//! of its own.
//!
//! Headers and lines of the log are always written. Spans are kept only where the settings name
//! somebody to send them to: see [`mod@crate::otlp`].

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use appwrite::Row;
use http::HeaderValue;
use jiff::Timestamp;
use pipeline::advance::Projection;
use pipeline::trace::{SpanId, TraceId, traceparent};
use pipeline::{Code, Stage, TaskId};

use crate::clock;
use crate::invocation::{Invocation, Trigger};
use crate::logging::{Field, Level, Log};
use crate::otlp::{Exporter, Kind, Span};

mod model;
mod observers;

pub use model::{ModelCall, Used};

/// Spans of one execution that are kept; further ones are only counted.
pub const SPANS_MAX: usize = 512;

/// One execution. Clones are the same one.
#[derive(Clone)]
pub struct Trace(Arc<Execution>);

struct Execution {
    stage: Stage,
    log: Log,
    id: String,
    trigger: Trigger,
    span: SpanId,
    own_trace: TraceId,
    started: Instant,
    started_at: Timestamp,
    task: OnceLock<(TaskId, TraceId)>,
    known: Mutex<Known>,
    counts: Counts,
    recorder: Option<(Exporter, Mutex<Recorded>)>,
}

/// What is learnt of an execution while it runs.
#[derive(Default)]
struct Known {
    unit: Option<String>,
    attempt: Option<u64>,
    queued: Option<Duration>,
    outcome: Option<&'static str>,
    is_root: bool,
}

/// What it has asked others for.
#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    appwrite: AtomicU64,
    github: AtomicU64,
    models: AtomicU64,
    repeats: AtomicU64,
}

#[derive(Default)]
struct Recorded {
    spans: Vec<Span>,
    dropped: u64,
}

impl fmt::Debug for Trace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Trace")
    }
}

impl Trace {
    /// The trace of an execution that begins.
    pub fn begin(stage: Stage, invocation: &Invocation, exporter: Option<Exporter>) -> Self {
        let (started, started_at) = (clock::monotonic(), clock::now());
        let id = invocation.execution_id.clone().unwrap_or_default();
        let own_trace = TraceId::of_execution(&id);
        // An execution may be delivered twice.
        let nanoseconds = started_at.as_nanosecond().to_string();
        invocation.log.know([
            ("stage", stage.function_id().into()),
            ("execution_id", id.as_str().into()),
            ("trace_id", own_trace.to_string().into()),
        ]);
        Self(Arc::new(Execution {
            stage,
            log: invocation.log.clone(),
            span: SpanId::of(&["execution", &id, &nanoseconds]),
            id,
            trigger: invocation.trigger,
            own_trace,
            started,
            started_at,
            task: OnceLock::new(),
            known: Mutex::default(),
            counts: Counts::default(),
            recorder: exporter.map(|exporter| (exporter, Mutex::default())),
        }))
    }

    /// From now on the execution belongs to this task.
    pub fn of_task(&self, task: &TaskId) {
        let (task, trace) = self
            .0
            .task
            .get_or_init(|| (task.clone(), TraceId::of_task(task)));
        self.0.log.know([
            ("task", task.as_str().into()),
            ("trace_id", trace.to_string().into()),
        ]);
    }

    /// The execution is for this unit.
    pub fn of_unit(&self, unit: &str) {
        self.known().unit = Some(unit.to_owned());
        self.0.log.know([("unit", unit.into())]);
    }

    /// The execution has made the task: it is the one above all others.
    pub fn is_root(&self) {
        self.known().is_root = true;
    }

    /// It is the `attempt`th execution of its unit, which has waited for the first one this long.
    pub fn took(&self, attempt: u64, queued: Option<Duration>) {
        let mut known = self.known();
        (known.attempt, known.queued) = (Some(attempt), queued);
    }

    /// Says in a word what came of the execution, where its status does not tell.
    pub fn came_to(&self, outcome: &'static str) {
        self.known().outcome = Some(outcome);
    }

    /// Writes the first line of the log.
    pub fn tell_begin(&self) {
        let trigger = trigger_word(self.0.trigger);
        self.0
            .log
            .frame("started", vec![("trigger", trigger.into())]);
    }

    /// Ends the execution when it is dropped, or before with [`Ending::answered`].
    pub fn ending(&self) -> Ending {
        Ending(Some(self.clone()))
    }

    /// Tells that the task's `row` now shows an end.
    pub fn task_ended(&self, row: &Row, end: &Projection) {
        let (Some(task), spent) = (TaskId::parse(&row.id), &end.totals.spent) else {
            return;
        };
        let mut fields: Vec<Field> = vec![
            ("task", task.as_str().into()),
            ("status", end.status.as_str().into()),
            ("generation", end.generation.into()),
            ("round", end.round.into()),
            ("model_calls", spent.model_calls.into()),
            ("input_tokens", spent.input_tokens.into()),
            ("output_tokens", spent.output_tokens.into()),
            ("cost_micro_usd", spent.cost_micro_usd.into()),
        ];
        let failure = end.failure.as_ref().map(|failure| word(failure.code));
        fields.extend(failure.clone().map(|word| ("error", word.into())));
        let created = clock::parse(&row.created_at).unwrap_or(self.0.started_at);
        let now = clock::now();
        let took = Duration::try_from(now.duration_since(created)).unwrap_or_default();
        fields.push(("duration_ms", took.into()));
        self.0.log.line(Level::Info, "the task has ended", fields);
        if self.0.recorder.is_none() {
            return;
        }
        let attributes = vec![
            ("orchestrator.task", task.as_str().into()),
            ("orchestrator.status", end.status.as_str().into()),
            ("orchestrator.generation", end.generation.into()),
            ("orchestrator.round", end.round.into()),
            ("orchestrator.model_calls", spent.model_calls.into()),
            ("gen_ai.usage.input_tokens", spent.input_tokens.into()),
            ("gen_ai.usage.output_tokens", spent.output_tokens.into()),
            ("orchestrator.cost_micro_usd", spent.cost_micro_usd.into()),
        ];
        self.record(Span {
            trace: Some(TraceId::of_task(&task)),
            id: SpanId::of(&["task", task.as_str(), &row.updated_at]),
            parent: Some(SpanId::root(&task)),
            name: "task".to_owned(),
            kind: Kind::Internal,
            start: created,
            end: now,
            attributes,
            error: failure,
        });
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trace_id(&self) -> TraceId {
        self.0
            .task
            .get()
            .map_or(self.0.own_trace, |(_, trace)| *trace)
    }

    /// The span of a call that begins, and the header of its requests.
    fn next_call(&self) -> (SpanId, HeaderValue) {
        let number = self.0.counts.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let span = self.0.span.call(number);
        let value = traceparent(self.trace_id(), span, self.0.recorder.is_some());
        // Digits and dashes.
        let header = HeaderValue::try_from(value);
        (span, header.unwrap_or(HeaderValue::from_static("")))
    }

    /// When a moment of this process was.
    fn time_of(&self, moment: Instant) -> Timestamp {
        let since = moment.saturating_duration_since(self.0.started);
        let time = self.0.started_at.checked_add(since);
        time.unwrap_or(self.0.started_at)
    }

    fn record(&self, span: Span) {
        let Some((_, recorded)) = &self.0.recorder else {
            return;
        };
        let mut recorded = recorded.lock().unwrap_or_else(PoisonError::into_inner);
        if recorded.spans.len() < SPANS_MAX {
            recorded.spans.push(span);
        } else {
            recorded.dropped += 1;
        }
    }

    /// Keeps the span of a call to a service.
    fn record_call(&self, id: SpanId, name: String, started: Instant, made: Made) {
        if self.0.recorder.is_none() {
            return;
        }
        self.record(Span {
            trace: None,
            id,
            parent: None,
            name,
            kind: Kind::Client,
            start: self.time_of(started),
            end: self.time_of(clock::monotonic()),
            attributes: made.attributes,
            error: made.error,
        });
    }

    fn end(&self, status: Option<u16>, outcome: &'static str) {
        let known = self.known();
        let outcome = known.outcome.unwrap_or(outcome);
        let took = self.0.started.elapsed();
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counts = &self.0.counts;
        let mut fields: Vec<Field> = vec![("outcome", outcome.into())];
        fields.extend(status.map(|status| ("status", u32::from(status).into())));
        fields.push(("duration_ms", took.into()));
        fields.extend(known.queued.map(|queued| ("queued_ms", queued.into())));
        fields.extend(known.attempt.map(|attempt| ("attempt", attempt.into())));
        let asked = [
            ("appwrite_requests", count(&counts.appwrite)),
            ("github_requests", count(&counts.github)),
            ("model_calls", count(&counts.models)),
            ("repeats", count(&counts.repeats)),
        ];
        let asked = asked.into_iter().filter(|(_, count)| *count > 0);
        fields.extend(asked.map(|(name, count)| (name, count.into())));
        self.0.log.frame("ended", fields);
        self.export(&known, status, outcome, took);
    }

    /// Hands all spans on, the execution's own among them.
    fn export(&self, known: &Known, status: Option<u16>, outcome: &'static str, took: Duration) {
        let Some((exporter, recorded)) = &self.0.recorder else {
            return;
        };
        let recorded =
            std::mem::take(&mut *recorded.lock().unwrap_or_else(PoisonError::into_inner));
        let root = self.0.task.get().map(|(task, _)| SpanId::root(task));
        let (own, parent) = match root {
            Some(root) if known.is_root => (root, None),
            Some(_) | None => (self.0.span, root),
        };
        let trace = self.trace_id();
        let mut spans = recorded.spans;
        for span in &mut spans {
            if span.trace.is_none() {
                (span.trace, span.parent) = (Some(trace), Some(own));
            }
        }
        let is_broken = status.is_none_or(|status| status >= 500);
        spans.push(Span {
            trace: Some(trace),
            id: own,
            parent,
            name: self.0.stage.function_id().to_owned(),
            kind: match self.0.trigger {
                Trigger::Http => Kind::Server,
                Trigger::Event | Trigger::Schedule | Trigger::Unknown => Kind::Consumer,
            },
            start: self.0.started_at,
            end: self.time_of(self.0.started + took),
            attributes: self.attributes(known, status, outcome, recorded.dropped),
            error: is_broken.then(|| outcome.to_owned()),
        });
        for span in &mut spans {
            span.redact(self.0.log.redactor());
        }
        exporter.send(spans);
    }

    fn attributes(
        &self,
        known: &Known,
        status: Option<u16>,
        outcome: &'static str,
        dropped: u64,
    ) -> Vec<Field> {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed).into();
        let (counts, task) = (&self.0.counts, self.0.task.get());
        let mut all: Vec<Field> = vec![
            ("faas.invocation_id", self.0.id.as_str().into()),
            ("faas.trigger", faas_trigger(self.0.trigger).into()),
            ("orchestrator.outcome", outcome.into()),
            ("orchestrator.appwrite_requests", count(&counts.appwrite)),
            ("orchestrator.github_requests", count(&counts.github)),
            ("orchestrator.model_calls", count(&counts.models)),
            ("orchestrator.repeats", count(&counts.repeats)),
            ("orchestrator.spans_dropped", dropped.into()),
        ];
        let status = status.map(|status| u32::from(status).into());
        all.extend(status.map(|status| ("http.response.status_code", status)));
        all.extend(task.map(|(task, _)| ("orchestrator.task", task.as_str().into())));
        let unit = known.unit.as_deref();
        all.extend(unit.map(|unit| ("orchestrator.unit", unit.into())));
        let attempt = known.attempt;
        all.extend(attempt.map(|attempt| ("orchestrator.attempt", attempt.into())));
        let queued = known.queued;
        all.extend(queued.map(|queued| ("orchestrator.queued_ms", queued.into())));
        all
    }
}

/// What came of a call.
struct Made {
    attributes: Vec<Field>,
    /// The kind of error, where it was one.
    error: Option<String>,
}

/// The end of an execution, however it comes.
pub struct Ending(Option<Trace>);

impl Ending {
    /// The execution answers with this status.
    pub fn answered(mut self, status: u16) {
        let outcome = match status {
            ..400 => "answered",
            400..500 => "refused",
            500.. => "failed",
        };
        if let Some(trace) = self.0.take() {
            trace.end(Some(status), outcome);
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let outcome = match std::thread::panicking() {
            true => "panicked",
            false => "timed_out",
        };
        if let Some(trace) = self.0.take() {
            trace.end(None, outcome);
        }
    }
}

/// The code as it stands in rows.
fn word(code: Code) -> String {
    let code = serde_json::to_value(code).unwrap_or_default();
    code.as_str().unwrap_or_default().to_owned()
}

fn trigger_word(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Unknown => "unknown",
        known @ (Trigger::Http | Trigger::Event | Trigger::Schedule) => known.as_str(),
    }
}

/// Source: OpenTelemetry semantic conventions for functions.
const fn faas_trigger(trigger: Trigger) -> &'static str {
    match trigger {
        Trigger::Http => "http",
        Trigger::Event => "datasource",
        Trigger::Schedule => "timer",
        Trigger::Unknown => "other",
    }
}
