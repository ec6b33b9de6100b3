//! What the platform, not a person, sets: where to listen and how to answer.
//!
//! Source: Open Runtimes v5 and the AWS Lambda custom runtime, as documented 2026-08.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::value;
use crate::aws::{Keys, Lambda};

const PORT_DEFAULT: u16 = 3000;
const LOGS_FOLDER_DEFAULT: &str = "/mnt/logs";
const TELEMETRY_FOLDER_DEFAULT: &str = "/mnt/telemetry";
/// `lambda_runtime` panics without these; AWS always sets them.
const LAMBDA_NEEDS: [&str; 2] = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION"];
const LAMBDA_MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";

/// How to serve requests.
#[derive(Clone, Debug)]
pub(crate) struct HostSettings {
    /// `HOST` and `PORT`; port 0 takes a free one.
    pub(crate) address: SocketAddr,
    /// `OPEN_RUNTIMES_SECRET`; `None` lets everybody in.
    pub(crate) secret: Option<SecretString>,
    /// `OPEN_RUNTIMES_HEADERS`: put over the headers of every request.
    pub(crate) enforced_headers: HeaderMap,
    /// `OPEN_RUNTIMES_ENV=development`: one log, named `dev`.
    pub(crate) is_development: bool,
    /// `OPEN_RUNTIMES_LOGS_DIR`.
    pub(crate) logs_folder: PathBuf,
    /// `OPEN_RUNTIMES_TELEMETRY_DIR`.
    pub(crate) telemetry_folder: PathBuf,
    /// `ORCHESTRATOR_EXIT_WITH_STDIN=1`: the process ends with the one that started it.
    pub(crate) exits_with_stdin: bool,
    /// `AWS_LAMBDA_RUNTIME_API` is set: the process is this Lambda function.
    pub(crate) lambda: Option<Lambda>,
}

impl HostSettings {
    /// Reads the platform's variables and notes everything that breaks a rule.
    pub(super) fn read(variables: &BTreeMap<String, String>, problems: &mut Vec<String>) -> Self {
        let is = |name, wanted| value(variables, name) == Some(wanted);
        let folder = |name, default: &str| PathBuf::from(value(variables, name).unwrap_or(default));
        let host = Self {
            address: address(variables, problems),
            secret: value(variables, "OPEN_RUNTIMES_SECRET").map(SecretString::from),
            enforced_headers: enforced_headers(variables).unwrap_or_else(|| {
                problems
                    .push("`OPEN_RUNTIMES_HEADERS` must be a JSON object of headers".to_owned());
                HeaderMap::new()
            }),
            is_development: is("OPEN_RUNTIMES_ENV", "development"),
            logs_folder: folder("OPEN_RUNTIMES_LOGS_DIR", LOGS_FOLDER_DEFAULT),
            telemetry_folder: folder("OPEN_RUNTIMES_TELEMETRY_DIR", TELEMETRY_FOLDER_DEFAULT),
            exits_with_stdin: is("ORCHESTRATOR_EXIT_WITH_STDIN", "1"),
            lambda: value(variables, "AWS_LAMBDA_RUNTIME_API").map(|_| lambda(variables)),
        };
        if host.lambda.is_some() {
            check_lambda(variables, problems);
        }
        host
    }

    /// For redaction.
    pub(super) fn secret_values(&self) -> impl Iterator<Item = &str> {
        let keys = self.lambda.as_ref().and_then(|lambda| lambda.keys.as_ref());
        let of_role = keys.map(|keys| [Some(&keys.secret), keys.token.as_ref()]);
        let secrets = of_role.into_iter().flatten().chain([self.secret.as_ref()]);
        secrets.flatten().map(|secret| secret.expose_secret())
    }
}

fn address(variables: &BTreeMap<String, String>, problems: &mut Vec<String>) -> SocketAddr {
    let ip = match value(variables, "HOST") {
        None => Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        Some("localhost") => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(raw) => raw.parse().ok(),
    };
    let port = match value(variables, "PORT") {
        None => Some(PORT_DEFAULT),
        Some(raw) => raw.parse().ok(),
    };
    if ip.is_none() {
        problems.push("`HOST` must be an IP address or `localhost`".to_owned());
    }
    if port.is_none() {
        problems.push("`PORT` must be a whole number from 0 to 65535".to_owned());
    }
    SocketAddr::new(
        ip.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port.unwrap_or(PORT_DEFAULT),
    )
}

/// Numbers and booleans become their JSON text, null becomes an empty value.
fn enforced_headers(variables: &BTreeMap<String, String>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let Some(raw) = value(variables, "OPEN_RUNTIMES_HEADERS") else {
        return Some(headers);
    };
    let Value::Object(fields) = serde_json::from_str(raw).ok()? else {
        return None;
    };
    for (name, field) in fields {
        let text = match field {
            Value::Null => String::new(),
            Value::String(text) => text,
            other @ (Value::Bool(_) | Value::Number(_)) => other.to_string(),
            Value::Array(_) | Value::Object(_) => return None,
        };
        // Parsing lower-cases the name.
        headers.insert(
            name.parse::<HeaderName>().ok()?,
            HeaderValue::from_str(&text).ok()?,
        );
    }
    Some(headers)
}

/// What Lambda sets for every function of its own.
fn lambda(variables: &BTreeMap<String, String>) -> Lambda {
    let text = |name| value(variables, name).map(str::to_owned);
    let secret = |name| value(variables, name).map(SecretString::from);
    let keys = text("AWS_ACCESS_KEY_ID").zip(secret("AWS_SECRET_ACCESS_KEY"));
    Lambda {
        function_name: text(LAMBDA_NEEDS[0]).unwrap_or_default(),
        region: text("AWS_REGION").unwrap_or_default(),
        endpoint: text("AWS_ENDPOINT_URL_LAMBDA"),
        keys: keys.map(|(id, secret_key)| Keys {
            id,
            secret: secret_key,
            token: secret("AWS_SESSION_TOKEN"),
        }),
    }
}

fn check_lambda(variables: &BTreeMap<String, String>, problems: &mut Vec<String>) {
    for name in LAMBDA_NEEDS {
        if value(variables, name).is_none() {
            problems.push(format!(
                "`{name}` must be set where `AWS_LAMBDA_RUNTIME_API` is"
            ));
        }
    }
    if value(variables, LAMBDA_MEMORY)
        .and_then(|raw| raw.parse::<i32>().ok())
        .is_none()
    {
        problems.push(format!("`{LAMBDA_MEMORY}` must be a whole number"));
    }
}

#[cfg(test)]
mod tests {
    use super::HostSettings;

    fn read(pairs: &[(&str, &str)]) -> (HostSettings, Vec<String>) {
        let map = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut problems = Vec::new();
        (HostSettings::read(&map, &mut problems), problems)
    }

    #[test]
    fn defaults_are_those_of_the_runtime_image() {
        let (host, problems) = read(&[]);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(host.address.to_string(), "0.0.0.0:3000");
        assert_eq!(host.logs_folder.to_str(), Some("/mnt/logs"));
        assert_eq!(host.telemetry_folder.to_str(), Some("/mnt/telemetry"));
        assert!(host.secret.is_none() && host.lambda.is_none() && !host.exits_with_stdin);
    }

    #[test]
    fn enforced_headers_are_lower_cased_and_made_text() {
        let (host, problems) = read(&[(
            "OPEN_RUNTIMES_HEADERS",
            r#"{"X-One":1,"x-two":null,"X-Three":true,"x-4":"a"}"#,
        )]);
        assert!(problems.is_empty(), "{problems:?}");
        let text = |name| {
            host.enforced_headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        assert_eq!(
            [text("x-one"), text("x-two"), text("x-three"), text("x-4")],
            [Some("1"), Some(""), Some("true"), Some("a")]
        );
    }

    #[test]
    fn incomplete_lambda_environment_is_named() {
        let (_, problems) = read(&[("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")]);
        assert_eq!(problems.len(), 3, "{problems:?}");
        let complete = [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_NAME", "plan"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ];
        assert!(read(&complete).1.is_empty());
    }
}
