//! `orchestrator local`: the embedded platform alone.

use std::process::ExitCode;

use ::local::auth::{ALL_SCOPES, ScopedKey};
use ::local::config::ProjectConfig;
use anyhow::{Context, bail, ensure};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::args::LocalArgs;
use crate::data::Data;
use crate::environment::Environment;
use crate::hosting::{Hosting, OWNER_LABEL, Plan, Services};
use crate::interrupt::interrupted;
use crate::output::Output;
use crate::trouble::Exit;

/// Serves until interrupted.
///
/// # Errors
/// A configuration that is not valid, or a platform that does not start.
pub(crate) async fn local(args: LocalArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
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
        admin_email: args.admin_email,
        admin_password: args.admin_password.map(SecretString::from),
        extra_keys: keys(&args.extra_key)?,
        stand_in_functions: args.stand_in_functions,
        new_user_labels: match (args.new_user_label.is_empty(), &config) {
            (true, Some(_)) => vec![OWNER_LABEL.to_owned()],
            (true, None) | (false, _) => args.new_user_label,
        },
        config,
    };
    let hosting = Hosting::start(&args.platform, &data, environment, plan).await?;
    let services = has_config.then_some(services);
    let (value, lines) = served(&hosting, &args.project, services);
    output.tell(&value, &lines);
    interrupted().await;
    hosting.stop().await;
    Ok(Exit::Done.into())
}

/// What is served, for a program and for a person; `services` where the functions are there.
fn served(hosting: &Hosting, project: &str, services: Option<Services>) -> (Value, Vec<String>) {
    let platform = &hosting.platform;
    let (endpoint, key) = (platform.endpoint(), platform.key().expose_secret());
    let link = platform.console_link();
    let console = link.expose_secret();
    let page = services.map(|_| format!("{}/", endpoint.trim_end_matches("/v1")));
    let mut lines = vec![
        format!("Endpoint  {endpoint}"),
        format!("Project   {project}"),
        format!("API key   {key}"),
    ];
    let mut value = json!({"type": "serving", "endpoint": endpoint, "project": project,
        "key": key, "console": console, "webPage": page});
    if let Some(administrator) = platform.administrator() {
        let (email, password) = (&administrator.email, administrator.password.expose_secret());
        lines.push(format!("Account   {email}"));
        lines.push(format!("Password  {password}"));
        value["account"] = json!({"email": email, "password": password});
    }
    lines.push(format!("Console   {console}"));
    lines.extend(page.map(|page| format!("Web page  {page}")));
    lines.extend(services.iter().flat_map(|services| services.lines()));
    lines.extend(hosting.faults_line());
    lines.push("Press Ctrl-C to stop.".to_owned());
    (value, lines)
}

/// Reads `SCOPES=KEY`; what is wrong is told without the key.
fn keys(given: &[String]) -> anyhow::Result<Vec<ScopedKey>> {
    let mut keys = Vec::with_capacity(given.len());
    for text in given {
        let Some((scopes, key)) = text.split_once('=') else {
            bail!("--extra-key is SCOPES=KEY, for example rows.read=SECRET");
        };
        ensure!(!key.is_empty(), "--extra-key has no key after `=`");
        for scope in scopes.split(',') {
            ensure!(
                ALL_SCOPES.contains(&scope),
                "--extra-key: `{scope}` is no scope"
            );
        }
        keys.push(ScopedKey {
            secret: SecretString::from(key),
            scopes: scopes.split(',').map(str::to_owned).collect(),
        });
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_is_told_without_its_secret() {
        let read = |text: &str| keys(&[text.to_owned()]);
        let key = read("rows.read,rows.write=secret=1").unwrap().remove(0);
        assert_eq!(key.scopes, ["rows.read", "rows.write"]);
        assert_eq!(key.secret.expose_secret(), "secret=1");
        for wrong in ["topsecret", "rows.fly=topsecret", "rows.read="] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(!error.contains("topsecret"), "{error}");
        }
    }
}
