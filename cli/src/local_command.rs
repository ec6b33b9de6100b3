//! `orchestrator local`: the embedded platform alone.

use std::process::ExitCode;

use anyhow::Context;
use local::config::ProjectConfig;
use secrecy::{ExposeSecret, SecretString};

use crate::args::LocalArgs;
use crate::data::Data;
use crate::environment::Environment;
use crate::hosting::{Hosting, Plan, Services};
use crate::interrupt::interrupted;
use crate::output::Output;

/// Serves until interrupted.
///
/// # Errors
/// A configuration that is not valid, or a platform that does not start.
pub(crate) async fn local(args: LocalArgs) -> anyhow::Result<ExitCode> {
    let output = Output::new(false);
    let environment = Environment::read()?;
    let data = Data::open(&args.platform.data)?;
    let config = match &args.config {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("could not read {}", path.display()))?;
            Some(
                ProjectConfig::parse(&text)
                    .with_context(|| format!("{} is not valid", path.display()))?,
            )
        }
    };
    let services = Services::of(&environment);
    let has_config = config.is_some();
    let plan = Plan {
        project_id: args.project.clone(),
        key: args.key.map(SecretString::from),
        config,
    };
    let hosting = Hosting::start(&args.platform, &data, environment, plan).await?;
    output.note(&format!("Endpoint  {}", hosting.platform.endpoint()));
    output.note(&format!("Project   {}", args.project));
    output.note(&format!(
        "API key   {}",
        hosting.platform.key().expose_secret()
    ));
    output.note(&format!(
        "Console   {}",
        hosting.platform.console_link().expose_secret()
    ));
    if has_config {
        output.note(&format!(
            "Web page  {}/",
            hosting.platform.endpoint().trim_end_matches("/v1")
        ));
        services.lines().iter().for_each(|line| output.note(line));
    }
    if let Some(line) = hosting.faults_line() {
        output.note(&line);
    }
    output.note("Press Ctrl-C to stop.");
    interrupted().await;
    hosting.stop().await;
    Ok(ExitCode::SUCCESS)
}
