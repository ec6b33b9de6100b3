//! The function that hears of rows: tells when a request was there, and answers.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;

use anyhow::Context as _;

/// The variable that makes this executable the function: the UDP port that is told.
pub(crate) const REPORT: &str = "BENCH_REPORT";

/// Whether the platform started this process.
pub(crate) fn is_asked_for() -> bool {
    std::env::var_os(REPORT).is_some()
}

/// Nanoseconds since 1970, which all processes of a machine share.
pub(crate) fn now_ns() -> u128 {
    local::clock::now().as_nanosecond().unsigned_abs()
}

/// Serves until standard input ends.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("Listening on http://{}", listener.local_addr()?);
    println!("HTTP server successfully started!");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&stream));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(ExitCode::SUCCESS)
}

fn serve(stream: &TcpStream) -> anyhow::Result<()> {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    loop {
        let (path, length) = head(&mut reader)?;
        reader.read_exact(&mut vec![0; length])?;
        if path != "/__opr/health" {
            let port: u16 = std::env::var(REPORT)?.parse()?;
            let now = now_ns().to_le_bytes();
            UdpSocket::bind(("127.0.0.1", 0))?.send_to(&now, ("127.0.0.1", port))?;
        }
        let mut stream = stream;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK")?;
    }
}

/// Reads a request's head: its path and the length of its body.
fn head(reader: &mut impl std::io::BufRead) -> anyhow::Result<(String, usize)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).context("the connection ended")?;
    let path = path.to_owned();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else {
            return Ok((path, length));
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
}
