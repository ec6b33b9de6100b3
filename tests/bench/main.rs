//! Measures the orchestrator and the platform:
//! `bench [overhead] [growth] [cold] [rates] [durability] [--seconds N] [--clients N] [--json]`.
//!
//! - `overhead`, `growth` and `cold`: see their modules.
//! - `rates`: rows created per second over HTTP with both kinds of `--sync`, beside the disk's own
//!   rate of fsync, and the time from an event to the function's request, beside a bare request.
//! - `durability`: many clients write, the platform is killed with SIGKILL in the middle, and
//!   every answered write must be there afterwards. Ends with 1 where one is not.
//!
//! Without a word it does everything. Each platform is a process of its own: this executable
//! again, with the word `serve`. `scripts/bench` builds and runs it.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that reports"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "a function reads its environment"
)]

mod client;
mod cold;
mod deliveries;
mod disk;
mod durability;
mod function;
mod growth;
mod load;
mod orchestrator;
mod overhead;
mod own;
mod platform;
mod process;
mod quiet;
mod services;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use local::store::Durability;
use serde_json::Value;

use table::{Goal, Table};

/// Rows per second that `--sync normal` shall reach.
const CREATES_GOAL: f64 = 5_000.0;

/// Share of what disk and group commit allow that `--sync full` shall reach.
const FULL_SHARE_GOAL: f64 = 0.6;

/// Bare requests that an event may take to its function.
const DELIVERY_GOAL: f64 = 10.0;

/// What was typed.
struct Args {
    rates: bool,
    durability: bool,
    overhead: bool,
    cold: bool,
    growth: bool,
    package: PathBuf,
    bare: PathBuf,
    seconds: u64,
    clients: usize,
    json: bool,
}

impl Args {
    fn parse(words: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let mut args = Self {
            rates: false,
            durability: false,
            overhead: false,
            cold: false,
            growth: false,
            package: PathBuf::from("target/package"),
            bare: PathBuf::from("target/x86_64-unknown-linux-gnu/release/examples/bare"),
            seconds: 0,
            clients: 64,
            json: false,
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().and_then(|value| value.parse::<u16>().ok());
                value
                    .filter(|value| *value > 0)
                    .with_context(|| format!("`{word}` takes a number from 1 to 65535"))
            };
            match word.as_str() {
                "rates" => args.rates = true,
                "durability" => args.durability = true,
                "overhead" => args.overhead = true,
                "cold" => args.cold = true,
                "growth" => args.growth = true,
                "--package" => args.package = path(&word, words.next())?,
                "--bare" => args.bare = path(&word, words.next())?,
                "--seconds" => args.seconds = number()?.into(),
                "--clients" => args.clients = number()?.into(),
                "--json" => args.json = true,
                other => anyhow::bail!("`{other}` is not known here"),
            }
        }
        let some = [
            args.rates,
            args.durability,
            args.overhead,
            args.cold,
            args.growth,
        ];
        if !some.contains(&true) {
            (args.rates, args.durability) = (true, true);
            (args.overhead, args.cold, args.growth) = (true, true, true);
        }
        Ok(args)
    }

    fn seconds_or(&self, default: u64) -> Duration {
        Duration::from_secs(if self.seconds == 0 {
            default
        } else {
            self.seconds
        })
    }
}

fn path(word: &str, value: Option<String>) -> anyhow::Result<PathBuf> {
    let value = value.with_context(|| format!("`{word}` takes a path"))?;
    Ok(PathBuf::from(value))
}

fn main() -> ExitCode {
    let outcome = if function::is_asked_for() {
        function::run()
    } else {
        let mut words = std::env::args().skip(1).peekable();
        match words.peek().map(String::as_str) {
            Some("serve") => platform::serve(words.skip(1)),
            Some("services") => services::serve(words.skip(1)),
            Some("orchestrator") => orchestrator::serve(words.skip(1)),
            _ => Args::parse(words).and_then(|args| bench(&args)),
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(args: &Args) -> anyhow::Result<ExitCode> {
    // One thread: the load must leave the machine to the platform.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut table = Table::default();
    let mut sound = true;
    if args.rates {
        runtime.block_on(rates(args, &mut table))?;
    }
    if args.cold {
        eprintln!("==> cold starts");
        cold::measure(&mut table, &args.package, &args.bare)?;
    }
    if args.growth {
        eprintln!("==> growth");
        runtime.block_on(growth::measure(&mut table))?;
    }
    if args.overhead {
        eprintln!("==> what the orchestrator adds");
        runtime.block_on(overhead::measure(&mut table))?;
    }
    if args.durability {
        let report = runtime.block_on(durability::run(args.clients, args.seconds_or(60)))?;
        sound = report.is_sound();
        report.tell(&mut table);
    }
    print!("{table}");
    if args.json {
        println!("{}", Value::Object(table.into_json()));
    }
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn rates(args: &Args, table: &mut Table) -> anyhow::Result<()> {
    let span = args.seconds_or(10);
    eprintln!("==> rows, --sync normal");
    let normal = load::rate(Durability::Normal, args.clients, span).await?;
    eprintln!("==> the disk");
    let before = disk::fsyncs_per_second(normal.bytes_each * args.clients)?;
    eprintln!("==> rows, --sync full");
    let full = load::rate(Durability::Full, args.clients, span).await?;
    let after = disk::fsyncs_per_second(normal.bytes_each * args.clients)?;
    let fsyncs = (before + after) / 2.0;
    // A commit can hold one row of each client; no disk makes it faster than without.
    let clients = u32::try_from(args.clients).map_or(f64::MAX, f64::from);
    let allowed = (fsyncs * clients).min(normal.per_second);
    let rows = [
        (
            "rows_created_normal",
            "rows created, --sync normal",
            normal.per_second,
            "/s",
        ),
        ("rows_created_normal_p50", "  p50", normal.p50_us, "us"),
        ("rows_created_normal_p99", "  p99", normal.p99_us, "us"),
        (
            "rows_created_normal_cpu",
            "  processor time of the platform for each",
            normal.cpu_us,
            "us",
        ),
        (
            "fsyncs",
            "fsyncs of a group's bytes by the disk alone",
            fsyncs,
            "/s",
        ),
        (
            "rows_allowed_full",
            "rows that disk and group commit allow",
            allowed,
            "/s",
        ),
        (
            "rows_created_full",
            "rows created, --sync full",
            full.per_second,
            "/s",
        ),
        ("rows_created_full_p50", "  p50", full.p50_us, "us"),
        ("rows_created_full_p99", "  p99", full.p99_us, "us"),
    ];
    for (key, what, figure, unit) in rows {
        let goal = (key == "rows_created_normal").then_some(Goal::AtLeast(CREATES_GOAL));
        table.add(key, what, figure, unit, goal);
    }
    let share = full.per_second / allowed;
    let goal = Some(Goal::AtLeast(FULL_SHARE_GOAL));
    table.add("full_share", "  share of what is allowed", share, "", goal);
    events(table).await
}

async fn events(table: &mut Table) -> anyhow::Result<()> {
    eprintln!("==> events");
    let times = deliveries::measure().await?;
    let micros = |key, what, figure| (key, what, figure, "us");
    let rows = [
        micros(
            "bare_request_p50",
            "bare loopback request, p50",
            times.bare_us,
        ),
        micros(
            "event_to_function_p50",
            "event to function's request, warm, p50",
            times.event_us,
        ),
        (
            "event_ratio",
            "  bare requests",
            times.event_us / times.bare_us,
            "",
        ),
        micros(
            "write_to_function_p50",
            "write sent to function's request, p50",
            times.whole_us,
        ),
        micros(
            "write_p50",
            "write sent to its answer, alone, p50",
            times.write_us,
        ),
    ];
    for (key, what, figure, unit) in rows {
        let goal = (key == "event_ratio").then_some(Goal::AtMost(DELIVERY_GOAL));
        table.add(key, what, figure, unit, goal);
    }
    Ok(())
}
