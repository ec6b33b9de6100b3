//! How long an event takes to its function.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::body::Bytes;
use http::StatusCode;
use local::store::Durability;
use serde_json::json;
use tokio::net::{TcpListener, UdpSocket};

use crate::client::Client;
use crate::function::now_ns;
use crate::load::median_us;
use crate::platform::{EXECUTIONS, HEARD, Process};

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
    /// From the event, when its write is committed, to the function having its request.
    pub(crate) event_us: f64,
    /// From sending the write to the function having its request.
    pub(crate) whole_us: f64,
    /// The write alone, until its answer.
    pub(crate) write_us: f64,
}

/// Measures all on this machine, in turn, with nothing else under way in the platform.
pub(crate) async fn measure() -> anyhow::Result<Times> {
    let folder = tempfile::tempdir()?;
    let reports = UdpSocket::bind(("127.0.0.1", 0)).await?;
    let port = reports.local_addr()?.port();
    let process = Process::start(folder.path(), Durability::Normal, port)?;
    let mut client = Client::connect(process.port).await?;
    let mut idle = Client::connect(serve_nothing()?).await?;
    let mut rounds = Vec::with_capacity(TIMED);
    for number in 0..WARM_UP + TIMED {
        let body = json!({"rowId": format!("r{number}"), "data": {"title": "Heard"}}).to_string();
        let (bare, _) = idle.post("/", body.clone()).await?;
        let sent = now_ns();
        let (answered, status) = client.post(HEARD, body).await?;
        ensure!(status == StatusCode::CREATED, "a row was answered {status}");
        let mut heard = [0; 16];
        tokio::time::timeout(PATIENCE, reports.recv(&mut heard))
            .await
            .context("the function was not called")??;
        rounds.push([bare, answered, sent, u128::from_le_bytes(heard)]);
        // What is left to do for this event must not be in the way of the next.
        let recorded = async {
            while client.get(EXECUTIONS).await?["total"] != json!(number + 1) {}
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, recorded)
            .await
            .context("the execution was not recorded")??;
    }
    drop(client);
    let published = process.published()?;
    ensure!(
        published.len() == rounds.len(),
        "not one event for each write"
    );
    let rounds: Vec<_> = rounds.into_iter().zip(published).skip(WARM_UP).collect();
    let whole = rounds
        .iter()
        .all(|([_, _, sent, heard], event)| sent <= event && event <= heard);
    ensure!(
        whole,
        "an event was not published between its write and its request"
    );
    let median = |time: fn(&([u128; 4], u128)) -> u128| median_us(rounds.iter().map(time));
    Ok(Times {
        bare_us: median(|([bare, ..], _)| *bare),
        event_us: median(|([.., heard], event)| heard.saturating_sub(*event)),
        whole_us: median(|([_, _, sent, heard], _)| heard.saturating_sub(*sent)),
        write_us: median(|([_, answered, ..], _)| *answered),
    })
}

/// The port of a server that does nothing, on a thread of its own.
fn serve_nothing() -> anyhow::Result<u16> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    listener.set_nonblocking(true)?;
    std::thread::spawn(move || -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async {
            let routes = Router::new().route("/", axum::routing::post(|_: Bytes| async { "OK" }));
            Ok(axum::serve(TcpListener::from_std(listener)?, routes).await?)
        })
    });
    Ok(port)
}
