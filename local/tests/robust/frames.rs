//! WebSocket frames that are wrong in some way.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::PROJECT;
use crate::random::Random;

/// Connections of one round.
const CONNECTIONS: u64 = 15;

/// How long a connection may take to end once our side has.
const PATIENCE: Duration = Duration::from_secs(60);

const TEXTS: &[&str] = &[
    "",
    "{",
    "null",
    "[]",
    "{\"type\":1}",
    "{\"type\":\"nothing\"}",
    "{\"type\":\"authentication\",\"data\":{}}",
    "{\"type\":\"authentication\",\"data\":{\"session\":{}}}",
    "{\"type\":\"subscribe\",\"data\":null}",
    "{\"type\":\"subscribe\",\"data\":[{\"channels\":{}}]}",
    "{\"type\":\"ping\",\"data\":9}",
    "{\"type\":\"subscribe\",\"data\":[{\"channels\":[\"rows\"],\"queries\":[\"{\"]}]}",
];

/// Opens connections with the seeds behind `seed`, sends broken frames on each, and waits for the
/// platform to let go of it.
pub(crate) async fn send(port: u16, seed: u64) {
    for number in 0..CONNECTIONS {
        let seed = seed.wrapping_mul(1_000) + number;
        let mut random = Random::new(seed);
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let channels = random.pick(&["rows", "", "account", "%ff", "databases.*"]);
        let request = format!(
            "GET /v1/realtime?project={PROJECT}&channels[]={channels} HTTP/1.1\r\nhost: 127.0.0.1\r\n\
             connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
             sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert!(
            answer.starts_with(b"HTTP/1.1 101"),
            "seed {seed}: {answer:?}"
        );
        for _ in 0..=random.below(6) {
            // It may have let go already.
            let _ = stream.write_all(&frame(&mut random)).await;
        }
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "seed {seed}: the connection was kept");
    }
}

fn frame(random: &mut Random) -> Vec<u8> {
    let opcodes = [0x81, 0x82, 0x80, 0x01, 0x83, 0x88, 0x89, 0x8a, 0xf1, 0x0f];
    let mut frame = vec![*random.pick(&opcodes)];
    let body = match random.below(3) {
        0 => random.bytes(100),
        _ => random.pick(TEXTS).as_bytes().to_vec(),
    };
    let length = u8::try_from(body.len()).unwrap();
    match random.below(10) {
        // Unmasked, which a client must not do.
        0 => frame.push(length),
        // Longer than anything that is taken, and never sent.
        1 => frame.extend([
            0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ]),
        2 => frame.extend([0xfe, 0xff, 0xff, 0, 0, 0, 0]),
        // A mask of zeros leaves the body as it is.
        _ if length < 126 => frame.extend([0x80 | length, 0, 0, 0, 0]),
        _ => frame.extend([0xfe, 0, length, 0, 0, 0, 0]),
    }
    frame.extend(body);
    frame
}
