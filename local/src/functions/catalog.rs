//! Runtimes and sizes of machines that a function may name (Appwrite 1.9.6, measured).

use serde_json::{Value, json};

use crate::error::ApiError;

/// Runtimes Appwrite 1.9.6 knows; an instance runs those it has enabled.
pub(super) const RUNTIMES: &[&str] = &[
    "node-14.5",
    "node-16.0",
    "node-18.0",
    "node-19.0",
    "node-20.0",
    "node-21.0",
    "node-22",
    "node-23",
    "node-24",
    "node-25",
    "php-8.0",
    "php-8.1",
    "php-8.2",
    "php-8.3",
    "php-8.4",
    "ruby-3.0",
    "ruby-3.1",
    "ruby-3.2",
    "ruby-3.3",
    "ruby-3.4",
    "ruby-4.0",
    "python-3.8",
    "python-3.9",
    "python-3.10",
    "python-3.11",
    "python-3.12",
    "python-3.13",
    "python-3.14",
    "python-ml-3.11",
    "python-ml-3.12",
    "python-ml-3.13",
    "deno-1.21",
    "deno-1.24",
    "deno-1.35",
    "deno-1.40",
    "deno-1.46",
    "deno-2.0",
    "deno-2.5",
    "deno-2.6",
    "dart-2.15",
    "dart-2.16",
    "dart-2.17",
    "dart-2.18",
    "dart-2.19",
    "dart-3.0",
    "dart-3.1",
    "dart-3.3",
    "dart-3.5",
    "dart-3.8",
    "dart-3.9",
    "dart-3.10",
    "dart-3.11",
    "dotnet-6.0",
    "dotnet-7.0",
    "dotnet-8.0",
    "dotnet-10",
    "java-8.0",
    "java-11.0",
    "java-17.0",
    "java-18.0",
    "java-21.0",
    "java-22",
    "java-25",
    "swift-5.5",
    "swift-5.8",
    "swift-5.9",
    "swift-5.10",
    "swift-6.2",
    "kotlin-1.6",
    "kotlin-1.8",
    "kotlin-1.9",
    "kotlin-2.0",
    "kotlin-2.3",
    "cpp-17",
    "cpp-20",
    "bun-1.0",
    "bun-1.1",
    "bun-1.2",
    "bun-1.3",
    "go-1.23",
    "go-1.24",
    "go-1.25",
    "go-1.26",
    "rust-1.83",
    "static-1",
    "flutter-3.24",
    "flutter-3.27",
    "flutter-3.29",
    "flutter-3.32",
    "flutter-3.35",
    "flutter-3.38",
    "flutter-3.41",
];

/// Runtimes that are enabled unless the platform's settings say otherwise.
pub const RUNTIMES_DEFAULT: &[&str] = &["node-22", "rust-1.83"];

/// Sizes of machines: word, number of processors, megabytes. Nothing here is limited by them.
const SPECIFICATIONS: &[(&str, f64, u32)] = &[
    ("s-0.5vcpu-512mb", 0.5, 512),
    ("s-1vcpu-512mb", 1.0, 512),
    ("s-1vcpu-1gb", 1.0, 1_024),
    ("s-2vcpu-2gb", 2.0, 2_048),
    ("s-2vcpu-4gb", 2.0, 4_096),
    ("s-4vcpu-4gb", 4.0, 4_096),
    ("s-4vcpu-8gb", 4.0, 8_192),
    ("s-8vcpu-4gb", 8.0, 4_096),
    ("s-8vcpu-8gb", 8.0, 8_192),
];

/// Checks the word of a runtime.
///
/// # Errors
/// 400 `general_argument_invalid` for one that does not exist.
pub(super) fn known_runtime(word: &str) -> Result<(), ApiError> {
    if RUNTIMES.contains(&word) {
        return Ok(());
    }
    let list = RUNTIMES.join(", ");
    Err(ApiError::argument(format!(
        "Invalid `runtime` param: Value must be one of ({list})"
    )))
}

/// Checks that a runtime is enabled.
///
/// # Errors
/// 404 `function_runtime_unsupported`.
pub(super) fn enabled_runtime(word: &str, enabled: &[String]) -> Result<(), ApiError> {
    if enabled.iter().any(|it| it == word) {
        return Ok(());
    }
    let message = format!("Runtime \"{word}\" is not supported");
    Err(ApiError::not_found("function_runtime_unsupported", message))
}

/// Checks the word of a specification.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn known_specification(name: &str, word: &str) -> Result<(), ApiError> {
    if SPECIFICATIONS.iter().any(|(slug, ..)| *slug == word) {
        return Ok(());
    }
    let list: Vec<&str> = SPECIFICATIONS.iter().map(|(slug, ..)| *slug).collect();
    let list = list.join(", ");
    Err(ApiError::argument(format!(
        "Invalid `{name}` param: Specification must be one of: {list}"
    )))
}

/// The answer of `GET /v1/functions/specifications`.
pub(super) fn specifications() -> Value {
    let all: Vec<Value> = SPECIFICATIONS
        .iter()
        .map(|(slug, cpus, memory)| {
            json!({"slug": slug, "memory": memory, "cpus": cpus, "enabled": true})
        })
        .collect();
    json!({"total": all.len(), "specifications": all})
}

/// The answer of `GET /v1/functions/runtimes`: those that are enabled.
pub(super) fn runtimes(enabled: &[String]) -> Value {
    let all: Vec<Value> = enabled
        .iter()
        .map(|word| {
            let (key, version) = word.rsplit_once('-').unwrap_or((word, ""));
            let image = format!("openruntimes/{key}:v5-{version}");
            json!({
                "$id": word,
                "key": key,
                "name": display_name(key),
                "version": version,
                "base": "",
                "image": image,
                "logo": format!("{key}.png"),
                "supports": ["x86", "arm64"],
            })
        })
        .collect();
    json!({"total": all.len(), "runtimes": all})
}

/// A runtime's name for people: its key with a capital.
pub(super) fn display_name(key: &str) -> String {
    let mut name = key.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    name
}
