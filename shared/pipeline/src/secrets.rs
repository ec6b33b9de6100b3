//! The shapes of well-known credentials. Whatever holds one is not written, published or logged.
//!
//! Each rule looks at one place of the text and says which bytes are the secret. All delimiters are
//! ASCII, so every range lies on character boundaries.

use std::ops::Range;

/// A key that is known by its first characters.
struct Prefix {
    text: &'static str,
    rest_chars_min: usize,
    is_part: fn(u8) -> bool,
}

const fn prefix(text: &'static str, rest_chars_min: usize, is_part: fn(u8) -> bool) -> Prefix {
    Prefix {
        text,
        rest_chars_min,
        is_part,
    }
}

/// Source: the key formats of xAI, Anthropic, GitHub and Appwrite, read 2026-08.
const PREFIXES: &[Prefix] = &[
    prefix("xai-", 20, is_url_safe),
    prefix("sk-ant-", 16, is_url_safe),
    prefix("github_pat_", 20, is_url_safe),
    prefix("ghp_", 20, is_url_safe),
    prefix("gho_", 20, is_url_safe),
    prefix("ghs_", 20, is_jwt),
    prefix("ghu_", 20, is_url_safe),
    prefix("ghr_", 20, is_url_safe),
    prefix("standard_", 32, is_hex),
    prefix("ephemeral_eyJ", 16, is_jwt),
    prefix("dynamic_eyJ", 16, is_jwt),
];

/// Access key ids of AWS: the prefix and exactly sixteen more characters.
const AWS_PREFIXES: [&str; 2] = ["AKIA", "ASIA"];
const AWS_REST_CHARS: usize = 16;

const JWT_HEADER_CHARS_MIN: usize = 10;
/// Also keeps a hostile text of nothing but beginnings from costing its length squared.
const JWT_HEADER_CHARS_MAX: usize = 1_024;
const BEARER_CHARS_MIN: usize = 16;
/// Between the word `authorization` and its scheme: a colon, quotes, blanks, escapes.
const AUTHORIZATION_GAP_MAX: usize = 8;

type Rule = fn(&[u8], usize) -> Option<Range<usize>>;
/// What is a credential wherever it stands.
const KEYS: &[Rule] = &[prefixed, aws, private_key, jwt];
/// What is one by what stands before it. In a file it may as well be an example.
const HEADERS: &[Rule] = &[authorization, bearer];

/// First bytes, in lower case, of all that a rule can match: most places need no closer look.
const BEGINNINGS: &[u8] = b"xsgedab-";

/// Returns the byte ranges of everything that looks like a credential, in order.
pub fn find(text: &str) -> Vec<Range<usize>> {
    all(text, &[KEYS, HEADERS])
}

/// Returns the line, from 1 on, of the first credential in a text that no example explains.
pub fn line(text: &str) -> Option<usize> {
    let first = all(text, &[KEYS]).into_iter().next()?;
    let before = &text.as_bytes()[..first.start];
    Some(1 + before.iter().filter(|byte| **byte == b'\n').count())
}

fn all(text: &str, rules: &[&[Rule]]) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let rules = || rules.iter().flat_map(|rules| rules.iter());
    let mut spans = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let can_begin = BEGINNINGS.contains(&bytes[at].to_ascii_lowercase());
        let span = can_begin.then(|| rules().find_map(|rule| rule(bytes, at)));
        match span.flatten() {
            Some(span) => {
                at = span.end;
                spans.push(span);
            }
            None => at += 1,
        }
    }
    spans
}

fn prefixed(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    PREFIXES.iter().find_map(|prefix| {
        let key = rest.strip_prefix(prefix.text.as_bytes())?;
        let length = run_length(key, prefix.is_part);
        (length >= prefix.rest_chars_min).then(|| at..at + prefix.text.len() + length)
    })
}

fn aws(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    AWS_PREFIXES.iter().find_map(|prefix| {
        let key = rest.strip_prefix(prefix.as_bytes())?;
        let length = run_length(key, |byte| {
            byte.is_ascii_uppercase() || byte.is_ascii_digit()
        });
        (length == AWS_REST_CHARS).then(|| at..at + prefix.len() + length)
    })
}

/// From `-----BEGIN … PRIVATE KEY-----` to the end of its `END` line, or of the text if that is cut.
fn private_key(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    const END: &[u8] = b"-----END ";
    const KIND: &[u8] = b"PRIVATE KEY-----";
    const KIND_WORDS_MAX: usize = 40;
    let rest = bytes.get(at..)?.strip_prefix(BEGIN)?;
    let head = &rest[..rest.len().min(KIND_WORDS_MAX)];
    let kind_at = position(head, KIND)?;
    if head[..kind_at]
        .iter()
        .any(|byte| !byte.is_ascii_uppercase() && *byte != b' ')
    {
        return None;
    }
    let body_at = at + BEGIN.len() + kind_at + KIND.len();
    let body = &bytes[body_at..];
    let end = position(body, END)
        .and_then(|end_at| Some(end_at + position(&body[end_at..], KIND)? + KIND.len()))
        .unwrap_or(body.len());
    Some(at..body_at + end)
}

/// Three base64url parts, the first of which begins as `{"` does.
fn jwt(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = bytes.get(at..)?;
    rest.strip_prefix(b"eyJ")?;
    let header = run_length(&rest[..rest.len().min(JWT_HEADER_CHARS_MAX)], is_url_safe);
    let claims = rest.get(header..)?.strip_prefix(b".")?;
    let claims_length = run_length(claims, is_url_safe);
    let signature = claims.get(claims_length..)?.strip_prefix(b".")?;
    let length = header + 1 + claims_length + 1 + run_length(signature, is_url_safe);
    (header >= JWT_HEADER_CHARS_MIN && claims_length > 0).then(|| at..at + length)
}

/// The credentials of an `Authorization` header, as a header line, JSON or a curl argument.
fn authorization(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let mut rest = strip_word(bytes.get(at..)?, b"authorization")?;
    let is_gap = |byte: u8| matches!(byte, b' ' | b'\t' | b':' | b'=' | b'"' | b'\'' | b'\\');
    let gap = run_length(rest, is_gap);
    if gap == 0 || gap > AUTHORIZATION_GAP_MAX {
        return None;
    }
    rest = &rest[gap..];
    rest = strip_word(rest, b"bearer").or_else(|| strip_word(rest, b"basic"))?;
    let blanks = run_length(rest, |byte| byte == b' ');
    if blanks == 0 {
        return None;
    }
    rest = &rest[blanks..];
    let length = run_length(rest, is_token);
    let start = bytes.len() - rest.len();
    (length > 0).then(|| start..start + length)
}

/// `Bearer` and a token without the header's name. Needs a digit: the word is also English.
fn bearer(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let rest = strip_word(bytes.get(at..)?, b"bearer")?.strip_prefix(b" ")?;
    let length = run_length(rest, is_token);
    let start = bytes.len() - rest.len();
    let is_secret = length >= BEARER_CHARS_MIN && rest[..length].iter().any(u8::is_ascii_digit);
    is_secret.then(|| start..start + length)
}

fn strip_word<'bytes>(bytes: &'bytes [u8], word: &[u8]) -> Option<&'bytes [u8]> {
    let head = bytes.get(..word.len())?;
    head.eq_ignore_ascii_case(word)
        .then(|| &bytes[word.len()..])
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

fn run_length(bytes: &[u8], is_part: impl Fn(u8) -> bool) -> usize {
    bytes.iter().take_while(|byte| is_part(**byte)).count()
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

fn is_url_safe(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

fn is_jwt(byte: u8) -> bool {
    is_url_safe(byte) || byte == b'.'
}

/// RFC 6750, `b64token`.
fn is_token(byte: u8) -> bool {
    is_jwt(byte) || matches!(byte, b'~' | b'+' | b'/' | b'=')
}
