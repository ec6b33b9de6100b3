//! A server on a free port that gives its replies one after the other, byte for byte.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use models::Settings;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const KEY: &str = "hunter2-hunter2";

/// What the server does with a request.
pub(crate) enum Reply {
    /// Writes these bytes and closes.
    Close(Vec<u8>),
    /// Writes these bytes and keeps the connection open.
    Hold(Vec<u8>),
    /// Writes the first bytes, then the second without end.
    Repeat(Vec<u8>, Vec<u8>),
    /// As `Repeat`, but only every few milliseconds.
    Drip(Vec<u8>, Vec<u8>),
}

/// One request as it came.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn has_header(&self, line: &str) -> bool {
        self.head
            .lines()
            .any(|header| header.eq_ignore_ascii_case(line))
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        let requests = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(reply) = replies.pop_front() {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                requests.lock().unwrap().push(request);
                tokio::spawn(write(stream, reply));
            }
        });
        Self { url, seen }
    }

    /// Settings that fail fast.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            total_timeout: Duration::from_secs(20),
            ..Settings::new(&self.url, SecretString::from(KEY))
        }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn read(stream: &mut TcpStream) -> Seen {
    let mut bytes = Vec::new();
    loop {
        let head_end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length: usize = head
                .lines()
                .find_map(|line| {
                    line.to_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse()
                        .ok()
                })
                // A request without a body has none.
                .unwrap_or(0);
            let body = &bytes[end + 4..];
            if body.len() >= length {
                let body = body.to_vec();
                return Seen { head, body };
            }
        }
        assert_ne!(stream.read_buf(&mut bytes).await.unwrap(), 0, "cut off");
    }
}

async fn write(mut stream: TcpStream, reply: Reply) {
    let (Reply::Close(first)
    | Reply::Hold(first)
    | Reply::Repeat(first, _)
    | Reply::Drip(first, _)) = &reply;
    stream.write_all(first).await.unwrap();
    match reply {
        Reply::Close(_) => {}
        Reply::Hold(_) => {
            // Ends when the client hangs up.
            let _ = stream.read(&mut [0]).await;
        }
        Reply::Repeat(_, again) => while stream.write_all(&again).await.is_ok() {},
        Reply::Drip(_, again) => {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            while stream.write_all(&again).await.is_ok() {
                ticks.tick().await;
            }
        }
    }
}

/// An answer with a length. `headers` are whole lines, each with its line end.
pub(crate) fn answer(status: u16, headers: &str, content_type: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Close(
        format!(
            "HTTP/1.1 {status} Status\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        )
        .into_bytes(),
    )
}

pub(crate) fn json(status: u16, headers: &str, body: &serde_json::Value) -> Reply {
    answer(status, headers, "application/json", &body.to_string())
}

/// An event stream that ends where the text does.
pub(crate) fn stream(text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nrequest-id: req_01\r\nconnection: close\r\n\r\n{text}"
    )
    .into_bytes()
}
