//! The person's own editor.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

/// Writes a text that only this person can read.
///
/// # Errors
/// The disk.
pub(crate) fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    let context = || format!("could not write {}", path.display());
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)
}

/// Opens a file in `$VISUAL` or `$EDITOR`, and waits until it is closed.
///
/// # Errors
/// Neither is set, or the editor fails.
pub(crate) fn open(path: &Path) -> anyhow::Result<()> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let editor = set("VISUAL").or_else(|| set("EDITOR")).context(
        "no editor is set: set VISUAL or EDITOR, for example EDITOR=nano, or name a file",
    )?;
    // The setting may hold arguments, so a shell reads it, as for git.
    let status = Command::new("sh")
        .args(["-c", "$ORCHESTRATOR_EDITOR \"$1\"", "sh"])
        .arg(path)
        .env("ORCHESTRATOR_EDITOR", &editor)
        .status()
        .context("could not start the editor")?;
    let name = editor.to_string_lossy();
    ensure!(status.success(), "the editor `{name}` failed");
    Ok(())
}
