//! Clients that create rows, each on a connection of its own, one after another.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::ensure;
use http::StatusCode;
use local::store::Durability;
use serde_json::json;

use crate::client::Client;
use crate::platform::{Process, ROWS};

/// What one client has done.
pub(crate) struct Written {
    /// The rows that were answered with 201, by number.
    pub(crate) rows: Range<u32>,
    /// Answers other than 201.
    pub(crate) refused: u32,
    /// Whether the connection ended before the time did.
    pub(crate) cut: bool,
    /// How long each answer took, in microseconds.
    pub(crate) times_us: Vec<u32>,
}

/// The id of a client's row.
pub(crate) fn row_id(client: usize, number: u32) -> String {
    format!("c{client}-{number}")
}

/// Runs a client from the row `first` on until `until`.
pub(crate) async fn client(port: u16, client: usize, first: u32, until: Instant) -> Written {
    let mut written = Written {
        rows: first..first,
        refused: 0,
        cut: false,
        times_us: Vec::new(),
    };
    let Ok(mut connection) = Client::connect(port).await else {
        written.cut = true;
        return written;
    };
    while Instant::now() < until {
        let data = json!({"title": "What somebody has to do one of these days", "client": client});
        let body = json!({"rowId": row_id(client, written.rows.end), "data": data});
        match connection.post(ROWS, body.to_string()).await {
            Ok((took, StatusCode::CREATED)) => {
                written.rows.end += 1;
                written.times_us.push(micros(took));
            }
            Ok(_) => written.refused += 1,
            Err(_) => {
                written.cut = true;
                return written;
            }
        }
    }
    written
}

/// Runs all clients at once, each from where it was.
pub(crate) async fn clients(port: u16, first: &[u32], until: Instant) -> Vec<Written> {
    let all = first.iter().enumerate();
    futures::future::join_all(all.map(|(number, first)| client(port, number, *first, until))).await
}

/// How fast rows are created.
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    /// Processor time of the platform for each row, in microseconds.
    pub(crate) cpu_us: f64,
    /// Bytes of the database for each row.
    pub(crate) bytes_each: usize,
}

/// Measures a new platform.
pub(crate) async fn rate(sync: Durability, clients: usize, span: Duration) -> anyhow::Result<Rate> {
    let folder = tempfile::tempdir()?;
    let process = Process::start(folder.path(), sync, 0)?;
    let idle_us = process.cpu_us()?;
    let started = Instant::now();
    let written = self::clients(process.port, &vec![0; clients], started + span).await;
    let seconds = started.elapsed().as_secs_f64();
    let refused: u32 = written.iter().map(|client| client.refused).sum();
    let cut = written.iter().filter(|client| client.cut).count();
    ensure!(
        refused == 0 && cut == 0,
        "{refused} rows were refused, {cut} connections cut"
    );
    let mut times: Vec<u32> = written.into_iter().flat_map(|it| it.times_us).collect();
    times.sort_unstable();
    let cpu_us = process.cpu_us()? - idle_us;
    drop(process);
    let database = folder
        .path()
        .join("platform")
        .join(local::kernel::DATABASE_FILE);
    let bytes = usize::try_from(database.metadata()?.len())?;
    let rows = f64::from(u32::try_from(times.len())?);
    Ok(Rate {
        per_second: rows / seconds,
        cpu_us: cpu_us / rows,
        p50_us: quantile(&times, 50),
        p99_us: quantile(&times, 99),
        bytes_each: bytes / times.len().max(1),
    })
}

/// Nanoseconds in whole microseconds.
fn micros(nanos: u128) -> u32 {
    u32::try_from(nanos / 1_000).unwrap_or(u32::MAX)
}

/// The median of times in nanoseconds, in microseconds.
pub(crate) fn median_us(nanos: impl Iterator<Item = u128>) -> f64 {
    let mut times: Vec<u32> = nanos.map(micros).collect();
    times.sort_unstable();
    quantile(&times, 50)
}

/// A quantile of sorted times, in percent.
fn quantile(sorted: &[u32], percent: usize) -> f64 {
    let place = sorted.len().saturating_sub(1) * percent / 100;
    sorted.get(place).copied().map_or(0.0, f64::from)
}
