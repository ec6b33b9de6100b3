//! What `scripts/bench` runs, so that a figure that can not be measured any more is noticed.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::crashes::orchestrator;

/// What it comes to, by the figures' keys.
fn bench(words: &[&str]) -> Value {
    let bench = orchestrator().with_file_name("examples").join("bench");
    let mut bench = Command::new(bench);
    bench.args(words).arg("--json").stderr(Stdio::inherit());
    let output = bench.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

#[test]
fn rates_are_measured_and_nothing_that_was_answered_is_lost() {
    let figures = bench(&["rates", "durability", "--seconds", "1", "--clients", "8"]);
    let measured = [
        "rows_created_normal",
        "rows_created_full",
        "full_share",
        "bare_request_p50",
        "event_to_function_p50",
        "write_to_function_p50",
        "write_p50",
        "answered",
    ];
    for key in measured {
        assert!(figures[key].as_f64() > Some(0.0), "{key}: {figures}");
    }
    for key in ["lost", "refused", "cut"] {
        assert_eq!(figures[key], json!(0.0), "{key}");
    }
}
