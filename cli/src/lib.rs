//! `orchestrator`: turns a brief into a running app from a terminal.
//!
//! [`hosting`] puts the embedded platform and its stand-ins together; the whole-system
//! tests start from there too. Start reading at [`run`].

mod account_command;
mod approval;
pub mod args;
mod credentials_command;
pub mod data;
pub mod environment;
mod feed;
mod follow;
pub mod hosting;
mod interrupt;
mod local_command;
pub mod output;
mod place;
mod replay;
mod rollback;
mod run;
mod session;
mod settings_command;
mod silence;
mod summary;
mod task;
mod task_api;
mod try_command;
mod web_page;

use std::process::ExitCode;

use args::Command;

/// Carries out what was typed.
///
/// # Errors
/// Whatever kept it from being carried out, for a person to read.
pub async fn command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args).await,
        Command::Rollback(args) => rollback::rollback(args).await,
        Command::Replay(args) => replay::replay(args).await,
        Command::Local(args) => local_command::local(args).await,
        Command::Login(args) => account_command::login(args).await,
        Command::Logout(args) => account_command::logout(args).await,
        Command::Credentials { command } => credentials_command::credentials(command).await,
        Command::Settings => settings_command::settings(),
        Command::Try(args) => try_command::try_model(&args).await,
        Command::Relay { command } => Ok(local::sandbox::relay::run(command).await?),
    }
}
