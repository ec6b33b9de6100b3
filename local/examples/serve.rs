//! Serves an empty platform until it is interrupted: `serve PORT KEY
//! [NARROW_KEY]`, where the last may only read rows. For conformance runs by hand.

use std::process::ExitCode;

use local::auth::ScopedKey;
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
    let narrow = arguments.next().map(|key| ScopedKey {
        secret: SecretString::from(key),
        scopes: vec!["rows.read".to_owned()],
    });
    let serve = async {
        let folder = tempfile::tempdir()?;
        let config = PlatformConfig::new(
            "orch",
            folder.path().to_owned(),
            folder.path().join("functions"),
        );
        let bind = std::net::SocketAddr::from(([127, 0, 0, 1], port));
        let key = Some(SecretString::from(key));
        let platform = Platform::start(PlatformConfig {
            // Recordings are compared with this.
            replay_runner: true,
            bind,
            key,
            extra_keys: narrow.into_iter().collect(),
            ..config
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
