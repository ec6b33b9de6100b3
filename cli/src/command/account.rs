//! `orchestrator login` and `logout`: whose tasks the tasks of this data folder are.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, bail};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::args::{LoginArgs, LogoutArgs, PlatformArgs};
use crate::data::Data;
use crate::environment::Environment;
use crate::output::Output;
use crate::place::{Opened, Place};
use crate::session::Session;
use crate::trouble::Exit;

/// Signs in, or signs up and in. The password is asked for, or read from standard input.
///
/// # Errors
/// Appwrite refuses the address or the password, or does not answer.
pub(crate) async fn login(args: LoginArgs, json: bool) -> anyhow::Result<ExitCode> {
    let password = password(args.new)?;
    let LoginArgs { email, new, .. } = args;
    at_place(&args.platform, json, move |data, place| {
        let (session, kept) = if new {
            Session::sign_up(data, place, &email, &password)?
        } else {
            (Session::sign_in(data, place, &email, &password)?, false)
        };
        let user = session.client.account().get()?;
        let tasks = if kept { "; its tasks are kept" } else { "" };
        let value = json!({"type": "signed_in", "email": user.email, "tasksAreKept": kept});
        Ok((value, format!("Signed in as {}{tasks}.", user.email)))
    })
    .await
}

/// Signs out and forgets the session.
///
/// # Errors
/// Appwrite does not answer.
pub(crate) async fn logout(args: LogoutArgs, json: bool) -> anyhow::Result<ExitCode> {
    at_place(&args.platform, json, |data, place| {
        let was = Session::sign_out(data, place)?;
        let text = match was {
            true => "Signed out.",
            false => "Nobody was signed in.",
        };
        let value = json!({"type": "signed_out", "wasSignedIn": was});
        Ok((value, text.to_owned()))
    })
    .await
}

/// Does something where the functions are, and says what became of it.
async fn at_place(
    args: &PlatformArgs,
    json: bool,
    work: impl FnOnce(&Data, &Place) -> anyhow::Result<(Value, String)>,
) -> anyhow::Result<ExitCode> {
    let opened = Opened::open(args, Environment::read()?).await?;
    // The work blocks, and the platform may run in this very process.
    let said = tokio::task::block_in_place(|| work(&opened.data, &opened.place));
    opened.stop().await;
    let (value, text) = said?;
    Output::new(json).tell(&value, &[text]);
    Ok(Exit::Done.into())
}

fn password(is_new: bool) -> anyhow::Result<SecretString> {
    let context = "could not read the password";
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin()
            .lock()
            .read_line(&mut line)
            .context(context)?;
        let password = line.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            bail!("the password is empty; write it to standard input, or run this at a terminal");
        }
        return Ok(SecretString::from(password));
    }
    let password = rpassword::prompt_password("Password: ").context(context)?;
    if is_new && rpassword::prompt_password("Again: ").context(context)? != password {
        bail!("the two passwords differ");
    }
    Ok(SecretString::from(password))
}
