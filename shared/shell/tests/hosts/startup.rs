//! From the environment to the first request, and the end of the process.

use std::process::Stdio;

use nix::sys::signal::Signal;

use crate::client::send;
use crate::process::{Echo, until};

#[test]
fn invalid_settings_end_the_process_with_one_message() {
    let variables = [
        ("CHECK_AFTER_SECONDS", "soon"),
        ("GROK_BASE_URL", "x.ai"),
        ("GROK_API_KEY", "a-secret-key"),
    ];
    let mut echo = Echo::spawn(&variables, Stdio::null());
    assert_eq!(echo.wait().code(), Some(1));
    assert_eq!(
        echo.read("stderr"),
        "error: invalid settings: `GROK_BASE_URL` must be an `http://` or `https://` URL without \
         user and query; `CHECK_AFTER_SECONDS` must be a whole number from 1 to 3600\n"
    );
}

#[test]
fn taken_port_ends_the_process_with_a_message() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut echo = Echo::spawn(&[("PORT", &port)], Stdio::null());
    assert_eq!(echo.wait().code(), Some(1));
    let stderr = echo.read("stderr");
    assert!(
        stderr.starts_with("error: could not listen on `127.0.0.1:"),
        "{stderr}"
    );
}

#[test]
fn function_with_missing_settings_starts_and_names_them() {
    let mut echo = Echo::spawn(&[("APPWRITE_PROJECT_ID", "p1")], Stdio::null());
    let answer = send(echo.address(), "POST /settings", &[], b"");
    assert_eq!(answer.status, 500);
    let message = answer.json()["error"]["message"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(message.contains("`APPWRITE_ENDPOINT`"), "{message}");
    assert!(
        message.contains("`GROK_API_KEY`") && !message.contains("`APPWRITE_PROJECT_ID`"),
        "{message}"
    );
}

#[test]
fn process_ends_with_its_standard_input_where_asked_to() {
    let variables = [("ORCHESTRATOR_EXIT_WITH_STDIN", "1")];
    let mut echo = Echo::spawn(&variables, Stdio::piped());
    let address = echo.address();
    assert_eq!(send(address, "GET /", &[], b"").status, 200);
    drop(echo.child.stdin.take());
    assert_eq!(echo.wait().code(), Some(0));
}

#[test]
fn end_of_standard_input_alone_ends_nothing() {
    let mut echo = Echo::spawn(&[], Stdio::piped());
    let address = echo.address();
    drop(echo.child.stdin.take());
    assert_eq!(send(address, "GET /", &[], b"").status, 200);
}

#[test]
fn running_request_is_finished_after_sigterm() {
    let mut echo = Echo::spawn(&[], Stdio::null());
    let address = echo.address();
    let file = echo.folder.path().join("go");
    let name = file.to_str().unwrap().to_owned();
    let begun = echo.folder.path().join("go.begun");
    let running = std::thread::spawn(move || send(address, "POST /wait", &[], name.as_bytes()));
    until(|| begun.exists());
    echo.signal(Signal::SIGTERM);
    until(|| std::net::TcpStream::connect(address).is_err());
    std::fs::write(file, "").unwrap();
    assert_eq!(running.join().unwrap().status, 200);
    assert_eq!(echo.wait().code(), Some(0));
}
