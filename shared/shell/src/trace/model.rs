//! Model calls: a line of the log and a span for each. Nothing of what was asked or answered is
//! kept, only how much it was.

use std::future::Future;
use std::sync::atomic::Ordering;
use std::time::Instant;

use http::HeaderValue;
use models::{ErrorKind, MicroUsd, ModelError, StreamFault, Usage};
use pipeline::trace::SpanId;

use super::{Made, Trace};
use crate::clock;
use crate::logging::{Field, Level};

/// A call of a model that is under way. Dropping it tells that it was given up.
pub struct ModelCall<'a> {
    trace: &'a Trace,
    span: SpanId,
    header: HeaderValue,
    operation: &'static str,
    provider: &'static str,
    model: String,
    started: Instant,
    is_over: bool,
}

/// What an answer used.
#[derive(Clone, Copy, Debug)]
pub struct Used<'a> {
    /// The model that answered.
    pub model: &'a str,
    /// Requests that were sent for it.
    pub attempts: u32,
    /// Its tokens.
    pub usage: Usage,
    /// Its cost.
    pub cost: MicroUsd,
}

impl Trace {
    /// A call of `model` that begins. `operation` and `provider` are names of OpenTelemetry's
    /// semantic conventions for generative AI, where these have one.
    pub fn model_call(
        &self,
        operation: &'static str,
        provider: &'static str,
        model: &str,
    ) -> ModelCall<'_> {
        self.0.counts.models.fetch_add(1, Ordering::Relaxed);
        let (span, header) = self.next_call();
        ModelCall {
            trace: self,
            span,
            header,
            operation,
            provider,
            model: model.to_owned(),
            started: clock::monotonic(),
            is_over: false,
        }
    }
}

impl ModelCall<'_> {
    /// Awaits the call, whose requests say what they belong to.
    pub async fn made<T>(&self, call: impl Future<Output = T>) -> T {
        models::traced(self.header.clone(), call).await
    }

    /// The model has answered.
    pub fn answered(mut self, used: &Used<'_>) {
        let Used { usage, cost, .. } = used;
        let fields = vec![
            ("input_tokens", usage.input_tokens.into()),
            ("cached_tokens", usage.cached_tokens.into()),
            ("output_tokens", usage.output_tokens.into()),
            ("cost_micro_usd", cost.0.into()),
            ("retries", used.attempts.saturating_sub(1).into()),
        ];
        let attributes = vec![
            ("gen_ai.response.model", used.model.into()),
            ("gen_ai.usage.input_tokens", usage.input_tokens.into()),
            ("gen_ai.usage.output_tokens", usage.output_tokens.into()),
            ("orchestrator.cached_tokens", usage.cached_tokens.into()),
            ("orchestrator.cost_micro_usd", cost.0.into()),
            ("http.response.status_code", 200_u32.into()),
        ];
        self.end("a model answered", fields, attributes, used.attempts, None);
    }

    /// The service has done what it was asked for, and nothing was used.
    pub fn served(mut self) {
        self.end(
            "a model's service answered",
            Vec::new(),
            Vec::new(),
            1,
            None,
        );
    }

    /// The service has not.
    pub fn failed(mut self, error: &ModelError) {
        let attempts = error.attempts();
        let mut fields: Vec<Field> = vec![("error", error.kind().to_string().into())];
        fields.push(("retries", attempts.saturating_sub(1).into()));
        let cost = error.cost().map(|cost| cost.0);
        fields.extend(cost.map(|cost| ("cost_micro_usd", cost.into())));
        let attributes = cost.map(|cost| ("orchestrator.cost_micro_usd", cost.into()));
        let attributes = attributes.into_iter().collect();
        let word = Some(error_type(error.kind()));
        self.end("a model did not answer", fields, attributes, attempts, word);
    }

    fn end(
        &mut self,
        message: &str,
        more: Vec<Field>,
        attributes: Vec<Field>,
        attempts: u32,
        error: Option<&'static str>,
    ) {
        self.is_over = true;
        let trace = self.trace;
        let mut fields: Vec<Field> = vec![
            ("model", self.model.as_str().into()),
            ("operation", self.operation.into()),
            ("status", error.unwrap_or("ok").into()),
            ("duration_ms", self.started.elapsed().into()),
        ];
        fields.extend(more);
        let retries = attempts.saturating_sub(1);
        let repeats = &trace.0.counts.repeats;
        repeats.fetch_add(u64::from(retries), Ordering::Relaxed);
        let level = match error {
            None | Some("dropped") => Level::Info,
            Some(_) => Level::Error,
        };
        trace.0.log.line(level, message, fields);
        if trace.0.recorder.is_none() {
            return;
        }
        let mut all: Vec<Field> = vec![
            ("gen_ai.operation.name", self.operation.into()),
            ("gen_ai.provider.name", self.provider.into()),
            ("gen_ai.request.model", self.model.as_str().into()),
            ("http.request.resend_count", retries.into()),
        ];
        all.extend(attributes);
        all.extend(error.map(|error| ("error.type", error.into())));
        let made = Made {
            attributes: all,
            error: error.map(str::to_owned),
        };
        let name = format!("{} {}", self.operation, self.model);
        trace.record_call(self.span, name, self.started, made);
    }
}

impl Drop for ModelCall<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let (fields, attributes) = (Vec::new(), Vec::new());
            self.end(
                "a model call was given up",
                fields,
                attributes,
                1,
                Some("dropped"),
            );
        }
    }
}

/// A word for each kind of error, the same for all models.
const fn error_type(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Settings { .. } => "settings",
        ErrorKind::InvalidRequest { .. } => "invalid_request",
        ErrorKind::InvalidKey => "invalid_key",
        ErrorKind::Permission => "permission",
        ErrorKind::NotFound { .. } => "not_found",
        ErrorKind::TooLarge => "too_large",
        ErrorKind::RateLimited { .. } => "rate_limited",
        ErrorKind::SpendLimit => "spend_limit",
        ErrorKind::Overloaded => "overloaded",
        ErrorKind::Server { .. } => "server_error",
        ErrorKind::Timeout { .. } => "timeout",
        ErrorKind::Transport => "no_connection",
        ErrorKind::Stream(
            StreamFault::Ended
            | StreamFault::ErrorEvent { .. }
            | StreamFault::LineTooLong
            | StreamFault::TooLong
            | StreamFault::Malformed { .. },
        ) => "broken_stream",
        ErrorKind::AllowanceSpent { .. } => "allowance_spent",
        ErrorKind::Malformed { .. } => "malformed",
    }
}
