//! The HTTP side of the Open Runtimes v5 protocol, as the executor speaks it.

use std::time::Duration;

use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret as _;
use tokio::net::TcpStream;

use super::logs::LogId;
use super::process::Process;
use crate::faults::CallFault;

/// Bytes of a function's answer that are read at most.
pub const ANSWER_BYTES_MAX: usize = 20 * 1024 * 1024;
/// How long a connection to a process on this machine may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// How long one health check may take.
const HEALTH_LIMIT: Duration = Duration::from_secs(1);
/// Names an execution's log files. The real executor leaves the choice to the function.
const LOG_ID_HEADER: &str = "x-open-runtimes-log-id";
/// What libcurl, which the real executor uses, adds to a body that has no type.
const CURL_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// One request to a function.
#[derive(Debug, Clone)]
pub struct Call {
    /// Execution id, by which the serving process can be killed.
    pub execution_id: String,
    /// HTTP method.
    pub method: Method,
    /// Path with query; a leading slash is added where it is missing.
    pub path: String,
    /// Headers for the function; those of the protocol are added.
    pub headers: Vec<(String, String)>,
    /// Body as it is.
    pub body: Bytes,
    /// Time the function has, a cold start included.
    pub timeout: Duration,
    /// Whether the function shall write logs.
    pub logging: bool,
    /// What goes wrong with it on purpose.
    pub fault: Option<CallFault>,
}

/// What came back on the wire.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    /// Names the log files it says it has used.
    pub(super) log_id: String,
}

/// How an exchange failed.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// No connection was made, so the function has seen nothing.
    Connect,
    /// The connection ended without a whole answer.
    Broken,
    /// The answer is larger than [`ANSWER_BYTES_MAX`].
    TooLarge,
    /// A header or the path cannot be sent.
    Unsendable,
}

/// Whether the process at `port` answers its health check.
pub(super) async fn healthy(port: u16) -> bool {
    let Ok(request) = Request::get("/__opr/health")
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .body(Full::new(Bytes::new()))
    else {
        return false;
    };
    let asked = async { exchange(connect(port).await?, request).await };
    let reply = tokio::time::timeout(HEALTH_LIMIT, asked).await;
    matches!(reply, Ok(Ok((reply, _))) if reply.status == StatusCode::OK)
}

/// Sends one request and reads the whole answer, and says which log files the function was asked
/// to use. The caller bounds the time.
///
/// # Errors
/// [`ExchangeError`]; only [`ExchangeError::Connect`] is safe to repeat.
pub(super) async fn send(
    process: &Process,
    call: &Call,
    timeout: Duration,
) -> Result<(Reply, LogId), ExchangeError> {
    let log_id = process.logs.take();
    let request = build(process, call, timeout, process.logs.text(&log_id));
    let request = request.ok_or(ExchangeError::Unsendable)?;
    let stream = match process.connections.take() {
        Some(kept) => kept,
        None => connect(process.port).await?,
    };
    let (reply, stream) = exchange(stream, request).await?;
    if let Some(stream) = stream {
        process.connections.keep(stream);
    }
    Ok((reply, log_id))
}

fn build(
    process: &Process,
    call: &Call,
    timeout: Duration,
    log_id: String,
) -> Option<Request<Full<Bytes>>> {
    let secret = process.secret.expose_secret();
    let slash = if call.path.starts_with('/') { "" } else { "/" };
    // The real executor does not send these bodies either.
    let empty = matches!(call.body.as_ref(), b"" | b"0");
    let body = if empty {
        Bytes::new()
    } else {
        call.body.clone()
    };
    let mut request = Request::builder()
        .method(call.method.clone())
        .uri(format!("{slash}{}", call.path))
        .body(Full::new(body))
        .ok()?;
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    if !empty {
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(CURL_CONTENT_TYPE),
        );
    }
    for (name, value) in &call.headers {
        headers.insert(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    // Set last: a caller cannot overwrite them.
    let basic = STANDARD.encode(format!("opr:{secret}"));
    let seconds = timeout.as_secs().max(1).to_string();
    let logging = if call.logging { "enabled" } else { "disabled" };
    let own = [
        ("host", format!("127.0.0.1:{}", process.port)),
        ("authorization", format!("Basic {basic}")),
        ("x-open-runtimes-secret", secret.to_owned()),
        ("x-open-runtimes-timeout", seconds),
        ("x-open-runtimes-logging", logging.to_owned()),
        (LOG_ID_HEADER, log_id),
    ];
    for (name, value) in own {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::try_from(value).ok()?,
        );
    }
    // Length and transfer belong to this connection.
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::TRANSFER_ENCODING);
    Some(request)
}

async fn connect(port: u16) -> Result<TcpStream, ExchangeError> {
    let connect = TcpStream::connect(("127.0.0.1", port));
    let Ok(Ok(stream)) = tokio::time::timeout(CONNECT_LIMIT, connect).await else {
        return Err(ExchangeError::Connect);
    };
    // Small requests and answers on loopback: waiting to fill a packet only costs time.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Asks once, and gives the connection back where both sides are done with it and keep it.
async fn exchange(
    stream: TcpStream,
    request: Request<Full<Bytes>>,
) -> Result<(Reply, Option<TcpStream>), ExchangeError> {
    let (mut sender, mut connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|_| ExchangeError::Broken)?;
    let talk = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|_| ExchangeError::Broken)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        Ok((
            parts,
            body.map_err(|error| body_error(error.as_ref()))?.to_bytes(),
        ))
    };
    let mut ended = false;
    let (parts, body) = {
        let mut talk = std::pin::pin!(talk);
        tokio::select! {
            biased;
            outcome = &mut talk => outcome,
            // It may end before its last bytes are taken; the talk then ends by itself.
            _ = &mut connection => {
                ended = true;
                talk.await
            }
        }
    }?;
    // One look more, in which it makes itself ready for a next request, or ends.
    ended = ended || futures::poll!(&mut connection).is_ready() || !sender.is_ready();
    let kept = (!ended).then(|| connection.into_parts());
    let kept = kept.filter(|kept| kept.read_buf.is_empty());
    Ok((reply(&parts, body), kept.map(|kept| kept.io.into_inner())))
}

fn body_error(error: &(dyn std::error::Error + Send + Sync + 'static)) -> ExchangeError {
    match error.is::<LengthLimitError>() {
        true => ExchangeError::TooLarge,
        false => ExchangeError::Broken,
    }
}

fn reply(parts: &http::response::Parts, body: Bytes) -> Reply {
    let mut headers = Vec::with_capacity(parts.headers.len());
    let mut log_id = String::new();
    for (name, value) in &parts.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        if name == LOG_ID_HEADER {
            log_id = percent_decode_str(&value).decode_utf8_lossy().into_owned();
        } else if !name.as_str().starts_with("x-open-runtimes-") {
            headers.push((name.as_str().to_owned(), value));
        }
    }
    Reply {
        status: parts.status,
        headers,
        body,
        log_id,
    }
}
