//! Bodies of requests to the embedded platform: JSON, forms, and uploads.

use axum::body::Body;
use axum::extract::{FromRequest as _, Request};
use local::error::ApiError;
use local::server::Params;
use local::sites::SOURCE_BYTES_MAX;
use local::{functions, sites, storage};

const KINDS: [&str; 3] = [
    "multipart/form-data; boundary=x",
    "application/x-www-form-urlencoded",
    "application/json",
];
const RANGES: [Option<&str>; 4] = [
    None,
    Some("bytes 0-4/10"),
    Some("bytes 5-9/10"),
    Some("bytes 9-18446744073709551615/10"),
];

/// A request is read, or refused as the caller's mistake; the part of a source that was sent
/// is as long as its bytes and lies inside. The first byte of the input says which kind it is.
pub fn run(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(choice & 3) % KINDS.len()];
    let range = match choice >> 2 {
        63 => None,
        number => RANGES[usize::from(number) % RANGES.len()],
    };
    let request = || {
        let mut builder = Request::builder()
            .method("POST")
            .header("content-type", kind);
        if let Some(range) = range {
            builder = builder
                .header("content-range", range)
                .header("x-appwrite-id", "abc");
        }
        builder.body(Body::from(body.to_vec())).expect("a request")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let params = Params::from_request(request(), &()).await;
        assert!(params.is_ok());
        match functions::upload::Upload::read(request()).await {
            Ok(it) => within(
                (it.range.start, it.range.end, it.range.total),
                it.bytes.len(),
            ),
            Err(error) => refused(&error),
        }
        match sites::upload::Upload::read(request()).await {
            Ok(it) => within(
                (it.range.start, it.range.end, it.range.total),
                it.bytes.len(),
            ),
            Err(error) => refused(&error),
        }
        match storage::upload::Upload::read(request()).await {
            Ok(it) => assert!(local::ids::is_custom(&it.id), "{}", it.id),
            Err(response) => assert!(response.status().is_client_error()),
        }
    });
}

fn within((start, end, total): (u64, u64, u64), length: usize) {
    assert!(start <= end && end <= total && total <= SOURCE_BYTES_MAX);
    assert_eq!(end - start, length as u64);
}

fn refused(error: &ApiError) {
    assert!(error.status.is_client_error(), "{error:?}");
}
