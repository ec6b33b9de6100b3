//! What was typed for commands on tasks.

use std::path::PathBuf;

use clap::Args;
use pipeline::Status;

use super::PlatformArgs;

/// A task, and where it is.
#[derive(Debug, Args)]
pub struct TaskArgs {
    /// The task: its id, the beginning of its id, or `last` for the newest.
    pub task: String,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// A task that goes on by a command.
#[derive(Debug, Args)]
pub struct OrderArgs {
    #[command(flatten)]
    pub of: TaskArgs,
    /// Follow the task until it ends or waits for you; else this ends at once where another
    /// process, or an Appwrite project, carries the task on.
    #[arg(long)]
    pub watch: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator new brief.json --watch
  orchestrator new --name todo --type web --description \"A todo app\" --requirement \"Works offline\"
  orchestrator new --name shop --type fullstack --description \"A shop\" --option approval=plan --option budgetUsd=5
  orchestrator new                          # opens $VISUAL or $EDITOR
  generate-brief | orchestrator new - --json")]
pub struct NewArgs {
    /// The brief: a JSON or TOML file, or `-` for standard input. Flags change what it says.
    pub brief: Option<PathBuf>,
    /// What it is called: 1 to 80 characters.
    #[arg(long)]
    pub name: Option<String>,
    /// What it is: 1 to 10,000 characters.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// web, mobile, api or fullstack.
    #[arg(long = "type", value_name = "TYPE")]
    pub project_type: Option<String>,
    /// One thing that it must do. May be repeated.
    #[arg(long, value_name = "TEXT")]
    pub requirement: Vec<String>,
    /// An option of the brief, for example approval=plan, budgetUsd=5 or topics=a,b. May be
    /// repeated. The README lists them.
    #[arg(long, value_name = "KEY=VALUE")]
    pub option: Vec<String>,
    /// Open the brief in $VISUAL or $EDITOR before it is sent.
    #[arg(long)]
    pub edit: bool,
    /// Follow the task until it ends or waits for you.
    #[arg(long)]
    pub watch: bool,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

impl NewArgs {
    /// Whether a flag gives a field of the brief.
    pub(crate) const fn has_fields(&self) -> bool {
        self.name.is_some()
            || self.description.is_some()
            || self.project_type.is_some()
            || !self.requirement.is_empty()
            || !self.option.is_empty()
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator list --status awaiting_approval --status paused
  orchestrator list --search shop --limit 5
  orchestrator list --json | jq -r .id")]
pub struct ListArgs {
    /// Only tasks with this status. May be repeated.
    #[arg(long, value_name = "STATUS", value_parser = status)]
    pub status: Vec<Status>,
    /// Only tasks whose name or id has this text.
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// At most this many, the newest.
    #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    pub limit: u16,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

fn status(word: &str) -> Result<Status, String> {
    Status::parse(word).ok_or_else(|| {
        let words: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
        format!("it must be one of {}", words.join(", "))
    })
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  orchestrator revise last \"Use fewer parts, and plain CSS\"")]
pub struct ReviseArgs {
    #[command(flatten)]
    pub order: OrderArgs,
    /// What the next plan shall bear in mind, or `-` for standard input.
    pub comment: String,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator edit last                    # opens $VISUAL or $EDITOR
  orchestrator edit last --print > a.json   # and, when it is changed:
  orchestrator edit last --file a.json")]
pub struct EditArgs {
    #[command(flatten)]
    pub order: OrderArgs,
    /// Take the assignments from this JSON file, or `-` for standard input.
    #[arg(long, conflicts_with = "print")]
    pub file: Option<PathBuf>,
    /// Print the assignments as they are, and change nothing.
    #[arg(long)]
    pub print: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  orchestrator follow-up last \"Let people search\" --requirement \"Search by name\"")]
pub struct FollowUpArgs {
    #[command(flatten)]
    pub order: OrderArgs,
    /// What is asked for on top of what was released, or `-` for standard input.
    pub text: String,
    /// One thing that it must do. May be repeated.
    #[arg(long, value_name = "TEXT")]
    pub requirement: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  orchestrator budget last 7.50")]
pub struct BudgetArgs {
    #[command(flatten)]
    pub order: OrderArgs,
    /// US dollars that the task may spend in all; more than before.
    #[arg(value_name = "USD", value_parser = dollars)]
    pub micro_usd: u64,
}

fn dollars(text: &str) -> Result<u64, String> {
    let dollars: Option<f64> = text.trim_start_matches('$').parse().ok();
    let micro_usd = dollars.map(pipeline::money::micro);
    micro_usd
        .filter(|micro_usd| *micro_usd > 0)
        .ok_or_else(|| "it must be a number of US dollars above 0, for example 7.50".to_owned())
}

#[derive(Debug, Args)]
pub struct CancelArgs {
    #[command(flatten)]
    pub of: TaskArgs,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator rollback last
  orchestrator rollback tk3f --release 2")]
pub struct RollbackArgs {
    #[command(flatten)]
    pub order: OrderArgs,
    /// The number of the release; the one before what is served if not given.
    #[arg(long, value_name = "NUMBER")]
    pub release: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator logs last --stage coding --agent ui
  orchestrator logs last --follow
  orchestrator logs last --json | jq -r 'select(.level == \"error\") | .text'")]
pub struct LogsArgs {
    #[command(flatten)]
    pub of: TaskArgs,
    /// Only lines of this stage: planning, coding, reviewing, publishing, deploying or command.
    #[arg(long, value_name = "STAGE")]
    pub stage: Option<String>,
    /// Only lines of the agent of this assignment.
    #[arg(long, value_name = "ASSIGNMENT")]
    pub agent: Option<String>,
    /// Go on with what comes until the task ends or waits for you.
    #[arg(long, short)]
    pub follow: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator files last
  orchestrator files last index.html | less
  orchestrator files last --out ./app
  orchestrator files last --round 1         # before the first review")]
pub struct FilesArgs {
    #[command(flatten)]
    pub of: TaskArgs,
    /// Print this file.
    #[arg(conflicts_with = "out")]
    pub path: Option<String>,
    /// Write all files into this folder, which must be empty or not there.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// With --out: write into a folder that has files; those of the same paths are replaced.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// As they were after this round of the newest plan; 0 is what the plan itself wrote.
    #[arg(long, value_name = "NUMBER")]
    pub round: Option<u32>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator completions bash > ~/.local/share/bash-completion/completions/orchestrator
  orchestrator completions zsh > \"${fpath[1]}/_orchestrator\"
  orchestrator completions fish > ~/.config/fish/completions/orchestrator.fish")]
pub struct CompletionsArgs {
    /// The shell.
    pub shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  orchestrator man | man -l -
  orchestrator man --out ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write a page for each command into this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
