//! Real git, cut off from the configuration of whoever runs the tests.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs git with standard input and extra variables; `Err` holds its standard error.
pub(super) fn try_git(
    folder: &Path,
    arguments: &[&str],
    input: &str,
    variables: &[(&str, &str)],
) -> Result<String, String> {
    let output = try_git_bytes(folder, arguments, input.as_bytes(), variables)?;
    let text = String::from_utf8(output).expect("utf-8");
    Ok(text.trim_end_matches('\n').to_owned())
}

/// The same for what is not text.
pub(super) fn try_git_bytes(
    folder: &Path,
    arguments: &[&str],
    input: &[u8],
    variables: &[(&str, &str)],
) -> Result<Vec<u8>, String> {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .env_remove("GIT_WORK_TREE")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    let mut stdin = child.stdin.take().expect("stdin");
    stdin.write_all(input).expect("write to git");
    drop(stdin);
    let output = child.wait_with_output().expect("git ends");
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// Runs git, which must succeed.
pub(super) fn git(folder: &Path, arguments: &[&str], input: &str) -> String {
    try_git(folder, arguments, input, &[]).expect("git succeeds")
}

/// `git commit-tree` with the same author and committer.
pub(super) fn commit_tree(
    folder: &Path,
    tree: &str,
    parents: &[&str],
    (name, email, date): (&str, &str, &str),
    message: &str,
) -> String {
    let mut arguments = vec!["commit-tree", tree];
    for parent in parents {
        arguments.extend(["-p", parent]);
    }
    let variables = [
        ("GIT_AUTHOR_NAME", name),
        ("GIT_AUTHOR_EMAIL", email),
        ("GIT_AUTHOR_DATE", date),
        ("GIT_COMMITTER_NAME", name),
        ("GIT_COMMITTER_EMAIL", email),
        ("GIT_COMMITTER_DATE", date),
    ];
    try_git(folder, &arguments, message, &variables).expect("git commit-tree")
}
