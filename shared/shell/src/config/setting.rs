//! What a setting is, and the kinds of values that there are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;

/// One setting of the functions.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Name of the variable.
    pub name: &'static str,
    /// Another name, read where the first is not set.
    pub alias: Option<&'static str>,
    /// Value where neither is set.
    pub default: Option<&'static str>,
    /// Whether the value must never be shown.
    pub secret: bool,
    /// Whether the functions of `used_by` cannot work without it.
    pub required: bool,
    /// What a value must look like.
    pub kind: Kind,
    /// Folder names of the functions that are handed this setting, and no others.
    pub used_by: &'static [&'static str],
    /// What a person reads about it: a lowercase fragment.
    pub meaning: &'static str,
}

impl Setting {
    /// Checks a value that is not blank.
    ///
    /// # Errors
    /// The rule that it breaks, to follow "must be".
    pub fn check(&self, raw: &str) -> Result<(), String> {
        self.kind.check(raw)
    }
}

/// What the value of a setting must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Printable ASCII without blanks.
    Word,
    /// An RSA key as PEM, its lines apart or joined with `\n`.
    PrivateKey,
    /// Base64 of the 32 bytes of an X25519 key.
    BoxKey,
    /// Absolute `http` or `https` URL without user, query or fragment.
    Url,
    /// The same, of a service that is sent secrets: see [`exposed`](super::exposed).
    Endpoint,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// `name=value` pairs with commas between; values percent-encoded.
    Headers,
    /// Three whole numbers, `in/cached/out`.
    Prices,
    /// Whole number from `min` to `max`, both included.
    Whole {
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
}

impl Kind {
    /// Checks a value that is not blank; the error is the rule, to follow "must be".
    pub(super) fn check(self, raw: &str) -> Result<(), String> {
        match self {
            Self::Word if raw.bytes().all(|byte| byte.is_ascii_graphic()) => Ok(()),
            Self::Word => Err("one word of printable ASCII characters".to_owned()),
            Self::PrivateKey if is_private_key(raw) => Ok(()),
            Self::PrivateKey => Err("a private key as PEM, from BEGIN to END".to_owned()),
            Self::BoxKey if STANDARD.decode(raw).is_ok_and(|bytes| bytes.len() == 32) => Ok(()),
            Self::BoxKey => Err("the base64 of a key of 32 bytes".to_owned()),
            Self::Url | Self::Endpoint if is_base_url(raw) => Ok(()),
            Self::Url | Self::Endpoint => {
                Err("an `http://` or `https://` URL without user and query".to_owned())
            }
            Self::OneOf(words) if words.contains(&raw) => Ok(()),
            Self::OneOf(words) => Err(format!("one of {}", words.join(", "))),
            Self::Headers if super::export::headers(raw).is_some() => Ok(()),
            Self::Headers => {
                Err("headers as name=value with commas between, values percent-encoded".to_owned())
            }
            Self::Prices if super::role::prices(raw).is_some() => Ok(()),
            Self::Prices => Err("three whole numbers, such as 2000000/500000/6000000".to_owned()),
            Self::Whole { min, max } => match raw.parse::<u64>() {
                Ok(number) if (min..=max).contains(&number) => Ok(()),
                Ok(_) | Err(_) => Err(format!("a whole number from {min} to {max}")),
            },
        }
    }
}

/// Whether a text begins and ends as a private key in PEM does.
pub(crate) fn is_private_key(raw: &str) -> bool {
    let begins = [
        "-----BEGIN RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----",
    ];
    let ends = ["-----END RSA PRIVATE KEY-----", "-----END PRIVATE KEY-----"];
    let raw = raw.trim().trim_end_matches("\\n");
    let has_both = std::iter::zip(begins, ends)
        .any(|(begin, end)| raw.starts_with(begin) && raw.ends_with(end));
    has_both
        && raw
            .chars()
            .all(|it| it == '\n' || it == '\r' || it == ' ' || it.is_ascii_graphic())
}

/// Whether a text is an absolute `http` or `https` URL without user, query or fragment.
pub(crate) fn is_base_url(raw: &str) -> bool {
    let Ok(uri) = raw.parse::<Uri>() else {
        return false;
    };
    let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    let has_plain_host = uri
        .authority()
        .is_some_and(|host| !host.as_str().contains('@'));
    has_scheme && has_plain_host && uri.query().is_none() && !raw.contains('#')
}

/// Whether what is sent to this URL can be read on the way: it is `http`, and not of this machine.
pub(super) fn is_plain_beyond_loopback(raw: &str) -> bool {
    raw.parse::<Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("http") && !uri.host().is_some_and(is_loopback))
}

/// Whether a host's name or address is this machine for certain. Names below `localhost` are
/// not: not every resolver knows them.
pub(crate) fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

pub(super) const fn text(
    name: &'static str,
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        name,
        alias: None,
        default: None,
        secret: false,
        required: false,
        kind: Kind::Word,
        used_by,
        meaning,
    }
}

pub(super) const fn url(
    name: &'static str,
    default: &'static str,
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        default: Some(default),
        kind: Kind::Endpoint,
        ..text(name, used_by, meaning)
    }
}

pub(super) const fn secret(
    name: &'static str,
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        secret: true,
        required: true,
        ..text(name, used_by, meaning)
    }
}

pub(super) const fn whole(
    name: &'static str,
    default: &'static str,
    (min, max): (u64, u64),
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        default: Some(default),
        kind: Kind::Whole { min, max },
        ..text(name, used_by, meaning)
    }
}

pub(super) const fn one_of(
    name: &'static str,
    words: &'static [&'static str],
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        kind: Kind::OneOf(words),
        ..text(name, used_by, meaning)
    }
}

pub(super) const fn optional_url(
    name: &'static str,
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        kind: Kind::Endpoint,
        ..text(name, used_by, meaning)
    }
}

pub(super) const fn optional_secret(
    name: &'static str,
    used_by: &'static [&'static str],
    meaning: &'static str,
) -> Setting {
    Setting {
        required: false,
        ..secret(name, used_by, meaning)
    }
}

pub(super) const fn prices(name: &'static str, used_by: &'static [&'static str]) -> Setting {
    Setting {
        kind: Kind::Prices,
        ..text(
            name,
            used_by,
            "prices as in/cached/out, micro-USD for a million tokens",
        )
    }
}
