//! Names of traces and spans, made from ids that are known anyway: nobody has to keep them or to
//! pass them on. Their forms are those of W3C Trace Context and of OpenTelemetry.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::ids::TaskId;

/// Distance between the numbers that the spans of one execution are made from.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// What all work on one task has in common: 32 hexadecimal digits, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId(u128);

/// One piece of work in a trace: 16 hexadecimal digits, never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanId(u64);

impl TraceId {
    /// The trace of a task: the first 32 digits of the SHA-256 of its id, so that a person can
    /// make it too.
    pub fn of_task(task: &TaskId) -> Self {
        Self::of_digest(&Sha256::digest(task.as_str()))
    }

    /// The trace of an execution that belongs to no task.
    pub fn of_execution(id: &str) -> Self {
        Self::of_digest(
            &Sha256::new_with_prefix("execution ")
                .chain_update(id)
                .finalize(),
        )
    }

    fn of_digest(digest: &[u8]) -> Self {
        let bytes = digest.first_chunk().copied().unwrap_or_default();
        Self(u128::from_be_bytes(bytes).max(1))
    }
}

impl SpanId {
    /// The span that everything in a task's trace belongs to: the 16 digits of the SHA-256 of its
    /// id that follow those of the trace.
    pub fn root(task: &TaskId) -> Self {
        let digest = Sha256::digest(task.as_str());
        Self::of_bytes(digest.get(16..24).unwrap_or_default())
    }

    /// The span of what these words name together.
    pub fn of(words: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for word in words {
            hasher.update((word.len() as u64).to_be_bytes());
            hasher.update(word);
        }
        Self::of_bytes(hasher.finalize().get(..8).unwrap_or_default())
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let bytes = bytes.first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(bytes).max(1))
    }

    /// The span of the `number`th call made in this one, from 1. Different numbers give different
    /// spans: every step of the mixing can be undone.
    #[must_use]
    pub fn call(self, number: u64) -> Self {
        let mut mixed = self.0.wrapping_add(number.wrapping_mul(STEP));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self((mixed ^ (mixed >> 31)).max(1))
    }
}

/// The span in the value of a header `traceparent`, if it is one.
pub fn span_of(traceparent: &str) -> Option<SpanId> {
    let span = traceparent.split('-').nth(2)?;
    u64::from_str_radix(span, 16).ok().map(SpanId)
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// The value of the header `traceparent` for a request that is made in `span`; `sampled` where
/// the span is recorded.
///
/// Source: W3C Trace Context, version 00.
pub fn traceparent(trace: TraceId, span: SpanId, sampled: bool) -> String {
    format!("00-{trace}-{span}-{:02x}", u8::from(sampled))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::ids::sha256_hex;

    fn task() -> TaskId {
        TaskId::of_request("owner", "request")
    }

    #[test]
    fn a_person_can_make_the_trace_of_a_task() {
        let digest = sha256_hex(task().as_str().as_bytes());
        assert_eq!(TraceId::of_task(&task()).to_string(), digest[..32]);
        assert_eq!(SpanId::root(&task()).to_string(), digest[32..48]);
    }

    #[test]
    fn ids_have_all_their_digits_and_are_never_zero() {
        assert_eq!(
            TraceId::of_digest(&[0; 32]).to_string(),
            format!("{:032}", 1)
        );
        assert_eq!(SpanId::of_bytes(&[0; 8]).to_string(), format!("{:016}", 1));
        // Undoing the mixing: the one number whose call would be zero.
        assert_eq!(SpanId(0_u64.wrapping_sub(STEP)).call(1), SpanId(1));
    }

    #[test]
    fn calls_and_names_do_not_share_spans() {
        let execution = SpanId::of(&["execution", "e1", "5"]);
        let calls = (1..=10_000).map(|number| execution.call(number));
        let spans: BTreeSet<_> = calls.chain([execution, SpanId::root(&task())]).collect();
        assert_eq!(spans.len(), 10_002);
        assert_ne!(SpanId::of(&["ab", "c"]), SpanId::of(&["a", "bc"]));
    }

    #[test]
    fn traceparent_has_its_four_parts() {
        let (trace, span) = (TraceId(0xa), SpanId(0xb));
        assert_eq!(
            traceparent(trace, span, true),
            "00-0000000000000000000000000000000a-000000000000000b-01"
        );
        assert!(traceparent(trace, span, false).ends_with("-00"));
        assert_eq!(span_of(&traceparent(trace, span, false)), Some(span));
        assert_eq!(span_of("00-1"), None);
    }

    #[test]
    fn an_execution_without_a_task_has_a_trace_of_its_own() {
        let of = TraceId::of_execution;
        assert_eq!(of("e1"), of("e1"));
        assert_ne!(of("e1"), of("e2"));
        assert_ne!(of(task().as_str()), TraceId::of_task(&task()));
    }
}
