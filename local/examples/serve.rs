//! Serves an empty platform until it is interrupted: `serve PORT KEY`. For
//! conformance runs by hand.

use std::process::ExitCode;

use local::faults::Faults;
use local::platform::{Platform, PlatformConfig};
use secrecy::SecretString;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(key)) = (
        arguments.next().and_then(|port| port.parse().ok()),
        arguments.next(),
    ) else {
        return ExitCode::from(2);
    };
    let serve = async {
        let folder = tempfile::tempdir()?;
        let platform = Platform::start(PlatformConfig {
            data_dir: folder.path().to_owned(),
            bind: std::net::SocketAddr::from(([127, 0, 0, 1], port)),
            project_id: "orch".to_owned(),
            key: Some(SecretString::from(key)),
            faults: Faults::default(),
        })
        .await?;
        tokio::signal::ctrl_c().await?;
        platform.shutdown().await;
        anyhow::Ok(())
    };
    let runtime = tokio::runtime::Runtime::new();
    match runtime
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(serve))
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
