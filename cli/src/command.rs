//! What can be typed, a module each.

mod account;
mod approval;
mod credentials;
mod local;
mod replay;
mod rollback;
mod run;
mod settings;
mod try_model;

use std::process::ExitCode;

use crate::args::Command;

/// Carries out what was typed.
///
/// # Errors
/// Whatever kept it from being carried out, for a person to read.
pub async fn carry_out(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args).await,
        Command::Rollback(args) => rollback::rollback(args).await,
        Command::Replay(args) => replay::replay(args).await,
        Command::Local(args) => local::local(args).await,
        Command::Login(args) => account::login(args).await,
        Command::Logout(args) => account::logout(args).await,
        Command::Credentials { command } => credentials::credentials(command).await,
        Command::Settings => settings::settings(),
        Command::Try(args) => try_model::try_model(&args).await,
        Command::Relay { command } => Ok(::local::sandbox::relay::run(command).await?),
    }
}
