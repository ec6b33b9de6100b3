//! The person's browser.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::bail;
use secrecy::{ExposeSecret as _, SecretString};

use crate::environment;

/// What opens an address where `BROWSER` does not say.
const OPENER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Opens an address and does not wait. `BROWSER` names the program: several stand between
/// colons, the first one that starts is taken, and `%s` is where the address goes, else its end.
///
/// # Errors
/// No program starts.
pub(crate) fn open(address: &SecretString) -> anyhow::Result<()> {
    let named = environment::browser();
    let named = named.as_deref().map(OsStr::to_string_lossy);
    let commands = named.as_deref().unwrap_or(OPENER).split(':');
    let started = commands
        .filter_map(|command| words(command, address.expose_secret()))
        .any(|(program, arguments)| {
            let mut command = Command::new(program);
            command.args(arguments);
            let command = command.stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(Stdio::null()).spawn().is_ok()
        });
    if !started {
        bail!("no browser starts; set BROWSER to the program that opens addresses");
    }
    Ok(())
}

/// The program of a command and its arguments, `address` among them.
fn words(command: &str, address: &str) -> Option<(String, Vec<String>)> {
    let mut words = command.split_whitespace();
    let program = words.next()?.to_owned();
    let mut arguments: Vec<String> = words.map(|word| word.replace("%s", address)).collect();
    if !command.contains("%s") {
        arguments.push(address.to_owned());
    }
    Some((program, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_goes_where_the_command_says() {
        let told = |command| {
            let (program, arguments) = words(command, "http://a/").unwrap();
            format!("{program} {}", arguments.join(" "))
        };
        assert_eq!(told("firefox"), "firefox http://a/");
        assert_eq!(told("chromium --app=%s -x"), "chromium --app=http://a/ -x");
        assert_eq!(words(" ", "http://a/"), None);
    }
}
