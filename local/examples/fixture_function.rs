//! A function for tests: speaks the Open Runtimes protocol with the standard library only.
//!
//! What it does is chosen by the first segment of the path or, for `/`, by the variable `MODE`:
//! `echo` (default) answers what it was sent, `status-N` answers N, `hold` tells the listener at
//! `GATE` that it is inside and goes on when that closes the connection, `exit` ends the process.
//! `MODE=deaf` never listens, `MODE=dies` ends at the start. With `MODE=keep` it serves one request
//! after another on a connection, with `MODE=slam` it closes it after one and does not say so,
//! otherwise it says so. With `QUIET` set it does not say at
//! which port it listens, as the server of the Rust image.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the protocol is spoken on stdout"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a function reads its environment"
)]
#![expect(clippy::exit, reason = "ending the process is what some tests ask for")]
#![expect(clippy::unwrap_used, reason = "a test's helper may fail loudly")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

fn main() {
    match variable("MODE").as_str() {
        "dies" => {
            eprintln!("missing setting: X");
            process::exit(3);
        }
        "deaf" => loop {
            std::thread::park();
        },
        _ => {}
    }
    if variable("ORCHESTRATOR_EXIT_WITH_STDIN") == "1" {
        std::thread::spawn(|| {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            process::exit(0);
        });
    }
    let listener = TcpListener::bind(format!("{}:{}", variable("HOST"), variable("PORT"))).unwrap();
    if variable("QUIET").is_empty() {
        println!("Listening on http://{}", listener.local_addr().unwrap());
    }
    println!("HTTP server successfully started!");
    for stream in listener.incoming() {
        let stream = stream.unwrap();
        std::thread::spawn(move || {
            let connection = CONNECTIONS.fetch_add(1, Ordering::SeqCst);
            while serve(&stream, connection).is_some() && variable("MODE") == "keep" {}
        });
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// Serves one request; `None` where there is no further one.
fn serve(stream: &TcpStream, connection: u64) -> Option<()> {
    let request = read(stream)?;
    if request.path == "/__opr/health" {
        return answer(stream, 200, "", "OK");
    }
    if request.headers.get("x-open-runtimes-secret") != Some(&variable("OPEN_RUNTIMES_SECRET")) {
        return answer(stream, 401, "", "Unauthorized.");
    }
    let number = REQUESTS.fetch_add(1, Ordering::SeqCst);
    let log_id = format!("log{}x{number}", process::id());
    let folder = variable("OPEN_RUNTIMES_LOGS_DIR");
    let write = |kind: &str, text: &str| {
        std::fs::write(
            Path::new(&folder).join(format!("{log_id}_{kind}.log")),
            text,
        )
        .unwrap();
    };
    write("logs", &format!("request {number}\n"));
    let mode = match request.path.trim_start_matches('/').split('?').next() {
        Some("") | None => variable("MODE"),
        Some(segment) => segment.to_owned(),
    };
    if mode == "exit" {
        process::exit(9);
    }
    if mode == "hold" {
        hold(&request);
    }
    if let Some(status) = mode.strip_prefix("status-") {
        write("errors", "it went wrong\n");
        return answer(stream, status.parse().unwrap(), &log_id, "");
    }
    answer(stream, 200, &log_id, &echo(&request, connection))
}

fn hold(request: &Request) {
    let mut gate = TcpStream::connect(variable("GATE")).unwrap();
    let execution = &request.headers["x-appwrite-execution-id"];
    let function = variable("APPWRITE_FUNCTION_ID");
    writeln!(
        gate,
        "{function} {execution} {} {}",
        process::id(),
        request.body
    )
    .unwrap();
    let _ = gate.read(&mut [0]);
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn echo(request: &Request, connection: u64) -> String {
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    serde_json::json!({
        "method": request.method,
        "path": request.path,
        "headers": request.headers,
        "body": request.body,
        "env": environment,
        "pid": process::id(),
        "connection": connection,
    })
    .to_string()
}

fn answer(mut stream: &TcpStream, status: u16, log_id: &str, body: &str) -> Option<()> {
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    head.push_str("content-type: application/json; charset=utf-8\r\n");
    if !matches!(variable("MODE").as_str(), "keep" | "slam") {
        head.push_str("connection: close\r\n");
    }
    let _ = write!(
        head,
        "x-fixture: 1\r\nx-open-runtimes-log-id: {log_id}\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()
}
