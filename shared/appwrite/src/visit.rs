//! A look at a public address: as a visitor, without credentials.

use std::io;

use ureq::http::header;

use crate::client::Client;

/// Bytes that are read of what an address answers.
pub const VISIT_BYTES_MAX: u64 = 64 * 1024;

/// What a visitor sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The status.
    pub status: u16,
    /// The beginning of the text, at most [`VISIT_BYTES_MAX`] bytes.
    pub text: String,
}

impl Client {
    /// Looks at `url` once, which need not be of this server. Nothing is sent but the request
    /// for it, redirects are not followed, and no cache is asked.
    ///
    /// # Errors
    /// It did not answer. Worth a retry.
    pub fn visit(&self, url: &str) -> Result<Visit, io::Error> {
        let request = self
            .agent()
            .get(url)
            .header(header::CACHE_CONTROL, "no-cache");
        let (parts, mut body) = request.call().map_err(io::Error::other)?.into_parts();
        let bytes = body
            .with_config()
            .limit(VISIT_BYTES_MAX)
            .read_to_vec()
            .unwrap_or_default();
        Ok(Visit {
            status: parts.status.as_u16(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        })
    }
}
