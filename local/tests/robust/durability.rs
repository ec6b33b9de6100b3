use std::process::Command;

use serde_json::Value;

use crate::process::bench;

#[test]
fn every_answered_write_survives_a_kill_of_the_platform() {
    let output = Command::new(bench())
        .args(["durability", "--seconds", "4", "--clients", "16", "--json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let report: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    // Each client was answered at least once before and once after the kill.
    assert!(report["answered"].as_f64().unwrap() >= 32.0, "{report}");
    for bad in ["lost", "refused", "cut"] {
        assert_eq!(report[bad], 0.0, "{report}");
    }
    assert!(output.status.success());
}
