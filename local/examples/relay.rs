//! The relay of builds, for tests: what `orchestrator relay` is to the platform.

use std::process::ExitCode;

fn main() -> std::io::Result<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words
        .next()
        .is_none_or(|mode| mode != local::sandbox::relay::MODE)
    {
        return Ok(ExitCode::FAILURE);
    }
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(local::sandbox::relay::run(words.collect()))
}
