//! What is checked of each parser of foreign input: that it ends, without a panic, and the law
//! that its result keeps. `scripts/fuzz` runs them; each module is one target.
#![forbid(unsafe_code)]

pub mod agent;
pub mod archive;
pub mod brief;
pub mod build_log;
pub mod files;
pub mod forms;
pub mod headers;
pub mod paths;
pub mod plan;
mod project;
pub mod queries;
pub mod redaction;
pub mod review;
pub mod sse_anthropic;
pub mod sse_chat;
pub mod sse_xai;
mod stream;

/// The input as text; most of it is kept where it is none.
fn text(data: &[u8]) -> String {
    String::from_utf8_lossy(data).into_owned()
}
