//! What was typed.

pub mod backup;
pub mod task;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use local::store::Durability;

use self::backup::{ExportArgs, ImportArgs};
use self::task::{
    BudgetArgs, CancelArgs, CompletionsArgs, EditArgs, FilesArgs, FollowUpArgs, ListArgs, LogsArgs,
    ManArgs, NewArgs, OrderArgs, ReviseArgs, RollbackArgs, TaskArgs,
};
use crate::trouble::EXIT_CODES;

/// Turns a brief into a committed, deployed app.
///
/// Without any key everything runs on this machine: an embedded Appwrite-compatible
/// platform, scripted models and a stand-in GitHub. Keys in the environment or in
/// .env.local switch to the real services, one by one.
#[derive(Debug, Parser)]
#[command(name = "orchestrator", version, about, after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub struct Args {
    /// Say more about what happens inside.
    #[arg(long, short, global = true, display_order = LAST)]
    pub verbose: bool,
    /// Print JSON lines, for programs; errors too, on standard error.
    #[arg(long, global = true, display_order = LAST)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

/// Options that all commands have stand after their own.
const LAST: usize = 900;

/// Examples and conventions, above the exit codes.
const EXAMPLES: &str = "\
Examples:
  orchestrator run examples/todo.json       # from a brief to a running app
  orchestrator local --config appwrite.json # serve the platform, for commands in other terminals
  orchestrator new brief.json               # hand in a brief
  orchestrator watch last                   # follow the newest task

Colours and the live view are for terminals. NO_COLOR takes them away, CLICOLOR_FORCE=1 keeps
colours elsewhere.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Carry out a brief and show the result.
    Run(RunArgs),
    /// Hand in a brief; its task goes on by itself.
    New(Box<NewArgs>),
    /// List your tasks, newest first.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Show everything that is known of a task.
    Show(TaskArgs),
    /// Follow a task until it ends or waits for you.
    ///
    /// At a terminal a task that waits asks for your word here.
    Watch(TaskArgs),
    /// Start what waits for your word: a plan, or a preview to be published.
    Approve(OrderArgs),
    /// Ask for another plan, with a comment.
    Revise(ReviseArgs),
    /// Change the assignments of a plan that waits for your word.
    Edit(EditArgs),
    /// Ask for more on top of what a task has released.
    FollowUp(FollowUpArgs),
    /// Raise what a task may spend in all.
    Budget(BudgetArgs),
    /// Start nothing more; agents at work stop after their turn.
    Pause(TaskArgs),
    /// Go on after a pause.
    Resume(OrderArgs),
    /// End a task for good, before anything is published.
    Cancel(CancelArgs),
    /// Do again what failed, and keep what succeeded.
    Retry(OrderArgs),
    /// Serve an earlier release of a task again, at once: nothing is built.
    ///
    /// The repository and the database stay as they are.
    Rollback(RollbackArgs),
    /// Print the feed of a task.
    Logs(LogsArgs),
    /// List the files of a task, print one, or write all into a folder.
    Files(FilesArgs),
    /// Decide a task once more from its journal, and compare each step with what is recorded.
    ///
    /// Nothing is asked of any model and nothing is written. Ends with success only if every
    /// step is the same; a difference is a defect.
    Replay(TaskArgs),
    /// Write all tasks, or some, into one file: everything that is recorded of them.
    ///
    /// This is done with the project's key: the one of the data folder, or the one in the settings
    /// of a project of Appwrite, with the scope rows.read. What is no task's is left out: accounts,
    /// owners' credentials, repositories and sites.
    Export(ExportArgs),
    /// Put tasks back from the file of an export.
    ///
    /// The file is checked as a whole before anything is written. What is there and equal is left
    /// alone, so an import that was cut off is begun again. No function is started: what was
    /// finished stays so, and the sweep lets the rest go on from where it was. Done with the
    /// project's key, as an export, which must have rows.write too.
    Import(ImportArgs),
    /// Serve the embedded platform alone; empty unless a configuration is given.
    Local(LocalArgs),
    /// Sign in with an e-mail address, so that tasks belong to an account.
    ///
    /// Without it tasks belong to an anonymous user of the data folder. The password is
    /// asked for; where there is no terminal it is the first line of standard input.
    Login(LoginArgs),
    /// Sign out. What an anonymous user has made can not be reached afterwards.
    Logout(LogoutArgs),
    /// Publish and deploy your tasks with accounts of your own.
    ///
    /// What is set is sealed for publish and deploy, and nobody sees it again. It counts for
    /// the tasks of who is signed in here, from their next release on.
    Credentials {
        #[command(subcommand)]
        command: CredentialsCommand,
    },
    /// Work on the orchestrator itself: serve it, and build again what changes.
    ///
    /// The embedded platform, its functions built and reloaded when their sources change, the web
    /// page with hot reload, and one log. After a build that failed they go on as they were.
    Dev(DevArgs),
    /// Check every setting and every service, and say what is wrong and how to fix it.
    ///
    /// What is asked is free. Nothing is written, and no model is called. Ends with success only if nothing is wrong.
    Doctor(DoctorArgs),
    /// Print what scripts/push sets, secrets too, as JSON into a pipe.
    #[command(hide = true)]
    Settings,
    /// Make one model call, alone.
    Try(TryArgs),
    /// Print the completions of a shell.
    Completions(CompletionsArgs),
    /// Print the manual page, or write one for each command.
    Man(ManArgs),
    /// Lead a command in the sandbox of a build to the package registry; not for people.
    #[command(name = local::sandbox::relay::MODE, hide = true)]
    Relay {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  orchestrator run examples/todo.json
  orchestrator run brief.json --keep        # and serve the result until Ctrl-C
  orchestrator run brief.json --json | tail -n 1")]
pub struct RunArgs {
    /// The brief, a JSON or TOML file: name, description, type (web, mobile, api, fullstack), requirements.
    pub brief: PathBuf,
    #[command(flatten)]
    pub platform: PlatformArgs,
    /// Show the task in the web page, in your browser (BROWSER, else the one of the desktop).
    #[arg(long)]
    pub open: bool,
    /// Serve the result until interrupted.
    #[arg(long)]
    pub keep: bool,
}

#[derive(Debug, clap::Args)]
pub struct LocalArgs {
    #[command(flatten)]
    pub platform: PlatformArgs,
    /// The project's id.
    #[arg(long, default_value = "orchestrator")]
    pub project: String,
    /// The project's API key. Made once and kept in the data folder if not given.
    #[arg(long, env = "ORCHESTRATOR_LOCAL_KEY", hide_env_values = true)]
    pub key: Option<String>,
    /// E-mail address with which `appwrite login` signs in.
    #[arg(long, value_name = "EMAIL", default_value = local::admin::EMAIL_DEFAULT)]
    pub admin_email: String,
    /// Password for it, 8 characters or more. Made once and kept in the data folder if not given.
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "ORCHESTRATOR_LOCAL_PASSWORD",
        hide_env_values = true
    )]
    pub admin_password: Option<String>,
    /// A further key and what it may do, for example `rows.read,rows.write=SECRET`. May be repeated.
    #[arg(long, value_name = "SCOPES=KEY")]
    pub extra_key: Vec<String>,
    /// Label of users who sign up, `orchestrator` if a configuration is given, else none as on
    /// Appwrite. May be repeated.
    #[arg(long, value_name = "LABEL")]
    pub new_user_label: Vec<String>,
    /// Play functions and builds that have a variable `SHIM_MODE` or `SHIM_BUILD` instead of running
    /// them, as the platform did that recordings were made of.
    #[arg(long)]
    pub stand_in_functions: bool,
    /// An appwrite.json to load: its tables, functions and sites.
    #[arg(long)]
    pub config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub struct LoginArgs {
    /// The e-mail address.
    pub email: String,
    /// Make the account first. An anonymous user of this folder becomes it and keeps its tasks.
    #[arg(long)]
    pub new: bool,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

#[derive(Debug, Subcommand)]
pub enum CredentialsCommand {
    /// Set them. The values are asked for; where there is no terminal they are the lines of
    /// standard input.
    Set {
        /// What for.
        what: OwnKind,
        #[command(flatten)]
        platform: PlatformArgs,
    },
    /// Show which are set, and since when; never a value.
    Show {
        #[command(flatten)]
        platform: PlatformArgs,
    },
    /// Go back to the accounts of the settings.
    Remove {
        /// What for.
        what: RemovedKind,
        #[command(flatten)]
        platform: PlatformArgs,
    },
    /// Print a new key pair to seal them with, as settings, into a pipe: for an Appwrite of
    /// one's own. What was sealed with an earlier one has to be set again.
    Keys,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OwnKind {
    /// A token of GitHub: one value.
    Github,
    /// A project of Appwrite: endpoint, id, API key, domain of sites.
    Appwrite,
    /// A GitHub App: id, number of the installation (may be empty), private key.
    GithubApp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RemovedKind {
    /// The token or App.
    Github,
    /// The project.
    Appwrite,
    /// All of them.
    All,
}

#[derive(Debug, clap::Args)]
pub struct LogoutArgs {
    #[command(flatten)]
    pub platform: PlatformArgs,
}

/// Where the options of the embedded platform stand in `--help`.
const PLATFORM: &str = "Embedded platform";

/// What the embedded platform is told, where a command has to start it.
#[derive(Debug, clap::Args)]
pub struct PlatformArgs {
    /// Folder of all data. Started again with the same folder, unfinished work goes on.
    #[arg(long, help_heading = PLATFORM, default_value = ".orchestrator")]
    pub data: PathBuf,
    /// Port on loopback; the one of the last time, or any free one, if not given.
    #[arg(long, help_heading = PLATFORM, hide_short_help = true)]
    pub port: Option<u16>,
    /// Events that are handled at the same time.
    #[arg(long, help_heading = PLATFORM, hide_short_help = true, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: u16,
    /// Seconds between two sweeps.
    #[arg(long, help_heading = PLATFORM, hide_short_help = true, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub sweep_every: u64,
    /// What shall go wrong, for example `drop-event,chance=10%`; may be repeated. The kinds
    /// and their fields stand in local/FAULTS.md.
    #[arg(long, help_heading = PLATFORM, hide_short_help = true, value_name = "SPEC")]
    pub faults: Vec<String>,
    /// Makes faults with a chance the same again; made up and printed if not given.
    #[arg(long, help_heading = PLATFORM, hide_short_help = true, value_name = "NUMBER")]
    pub fault_seed: Option<u32>,
    /// When a write counts as written: once the operating system has it (normal), or once the
    /// disk has it (full). Both survive a kill of this program, full a power cut too.
    #[arg(long, help_heading = PLATFORM, hide_short_help = true, value_name = "full|normal", default_value = "normal")]
    pub sync: Durability,
}

#[derive(Debug, clap::Args)]
pub struct DevArgs {
    /// Folder of the sources; the working folder or one above it if not given.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Leave the page as it was built.
    #[arg(long)]
    pub no_web: bool,
    /// Command that builds the functions; cargo, with the profile of this program, if not given.
    #[arg(long, value_name = "COMMAND")]
    pub build: Option<String>,
    /// Command that serves the page; vite if not given.
    #[arg(long, value_name = "COMMAND", conflicts_with = "no_web")]
    pub web: Option<String>,
    #[command(flatten)]
    pub platform: PlatformArgs,
}

#[derive(Debug, clap::Args)]
pub struct DoctorArgs {
    /// Folder of all data.
    #[arg(long, default_value = ".orchestrator")]
    pub data: PathBuf,
    /// Ask no service: look at the settings and this machine alone.
    #[arg(long)]
    pub offline: bool,
}

#[derive(Debug, clap::Args)]
pub struct TryArgs {
    /// Which service.
    pub service: Service,
    /// What to ask.
    pub prompt: String,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Service {
    /// xAI, which plans and reviews.
    Grok,
    /// Anthropic, which writes the code.
    Claude,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_explains_itself() {
        let mut program = Args::command();
        program.build();
        insta::assert_snapshot!("help", program.render_long_help().to_string());
        for command in program.get_subcommands_mut() {
            if command.is_hide_set() || command.get_name() == "help" {
                continue;
            }
            let name = format!("help_{}", command.get_name());
            insta::assert_snapshot!(name, command.render_long_help().to_string());
        }
    }

    #[test]
    fn what_a_relay_runs_is_taken_as_it_is() {
        let words = ["/bin/sh", "-c", "npm install --verbose", "-v", "--"];
        let line = ["orchestrator", local::sandbox::relay::MODE]
            .into_iter()
            .chain(words);
        let args = Args::try_parse_from(line).unwrap();
        assert!(matches!(args.command, Command::Relay { command } if command == words));
        assert!(!args.verbose);
    }
}
