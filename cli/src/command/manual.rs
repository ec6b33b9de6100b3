//! `orchestrator completions` and `man`: what shells and `man` are told of the commands.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::Args;
use crate::args::task::{CompletionsArgs, ManArgs};
use crate::trouble::Exit;

/// The program's name.
const NAME: &str = "orchestrator";

/// Prints the completions of a shell.
///
/// # Errors
/// Nobody takes them.
pub(crate) fn completions(args: &CompletionsArgs) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Args::command(), NAME, &mut script);
    write(&script)
}

/// Prints the manual page, or writes one for each command into a folder.
///
/// # Errors
/// The folder can not be written.
pub(crate) fn man(args: &ManArgs) -> anyhow::Result<ExitCode> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        Man::new(Args::command()).render(&mut page)?;
        return write(&page);
    };
    pages(folder).with_context(|| format!("could not write into {}", folder.display()))?;
    Ok(Exit::Done.into())
}

fn pages(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Args::command(), folder)
}

fn write(text: &[u8]) -> anyhow::Result<ExitCode> {
    let mut output = std::io::stdout().lock();
    output
        .write_all(text)
        .and_then(|()| output.flush())
        .context("could not write it")?;
    Ok(Exit::Done.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        pages(folder.path()).unwrap();
        let pages = std::fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> = pages
            .map(|page| page.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        for command in Args::command().get_subcommands() {
            let name = format!("{NAME}-{}.1", command.get_name());
            let is_there = names.contains(&name);
            assert_ne!(command.is_hide_set(), is_there, "{name} of {names:?}");
        }
        let page = std::fs::read_to_string(folder.path().join("orchestrator-files.1")).unwrap();
        assert!(
            page.contains("orchestrator files last \\-\\-out ./app"),
            "{page}"
        );
        let page = std::fs::read_to_string(folder.path().join("orchestrator.1")).unwrap();
        assert!(page.contains("the task waits for its owner"), "{page}");
    }

    #[test]
    fn every_shell_completes_the_commands() {
        use clap::ValueEnum as _;
        for shell in clap_complete::Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Args::command(), NAME, &mut script);
            let script = String::from_utf8(script).unwrap();
            for word in ["follow-up", "rollback"] {
                assert!(script.contains(word), "{shell} misses {word}");
            }
        }
    }
}
