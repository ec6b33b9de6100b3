//! crates.io `appwrite`: a server with the project's key. Run by `tests/it/clients.rs`.

mod program;
mod rows;

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use appwrite::{AppwriteError, Client};

/// What an issue of this project demands of every script.
const CALLS_MIN: u32 = 30;
/// Longest wait for a condition; only a failing script takes so long.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

static CALLS: AtomicU32 = AtomicU32::new(0);

/// Makes a call that must succeed.
async fn call<T>(what: &str, asked: impl Future<Output = appwrite::Result<T>>) -> Result<T> {
    CALLS.fetch_add(1, Ordering::Relaxed);
    asked.await.with_context(|| what.to_owned())
}

/// Makes a call that must be refused with a status and an error type.
async fn refused<T>(what: &str, asked: impl Future<Output = appwrite::Result<T>>, wanted: (u16, &str)) -> Result<()> {
    CALLS.fetch_add(1, Ordering::Relaxed);
    let error: AppwriteError = match asked.await {
        Ok(_) => bail!("{what} was not refused"),
        Err(error) => error,
    };
    same(what, (error.code, error.get_type().unwrap_or_default()), wanted)
}

/// Waits for a condition; it counts as one call, however often it looks.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    let before = CALLS.load(Ordering::Relaxed);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = look().await?;
        CALLS.store(before + 1, Ordering::Relaxed);
        match found {
            Some(found) => return Ok(found),
            None => ensure!(Instant::now() < deadline, "did not come true: {what}"),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn same<T: PartialEq<U> + Debug, U: Debug>(what: &str, given: T, wanted: U) -> Result<()> {
    ensure!(given == wanted, "{what}: {given:?} is not {wanted:?}");
    Ok(())
}

fn setting(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set"))
}

fn client() -> Result<Client> {
    Ok(Client::new()
        .set_endpoint(setting("APPWRITE_ENDPOINT")?)
        .set_project(setting("APPWRITE_PROJECT_ID")?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let server = client()?.set_key(setting("APPWRITE_API_KEY")?);
    rows::schema(&server).await?;
    rows::rows(&server).await?;
    rows::queries(&server).await?;
    rows::transactions(&server).await?;
    program::accounts(&server).await?;
    program::files(&server).await?;
    program::executions(&server).await?;
    program::site(&server).await?;
    let calls = CALLS.load(Ordering::Relaxed);
    ensure!(calls >= CALLS_MIN, "{calls} calls are fewer than {CALLS_MIN}");
    println!("calls: {calls}");
    Ok(())
}
