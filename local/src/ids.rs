//! Ids: Appwrite's own unique ids, and the rule for ids chosen by a client.

use std::fmt::Write as _;

use crate::clock;
use crate::error::ApiError;

/// Longest id a client may choose, in characters.
pub const ID_CHARS_MAX: usize = 36;

/// The word a client sends to have an id made.
pub const UNIQUE: &str = "unique()";

/// Makes an id in Appwrite's shape: 8 hex digits of Unix seconds, 5 of
/// microseconds, 7 random ones.
#[must_use]
pub fn unique() -> String {
    let micros = clock::now().as_microsecond();
    let mut id = format!(
        "{:08x}{:05x}",
        micros.div_euclid(1_000_000),
        micros.rem_euclid(1_000_000)
    );
    for byte in random::<4>() {
        let _ = write!(id, "{byte:02x}");
    }
    id.truncate(20);
    id
}

/// Returns `N` bytes of the operating system's randomness.
///
/// A system without randomness cannot run this platform: the bytes are then
/// derived from the clock, which only weakens ids, and secrets are refused by
/// [`secret`].
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0_u8; N];
    if getrandom::fill(&mut bytes).is_err() {
        let seed = clock::now().as_nanosecond().to_le_bytes();
        for (byte, part) in bytes.iter_mut().zip(seed.iter().cycle()) {
            *byte = *part;
        }
    }
    bytes
}

/// Makes a secret of `2 * N` hex digits.
///
/// # Errors
/// The operating system gives no randomness; not worth a retry.
pub fn secret<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    Ok(hex(&bytes))
}

/// Renders bytes as lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Whether `id` is one a client may choose: 1–36 of `a-z A-Z 0-9 . _ -`, not
/// beginning with a special character.
#[must_use]
pub fn is_custom(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric();
    !id.is_empty()
        && id.len() <= ID_CHARS_MAX
        && id.starts_with(plain)
        && id.chars().all(|c| plain(c) || matches!(c, '.' | '_' | '-'))
}

/// Resolves the id parameter `name` as Appwrite does: `unique()` makes one.
///
/// # Errors
/// 400 `general_argument_invalid` for anything that is not an id.
pub fn resolve(name: &str, given: &str) -> Result<String, ApiError> {
    if given == UNIQUE {
        return Ok(unique());
    }
    if is_custom(given) {
        return Ok(given.to_owned());
    }
    Err(ApiError::argument(format!(
        "Invalid `{name}` param: Parameter must contain at most {ID_CHARS_MAX} chars. Valid chars are a-z, A-Z, 0-9, \
         period, hyphen, and underscore. Can't start with a special char"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unique_ids_have_twenty_hex_digits_and_differ() {
        let (one, two) = (unique(), unique());
        assert_eq!(one.len(), 20);
        assert!(one.chars().all(|c| c.is_ascii_hexdigit()));
        assert_ne!(one, two);
    }

    #[test]
    fn custom_ids_follow_appwrites_rule() {
        for good in ["a", "a.b-c_D9", &"x".repeat(36)] {
            assert!(is_custom(good), "{good}");
        }
        for bad in ["", "_a", "-a", ".a", "a b", "é", &"x".repeat(37)] {
            assert!(!is_custom(bad), "{bad}");
        }
    }
}
