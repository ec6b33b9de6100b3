//! What was typed for exports and imports.

use std::path::PathBuf;

use clap::Args;

use super::PlatformArgs;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator export tasks.jsonl.gz
  orchestrator export --task tabc… > one.jsonl.gz")]
pub struct ExportArgs {
    /// The file to write; standard output if not given. It appears once it is whole.
    pub file: Option<PathBuf>,
    /// Only this task, by its whole id. May be repeated.
    #[arg(long, value_name = "ID")]
    pub task: Vec<String>,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator import tasks.jsonl.gz
  orchestrator import tasks.jsonl.gz --mine   # on a new platform: the tasks become yours")]
pub struct ImportArgs {
    /// The file, or `-` for standard input.
    pub file: PathBuf,
    /// Only this task of the file, by its whole id. May be repeated.
    #[arg(long, value_name = "ID")]
    pub task: Vec<String>,
    /// Replace what is there and differs. A task that went on since goes back to how it was.
    #[arg(long)]
    pub overwrite: bool,
    /// Give the tasks to this user instead of the one who had them.
    #[arg(long, value_name = "USER", conflicts_with = "mine")]
    pub owner: Option<String>,
    /// Give the tasks to who is signed in here.
    #[arg(long)]
    pub mine: bool,
    #[command(flatten)]
    pub platform: PlatformArgs,
}
