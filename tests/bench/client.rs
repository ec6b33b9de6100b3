//! A connection that is kept, and what is asked on it.

use std::time::Instant;

use anyhow::Context as _;
use axum::body::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::platform::{KEY, PROJECT};

/// One connection of one client.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
}

impl Client {
    /// Connects to a port of this machine.
    pub(crate) async fn connect(port: u16) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Self { sender })
    }

    /// Asks as the project's key and returns status and body.
    ///
    /// # Errors
    /// The connection ended; nothing is known of the request then.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: String,
    ) -> anyhow::Result<(StatusCode, Bytes)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, "application/json")
            .header("x-appwrite-project", PROJECT)
            .header("x-appwrite-key", KEY)
            .body(Full::new(Bytes::from(body)))?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// Posts a body. Returns how long that took, in nanoseconds, and the status.
    ///
    /// # Errors
    /// As those of [`Self::ask`].
    pub(crate) async fn post(
        &mut self,
        path: &str,
        body: String,
    ) -> anyhow::Result<(u128, StatusCode)> {
        let started = Instant::now();
        let (status, _) = self.ask(Method::POST, path, body).await?;
        Ok((started.elapsed().as_nanos(), status))
    }

    /// Reads a JSON answer that must be a success.
    pub(crate) async fn get(&mut self, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.ask(Method::GET, path, String::new()).await?;
        let text = String::from_utf8_lossy(&body);
        anyhow::ensure!(status.is_success(), "`{path}` answered {status}: {text}");
        serde_json::from_slice(&body).with_context(|| format!("`{path}` answered no JSON"))
    }
}
