//! `orchestrator`: turns a brief into a running app from a terminal.

mod args;
mod data;
mod environment;
mod follow;
mod hosting;
mod local_command;
mod output;
mod run;
mod session;
mod summary;
mod task;
mod try_command;

use std::process::ExitCode;

use args::{Args, Command};
use clap::Parser;

/// Threads of the one runtime: the platform, its stand-ins and the terminal share it.
const WORKER_THREADS: usize = 4;

fn main() -> ExitCode {
    let args = Args::parse();
    // It fails only where a provider is installed already, and there is no other than ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    output::start_logging(args.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(command(args.command));
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(code) => code,
        Err(error) => {
            output::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn command(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args).await,
        Command::Local(args) => local_command::local(args).await,
        Command::Try(args) => try_command::try_model(&args).await,
    }
}
