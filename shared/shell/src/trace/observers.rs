//! Requests to Appwrite and GitHub, as their clients tell of them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use http::HeaderValue;
use pipeline::trace::span_of;

use super::{Made, Trace};
use crate::logging::{Field, Level};

impl appwrite::Observer for Trace {
    fn begins(&self) -> HeaderValue {
        self.next_call().1
    }

    fn ended(&self, request: &appwrite::Observed<'_>) {
        let counts = &self.0.counts;
        let requested = Requested {
            traceparent: request.traceparent,
            name: request.operation.kind.as_str(),
            method: request.method.as_str(),
            url: || format!("{}{}", request.endpoint, request.path),
            started: request.started,
            status: request.status,
        };
        self.requested(&counts.appwrite, requested);
    }

    fn repeats(&self, repeat: &appwrite::Repeated<'_>) {
        let fields = vec![
            ("error", repeat.error.to_string().into()),
            ("attempt", repeat.repeat.into()),
            ("wait_ms", repeat.wait.into()),
        ];
        self.repeated("a request to Appwrite is repeated", fields);
    }
}

impl github::Observer for Trace {
    fn begins(&self) -> HeaderValue {
        self.next_call().1
    }

    fn ended(&self, request: &github::Observed<'_>) {
        let counts = &self.0.counts;
        let requested = Requested {
            traceparent: request.traceparent,
            name: request.method.as_str(),
            method: request.method.as_str(),
            url: || request.path.to_owned(),
            started: request.started,
            status: request.status,
        };
        self.requested(&counts.github, requested);
    }

    fn repeats(&self, repeat: &github::Repeated<'_>) {
        let path = repeat.path.split('?').next().unwrap_or_default();
        let fields = vec![
            ("method", repeat.method.as_str().into()),
            ("path", path.into()),
            ("attempt", repeat.repeat.into()),
            ("wait_ms", repeat.wait.into()),
        ];
        self.repeated("a request to GitHub is repeated", fields);
    }
}

/// A request that is over.
struct Requested<'a, U> {
    traceparent: &'a HeaderValue,
    name: &'a str,
    method: &'a str,
    url: U,
    started: Instant,
    status: Option<u16>,
}

impl Trace {
    fn requested<U: Fn() -> String>(&self, count: &AtomicU64, request: Requested<'_, U>) {
        count.fetch_add(1, Ordering::Relaxed);
        let span = request.traceparent.to_str().ok().and_then(span_of);
        let Some(span) = span.filter(|_| self.0.recorder.is_some()) else {
            return;
        };
        let mut url = (request.url)();
        // What is asked for says enough; a query may be long.
        url.truncate(url.find('?').unwrap_or(url.len()));
        let mut attributes: Vec<Field> = vec![("http.request.method", request.method.into())];
        let (key, host) = match url.split_once("://") {
            Some((_, rest)) => ("url.full", rest.split('/').next()),
            None => ("url.path", None),
        };
        let host = host.map(|host| {
            host.rsplit_once(':')
                .map_or(host, |(name, _)| name)
                .to_owned()
        });
        attributes.extend(host.map(|host| ("server.address", host.into())));
        attributes.push((key, url.into()));
        let status = request.status.map(u32::from);
        attributes.extend(status.map(|status| ("http.response.status_code", status.into())));
        let error = match status {
            Some(..400) => None,
            Some(status) => Some(status.to_string()),
            None => Some("no_answer".to_owned()),
        };
        attributes.extend(error.clone().map(|error| ("error.type", error.into())));
        let name = request.name.to_owned();
        self.record_call(span, name, request.started, Made { attributes, error });
    }

    fn repeated(&self, message: &str, fields: Vec<Field>) {
        self.0.counts.repeats.fetch_add(1, Ordering::Relaxed);
        self.0.log.line(Level::Info, message, fields);
    }
}
