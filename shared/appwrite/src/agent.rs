//! The connections: time-outs, TLS, and names that mean this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ureq::config::{Config, IpFamily};
use ureq::http::Uri;
use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

/// Idle connections kept to the one server, so that this many threads never reconnect. ureq's own
/// default of 3 opens hundreds of connections under 16 threads.
const IDLE_CONNECTIONS_MAX: usize = 32;
/// Bytes of each of a connection's two buffers. Requests and answers are rows of a few kilobytes;
/// ureq's own 128 KiB would be most of what a function holds.
const BUFFER_BYTES: usize = 16 * 1024;
/// An idle connection older than this is not used again: servers close them silently.
const IDLE_AGE_MAX: Duration = Duration::from_secs(15);
/// Name, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("orchestrator-appwrite/", env!("CARGO_PKG_VERSION"));

/// Makes the one agent of a family of clients.
///
/// Redirects are not followed, as Appwrite sends none and a key must not travel on; proxies named
/// by the environment are ignored.
pub(crate) fn new(timeout: Duration) -> ureq::Agent {
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::WebPki)
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .tls_config(tls)
        .user_agent(USER_AGENT)
        .max_idle_connections(IDLE_CONNECTIONS_MAX)
        .max_idle_connections_per_host(IDLE_CONNECTIONS_MAX)
        .max_idle_age(IDLE_AGE_MAX)
        .input_buffer_size(BUFFER_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .timeout_connect(Some(CONNECT_TIMEOUT.min(timeout)))
        .timeout_global(Some(timeout))
        .build();
    ureq::Agent::with_parts(
        config,
        DefaultConnector::default(),
        LocalResolver::default(),
    )
}

/// Resolves `localhost` and `*.localhost` to loopback (RFC 6761, which system resolvers follow
/// unevenly) and addresses to themselves; everything else goes to the system.
#[derive(Debug, Default)]
struct LocalResolver(System);

#[derive(Default)]
struct System(DefaultResolver);

impl std::fmt::Debug for System {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("System")
    }
}

impl Resolver for LocalResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let addresses = uri.host().map(local_addresses).unwrap_or_default();
        if addresses.is_empty() {
            return self.0.0.resolve(uri, config, timeout);
        }
        let default_port = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default_port);
        let mut resolved = self.empty();
        for address in addresses {
            let wanted = match config.ip_family() {
                IpFamily::Any => true,
                IpFamily::Ipv4Only => address.is_ipv4(),
                IpFamily::Ipv6Only => address.is_ipv6(),
            };
            if wanted {
                resolved.push(SocketAddr::new(address, port));
            }
        }
        if resolved.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(resolved)
    }
}

/// The addresses of a host that needs no name server; empty for all others.
pub(crate) fn local_addresses(host: &str) -> Vec<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse::<IpAddr>() {
        return vec![address];
    }
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if name == "localhost" || name.ends_with(".localhost") {
        return vec![
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ];
    }
    Vec::new()
}
