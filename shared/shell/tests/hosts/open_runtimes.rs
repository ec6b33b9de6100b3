//! The Open Runtimes v5 protocol, rule by rule.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::Stdio;

use crate::client::{Answer, connect, head, receive, send};
use crate::process::{Echo, until};

const MIB: usize = 1024 * 1024;
const BODY_BYTES_MAX: usize = 20 * MIB;
const SECRET: &str = "between-host-and-runtime";

fn start(variables: &[(&str, &str)]) -> (Echo, SocketAddr) {
    let mut echo = Echo::spawn(variables, Stdio::null());
    let address = echo.address();
    (echo, address)
}

#[test]
fn health_and_timings_need_no_secret() {
    let (echo, address) = start(&[("OPEN_RUNTIMES_SECRET", SECRET)]);
    let health = send(address, "GET /__opr/health", &[], b"");
    assert_eq!((health.status, health.body.as_str()), (200, "OK"));
    assert!(
        health
            .header("content-type")
            .unwrap()
            .starts_with("text/plain")
    );
    assert_eq!(health.header("x-open-runtimes-log-id"), None);

    let unreadable = send(address, "GET /__opr/timings", &[], b"");
    assert_eq!((unreadable.status, unreadable.body.as_str()), (500, ""));
    std::fs::write(echo.folder.path().join("timings.txt"), "startup=0.1\n").unwrap();
    let timings = send(address, "GET /__opr/timings", &[], b"");
    assert_eq!(
        (timings.status, timings.body.as_str()),
        (200, "startup=0.1\n")
    );
    assert_eq!(
        timings.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

#[test]
fn only_the_right_secret_is_let_in() {
    let (_echo, address) = start(&[("OPEN_RUNTIMES_SECRET", SECRET)]);
    let with = |secret| send(address, "GET /", &[("X-Open-Runtimes-Secret", secret)], b"");
    assert_eq!(with(SECRET).status, 200);
    for wrong in [
        "",
        "between-host-and-runtimf",
        "between-host-and-runtime1",
        "b",
    ] {
        let answer = with(wrong);
        assert_eq!(answer.status, 401, "{wrong}");
        let body = r#"Unauthorized. Provide correct "x-open-runtimes-secret" header."#;
        assert_eq!(answer.body, body);
    }
    assert_eq!(send(address, "GET /", &[], b"").status, 401);
}

#[test]
fn bad_timeout_header_is_refused() {
    let (_echo, address) = start(&[]);
    for bad in ["0", "-5", "1.5", "soon"] {
        let answer = send(address, "GET /", &[("x-open-runtimes-timeout", bad)], b"");
        assert_eq!(answer.status, 500, "{bad}");
        let body = r#"Header "x-open-runtimes-timeout" must be an integer greater than 0."#;
        assert_eq!(answer.body, body);
    }
}

#[test]
fn request_reaches_the_handler_whole() {
    let (_echo, address) = start(&[(
        "OPEN_RUNTIMES_HEADERS",
        r#"{"X-Enforced":7,"x-mine":"host"}"#,
    )]);
    let headers = [
        ("x-open-runtimes-timeout", "15"),
        ("X-Mine", "caller"),
        ("X-Other", "caller"),
        ("x-appwrite-trigger", "schedule"),
        ("x-appwrite-execution-id", "e1"),
        ("x-appwrite-user-id", "u1"),
        ("x-appwrite-key", "0123456789"),
    ];
    let seen = send(address, "PATCH /a%20b/c?x=1&y=%2F", &headers, b"hello").json();
    assert_eq!(seen["method"], "PATCH");
    assert_eq!(seen["path"], "/a%20b/c");
    assert_eq!(seen["query"], serde_json::json!({"x": "1", "y": "/"}));
    assert_eq!(seen["bodyStart"], "hello");
    assert_eq!(
        (&seen["trigger"], &seen["executionId"]),
        (&"Schedule".into(), &"e1".into())
    );
    assert_eq!(
        (&seen["userId"], &seen["keyChars"]),
        (&"u1".into(), &10.into())
    );
    let left = seen["secondsLeft"].as_f64().unwrap();
    assert!(left > 1.0 && left <= 15.0, "{left}");
    let headers = seen["headers"].as_object().unwrap();
    assert!(
        headers
            .keys()
            .all(|name| !name.starts_with("x-open-runtimes-")),
        "{headers:?}"
    );
    assert_eq!(
        (&headers["x-enforced"], &headers["x-mine"]),
        (&"7".into(), &"host".into())
    );
    assert_eq!(headers["x-other"], "caller");
}

#[test]
fn request_without_time_out_gets_900_seconds() {
    let (_echo, address) = start(&[]);
    let left = send(address, "GET /", &[], b"").json()["secondsLeft"]
        .as_f64()
        .unwrap();
    assert!(left > 850.0 && left <= 900.0, "{left}");
}

#[test]
fn answer_follows_the_header_rules() {
    let (_echo, address) = start(&[]);
    let wanted = r#"{"status":202,"body":"ok","headers":[["X-Mine","Yes"],["Content-Type","Text/HTML"],
        ["set-cookie","a=1\nb=2"],["X-Open-Runtimes-Log-Id","forged"]]}"#;
    let answer = send(address, "POST /reply", &[], wanted.as_bytes());
    assert_eq!((answer.status, answer.body.as_str()), (202, "ok"));
    assert_eq!(answer.header("x-mine"), Some("Yes"));
    assert_eq!(
        answer.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    let cookies = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie");
    assert_eq!(
        cookies.map(|(_, value)| value.as_str()).collect::<Vec<_>>(),
        ["a=1", "b=2"]
    );
    assert_eq!(
        answer
            .headers
            .iter()
            .filter(|(name, _)| name.ends_with("log-id"))
            .count(),
        1
    );
    assert_ne!(answer.log_id(), "forged");
}

#[test]
fn body_of_20_mib_is_accepted() {
    let (_echo, address) = start(&[]);
    let answer = send(address, "POST /", &[], &vec![b'x'; BODY_BYTES_MAX]);
    assert_eq!(answer.json()["bodyBytes"], BODY_BYTES_MAX);
}

#[track_caller]
fn check_too_large(answer: &Answer) {
    assert_eq!(answer.status, 500);
    assert_eq!(answer.body, "Request body size exceeds 20MB limit.");
}

#[test]
fn announced_body_over_the_limit_is_refused_at_once() {
    let (_echo, address) = start(&[]);
    let mut stream = connect(address);
    let length = (BODY_BYTES_MAX + 1).to_string();
    stream
        .write_all(head("POST /", &[("content-length", &length)]).as_bytes())
        .unwrap();
    check_too_large(&receive(&mut stream));
}

#[test]
fn chunked_body_over_the_limit_is_refused_while_it_streams() {
    let (_echo, address) = start(&[]);
    let mut stream = connect(address);
    stream
        .write_all(head("POST /", &[("transfer-encoding", "chunked")]).as_bytes())
        .unwrap();
    let chunk = [format!("{MIB:x}\r\n").as_bytes(), &vec![b'x'; MIB], b"\r\n"].concat();
    for _ in 0..BODY_BYTES_MAX / MIB {
        stream.write_all(&chunk).unwrap();
    }
    // One byte too many, and the body's end is never sent.
    stream.write_all(b"1\r\nx").unwrap();
    check_too_large(&receive(&mut stream));
}

#[test]
fn chunked_body_is_read() {
    let (_echo, address) = start(&[]);
    let mut stream = connect(address);
    stream
        .write_all(head("POST /", &[("transfer-encoding", "chunked")]).as_bytes())
        .unwrap();
    stream
        .write_all(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .unwrap();
    assert_eq!(receive(&mut stream).json()["bodyStart"], "abcde");
}

#[test]
fn waiting_client_is_told_to_continue() {
    let (_echo, address) = start(&[]);
    let mut stream = connect(address);
    let headers = [("expect", "100-continue"), ("content-length", "5")];
    stream
        .write_all(head("POST /", &headers).as_bytes())
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    reader.read_line(&mut line).unwrap();
    assert!(reader.buffer().is_empty(), "{line}");
    stream.write_all(b"hello").unwrap();
    assert_eq!(receive(&mut stream).json()["bodyStart"], "hello");
}

#[test]
fn stranger_is_refused_before_the_body() {
    let (_echo, address) = start(&[("OPEN_RUNTIMES_SECRET", SECRET)]);
    let mut stream = connect(address);
    let headers = [("expect", "100-continue"), ("content-length", "5")];
    stream
        .write_all(head("POST /", &headers).as_bytes())
        .unwrap();
    assert_eq!(receive(&mut stream).status, 401);
}

#[test]
fn requests_run_in_parallel() {
    let (_echo, address) = start(&[]);
    // Each is answered only once the other is there.
    let other = std::thread::spawn(move || send(address, "GET /meet", &[], b"").status);
    assert_eq!(send(address, "GET /meet", &[], b"").status, 200);
    assert_eq!(other.join().unwrap(), 200);
}

#[test]
fn log_files_are_complete_when_the_answer_comes() {
    let (echo, address) = start(&[("GITHUB_TOKEN", "configured-secret")]);
    let headers = [("x-appwrite-key", "key-of-this-execution")];
    let body = b"one configured-secret\ntwo key-of-this-execution";
    let answer = send(address, "POST /log", &headers, body);
    let expected = "one [redacted]\ntwo [redacted]\n";
    assert_eq!(
        echo.read(&format!("{}_logs.log", answer.log_id())),
        expected
    );
    assert_eq!(
        echo.read(&format!("{}_errors.log", answer.log_id())),
        expected
    );
}

#[test]
fn long_message_is_cut_with_the_documented_suffix() {
    let (echo, address) = start(&[]);
    let answer = send(address, "POST /log", &[], &[b'x'; 8_001]);
    let cut = "x".repeat(8_000) + "... Log truncated due to size limit (8000 characters)\n";
    assert_eq!(echo.read(&format!("{}_logs.log", answer.log_id())), cut);
}

#[test]
fn log_id_of_the_caller_names_the_files() {
    let (echo, address) = start(&[]);
    let answer = send(
        address,
        "POST /log",
        &[("x-open-runtimes-log-id", "mine")],
        b"hello",
    );
    assert_eq!(answer.log_id(), "mine");
    assert_eq!(echo.read("mine_logs.log"), "hello\n");
    let escaping = send(
        address,
        "POST /log",
        &[("x-open-runtimes-log-id", "../x")],
        b"hello",
    );
    assert_eq!(escaping.log_id().len(), 20);
}

#[test]
fn development_has_one_log() {
    let (echo, address) = start(&[("OPEN_RUNTIMES_ENV", "development")]);
    for text in ["one", "two"] {
        assert_eq!(
            send(address, "POST /log", &[], text.as_bytes()).log_id(),
            "dev"
        );
    }
    assert_eq!(echo.read("dev_logs.log"), "one\ntwo\n");
}

#[test]
fn disabled_logging_leaves_no_files() {
    let (echo, address) = start(&[]);
    let answer = send(
        address,
        "POST /log",
        &[("x-open-runtimes-logging", "disabled")],
        b"hello",
    );
    assert_eq!((answer.status, answer.log_id()), (200, ""));
    let names = std::fs::read_dir(echo.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["stderr"]);
}

#[test]
fn unwritable_log_folder_does_not_stop_an_execution() {
    let (echo, address) = start(&[("OPEN_RUNTIMES_LOGS_DIR", "/nonexistent/folder")]);
    let answer = send(address, "POST /log", &[], b"hello");
    assert_eq!(answer.status, 200);
    let stderr = echo.read("stderr");
    let told = "could not write the log file `/nonexistent/folder/";
    assert_eq!(stderr.matches(told).count(), 2, "{stderr}");
}

#[test]
fn panic_is_answered_and_logged_without_secrets() {
    let (echo, address) = start(&[("GITHUB_TOKEN", "configured-secret")]);
    for path in ["POST /panic", "POST /panic-blocking"] {
        let answer = send(address, path, &[], b"lost configured-secret");
        assert_eq!((answer.status, answer.body.as_str()), (500, ""));
        let errors = echo.read(&format!("{}_errors.log", answer.log_id()));
        assert!(errors.starts_with("The function panicked"), "{errors}");
        assert!(errors.ends_with(": lost [redacted]\n"), "{errors}");
        assert!(
            path == "POST /panic-blocking" || errors.contains("echo.rs:"),
            "{errors}"
        );
    }
    assert!(!echo.read("stderr").contains("configured-secret"));
    assert_eq!(send(address, "GET /", &[], b"").status, 200);
}

#[test]
fn handler_is_dropped_at_its_deadline() {
    let (echo, address) = start(&[]);
    let answer = send(
        address,
        "GET /hang",
        &[("x-open-runtimes-timeout", "1")],
        b"",
    );
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    let errors = echo.read(&format!("{}_errors.log", answer.log_id()));
    assert_eq!(errors, "Execution timed out.\n");
    assert_eq!(send(address, "GET /dropped", &[], b"").body, "1");
}

#[test]
fn handler_that_never_yields_is_answered_for() {
    let (_echo, address) = start(&[]);
    let answer = send(
        address,
        "GET /stuck",
        &[("x-open-runtimes-timeout", "1")],
        b"",
    );
    assert_eq!((answer.status, answer.body.as_str()), (500, ""));
    assert_eq!(send(address, "GET /release", &[], b"").status, 200);
}

#[test]
fn deadline_holds_after_the_caller_is_gone() {
    let (echo, address) = start(&[]);
    let name = echo.folder.path().join("hang").to_str().unwrap().to_owned();
    let length = name.len().to_string();
    let headers = [
        ("x-open-runtimes-timeout", "1"),
        ("content-length", &length),
    ];
    let mut stream = connect(address);
    stream
        .write_all((head("POST /hang", &headers) + &name).as_bytes())
        .unwrap();
    until(|| std::fs::exists(format!("{name}.begun")).unwrap());
    drop(stream);
    until(|| send(address, "GET /dropped", &[], b"").body == "1");
}
