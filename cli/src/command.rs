//! What can be typed, a module each.

mod account;
pub(crate) mod approval;
mod credentials;
mod dev;
mod doctor;
mod edit;
mod export;
mod files;
mod import;
mod list;
mod local;
mod logs;
mod manual;
mod new;
mod order;
mod replay;
mod run;
mod settings;
mod show;
mod told;
mod try_model;
mod watch;

use std::process::ExitCode;

use pipeline::Command as Order;

use crate::args::{Args, Command};

/// Carries out what was typed.
///
/// # Errors
/// Whatever kept it from being carried out; [`trouble::told`](crate::trouble::told) says it to
/// people and programs.
pub async fn carry_out(args: Args) -> anyhow::Result<ExitCode> {
    let json = args.json;
    match args.command {
        Command::Run(args) => run::run(args, json).await,
        Command::New(args) => new::new(*args, json).await,
        Command::List(args) => list::list(args, json).await,
        Command::Show(args) => show::show(args, json).await,
        Command::Watch(args) => watch::watch(args, json).await,
        Command::Approve(args) => order::order(args, Order::Approve {}, json).await,
        Command::Revise(args) => order::revise(args, json).await,
        Command::Edit(args) => edit::edit(args, json).await,
        Command::FollowUp(args) => order::follow_up(args, json).await,
        Command::Budget(args) => order::budget(args, json).await,
        Command::Pause(args) => order::pause(args, json).await,
        Command::Resume(args) => order::order(args, Order::Resume {}, json).await,
        Command::Cancel(args) => order::cancel(args, json).await,
        Command::Retry(args) => order::order(args, Order::Retry {}, json).await,
        Command::Rollback(args) => order::rollback(args, json).await,
        Command::Logs(args) => logs::logs(args, json).await,
        Command::Files(args) => files::files(args, json).await,
        Command::Replay(args) => replay::replay(args, json).await,
        Command::Export(args) => export::export(args, json).await,
        Command::Import(args) => import::import(args, json).await,
        Command::Local(args) => local::local(args, json).await,
        Command::Login(args) => account::login(args, json).await,
        Command::Logout(args) => account::logout(args, json).await,
        Command::Credentials { command } => credentials::credentials(command, json).await,
        Command::Dev(args) => dev::dev(args, json).await,
        Command::Doctor(args) => doctor::doctor(args, json).await,
        Command::Settings => settings::settings(),
        Command::Try(args) => try_model::try_model(&args, json).await,
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
        Command::Relay { command } => Ok(::local::sandbox::relay::run(command).await?),
    }
}
