//! Ids computed here against real git.

use std::path::Path;

use super::git::{commit_tree, git};
use super::identity;
use crate::Identity;
use crate::object::{Files, Leaf, Mode, Sha, blob_sha, commit_sha, tree_sha};

fn bare(folder: &Path) {
    git(folder, &["init", "-q", "--bare", "."], "");
}

#[test]
fn blob_ids_are_those_of_git() {
    let folder = tempfile::tempdir().expect("tempdir");
    for content in ["", "hello\n", "ends without newline", "Grüße \u{1f980}\r\n"] {
        let expected = git(folder.path(), &["hash-object", "--stdin"], content);
        assert_eq!(
            blob_sha(content.as_bytes()).to_string(),
            expected,
            "{content:?}"
        );
    }
    let empty = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
    assert_eq!(blob_sha(b"").to_string(), empty);
}

fn leaf(mode: Mode, content: &str) -> Leaf {
    let sha = blob_sha(content.as_bytes());
    Leaf { mode, sha }
}

/// Names around `/` in the order of bytes, where sorting folders like files goes wrong.
fn tricky() -> Files {
    let mut files: Files = [
        "a/b/c/deep.txt",
        "a.txt",
        "a-b",
        "a/z",
        "a0",
        "lib/x",
        "lib.rs",
        "lib-y/x",
        "Ä/ö",
        "Z",
        ".github/workflows/ci.yml",
    ]
    .iter()
    .map(|path| ((*path).to_owned(), leaf(Mode::FILE, path)))
    .collect();
    files.insert(
        "scripts/run".to_owned(),
        leaf(Mode::EXECUTABLE, "#!/bin/sh\n"),
    );
    files.insert("scripts/link".to_owned(), leaf(Mode::LINK, "run"));
    files
}

#[test]
fn tree_ids_are_those_of_git() {
    let folder = tempfile::tempdir().expect("tempdir");
    bare(folder.path());
    let mut files = tricky();
    let module = "cd35ead57f01b3170fd0e0a67e470b759454dc60";
    let module = Leaf {
        mode: Mode::SUBMODULE,
        sha: module.parse().expect("id"),
    };
    files.insert("vendor/other".to_owned(), module);
    let index: String = files
        .iter()
        .map(|(path, leaf)| format!("{} {}\t{path}\n", leaf.mode, leaf.sha))
        .collect();
    git(folder.path(), &["update-index", "--index-info"], &index);
    let expected = git(folder.path(), &["write-tree", "--missing-ok"], "");
    assert_eq!(tree_sha(&files).to_string(), expected);
}

#[test]
fn a_flat_tree_is_that_of_mktree() {
    let folder = tempfile::tempdir().expect("tempdir");
    bare(folder.path());
    let lines = format!(
        "100644 blob {}\tb\n100755 blob {}\ta\n",
        blob_sha(b"1"),
        blob_sha(b"2")
    );
    let expected = git(folder.path(), &["mktree", "--missing"], &lines);
    let files = Files::from([
        ("b".to_owned(), leaf(Mode::FILE, "1")),
        ("a".to_owned(), leaf(Mode::EXECUTABLE, "2")),
    ]);
    assert_eq!(tree_sha(&files).to_string(), expected);
    let empty = git(folder.path(), &["mktree"], "");
    assert_eq!(tree_sha(&Files::new()).to_string(), empty);
}

#[test]
fn commit_ids_are_those_of_git() {
    let folder = tempfile::tempdir().expect("tempdir");
    bare(folder.path());
    let tree = git(folder.path(), &["mktree"], "");
    let who = identity();
    let by = (
        who.name.as_str(),
        who.email.as_str(),
        "2025-11-22T08:26:40Z",
    );
    let messages = [
        "one line",
        "with newline\n",
        "subject\n\nbody\n\nTrailer: x",
        "ünï",
    ];
    let mut parents: Vec<String> = Vec::new();
    for message in messages {
        let over: Vec<&str> = parents.iter().map(String::as_str).collect();
        let expected = commit_tree(folder.path(), &tree, &over, by, message);
        let over: Vec<Sha> = parents.iter().map(|id| id.parse().expect("id")).collect();
        let tree: Sha = tree.parse().expect("id");
        let found = commit_sha(tree, &over, &who, &who, message);
        assert_eq!(found.to_string(), expected, "{message:?} on {parents:?}");
        parents.push(expected);
    }
    let other = Identity {
        date_unix: who.date_unix + 1,
        ..identity()
    };
    let tree: Sha = tree.parse().expect("id");
    assert_ne!(
        commit_sha(tree, &[], &who, &other, "x"),
        commit_sha(tree, &[], &who, &who, "x"),
        "the committer counts"
    );
}

#[test]
fn only_forty_hexadecimal_digits_are_an_id() {
    let text = "cd35ead57f01b3170fd0e0a67e470b759454dc60";
    let sha: Sha = text.parse().expect("id");
    assert_eq!(sha.to_string(), text);
    assert_eq!(
        serde_json::to_string(&sha).expect("json"),
        format!("\"{text}\"")
    );
    for text in ["", "cd35", &"g".repeat(40), &"a".repeat(64), "main"] {
        assert!(text.parse::<Sha>().is_err(), "{text}");
    }
}
