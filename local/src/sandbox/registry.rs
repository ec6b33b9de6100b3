//! The package registry that builds may reach: the one npm on this machine is configured for.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::process::Command;

/// Time npm may take to tell its configuration.
const NPM_TIME_MAX: Duration = Duration::from_secs(60);

/// How builds reach the package registry. By default not at all.
#[derive(Debug, Clone, Default)]
pub struct BuildSettings {
    /// An executable that calls [`super::relay::run`] when its first argument is
    /// [`super::relay::MODE`]. Without one builds have no network.
    pub relay: Option<PathBuf>,
    /// The registry's address, for example `http://127.0.0.1:4873/`. Without one npm is asked for
    /// its own when a build first runs a command.
    pub registry: Option<String>,
}

/// Why it is not known which registry builds may reach. The texts hold no values: they may be
/// secrets.
#[derive(Debug, thiserror::Error)]
pub(super) enum RegistryError {
    #[error("npm on this machine could not be asked for its configuration")]
    Npm(#[source] io::Error),
    #[error("`{0}` in npm's configuration is missing, holds a password or is no http(s) address")]
    Setting(&'static str),
    #[error("the proxy of this machine is no address that begins with http://")]
    Proxy,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) is_tls: bool,
    /// In lower case; version 6 in brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// The value of a header that signs in, never printed.
    pub(super) authorization: Option<HeaderValue>,
}

impl Address {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().parse().ok()?;
        let is_tls = match uri.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = uri.authority()?;
        let user = authority.as_str().rsplit_once('@').map(|(user, _)| user);
        let authorization = match user {
            None => None,
            Some(user) => {
                let user: Vec<u8> = percent_decode_str(user).collect();
                let mut value =
                    HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user))).ok()?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        Some(Self {
            is_tls,
            host: authority.host().to_ascii_lowercase(),
            port: authority
                .port_u16()
                .unwrap_or(if is_tls { 443 } else { 80 }),
            authorization,
        })
    }

    fn is_loopback(&self) -> bool {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let is_name = host == "localhost" || host.ends_with(".localhost");
        is_name
            || host
                .parse()
                .is_ok_and(|it: std::net::IpAddr| it.is_loopback())
    }
}

/// `host:port`.
impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A registry, and what npm needs to know to use it.
#[derive(Debug, Clone)]
pub(super) struct Registry {
    /// Its address as npm has it.
    pub(super) url: String,
    pub(super) address: Address,
    /// The proxy this machine reaches it through.
    pub(super) proxy: Option<Address>,
    /// Certificates npm trusts besides its own.
    pub(super) ca_file: Option<PathBuf>,
    /// Whether certificates are checked.
    pub(super) strict_tls: bool,
    /// npm's configuration of the whole machine, which may hold tokens.
    pub(super) global_config: Option<PathBuf>,
}

impl Registry {
    /// Asks npm, which takes a moment.
    pub(super) async fn of_npm() -> Result<Self, RegistryError> {
        let child = Command::new("npm")
            .args(["config", "list", "--json"])
            // Not a folder whose `.npmrc` would count.
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(NPM_TIME_MAX, child).await;
        let output = output.map_err(|_| RegistryError::Npm(io::ErrorKind::TimedOut.into()))?;
        let text = output.map_err(RegistryError::Npm)?.stdout;
        let json =
            serde_json::from_slice(&text).map_err(|error| RegistryError::Npm(error.into()))?;
        Self::read(&json, |name| {
            [name.to_owned(), name.to_uppercase()]
                .into_iter()
                .find_map(|name| std::env::var_os(name)?.into_string().ok())
        })
    }

    /// The registry at an address that was given, without a proxy.
    pub(super) fn at(url: &str) -> Result<Self, RegistryError> {
        Self::read(&serde_json::json!({"registry": url}), |_| None)
    }

    /// Reads what `npm config list --json` prints, which leaves out settings that hold a password
    /// (npm 11), and the variables that npm looks for itself.
    fn read(
        npm: &Value,
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, RegistryError> {
        let text = |name: &str| {
            npm.get(name)
                .and_then(Value::as_str)
                .filter(|text| !text.is_empty())
        };
        let url = text("registry").ok_or(RegistryError::Setting("registry"))?;
        let address = Address::parse(url)
            .filter(|address| address.authorization.is_none())
            .ok_or(RegistryError::Setting("registry"))?;
        for name in ["proxy", "https-proxy"] {
            // Settings with their defaults are all there, but for those that hold a password.
            if npm.get("globalconfig").is_some() && npm.get(name).is_none() {
                return Err(RegistryError::Setting(name));
            }
        }
        let variables: &[&str] = match address.is_tls {
            true => &["https_proxy"],
            false => &["https_proxy", "http_proxy", "proxy"],
        };
        let proxy = ["https-proxy", "proxy"].into_iter().find_map(text);
        let proxy = proxy
            .map(str::to_owned)
            .or_else(|| variables.iter().find_map(|name| variable(name)))
            .filter(|text| !text.trim().is_empty());
        let exceptions = match npm.get("noproxy") {
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            Some(other) => other.as_str().into_iter().collect::<Vec<_>>(),
            None => Vec::new(),
        }
        .join(",");
        let exceptions = match exceptions.is_empty() {
            true => variable("no_proxy").unwrap_or_default(),
            false => exceptions,
        };
        let proxy = match proxy.filter(|_| !is_exception(&address.host, &exceptions)) {
            None => None,
            Some(text) => {
                let proxy = Address::parse(&text).filter(|proxy| !proxy.is_tls);
                Some(proxy.ok_or(RegistryError::Proxy)?)
            }
        };
        Ok(Self {
            url: url.to_owned(),
            address,
            proxy,
            ca_file: text("cafile").map(PathBuf::from),
            strict_tls: npm.get("strict-ssl").and_then(Value::as_bool) != Some(false),
            global_config: text("globalconfig").map(PathBuf::from),
        })
    }

    /// Whether programs inside a sandbox must ask for loopback addresses through the gateway too.
    pub(super) fn is_loopback(&self) -> bool {
        self.address.is_loopback()
    }
}

/// Whether a host is one of a list like `localhost,.example.com`, as npm reads it.
fn is_exception(host: &str, list: &str) -> bool {
    let names = list
        .split(',')
        .map(|it| it.trim().trim_matches('.').to_ascii_lowercase());
    names.filter(|name| !name.is_empty()).any(|name| {
        host.strip_suffix(name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn npm(extra: &Value) -> Value {
        let mut npm = json!({"registry": "https://packages.example/npm/", "proxy": null,
            "https-proxy": null, "noproxy": [""], "cafile": null, "strict-ssl": true,
            "globalconfig": "/usr/etc/npmrc"});
        let extra = extra.as_object().unwrap().clone();
        npm.as_object_mut().unwrap().extend(extra);
        npm
    }

    #[test]
    fn npm_tells_the_registry_and_what_it_needs() {
        let registry = Registry::read(&npm(&json!({"cafile": "/ca.pem"})), |_| None).unwrap();
        assert_eq!(registry.address.to_string(), "packages.example:443");
        assert_eq!(registry.ca_file, Some(PathBuf::from("/ca.pem")));
        assert!(registry.strict_tls && registry.proxy.is_none() && !registry.is_loopback());
        let local = Registry::at("http://LocalHost:4873").unwrap();
        assert_eq!(local.address.to_string(), "localhost:4873");
        assert!(local.is_loopback());
        assert!(Registry::at("http://[::1]:1/").unwrap().is_loopback());
    }

    #[test]
    fn the_proxy_is_npms_or_the_environments_but_for_its_exceptions() {
        let proxy = |extra: &Value, variables: &'static [(&str, &str)]| {
            let variable = |wanted: &str| {
                let found = variables.iter().find(|(name, _)| *name == wanted);
                found.map(|(_, value)| (*value).to_owned())
            };
            Registry::read(&npm(extra), variable).unwrap().proxy
        };
        let set = json!({"proxy": "http://p.example:3128"});
        assert_eq!(proxy(&set, &[]).unwrap().to_string(), "p.example:3128");
        let signed = proxy(&json!({}), &[("https_proxy", "http://a:b%20c@q.example")]).unwrap();
        assert_eq!(signed.to_string(), "q.example:80");
        assert_eq!(signed.authorization.as_ref().unwrap(), "Basic YTpiIGM=");
        assert!(!format!("{signed:?}").contains("YTpiIGM"));
        assert_eq!(
            proxy(&json!({}), &[("http_proxy", "http://r.example")]),
            None
        );
        assert_eq!(proxy(&set, &[("no_proxy", "localhost, .example")]), None);
        let other = json!({"proxy": "http://p.example", "noproxy": "kages.example"});
        assert!(proxy(&other, &[]).is_some());
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_value() {
        let cases = [
            (
                json!({"registry": "https://u:secret@packages.example/"}),
                "`registry`",
            ),
            (json!({"registry": "secret"}), "`registry`"),
            (json!({"proxy": "socks5://secret:1"}), "the proxy"),
        ];
        for (extra, words) in cases {
            let error = Registry::read(&npm(&extra), |_| None)
                .unwrap_err()
                .to_string();
            assert!(
                error.contains(words) && !error.contains("secret"),
                "{error}"
            );
        }
        let mut hidden = npm(&json!({}));
        hidden.as_object_mut().unwrap().remove("https-proxy");
        let error = Registry::read(&hidden, |_| None).unwrap_err().to_string();
        assert!(error.contains("`https-proxy`"), "{error}");
    }
}
