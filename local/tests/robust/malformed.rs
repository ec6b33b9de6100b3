use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use local::platform::{Platform, PlatformConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::frames;
use crate::process::{KEY, PROJECT, Process};
use crate::request::{METHODS, Request, Route};

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Requests of the test; that of number n has the seed `SEED + n`.
const REQUESTS: u64 = 10_000;

/// The first seed.
const SEED: u64 = 20_261_125;

/// Routes that the platform has at least.
const ROUTES_MIN: usize = 150;

/// Requests under way at once.
const PARALLEL: usize = 8;

/// How long an answer may take, on a machine that does other things too.
const PATIENCE: Duration = Duration::from_secs(60);

/// Requests after which what was deleted is made again.
const ROUND: u64 = 500;

/// What the platform's memory may grow by after the first requests.
const GROWTH_BYTES_MAX: u64 = 96 * 1024 * 1024;

/// What the platform's memory may be at any time, with [`PARALLEL`] large bodies under way.
const PEAK_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Large bodies that are sent at once: more than the platform has room for.
const LARGE_AT_ONCE: usize = 48;

/// The variable that names the one seed to send again.
const ONLY: &str = "FUZZ_SEED";

/// The paths of the platform's own routers: they show them when they are printed.
async fn templates() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let config = PlatformConfig::new(PROJECT, folder.path().join("d"), folder.path().join("f"));
    let platform = Platform::start(config).await.unwrap();
    let printed = format!("{:?}", local::platform::routes(platform.kernel()));
    platform.shutdown().await;
    let quoted = printed.split('"').skip(1).step_by(2);
    let paths: BTreeSet<&str> = quoted.filter(|text| text.starts_with("/")).collect();
    paths.into_iter().map(str::to_owned).collect()
}

/// The routes: the methods that are known on each path. An unknown one is answered with a page.
async fn routes(port: u16) -> Vec<Route> {
    let mut routes = Vec::new();
    for template in templates().await {
        for method in METHODS {
            let path = template.replace(['{', '}', '*'], "");
            let request =
                format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let (_, text) = send(port, request.as_bytes(), false).await;
            if !text.contains("there is no such route") {
                routes.push((*method, template.clone()));
            }
        }
    }
    routes
}

/// Sends bytes and reads status and the beginning of the answer; 0 when the connection ends
/// without one.
async fn send(port: u16, bytes: &[u8], breaks_off: bool) -> (u16, String) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    let mut answer = Vec::new();
    let reading = async {
        let mut piece = [0; 4 * 1024];
        // A reset after the answer loses nothing of it. A stream of events has no end.
        while let Ok(read @ 1..) = reader.read(&mut piece).await {
            answer.extend_from_slice(&piece[..read]);
            if answer.len() > ANSWER_BYTES_MAX || is_endless(&answer) {
                return;
            }
        }
    };
    let writing = async {
        let _ = writer.write_all(bytes).await;
        if breaks_off {
            let _ = writer.shutdown().await;
        }
    };
    tokio::join!(reading, writing);
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    (status.unwrap_or(0), text)
}

/// Whether an answer is a stream that goes on until its client goes away.
fn is_endless(answer: &[u8]) -> bool {
    const KIND: &[u8] = b"content-type: text/event-stream";
    answer.windows(KIND.len()).any(|part| part == KIND)
}

/// What is wrong with the answer to a request, if anything.
async fn check(port: u16, seed: u64, route: &Route) -> Result<u16, String> {
    let request = Request::of(seed, route);
    let answer =
        tokio::time::timeout(PATIENCE, send(port, &request.bytes, request.breaks_off)).await;
    let problem = match answer {
        Ok((0, _)) if request.breaks_off => return Ok(0),
        Ok((status, _)) if (400..500).contains(&status) => return Ok(status),
        Ok((status, _)) if (200..400).contains(&status) && !request.hopeless => return Ok(status),
        Ok((status, text)) => format!("was answered {status}: {text}"),
        Err(_) => "was not answered".to_owned(),
    };
    Err(format!(
        "the request of {ONLY}={seed} {problem}\nit was\n{}",
        request.shown()
    ))
}

/// Makes again what the requests may have deleted.
async fn restore(port: u16) {
    let post = async |path: &str, body: &str| {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-appwrite-project: {PROJECT}\r\n\
             x-appwrite-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let (status, text) = send(port, request.as_bytes(), false).await;
        assert!(
            status == 409 || (200..300).contains(&status),
            "{path}: {text}"
        );
    };
    let table = |id: &str| {
        format!(
            r#"{{"tableId":"{id}","name":"{id}","permissions":["read(\"any\")","create(\"any\")"],"columns":[{{"key":"title","type":"string","size":64,"required":false}},{{"key":"client","type":"integer"}},{{"key":"done","type":"boolean"}}]}}"#
        )
    };
    post("/v1/tablesdb", r#"{"databaseId":"main","name":"main"}"#).await;
    for id in ["notes", "heard"] {
        post("/v1/tablesdb/main/tables", &table(id)).await;
        let rows = format!("/v1/tablesdb/main/tables/{id}/rows");
        for row in ["r1", "r2"] {
            post(
                &rows,
                &format!(r#"{{"rowId":"{row}","data":{{"title":"a"}}}}"#),
            )
            .await;
        }
    }
    post("/v1/storage/buckets", r#"{"bucketId":"b1","name":"b"}"#).await;
    post(
        "/v1/functions",
        r#"{"functionId":"listener","name":"l","runtime":"rust-1.83"}"#,
    )
    .await;
}

/// Sends the requests of some numbers, a few at once; returns how often each status came.
async fn send_all(
    port: u16,
    routes: &Arc<Vec<Route>>,
    numbers: std::ops::Range<u64>,
) -> BTreeMap<u16, u64> {
    let next = Arc::new(AtomicU64::new(numbers.start));
    let end = numbers.end;
    let tasks: Vec<_> = (0..PARALLEL)
        .map(|_| {
            let (next, routes) = (Arc::clone(&next), Arc::clone(routes));
            tokio::spawn(async move {
                let mut statuses = BTreeMap::new();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= end {
                        return Ok(statuses);
                    }
                    let place = usize::try_from(number).unwrap() % routes.len();
                    let status = check(port, SEED + number, &routes[place]).await?;
                    *statuses.entry(status).or_insert(0) += 1;
                }
            })
        })
        .collect();
    let mut all = BTreeMap::new();
    for task in tasks {
        let statuses: Result<BTreeMap<u16, u64>, String> = task.await.unwrap();
        assert!(statuses.is_ok(), "{}", statuses.err().unwrap_or_default());
        for (status, count) in statuses.unwrap() {
            *all.entry(status).or_insert(0) += count;
        }
    }
    all
}

#[expect(
    clippy::disallowed_methods,
    reason = "a person names the seed to repeat"
)]
fn only() -> Option<u64> {
    std::env::var(ONLY).ok()?.parse().ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_are_refused_and_harm_nothing() {
    println!("seeds from {SEED}; {ONLY}=n sends one again");
    let mut platform = Process::start();
    let port = platform.port;
    let routes = Arc::new(routes(port).await);
    println!("{} routes", routes.len());
    // The router must have shown itself.
    assert!(routes.len() > ROUTES_MIN, "{routes:?}");
    restore(port).await;
    if let Some(seed) = only() {
        send_all(port, &routes, seed - SEED..seed - SEED + 1).await;
        return;
    }
    // Every route is asked in each round, so also while everything is there.
    assert!(ROUND > u64::try_from(routes.len()).unwrap());
    let mut statuses = BTreeMap::new();
    let mut first_bytes = 0;
    for round in 0..REQUESTS / ROUND {
        let done = send_all(port, &routes, round * ROUND..(round + 1) * ROUND).await;
        for (status, count) in done {
            *statuses.entry(status).or_insert(0) += count;
        }
        frames::send(port, SEED + round).await;
        restore(port).await;
        if round == 1 {
            first_bytes = platform.memory_bytes("VmRSS");
        }
    }
    println!("answers: {statuses:?}");
    let (now, peak) = (
        platform.memory_bytes("VmRSS"),
        platform.memory_bytes("VmHWM"),
    );
    println!("memory: {first_bytes} bytes early, {now} at the end, {peak} at most");
    assert!(platform.is_running());
    assert_eq!(statuses.values().sum::<u64>(), REQUESTS);
    assert!(now.saturating_sub(first_bytes) <= GROWTH_BYTES_MAX);
    assert!(peak <= PEAK_BYTES_MAX);
    // Those that were looked at, refused for their form, and refused for their size.
    for status in [200, 201, 400, 401, 404, 413] {
        assert!(statuses.contains_key(&status), "no answer was {status}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_large_bodies_wait_for_room() {
    let platform = Process::start();
    let port = platform.port;
    let text = "x".repeat(11 * 1024 * 1024);
    let head = format!(
        "POST /v1/tablesdb/main/tables/notes/rows HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         x-appwrite-project: {PROJECT}\r\nx-appwrite-key: {KEY}\r\ncontent-type: application/json\r\n"
    );
    let body = format!(r#"{{"rowId":"unique()","data":{{"title":"{text}"}}}}"#);
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    let request: Arc<str> = Arc::from(request);
    let tasks: Vec<_> = (0..LARGE_AT_ONCE)
        .map(|_| {
            let request = Arc::clone(&request);
            tokio::spawn(async move { send(port, request.as_bytes(), false).await })
        })
        .collect();
    for task in tasks {
        let (status, text) = tokio::time::timeout(PATIENCE, task).await.unwrap().unwrap();
        // The column takes 128 characters.
        assert_eq!(status, 400, "{text}");
    }
    let peak = platform.memory_bytes("VmHWM");
    println!("memory: {peak} bytes at most");
    assert!(peak <= PEAK_BYTES_MAX);
}
