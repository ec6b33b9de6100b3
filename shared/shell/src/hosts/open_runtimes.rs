//! The Open Runtimes v5 host: an HTTP/1.1 server that Appwrite's executor calls.
//!
//! Unlike the stock runtimes, a handler does not go on running after its time-out.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::control::{LOG_ID_HEADER, timeout, wanted_log};
use super::request::Head;
use super::{execute, response};
use crate::config::HostSettings;
use crate::invocation::{Handler, Reply};
use crate::logging::Log;
use crate::redaction::Redactor;

/// Larger request bodies are refused while they stream in.
const BODY_BYTES_MAX: usize = 20 * 1024 * 1024;
/// After `SIGTERM`, running requests get this long: containers are killed ten seconds after it.
const DRAIN_MAX: Duration = Duration::from_secs(8);
/// Before accepting again when the process has run out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

const WRONG_SECRET: &str = r#"Unauthorized. Provide correct "x-open-runtimes-secret" header."#;
const WRONG_TIMEOUT: &str =
    r#"Header "x-open-runtimes-timeout" must be an integer greater than 0."#;
const BODY_TOO_LARGE: &str = "Request body size exceeds 20MB limit.";

/// What all requests share.
struct Host<H> {
    handler: Arc<H>,
    settings: HostSettings,
    redactor: Redactor,
}

/// Serves until `SIGTERM`, or until standard input ends where that was asked for.
///
/// # Errors
/// When the address cannot be listened on.
pub(super) async fn serve<H: Handler>(
    handler: Arc<H>,
    settings: HostSettings,
    redactor: Redactor,
) -> anyhow::Result<()> {
    let address = settings.address;
    let exits_with_stdin = settings.exits_with_stdin;
    let host = Arc::new(Host {
        handler,
        settings,
        redactor,
    });
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("could not listen on `{address}`"))?;
    let mut terminated = signal(SignalKind::terminate()).context("could not watch `SIGTERM`")?;
    let parent_gone = stdin_end(exits_with_stdin);
    tokio::pin!(parent_gone);
    announce(&listener)?;

    let stop = CancellationToken::new();
    let connections = TaskTracker::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(host.clone(), stream, stop.clone()));
                }
                Err(_out_of_descriptors) => tokio::time::sleep(ACCEPT_RETRY).await,
            },
            _ = terminated.recv() => break,
            () = &mut parent_gone => return Ok(()),
        }
    }
    drop(listener);
    stop.cancel();
    connections.close();
    tokio::select! {
        _ = tokio::time::timeout(DRAIN_MAX, connections.wait()) => {}
        () = &mut parent_gone => {}
    }
    Ok(())
}

/// The executor waits for the second line; the embedded platform and the tests read the first.
#[expect(
    clippy::print_stdout,
    reason = "both lines are part of the protocol with the parent"
)]
fn announce(listener: &TcpListener) -> anyhow::Result<()> {
    let address = listener
        .local_addr()
        .context("could not read the address listened on")?;
    println!("Listening on http://{address}");
    println!("HTTP server successfully started!");
    Ok(())
}

/// Resolves at the end of standard input; never, where that is not asked for.
///
/// A thread of its own: reading standard input cannot be cancelled.
fn stdin_end(is_watched: bool) -> impl Future<Output = ()> {
    let (ended, end) = oneshot::channel();
    if is_watched {
        std::thread::spawn(move || {
            // An error ends it as well.
            let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
            let _ = ended.send(());
        });
    }
    async move {
        if !is_watched || end.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Serves one connection until its end; after `stop`, until its current request is answered.
async fn converse<H: Handler>(host: Arc<Host<H>>, stream: TcpStream, stop: CancellationToken) {
    // Answers are small and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let host = host.clone();
        async move { Ok::<_, Infallible>(host.answer(request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    // An error is the peer's going away: there is nobody to tell.
    tokio::select! {
        _ = &mut connection => return,
        () = stop.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

impl<H: Handler> Host<H> {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match request.uri().path() {
            "/__opr/health" => return response::plain(StatusCode::OK, "OK"),
            "/__opr/timings" => return self.timings().await,
            _ => {}
        }
        if !self.is_authorized(request.headers()) {
            return response::plain(StatusCode::UNAUTHORIZED, WRONG_SECRET);
        }
        match timeout(request.headers()) {
            Some(timeout) => self.run(request, Instant::now() + timeout).await,
            None => response::plain(StatusCode::INTERNAL_SERVER_ERROR, WRONG_TIMEOUT),
        }
    }

    async fn timings(&self) -> Response<Full<Bytes>> {
        match tokio::fs::read(self.settings.telemetry_folder.join("timings.txt")).await {
            Ok(timings) => response::plain(StatusCode::OK, timings),
            Err(_unreadable) => response::plain(StatusCode::INTERNAL_SERVER_ERROR, ""),
        }
    }

    fn is_authorized(&self, headers: &HeaderMap) -> bool {
        let Some(secret) = &self.settings.secret else {
            return true;
        };
        let given = headers
            .get("x-open-runtimes-secret")
            .map_or(&[][..], HeaderValue::as_bytes);
        secret.expose_secret().as_bytes().ct_eq(given).into()
    }

    async fn run(&self, request: Request<Incoming>, deadline: Instant) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let wanted_log = wanted_log(&parts.headers, self.settings.is_development);
        let enforced = &self.settings.enforced_headers;
        let head = Head::new(parts.method, parts.uri, parts.headers, enforced);
        let log = self.open_log(wanted_log, head.redactor(&self.redactor));
        let reply = match read(body, deadline).await {
            Ok(body) => {
                let invocation = head.into_invocation(body, deadline, log.clone());
                execute(self.handler.clone(), invocation).await
            }
            Err(refusal) => refusal,
        };
        let mut response = response::build(reply, &log).map(Full::new);
        // Before any byte of the answer: the executor then reads the files and deletes them.
        log.close();
        let id = HeaderValue::from_str(log.id()).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(LOG_ID_HEADER, id);
        response
    }

    fn open_log(&self, wanted_id: Option<String>, redactor: Redactor) -> Log {
        match wanted_id {
            Some(id) => Log::to_files(&self.settings.logs_folder, id, redactor),
            None => Log::off(redactor),
        }
    }
}

/// Reads the whole body, or says what to answer instead.
async fn read(body: Incoming, deadline: Instant) -> Result<Bytes, Reply> {
    let too_large = || refusal(500, BODY_TOO_LARGE);
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    let all = Limited::new(body, BODY_BYTES_MAX).collect();
    match tokio::time::timeout_at(deadline.into(), all).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(refusal(400, "The request body could not be read.")),
        Err(_elapsed) => Err(refusal(408, "The request body did not arrive in time.")),
    }
}

fn refusal(status: u16, text: &str) -> Reply {
    Reply {
        body: text.as_bytes().to_vec(),
        ..Reply::empty(status)
    }
}
