//! The rules of form that a compiler does not know.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn files(folder: &Path, ends: &[&str], found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        );
        if path.is_dir() {
            if ![
                "target",
                "node_modules",
                "dist",
                ".git",
                ".orchestrator",
                "fixtures",
            ]
            .contains(&name.as_str())
            {
                files(&path, ends, found);
            }
        } else if ends.iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

#[test]
fn files_are_short() {
    let mut found = Vec::new();
    files(&root(), &[".rs", ".ts", ".tsx"], &mut found);
    assert!(found.len() > 100);
    // Nobody writes that one: `pipeline::typescript` does.
    found.retain(|path| !path.ends_with("web/src/lib/rows.ts"));
    for path in found {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 600, "{} has {lines} lines", path.display());
    }
}

#[test]
fn every_main_of_a_function_is_a_few_lines() {
    for entry in fs::read_dir(root().join("functions")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path().join("src/main.rs")).unwrap();
        assert!(text.lines().count() < 15, "{}", entry.path().display());
    }
}

#[test]
fn folders_and_configuration_name_the_same_functions() {
    let config: Value =
        serde_json::from_str(&fs::read_to_string(root().join("appwrite.json")).unwrap()).unwrap();
    let mut declared: Vec<String> = config["functions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|function| function["$id"].as_str().unwrap().to_owned())
        .collect();
    let mut folders: Vec<String> = fs::read_dir(root().join("functions"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let mut stages: Vec<String> = pipeline::Stage::ALL
        .iter()
        .map(|stage| stage.function_id().to_owned())
        .collect();
    declared.sort();
    folders.sort();
    stages.sort();
    assert_eq!(declared, folders);
    assert_eq!(declared, stages);
    for folder in folders {
        assert!(
            root()
                .join("functions")
                .join(&folder)
                .join("README.md")
                .is_file(),
            "{folder} has no README"
        );
    }
}

#[test]
fn each_trigger_table_has_one_subscriber() {
    let config: Value =
        serde_json::from_str(&fs::read_to_string(root().join("appwrite.json")).unwrap()).unwrap();
    let events: Vec<&str> = config["functions"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|function| function["events"].as_array().unwrap())
        .map(|event| event.as_str().unwrap())
        .collect();
    let mut once = events.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), events.len());
    for kind in pipeline::UnitKind::ALL {
        let event = format!(
            "databases.orchestrator.tables.{}.rows.*.create",
            kind.table()
        );
        assert!(events.contains(&event.as_str()), "{event}");
    }
}

#[test]
fn the_pipeline_depends_on_nobody() {
    let manifest = fs::read_to_string(root().join("shared/pipeline/Cargo.toml")).unwrap();
    let dependencies = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("[dev-dependencies]")
        .next()
        .unwrap();
    for name in [
        "tokio", "reqwest", "ureq", "octocrab", "hyper", "jiff", "appwrite", "models", "github",
        "shell",
    ] {
        assert!(
            !dependencies
                .lines()
                .any(|line| line.starts_with(&format!("{name}."))),
            "{name}"
        );
    }
}

#[test]
fn every_setting_stands_in_the_example_and_no_value_does() {
    let example = fs::read_to_string(root().join(".env.example")).unwrap();
    for setting in shell::config::SETTINGS {
        let line = example
            .lines()
            .find(|line| line.starts_with(&format!("{}=", setting.name)));
        if let Some(line) = line {
            assert!(
                !setting.secret || line.ends_with('='),
                "{} has a value",
                setting.name
            );
        }
        assert!(
            line.is_some() || !setting.secret,
            "{} is missing",
            setting.name
        );
    }
    let mut found = Vec::new();
    files(&root(), &["appwrite.json"], &mut found);
    assert!(
        !fs::read_to_string(&found[0])
            .unwrap()
            .to_lowercase()
            .contains("secret")
    );
}

#[test]
fn documents_are_linked_to_files_that_exist() {
    let mut found = Vec::new();
    files(&root(), &[".md"], &mut found);
    for path in found {
        let text = fs::read_to_string(&path).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let is_local = !link.contains("://") && !link.starts_with('#') && !link.contains("{{");
            let target = path.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(
                !is_local || target.exists(),
                "{} links to {link}",
                path.display()
            );
        }
    }
}

/// The names in backticks of a text that have the form of a test's.
fn tests_named(text: &str) -> Vec<&str> {
    let words = text.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| {
        word.matches('_').count() >= 3
            && word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    words.filter(is_test).collect()
}

#[test]
fn the_threat_model_names_tests_and_fuzz_targets_that_exist() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let mut found = Vec::new();
    files(&root(), &[".rs"], &mut found);
    let sources: Vec<String> = found
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let tests = tests_named(&text);
    assert!(tests.len() > 20, "{tests:?}");
    for name in tests {
        let head = format!("fn {name}(");
        let is_there = sources.iter().any(|source| source.contains(&head));
        assert!(is_there, "no test is called {name}");
    }
    let targets = text
        .split('`')
        .filter_map(|word| word.strip_prefix("fuzz/"));
    for name in targets {
        let target = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
        assert!(target.exists(), "there is no {}", target.display());
    }
}
