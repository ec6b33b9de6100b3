//! The environment and `.env.local`, read once.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use shell::config::{HTTPS, SETTINGS, exposed};

/// The file of settings beside the work; never committed.
pub const FILE: &str = ".env.local";

/// The program that opens addresses, as the person's session names it.
pub(crate) fn browser() -> Option<std::ffi::OsString> {
    std::env::var_os("BROWSER").filter(|program| !program.is_empty())
}

/// The settings that are set, by their main names.
#[derive(Clone, Default)]
pub struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// The environment over `.env.local` of the working folder.
    ///
    /// # Errors
    /// A line of the file that is not `NAME=value`; an address to which secrets would be sent in
    /// plain.
    pub fn read() -> anyhow::Result<Self> {
        let mut values = match std::fs::read_to_string(FILE) {
            Ok(text) => parse(&text).with_context(|| format!("could not read {FILE}"))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("could not read {}", Path::new(FILE).display()));
            }
        };
        values.extend(std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        }));
        let environment = Self::of(values);
        let exposed = exposed(|name| environment.get(name)).join(" and ");
        ensure!(exposed.is_empty(), "{exposed} must be {HTTPS}");
        Ok(environment)
    }

    /// Only the settings of `values`, aliases under their main names, empty ones left out.
    pub fn of(values: BTreeMap<String, String>) -> Self {
        let mut known = BTreeMap::new();
        for setting in SETTINGS {
            let names = [Some(setting.name), setting.alias];
            let value = names.into_iter().flatten().find_map(|name| {
                values
                    .get(name)
                    .map(|value| value.trim())
                    .filter(|value| !value.is_empty())
            });
            if let Some(value) = value {
                known.insert(setting.name.to_owned(), value.to_owned());
            }
        }
        Self { values: known }
    }

    /// All that are set.
    pub(crate) fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    /// One setting.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Sets what is not set.
    pub fn default(&mut self, name: &str, value: impl Into<String>) {
        self.values
            .entry(name.to_owned())
            .or_insert_with(|| value.into());
    }

    /// Sets whatever was set.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// What `function` is handed: the settings it uses that are set, but for those that
    /// the platform sets itself.
    pub fn of_function(&self, function: &str) -> BTreeMap<String, String> {
        let own = |name: &str| name.starts_with("APPWRITE_");
        shell::config::settings_of(function)
            .filter(|setting| !own(setting.name))
            .filter_map(|setting| {
                Some((setting.name.to_owned(), self.get(setting.name)?.to_owned()))
            })
            .collect()
    }
}

/// The names and values of a file.
///
/// # Errors
/// A line that is not `NAME=value`.
pub(crate) fn parse(text: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .with_context(|| format!("line {} is not NAME=value", index + 1))?;
        let name = name.trim().trim_start_matches("export ").trim();
        let value = value.trim();
        let quoted = ['"', '\'']
            .iter()
            .find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
        values.insert(name.to_owned(), quoted.unwrap_or(value).to_owned());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        Environment::of(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn files_hold_names_and_values() {
        let values =
            parse("# a comment\nA=1\n export B = \"two words\" \n\nC='x=y'\nD=\n").unwrap();
        let pairs: Vec<(&str, &str)> = values
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            pairs,
            [("A", "1"), ("B", "two words"), ("C", "x=y"), ("D", "")]
        );
        assert!(format!("{:#}", parse("A=1\nnonsense").unwrap_err()).contains("line 2"));
    }

    #[test]
    fn aliases_stand_under_their_main_name() {
        let environment = environment(&[
            ("XAI_API_KEY", "k"),
            ("PATH", "/bin"),
            ("GITHUB_TOKEN", " "),
        ]);
        assert_eq!(environment.get("GROK_API_KEY"), Some("k"));
        assert_eq!(environment.get("PATH"), None);
        assert_eq!(environment.get("GITHUB_TOKEN"), None);
    }

    #[test]
    fn a_function_gets_its_own_secrets_only() {
        let environment = environment(&[
            ("GROK_API_KEY", "g"),
            ("ANTHROPIC_API_KEY", "a"),
            ("GITHUB_TOKEN", "t"),
            ("APPWRITE_API_KEY", "p"),
        ]);
        let secrets = |function: &str| -> Vec<String> {
            environment.of_function(function).into_keys().collect()
        };
        assert_eq!(secrets("plan"), ["GROK_API_KEY"]);
        assert_eq!(secrets("run-agent"), ["ANTHROPIC_API_KEY"]);
        assert_eq!(secrets("publish"), ["GITHUB_TOKEN"]);
        assert_eq!(secrets("deploy"), Vec::<String>::new());
    }
}
