//! A server on a raw socket, whose connections break where a test says so.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: Value,
}

/// What becomes of a request.
pub(crate) enum Reply {
    Json(u16, Value),
    /// The request was read; the connection closes without an answer.
    Close,
    /// The answer breaks off in its body.
    Truncate(u16),
    /// No answer until the client goes away.
    Hang,
}

/// An Appwrite error.
pub(crate) fn refusal(status: u16, kind: &str) -> Reply {
    Reply::Json(
        status,
        json!({"message": "refused", "code": status, "type": kind, "version": "1.9.6"}),
    )
}

pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Serves until the process ends: the thread waits in `accept` and holds nothing else.
    pub(crate) fn start(handle: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            seen: Arc::default(),
        };
        let (connections, seen) = (server.connections.clone(), server.seen.clone());
        let handle = Arc::new(handle);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                connections.fetch_add(1, Ordering::SeqCst);
                let (handle, seen) = (handle.clone(), seen.clone());
                thread::spawn(move || serve(stream, &seen, &*handle));
            }
        });
        server
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, all: &Mutex<Vec<Seen>>, handle: &dyn Fn(&Seen, usize) -> Reply) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(seen) = read_request(&mut reader) {
        let number = {
            let mut all = all.lock().unwrap();
            all.push(seen.clone());
            all.len()
        };
        let (status, body, length) = match handle(&seen, number) {
            Reply::Json(status, body) => {
                let body = body.to_string();
                let length = body.len();
                (status, body, length)
            }
            Reply::Truncate(status) => (status, "{\"$id\":".to_owned(), 1000),
            Reply::Close => return,
            Reply::Hang => {
                let _ = reader.read(&mut [0]);
                return;
            }
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        if write!(stream, "{head}{body}").is_err() || length != body.len() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Some(Seen { method, path, body })
}

/// A table that stores rows; faults are put in front of it.
#[derive(Default)]
pub(crate) struct Rows(Mutex<BTreeMap<String, Value>>);

impl Rows {
    pub(crate) fn put(&self, id: &str, data: &Value) -> Value {
        let mut row = data.clone();
        let at = "2026-11-22T20:26:29.635+00:00";
        row["$id"] = json!(id);
        row["$sequence"] = json!("1");
        row["$createdAt"] = json!(at);
        row["$updatedAt"] = json!(at);
        if row["$permissions"].is_null() {
            row["$permissions"] = json!([]);
        }
        self.0.lock().unwrap().insert(id.to_owned(), row.clone());
        row
    }

    pub(crate) fn reply(&self, seen: &Seen) -> Reply {
        let id = seen.path.rsplit('/').next().unwrap_or_default();
        match seen.method.as_str() {
            "POST" if seen.body["rows"].is_array() => self.create_many(&seen.body),
            "POST" => self.create(&seen.body),
            "GET" if seen.path.contains('?') => {
                let rows: Vec<Value> = self.0.lock().unwrap().values().cloned().collect();
                Reply::Json(200, json!({"total": rows.len(), "rows": rows}))
            }
            "GET" => match self.0.lock().unwrap().get(id) {
                Some(row) => Reply::Json(200, row.clone()),
                None => refusal(404, "row_not_found"),
            },
            "DELETE" => match self.0.lock().unwrap().remove(id) {
                Some(_) => Reply::Json(200, json!({})),
                None => refusal(404, "row_not_found"),
            },
            other => panic!("no such method here: {other}"),
        }
    }

    fn create(&self, body: &Value) -> Reply {
        let id = body["rowId"].as_str().unwrap();
        if self.0.lock().unwrap().contains_key(id) {
            return refusal(409, "row_already_exists");
        }
        Reply::Json(201, self.put(id, &body["data"]))
    }

    fn create_many(&self, body: &Value) -> Reply {
        let rows = body["rows"].as_array().unwrap();
        let is_taken = |row: &Value| {
            let id = row["$id"].as_str().unwrap();
            self.0.lock().unwrap().contains_key(id)
        };
        if rows.iter().any(is_taken) {
            return refusal(409, "row_already_exists");
        }
        let rows: Vec<Value> = rows
            .iter()
            .map(|row| self.put(row["$id"].as_str().unwrap(), row))
            .collect();
        Reply::Json(201, json!({"total": rows.len(), "rows": rows}))
    }
}

/// A table behind a fault: `fault` sees the request, its number and the table, and may answer.
pub(crate) fn rows_with_fault(
    fault: impl Fn(&Seen, usize, &Rows) -> Option<Reply> + Send + Sync + 'static,
) -> Server {
    let rows = Rows::default();
    Server::start(move |seen, number| {
        fault(seen, number, &rows).unwrap_or_else(|| rows.reply(seen))
    })
}
