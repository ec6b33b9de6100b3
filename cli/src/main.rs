//! `orchestrator`: see the library beside it.

use std::process::ExitCode;

use clap::Parser;
use cli::args::Args;
use cli::output;

/// Threads of the one runtime: the platform, its stand-ins and the terminal share it.
const WORKER_THREADS: usize = 4;

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return output::usage(&error),
    };
    let json = args.json;
    // It fails only where a provider is installed already, and there is no other than ring.
    let _ = rustls::crypto::ring::default_provider().install_default();
    output::start_logging(args.verbose);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .enable_all()
        .build();
    let result = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(cli::command::carry_out(args));
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(code) => code,
        Err(error) => output::error(&error, json).into(),
    }
}
