//! Token counts, and which of them were written to or read from the prompt cache.
//!
//! Order: tools, system, messages. A breakpoint's prefix is stored; a later request reads the
//! longest stored prefix that ends at most 20 blocks before one of its breakpoints.

use serde_json::{Value, json};

use super::super::digest::sha256_hex;
use super::super::server::State;
use super::super::wire::tokens;
use super::block::comparable;
use super::request::Request;

/// Blocks that are looked at before a breakpoint.
const LOOKBACK_BLOCKS: usize = 20;

/// The end of one block: its prefix's hash and tokens, and whether there is a breakpoint.
struct Edge {
    hash: String,
    tokens: u64,
    /// `Some(true)` for a breakpoint of one hour, `Some(false)` for five minutes.
    breakpoint: Option<bool>,
}

/// All input tokens of a request.
pub(super) fn input_tokens(request: &Request) -> u64 {
    edges(request).last().map_or(0, |edge| edge.tokens)
}

fn edges(request: &Request) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut hash = format!("anthropic {}", request.model.id);
    let mut total = 0;
    let mut push = |block: &Value, salt: &str, edges: &mut Vec<Edge>| {
        let text = comparable(block).to_string();
        hash = sha256_hex(format!("{hash}\n{salt}\n{text}").as_bytes());
        total += tokens(&text);
        let control = &block["cache_control"];
        let breakpoint = (!control.is_null()).then(|| control["ttl"] == "1h");
        edges.push(Edge {
            hash: hash.clone(),
            tokens: total,
            breakpoint,
        });
    };
    for tool in &request.tools {
        push(tool, "tool", &mut edges);
    }
    for block in &request.system {
        push(block, "system", &mut edges);
    }
    // What changes the messages' entries but not those before.
    let settings = json!([
        request.body["tool_choice"],
        request.body["thinking"],
        request.body["output_config"]
    ])
    .to_string();
    for message in &request.messages {
        for block in &message.blocks {
            push(block, &format!("{} {settings}", message.role), &mut edges);
        }
    }
    if let (Some(last), control) = (edges.last_mut(), &request.body["cache_control"])
        && !control.is_null()
        && last.breakpoint.is_none()
    {
        last.breakpoint = Some(control["ttl"] == "1h");
    }
    edges
}

/// What an answer does with the prompt cache.
#[derive(Default)]
pub(crate) struct Cached {
    /// Tokens it writes.
    pub(crate) written: u64,
    /// Tokens it reads.
    pub(crate) read: u64,
    /// Prefixes that can be read by others once it has begun.
    pub(crate) prefixes: Vec<String>,
}

/// The input side of a `usage` object.
pub(super) fn usage(state: &State, request: &Request) -> (Value, Cached) {
    let edges = edges(request);
    let total = edges.last().map_or(0, |edge| edge.tokens);
    let is_cached =
        |edge: &&Edge| edge.breakpoint.is_some() && edge.tokens >= request.model.cache_min;
    let added: Vec<String> = edges
        .iter()
        .filter(is_cached)
        .map(|edge| edge.hash.clone())
        .collect();
    let asked: Vec<String> = edges.iter().map(|edge| edge.hash.clone()).collect();
    let known = state.has_prefixes(&asked);
    let mut read = 0;
    for (index, edge) in edges.iter().enumerate() {
        if edge.breakpoint.is_some() {
            let first = index.saturating_sub(LOOKBACK_BLOCKS);
            let found = (first..=index).rev().find(|candidate| known[*candidate]);
            read = read.max(found.map_or(0, |found| edges[found].tokens));
        }
    }
    let (mut short, mut long, mut written) = (0, 0, read);
    for edge in edges.iter().filter(is_cached) {
        let more = edge.tokens.saturating_sub(written);
        *(if edge.breakpoint == Some(true) {
            &mut long
        } else {
            &mut short
        }) += more;
        written = written.max(edge.tokens);
    }
    let usage = json!({
        "input_tokens": total - written,
        "cache_creation_input_tokens": short + long,
        "cache_read_input_tokens": read,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "server_tool_use": null, "service_tier": "standard", "inference_geo": null, "speed": "standard",
    });
    let cached = Cached {
        written: short + long,
        read,
        prefixes: added,
    };
    (usage, cached)
}
