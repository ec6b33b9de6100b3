//! The list of what is shipped.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

const CREATED: &str = "2026-11-30T00:00:00Z";

/// What `scripts/audit --sbom` writes.
fn sbom() -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let metadata = folder.path().join("metadata.json");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let read = Command::new(cargo)
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .args(["--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root)
        .stdout(File::create(&metadata).unwrap())
        .status()
        .unwrap();
    assert!(read.success());
    let output = Command::new("node")
        .args([
            "scripts/sbom.mjs",
            "Cargo.lock",
            "web/package-lock.json",
            CREATED,
        ])
        .current_dir(root)
        .stdin(File::open(&metadata).unwrap())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn what_is_shipped_is_named_with_its_licence() {
    let sbom = sbom();
    assert_eq!(sbom["spdxVersion"], "SPDX-2.3");
    assert_eq!(sbom["creationInfo"]["created"], CREATED);
    let packages = sbom["packages"].as_array().unwrap();
    let text = |package: &Value, field: &str| package[field].as_str().unwrap().to_owned();
    let ids: BTreeSet<String> = packages.iter().map(|it| text(it, "SPDXID")).collect();
    assert_eq!(ids.len(), packages.len());
    for package in packages {
        assert_ne!(package["licenseDeclared"], "NOASSERTION", "{package}");
        let is_ours = package.get("externalRefs").is_none();
        assert!(is_ours || package["checksums"][0].is_object(), "{package}");
    }
    for relation in sbom["relationships"].as_array().unwrap() {
        let from = text(relation, "spdxElementId");
        assert!(
            ids.contains(&from) || from == "SPDXRef-DOCUMENT",
            "{relation}"
        );
        assert!(
            ids.contains(&text(relation, "relatedSpdxElement")),
            "{relation}"
        );
    }
    let described = sbom["documentDescribes"].as_array().unwrap();
    assert_eq!(described.len(), pipeline::Stage::ALL.len() + 1);
    let names: BTreeSet<String> = packages.iter().map(|it| text(it, "name")).collect();
    for shipped in [
        "shell", "rustls", "ring", "octocrab", "rusqlite", "preact", "appwrite",
    ] {
        assert!(names.contains(shipped), "{shipped}");
    }
    for other in [
        "tests", "proptest", "wiremock", "insta", "vite", "vitest", "cc",
    ] {
        assert!(!names.contains(other), "{other}");
    }
}
