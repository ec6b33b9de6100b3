//! Paths that models, repositories and archives name.

use std::path::{Component, Path};

use pipeline::SafePath;
use pipeline::limits::{PATH_BYTES_MAX, PATH_DEPTH_MAX};

/// A path that is accepted stays inside, on every file system, and survives being written.
pub fn run(data: &[u8]) {
    let text = crate::text(data);
    let Ok(path) = SafePath::parse(&text) else {
        return;
    };
    holds(&path);
    assert_eq!(path.as_str(), text);
    let json = serde_json::to_string(&path).unwrap();
    assert_eq!(serde_json::from_str::<SafePath>(&json).unwrap(), path);
}

/// What is true of every path that was accepted.
pub(crate) fn holds(path: &SafePath) {
    let text = path.as_str();
    let segments: Vec<&str> = text.split('/').collect();
    assert!(text.len() <= PATH_BYTES_MAX && segments.len() <= PATH_DEPTH_MAX);
    assert!(
        !text
            .chars()
            .any(|letter| letter.is_control() || r#"\:*?"<>|%"#.contains(letter))
    );
    for segment in &segments {
        let lower = segment.to_lowercase();
        assert!(!matches!(
            &*lower,
            "" | "." | ".." | ".git" | "node_modules"
        ));
        assert!(!lower.starts_with(".env") && !lower.ends_with(['.', ' ']));
    }
    let parts: Vec<Component<'_>> = Path::new(text).components().collect();
    assert_eq!(parts.len(), segments.len());
    assert!(
        parts
            .iter()
            .all(|part| matches!(part, Component::Normal(_)))
    );
}
