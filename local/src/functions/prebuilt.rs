//! Builds of prebuilt executables: the only builds of what is no JavaScript.
//!
//! No command is run. The build commands of a deployment are read, and taken as done when they are
//! those that make a prebuilt `rust_runtime` executable and empty the runtime's compile hooks.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::builds::BuildError;
use super::deployments::{CODE_FOLDER, OUTPUT_FILE, SOURCE_FILE};
use crate::sites::archive;

/// The executable at the root of an archive, which the Rust image starts.
pub(super) const EXECUTABLE: &str = "rust_runtime";

/// Scripts of the Rust image that would compile the source: the newer name and the older one.
const HOOKS: &[&str] = &[
    "/usr/local/server/hooks/compile.sh",
    "/usr/local/server/helpers/prepare-compile.sh",
];

/// Builds the source in a deployment's folder. Returns the size of the packed output in bytes.
/// Blocks.
///
/// # Errors
/// [`BuildError`].
pub(super) fn build(folder: &Path, commands: &str) -> Result<u64, BuildError> {
    let code = folder.join(CODE_FOLDER);
    match fs::remove_dir_all(&code) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(&code)?;
    archive::unpack(File::open(folder.join(SOURCE_FILE))?, &code)?;
    let executable = code.join(EXECUTABLE);
    // Unpacking made no links, so this is a file of the archive.
    if !executable.is_file() || !is_prebuilt(commands) {
        return Err(BuildError::NotPrebuilt);
    }
    fs::set_permissions(&executable, fs::Permissions::from_mode(0o755))?;
    let files: Vec<PathBuf> = archive::files(&code)?;
    Ok(archive::pack(&code, &files, &folder.join(OUTPUT_FILE))?)
}

/// Whether commands do nothing but make the executable executable and empty at least one of the
/// compile hooks.
fn is_prebuilt(commands: &str) -> bool {
    let words = words(commands);
    let mut rest: &[&str] = &words;
    let (mut executable, mut emptied) = (false, false);
    while !rest.is_empty() {
        if let [";" | "&&", after @ ..] = rest {
            rest = after;
        } else if let [
            "chmod",
            "+x" | "755" | "0755" | "a+x" | "u+x",
            file,
            after @ ..,
        ] = rest
        {
            if !is_executable(file) {
                return false;
            }
            executable = true;
            rest = after;
        } else if let Some(after) = emptied_hook(rest).or_else(|| emptied_hooks(rest)) {
            emptied = true;
            rest = after;
        } else {
            return false;
        }
    }
    executable && emptied
}

fn is_executable(file: &str) -> bool {
    file.strip_prefix("./").unwrap_or(file) == EXECUTABLE
}

/// Reads `: > HOOK`.
fn emptied_hook<'a, 'b>(words: &'b [&'a str]) -> Option<&'b [&'a str]> {
    match words {
        [":", ">", hook, after @ ..] if HOOKS.contains(hook) => Some(after),
        _ => None,
    }
}

/// Reads `for f in HOOK…; do if [ -f "$f" ]; then : > "$f"; fi; done`.
fn emptied_hooks<'a, 'b>(words: &'b [&'a str]) -> Option<&'b [&'a str]> {
    let ["for", name, "in", after @ ..] = words else {
        return None;
    };
    let end = after.iter().position(|word| *word == ";")?;
    let (hooks, after) = after.split_at_checked(end)?;
    if hooks.is_empty() || !hooks.iter().all(|hook| HOOKS.contains(hook)) {
        return None;
    }
    let variable = |word: &str| word.strip_prefix('$') == Some(name);
    match after {
        [
            ";",
            "do",
            "if",
            "[",
            "-f",
            tested,
            "]",
            ";",
            "then",
            ":",
            ">",
            written,
            ";",
            "fi",
            ";",
            "done",
            after @ ..,
        ] if variable(tested) && variable(written) => Some(after),
        _ => None,
    }
}

/// Cuts commands into words; `;`, `&&` and `>` are words of their own, a line's end is `;`. Other
/// signs a shell would act on stay in their word, which then is none of those we know.
fn words(commands: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for line in commands.lines() {
        for part in line.split_inclusive([';', '>']) {
            let (text, sign) = match part.chars().last() {
                Some(';') => (part.trim_end_matches(';'), Some(";")),
                Some('>') => (part.trim_end_matches('>'), Some(">")),
                Some(_) | None => (part, None),
            };
            words.extend(text.split_whitespace().map(unquoted));
            words.extend(sign);
        }
        words.push(";");
    }
    words
}

fn unquoted(word: &str) -> &str {
    let inner = word.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "chmod +x rust_runtime; for f in /usr/local/server/hooks/compile.sh \
        /usr/local/server/helpers/prepare-compile.sh; do if [ -f \"$f\" ]; then : > \"$f\"; fi; done";

    #[test]
    fn only_prebuilt_commands_are_taken_as_done() {
        for good in [
            OURS,
            "chmod +x ./rust_runtime && : > /usr/local/server/hooks/compile.sh",
            "chmod 755 rust_runtime\n: > /usr/local/server/helpers/prepare-compile.sh\n",
        ] {
            assert!(is_prebuilt(good), "{good}");
        }
        let longer = format!("{OURS}; rm -rf /");
        for bad in [
            "",
            "chmod +x rust_runtime",
            "cargo build --release",
            ": > /usr/local/server/hooks/compile.sh",
            "chmod +x rust_runtime; : > /etc/passwd",
            "chmod +x ../rust_runtime; : > /usr/local/server/hooks/compile.sh",
            "chmod +x $(id) ; : > /usr/local/server/hooks/compile.sh",
            "chmod +x rust_runtime | : > /usr/local/server/hooks/compile.sh",
            &OURS.replace("/usr/local/server/hooks/compile.sh", "/tmp/x"),
            &OURS.replace(": > \"$f\"", ": > \"$g\""),
            &longer,
        ] {
            assert!(!is_prebuilt(bad), "{bad}");
        }
    }
}
