//! How long an event takes to its function.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::routing::get;
use http::{Method, StatusCode};
use local::store::Durability;
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};

use crate::client::Client;
use crate::function::now_ns;
use crate::load::quantile;
use crate::platform::{HEARD, Process};

/// Requests of each kind that are timed.
const TIMED: usize = 1_000;

/// Requests before them: the process starts, caches fill.
const WARM_UP: usize = 50;

/// How long a delivery is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Medians, in microseconds.
pub(crate) struct Times {
    /// One request on a kept connection to a server that does nothing.
    pub(crate) bare_us: f64,
    /// From sending the write to the function having its request.
    pub(crate) event_us: f64,
    /// The write alone, until its answer: what of `event_us` comes before the event.
    pub(crate) write_us: f64,
}

/// Measures both on this machine, one request at a time.
pub(crate) async fn measure() -> anyhow::Result<Times> {
    let folder = tempfile::tempdir()?;
    let reports = UdpSocket::bind(("127.0.0.1", 0)).await?;
    let process = Process::start(
        folder.path(),
        Durability::Normal,
        reports.local_addr()?.port(),
    )?;
    let mut client = Client::connect(process.port).await?;
    let (mut events, mut writes) = (Vec::with_capacity(TIMED), Vec::with_capacity(TIMED));
    for number in 0..WARM_UP + TIMED {
        let body = json!({"rowId": format!("r{number}"), "data": {"title": "Heard"}});
        let sent = now_ns();
        let (status, _) = client.ask(Method::POST, HEARD, body.to_string()).await?;
        let answered = now_ns().saturating_sub(sent) / 1_000;
        ensure!(status == StatusCode::CREATED, "a row was answered {status}");
        let mut heard = [0; 16];
        tokio::time::timeout(PATIENCE, reports.recv(&mut heard))
            .await
            .context("the function was not called")??;
        let took = u128::from_le_bytes(heard).saturating_sub(sent) / 1_000;
        if number >= WARM_UP {
            events.push(u32::try_from(took).unwrap_or(u32::MAX));
            writes.push(u32::try_from(answered).unwrap_or(u32::MAX));
        }
    }
    drop(process);
    events.sort_unstable();
    writes.sort_unstable();
    Ok(Times {
        bare_us: bare().await?,
        event_us: quantile(&events, 50),
        write_us: quantile(&writes, 50),
    })
}

/// The median of a request to a server that does nothing, on a thread of its own.
async fn bare() -> anyhow::Result<f64> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    listener.set_nonblocking(true)?;
    std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let routes = Router::new().route("/", get(|| async { "OK" }));
            Ok(axum::serve(TcpListener::from_std(listener)?, routes).await?)
        })
    });
    let mut client = Client::connect(port).await?;
    let mut times = Vec::with_capacity(TIMED);
    for number in 0..WARM_UP + TIMED {
        let started = Instant::now();
        client.ask(Method::GET, "/", String::new()).await?;
        if number >= WARM_UP {
            times.push(u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
    }
    times.sort_unstable();
    Ok(quantile(&times, 50))
}
