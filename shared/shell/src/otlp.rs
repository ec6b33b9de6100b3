//! Spans as OTLP, the protocol of OpenTelemetry: JSON over HTTP.
//!
//! Here: what a span is and how it is written. [`exporter`] sends it. Not here: metrics and logs,
//! which rows and the hosts have; compression; gRPC.
//!
//! Source: OTLP 1.7 and its mapping to JSON: ids are hexadecimal, whole numbers of 64 bits are
//! strings, enumerations are numbers.

use jiff::Timestamp;
use pipeline::trace::{SpanId, TraceId};
use serde_json::{Value, json};

use crate::logging::{FIELD_CHARS_MAX, Field, FieldValue};
use crate::redaction::Redactor;

mod exporter;

pub use exporter::Exporter;

/// What follows the endpoint.
pub const PATH: &str = "/v1/traces";

/// Which side of a call a span is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Neither.
    Internal = 1,
    /// It answers somebody who waits.
    Server = 2,
    /// It asks for something.
    Client = 3,
    /// It takes up what somebody left.
    Consumer = 5,
}

/// One piece of work that is over.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace; `None` only until its execution ends.
    pub trace: Option<TraceId>,
    /// Its id.
    pub id: SpanId,
    /// What it is a part of.
    pub parent: Option<SpanId>,
    /// What it is, in few different words.
    pub name: String,
    /// Which side of a call it is.
    pub kind: Kind,
    /// When it began.
    pub start: Timestamp,
    /// When it was over.
    pub end: Timestamp,
    /// What else is known, under names of OpenTelemetry's semantic conventions or of our own,
    /// which begin with `orchestrator.`.
    pub attributes: Vec<Field>,
    /// A word for what went wrong.
    pub error: Option<String>,
}

impl Span {
    /// Keeps the secrets that `redactor` knows out of the texts, and what is too long.
    pub(crate) fn redact(&mut self, redactor: &Redactor) {
        let clean = |text: &str| -> String {
            let clean = redactor.clean(text);
            clean.chars().take(FIELD_CHARS_MAX).collect()
        };
        self.name = clean(&self.name);
        self.error = self.error.as_deref().map(clean);
        for (_, value) in &mut self.attributes {
            if let FieldValue::Text(text) = value {
                *text = clean(text);
            }
        }
    }
}

/// Whose spans they are.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    /// The function's id.
    pub(crate) function: &'static str,
    /// The version of the orchestrator.
    pub(crate) version: &'static str,
}

/// The body of an export request.
pub(crate) fn body(resource: &Resource, spans: &[Span]) -> Value {
    let attributes: [Field; 4] = [
        (
            "service.name",
            format!("orchestrator-{}", resource.function).into(),
        ),
        ("service.namespace", "orchestrator".into()),
        ("service.version", resource.version.into()),
        ("faas.name", resource.function.into()),
    ];
    json!({"resourceSpans": [{
        "resource": {"attributes": attributes.iter().map(attribute).collect::<Vec<_>>()},
        "scopeSpans": [{
            "scope": {"name": "orchestrator", "version": resource.version},
            "spans": spans.iter().map(span).collect::<Vec<_>>(),
        }],
    }]})
}

fn span(span: &Span) -> Value {
    let id = |id: Option<SpanId>| id.map(|id| id.to_string()).unwrap_or_default();
    let trace = span.trace.map(|trace| trace.to_string());
    let status = match &span.error {
        Some(word) => json!({"code": 2, "message": word}),
        None => json!({}),
    };
    json!({
        "traceId": trace.unwrap_or_default(),
        "spanId": span.id.to_string(),
        "parentSpanId": id(span.parent),
        "name": span.name,
        "kind": span.kind as u8,
        "startTimeUnixNano": nanoseconds(span.start),
        "endTimeUnixNano": nanoseconds(span.end.max(span.start)),
        "attributes": span.attributes.iter().map(attribute).collect::<Vec<_>>(),
        "status": status,
    })
}

fn attribute((name, value): &Field) -> Value {
    let value = match value {
        FieldValue::Text(text) => json!({"stringValue": text}),
        FieldValue::Number(number) => {
            let number = i64::try_from(*number).unwrap_or(i64::MAX);
            json!({"intValue": number.to_string()})
        }
    };
    json!({"key": name, "value": value})
}

fn nanoseconds(time: Timestamp) -> String {
    time.as_nanosecond().max(0).to_string()
}

#[cfg(test)]
mod tests {
    use pipeline::TaskId;

    use super::*;

    fn a_span() -> Span {
        let task = TaskId::of_request("owner", "request");
        Span {
            trace: Some(TraceId::of_task(&task)),
            id: SpanId::of(&["one"]),
            parent: Some(SpanId::root(&task)),
            name: "chat grok-4.7".to_owned(),
            kind: Kind::Client,
            start: Timestamp::new(1_795_381_200, 5).unwrap(),
            end: Timestamp::new(1_795_381_201, 0).unwrap(),
            attributes: vec![
                ("gen_ai.usage.input_tokens", u64::MAX.into()),
                ("error.type", "said my-own-secret".into()),
            ],
            error: Some("overloaded".to_owned()),
        }
    }

    #[test]
    fn a_span_is_written_as_the_mapping_to_json_demands() {
        let span = span(&a_span());
        assert_eq!(span["traceId"].as_str().unwrap().len(), 32);
        assert_eq!(span["spanId"].as_str().unwrap().len(), 16);
        assert_eq!(span["kind"], 3);
        assert_eq!(span["startTimeUnixNano"], "1795381200000000005");
        assert_eq!(span["endTimeUnixNano"], "1795381201000000000");
        let tokens = &span["attributes"][0]["value"]["intValue"];
        assert_eq!(tokens, &json!(i64::MAX.to_string()));
        assert_eq!(span["status"], json!({"code": 2, "message": "overloaded"}));
    }

    #[test]
    fn a_span_never_ends_before_it_began() {
        let mut early = a_span();
        early.end = Timestamp::UNIX_EPOCH;
        let span = span(&early);
        assert_eq!(span["endTimeUnixNano"], span["startTimeUnixNano"]);
    }

    #[test]
    fn secrets_are_kept_out_of_every_text() {
        let mut span = a_span();
        span.name = "my-own-secret".to_owned();
        span.error = Some("my-own-secret".to_owned());
        span.redact(&Redactor::new(["my-own-secret"]));
        let resource = Resource {
            function: "plan",
            version: "1",
        };
        let body = body(&resource, &[span]).to_string();
        assert!(!body.contains("my-own-secret"), "{body}");
        assert_eq!(body.matches("[redacted]").count(), 3, "{body}");
    }

    #[test]
    fn a_function_is_a_service() {
        let resource = Resource {
            function: "run-agent",
            version: "1.2.3",
        };
        let body = body(&resource, &[]);
        let resource = &body["resourceSpans"][0]["resource"]["attributes"];
        let named = |key: &str| {
            let all = resource.as_array().unwrap();
            let one = all.iter().find(|it| it["key"] == key).unwrap();
            one["value"]["stringValue"].as_str().unwrap().to_owned()
        };
        assert_eq!(named("service.name"), "orchestrator-run-agent");
        assert_eq!(named("service.version"), "1.2.3");
        assert_eq!(named("faas.name"), "run-agent");
    }
}
