//! Sends spans, on a thread of its own that begins with the first of them. No execution waits for
//! it, but on Lambda, where nothing runs between executions, and there with a limit. What can not
//! be sent is dropped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tokio::sync::oneshot;

use super::{PATH, Resource, Span, body};
use crate::clock;
use crate::config::{ExportSettings, Settings};
use crate::logging::to_stderr;
use crate::redaction::Redactor;

/// Executions whose spans may wait to be sent. More are dropped.
const WAITING_MAX: usize = 64;
/// Spans in one request; those of one execution are not divided.
const BATCH_SPANS_MAX: usize = 1_024;
/// Spans wait this long for others, to be sent together.
const BATCH_WAIT: Duration = Duration::from_millis(200);
/// Longest that one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a request is sent, with a pause between.
const ATTEMPTS_MAX: u32 = 3;
/// The pause before a request is sent again.
const PAUSE: Duration = Duration::from_secs(1);
/// Answers after which sending again may help (OTLP).
const REPEATABLE: [u16; 4] = [429, 502, 503, 504];

/// Where spans go. Clones share the thread.
#[derive(Clone)]
pub struct Exporter {
    shared: Arc<Shared>,
}

struct Shared {
    settings: ExportSettings,
    resource: Resource,
    redactor: Redactor,
    queue: OnceLock<Option<SyncSender<Message>>>,
    /// What is dropped for long is told once.
    is_full: AtomicBool,
}

enum Message {
    Spans(Vec<Span>),
    Flush(oneshot::Sender<()>),
}

impl Exporter {
    /// As the settings say: `None` where nobody is to be sent anything.
    pub fn of(settings: &Settings, function: &'static str) -> Option<Self> {
        let resource = Resource {
            function,
            version: env!("CARGO_PKG_VERSION"),
        };
        Some(Self {
            shared: Arc::new(Shared {
                settings: settings.export.clone()?,
                resource,
                redactor: settings.redactor().clone(),
                queue: OnceLock::new(),
                is_full: AtomicBool::new(false),
            }),
        })
    }

    /// Sends the spans of one execution, soon. Never waits and never fails.
    pub fn send(&self, spans: Vec<Span>) {
        let queue = self.shared.queue.get_or_init(|| begin(&self.shared));
        let Some(queue) = queue else {
            return;
        };
        let is_full = queue.try_send(Message::Spans(spans)).is_err();
        let was_full = self.shared.is_full.swap(is_full, Ordering::Relaxed);
        if is_full && !was_full {
            to_stderr("spans were dropped: those before them are not sent yet");
        }
    }

    /// Waits until all spans so far are sent or given up, at most for `limit`.
    pub async fn flush(&self, limit: Duration) {
        let Some(Some(queue)) = self.shared.queue.get() else {
            return;
        };
        let (done, flushed) = oneshot::channel();
        if queue.try_send(Message::Flush(done)).is_ok() {
            // Too late is as good as never.
            let _ = tokio::time::timeout(limit, flushed).await;
        }
    }
}

/// Begins the thread. Where there can be none, nothing is sent.
fn begin(shared: &Arc<Shared>) -> Option<SyncSender<Message>> {
    let (queue, messages) = sync_channel(WAITING_MAX);
    let sender = Sender {
        agent: agent(),
        shared: Arc::clone(shared),
        is_failing: false,
    };
    let thread = std::thread::Builder::new().name("spans".to_owned());
    match thread.spawn(move || sender.run(&messages)) {
        Ok(_) => Some(queue),
        Err(error) => {
            to_stderr(&format!("no spans are sent: {error}"));
            None
        }
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(REQUEST_TIMEOUT))
        .http_status_as_error(false)
        .max_redirects(0)
        .proxy(None)
        .build()
        .into()
}

struct Sender {
    agent: ureq::Agent,
    shared: Arc<Shared>,
    /// What fails for long is told once.
    is_failing: bool,
}

impl Sender {
    fn run(mut self, messages: &Receiver<Message>) {
        while let Ok(first) = messages.recv() {
            let (spans, flushed) = gather(first, messages);
            if !spans.is_empty() {
                self.send(&spans);
            }
            if let Some(flushed) = flushed {
                // Whoever waited may have gone.
                let _ = flushed.send(());
            }
        }
    }

    fn send(&mut self, spans: &[Span]) {
        let body = body(&self.shared.resource, spans).to_string();
        let mut sent = self.post(&body);
        for _ in 1..ATTEMPTS_MAX {
            match &sent {
                Err(Refused {
                    repeatable: true, ..
                }) => {
                    pause();
                    sent = self.post(&body);
                }
                Ok(()) | Err(_) => break,
            }
        }
        let was_failing = std::mem::replace(&mut self.is_failing, sent.is_err());
        if let Err(Refused { why, .. }) = sent
            && !was_failing
        {
            let line = format!("{} spans were not sent: {why}", spans.len());
            to_stderr(&self.shared.redactor.clean(&line));
        }
    }

    fn post(&self, body: &str) -> Result<(), Refused> {
        let settings = &self.shared.settings;
        let mut request = self
            .agent
            .post(format!("{}{PATH}", settings.endpoint))
            .header("content-type", "application/json");
        for (name, value) in &settings.headers {
            request = request.header(name, value.expose_secret());
        }
        let status = match request.send(body) {
            Ok(answer) => answer.status().as_u16(),
            Err(error) => {
                return Err(Refused {
                    why: error.to_string(),
                    repeatable: true,
                });
            }
        };
        if (200..300).contains(&status) {
            return Ok(());
        }
        Err(Refused {
            why: format!("the endpoint answered {status}"),
            repeatable: REPEATABLE.contains(&status),
        })
    }
}

/// Waits before a request is sent again. Parking may end early.
fn pause() {
    let until = clock::monotonic() + PAUSE;
    loop {
        let left = until.saturating_duration_since(clock::monotonic());
        if left.is_zero() {
            return;
        }
        std::thread::park_timeout(left);
    }
}

struct Refused {
    why: String,
    repeatable: bool,
}

/// The spans that can be sent together, and who waits for it.
fn gather(
    first: Message,
    messages: &Receiver<Message>,
) -> (Vec<Span>, Option<oneshot::Sender<()>>) {
    let (mut spans, until) = (Vec::new(), clock::monotonic() + BATCH_WAIT);
    let mut next = Some(first);
    while let Some(message) = next {
        match message {
            Message::Spans(more) => spans.extend(more),
            Message::Flush(done) => return (spans, Some(done)),
        }
        let left = until.saturating_duration_since(clock::monotonic());
        next = match spans.len() < BATCH_SPANS_MAX {
            true => messages.recv_timeout(left).ok(),
            false => None,
        };
    }
    (spans, None)
}

#[cfg(test)]
mod tests;
