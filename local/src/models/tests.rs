//! The prompt cache of the Anthropic service, and what the scripted models make.

mod batches;
mod plans;

use std::sync::Arc;

use axum::body::to_bytes;
use http::{HeaderMap, HeaderValue};
use secrecy::SecretString;
use serde_json::json;

use super::Faults;
use super::anthropic::{self, Answer};
use super::server::{State, send};

const KEY: &str = "a-key-of-the-tests";

/// The answer to a question behind `rules`, which are marked for the cache.
fn ask(state: &State, rules: &str, question: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("x-api-key", HeaderValue::from_static(KEY));
    headers.insert("anthropic-version", HeaderValue::from_static("2023-06-01"));
    let body = json!({
        "model": "scripted", "max_tokens": 1_000, "stream": true,
        "system": [{"type": "text", "text": rules, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": question}],
    });
    let (_, answer) = anthropic::respond(state, &headers, body.to_string().as_bytes());
    assert_eq!(answer.reply.status, 200, "{:?}", answer.reply.payload);
    answer
}

#[tokio::test]
async fn a_prefix_can_be_read_once_the_answer_that_writes_it_has_begun() {
    let state = Arc::new(State::new(SecretString::from(KEY), Faults::default()));
    let rules = "Rules that are long enough. ".repeat(200);
    let first = ask(&state, &rules, "one");
    let written = first.cached.written;
    assert!(written >= 1_000, "{written}");
    let response = send(&state, first);
    let second = ask(&state, &rules, "two");
    assert_eq!((second.cached.written, second.cached.read), (written, 0));
    to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let third = ask(&state, &rules, "three");
    assert_eq!((third.cached.written, third.cached.read), (0, written));
}

#[tokio::test]
async fn what_is_too_short_is_not_cached() {
    let state = Arc::new(State::new(SecretString::from(KEY), Faults::default()));
    for question in ["one", "two"] {
        let answer = ask(&state, "Short rules.", question);
        assert_eq!((answer.cached.written, answer.cached.read), (0, 0));
        to_bytes(send(&state, answer).into_body(), usize::MAX)
            .await
            .unwrap();
    }
}
