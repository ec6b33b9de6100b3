//! The only way out of a build's sandbox: a forwarding proxy behind a Unix socket that lets
//! through what goes to the package registry's host and port, and refuses everything else.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName};
use http::{HeaderValue, Method, Request, StatusCode, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1 as server;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::either::Either;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::registry::{Address, Registry};

/// Connections of one build at once; further ones wait.
const CONNECTIONS_MAX: usize = 64;
/// Pause after a connection could not be accepted: there are too many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time to connect to the registry.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(30);
/// Refused addresses that are named in a build's log.
const REFUSALS_MAX: usize = 20;
/// Characters of a refused address that are named.
const REFUSAL_CHARS_MAX: usize = 260;
/// Headers that belong to one connection.
const HOP_HEADERS: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A way to the registry, or through the proxy of this machine.
type Road = Either<TcpStream, TokioIo<Upgraded>>;

#[derive(Debug, thiserror::Error)]
enum RoadError {
    #[error("it cannot be connected to")]
    Connect(#[from] io::Error),
    #[error("it takes too long to connect to it")]
    TimedOut(#[from] tokio::time::error::Elapsed),
    #[error("the proxy of this machine answered {0}")]
    Proxy(StatusCode),
    #[error("the connection broke")]
    Broken(#[from] hyper::Error),
    #[error("the request makes no sense")]
    Request(#[from] http::Error),
}

/// The way out of one build, open until it is dropped.
pub(crate) struct Gateway {
    door: Arc<Door>,
    /// Holds the socket and what else the sandbox is shown. Only our user may enter it.
    folder: TempDir,
    _stop: DropGuard,
}

struct Door {
    registry: Registry,
    refusals: Mutex<BTreeSet<String>>,
    stop: CancellationToken,
}

impl Gateway {
    /// Opens the socket.
    pub(super) fn open(registry: Registry) -> io::Result<Self> {
        // In the folder of temporary files, because the path of a socket has few bytes.
        let folder = tempfile::tempdir()?;
        let listener = UnixListener::bind(folder.path().join("socket"))?;
        std::fs::write(folder.path().join("empty"), "")?;
        let stop = CancellationToken::new();
        let door = Arc::new(Door {
            registry,
            refusals: Mutex::default(),
            stop: stop.clone(),
        });
        let serving = serve(listener, Arc::clone(&door));
        tokio::spawn(stop.clone().run_until_cancelled_owned(serving));
        Ok(Self {
            door,
            folder,
            _stop: stop.drop_guard(),
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.door.registry
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// A file without anything in it, to be put over others.
    pub(super) fn empty_file(&self) -> PathBuf {
        self.folder.path().join("empty")
    }

    /// Lines for the build's log about what was refused since the last time.
    pub(super) fn refusals(&self) -> String {
        let mut refusals = self.door.refusals();
        std::mem::take(&mut *refusals).into_iter().collect()
    }
}

async fn serve(listener: UnixListener, door: Arc<Door>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // Closed never.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a build's connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (door, place) = (Arc::clone(&door), Arc::new(place));
        let stop = door.stop.clone();
        let service = service_fn(move |request| {
            let (door, place) = (Arc::clone(&door), Arc::clone(&place));
            async move { Ok::<_, Infallible>(door.answer(request, place).await) }
        });
        let connection = server::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        tokio::spawn(stop.run_until_cancelled_owned(connection));
    }
}

impl Door {
    fn refusals(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        place: Arc<OwnedSemaphorePermit>,
    ) -> Response {
        if !self.allows(request.method(), request.uri()) {
            return self.refuse(request.uri());
        }
        let answered = match *request.method() == Method::CONNECT {
            true => self.tunnel(request, place).await,
            false => self.forward(request).await,
        };
        answered.unwrap_or_else(|error| {
            let address = &self.registry.address;
            let text = format!("Error: the package registry {address}: {error}.\n");
            (StatusCode::BAD_GATEWAY, text).into_response()
        })
    }

    /// Whether a request goes to exactly the registry's host and port.
    fn allows(&self, method: &Method, uri: &Uri) -> bool {
        let address = &self.registry.address;
        let port = match (*method == Method::CONNECT, uri.scheme_str()) {
            (true, None) => uri.port_u16(),
            // Encrypted ones come through tunnels.
            (false, Some("http")) if !address.is_tls => Some(uri.port_u16().unwrap_or(80)),
            (_, _) => None,
        };
        let is_host = uri
            .host()
            .is_some_and(|host| host.eq_ignore_ascii_case(&address.host));
        is_host && port == Some(address.port)
    }

    fn refuse(&self, uri: &Uri) -> Response {
        let host = uri.host().unwrap_or("no host");
        let host: String = host.chars().take(REFUSAL_CHARS_MAX).collect();
        let port = uri.port_u16().map(|port| format!(":{port}"));
        let text = format!(
            "Error: a build may reach the package registry {} only, not {host}{}.\n",
            self.registry.address,
            port.unwrap_or_default()
        );
        let mut refusals = self.refusals();
        if refusals.len() < REFUSALS_MAX {
            refusals.insert(text.clone());
        }
        (StatusCode::FORBIDDEN, text).into_response()
    }

    /// Connects the two ends; what goes through is not looked at.
    async fn tunnel(
        &self,
        request: Request<Incoming>,
        place: Arc<OwnedSemaphorePermit>,
    ) -> Result<Response, RoadError> {
        let mut road = self.road().await?;
        let passing = async move {
            let _place = place;
            if let Ok(inner) = hyper::upgrade::on(request).await {
                // Either end may break off at any time.
                let _ = copy_bidirectional(&mut TokioIo::new(inner), &mut road).await;
            }
        };
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(passing));
        Ok(StatusCode::OK.into_response())
    }

    /// Passes on a request that is not encrypted.
    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response, RoadError> {
        let road = self.road().await?;
        let address = &self.registry.address;
        for name in &HOP_HEADERS {
            request.headers_mut().remove(name);
        }
        // Not what the build says: behind one port there may be several hosts.
        let host = HeaderValue::try_from(address.to_string()).map_err(http::Error::from)?;
        request.headers_mut().insert(header::HOST, host);
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = path.map_or_else(|| Uri::from_static("/"), Uri::from);
        let (mut sender, connection) = client::handshake(TokioIo::new(road)).await?;
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(connection));
        Ok(sender.send_request(request).await?.map(Body::new))
    }

    /// Connects to the registry, through the proxy of this machine where it has one.
    async fn road(&self) -> Result<Road, RoadError> {
        let connect = async {
            let target = self.registry.address.to_string();
            let Some(proxy) = &self.registry.proxy else {
                return Ok(Road::Left(TcpStream::connect(target).await?));
            };
            self.road_through(proxy, &target).await.map(Road::Right)
        };
        tokio::time::timeout(CONNECT_TIME_MAX, connect).await?
    }

    async fn road_through(
        &self,
        proxy: &Address,
        target: &str,
    ) -> Result<TokioIo<Upgraded>, RoadError> {
        let stream = TcpStream::connect(proxy.to_string()).await?;
        let (mut sender, connection) = client::handshake(TokioIo::new(stream)).await?;
        let connection = connection.with_upgrades();
        tokio::spawn(self.stop.clone().run_until_cancelled_owned(connection));
        let mut request = Request::builder()
            .method(Method::CONNECT)
            .uri(target)
            .header(header::HOST, target);
        if let Some(authorization) = &proxy.authorization {
            request = request.header(header::PROXY_AUTHORIZATION, authorization);
        }
        let response = sender.send_request(request.body(Body::empty())?).await?;
        if response.status() != StatusCode::OK {
            return Err(RoadError::Proxy(response.status()));
        }
        Ok(TokioIo::new(hyper::upgrade::on(response).await?))
    }
}

/// What a gateway is called in a sandbox, for programs that use proxies.
pub(super) fn variables(registry: &Registry, ca_file: Option<&Path>) -> Vec<(String, String)> {
    let proxy = format!("http://127.0.0.1:{}", super::relay::PORT);
    let mut all = vec![("npm_config_registry", registry.url.clone())];
    let names = [
        "npm_config_proxy",
        "npm_config_https_proxy",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
    ];
    all.extend(names.map(|name| (name, proxy.clone())));
    if !registry.is_loopback() {
        // Of the sandbox: a build may start servers for itself.
        let own = "localhost,127.0.0.1,::1";
        all.extend(["no_proxy", "NO_PROXY"].map(|name| (name, own.to_owned())));
    }
    if !registry.strict_tls {
        all.push(("npm_config_strict_ssl", "false".to_owned()));
    }
    if let Some(path) = ca_file.and_then(Path::to_str) {
        let names = ["npm_config_cafile", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE"];
        all.extend(names.map(|name| (name, path.to_owned())));
    }
    let own = |(name, value): (&str, String)| (name.to_owned(), value);
    all.into_iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, UnixStream};

    use super::*;

    /// Asks a gateway as a program in a sandbox would, and reads to the end.
    async fn ask(gateway: &Gateway, request: &str) -> String {
        let mut stream = UnixStream::connect(gateway.socket()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// A server that answers the first request of each connection with that request.
    async fn mirror() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4_096];
                let read = stream.read(&mut request).await.unwrap();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {read}\r\n\r\n");
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(&request[..read]).await.unwrap();
            }
        });
        port
    }

    #[tokio::test]
    async fn only_the_registrys_host_and_port_are_let_through() {
        let (port, other) = (mirror().await, mirror().await);
        let registry = Registry::at(&format!("http://127.0.0.1:{port}/")).unwrap();
        let gateway = Gateway::open(registry).unwrap();
        let get = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        let tunnel = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n{get}");
        let answer = ask(&gateway, &tunnel).await;
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
        assert!(answer.contains("host: x"), "{answer}");
        let plain = format!(
            "GET http://127.0.0.1:{port}/a?b HTTP/1.1\r\nhost: evil.example\r\n\
             proxy-authorization: secret\r\nconnection: close\r\n\r\n"
        );
        let answer = ask(&gateway, &plain).await;
        assert!(answer.contains("GET /a?b HTTP/1.1"), "{answer}");
        assert!(
            answer.contains(&format!("host: 127.0.0.1:{port}")),
            "{answer}"
        );
        assert!(
            !answer.contains("secret") && !answer.contains("evil"),
            "{answer}"
        );
        assert_eq!(gateway.refusals(), "");
        for target in [
            format!("CONNECT 127.0.0.1:{other}"),
            format!("CONNECT localhost:{port}"),
            "CONNECT example.com:443".to_owned(),
            format!("CONNECT 127.0.0.1.example.com:{port}"),
            format!("GET http://127.0.0.1:{other}/"),
            "GET http://127.0.0.1/".to_owned(),
            format!("GET http://127.0.0.1:{port}@example.com/"),
            format!("GET https://127.0.0.1:{port}/"),
            "GET /".to_owned(),
        ] {
            let request =
                format!("{target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n");
            let answer = ask(&gateway, &request).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{target}: {answer}");
            assert!(
                answer.contains("may reach the package registry"),
                "{answer}"
            );
        }
        let refusals = gateway.refusals();
        assert!(refusals.contains("not example.com:443.\n"), "{refusals}");
        assert!(
            refusals.contains(&format!("not 127.0.0.1:{other}.\n")),
            "{refusals}"
        );
        assert_eq!(gateway.refusals(), "");
    }

    #[tokio::test]
    async fn the_proxy_of_the_machine_is_used_and_its_password_stays_outside() {
        let port = mirror().await;
        let mut registry = Registry::at("https://packages.example/").unwrap();
        let proxy = Registry::at(&format!("http://127.0.0.1:{port}/")).unwrap();
        let mut password = HeaderValue::from_static("Basic YQ==");
        password.set_sensitive(true);
        registry.proxy = Some(Address {
            authorization: Some(password),
            ..proxy.address
        });
        let gateway = Gateway::open(registry).unwrap();
        // The proxy answers 200, and what it was asked comes through the tunnel.
        let request = "CONNECT packages.example:443 HTTP/1.1\r\n\r\n";
        let answer = ask(&gateway, request).await;
        let (head, asked) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(
            asked.starts_with("CONNECT packages.example:443 HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(asked.contains("proxy-authorization: Basic YQ=="), "{asked}");
        let all = variables(gateway.registry(), None);
        assert!(all.iter().all(|(_, value)| !value.contains("YQ")));
    }
}
