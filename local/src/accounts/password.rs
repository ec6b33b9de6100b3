//! Passwords: their rule, and how they are kept.
//!
//! Appwrite keeps Argon2 hashes. Here PBKDF2-HMAC-SHA512 takes its place: `ring`
//! brings it, and no client can see the difference.

use std::num::NonZeroU32;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::pbkdf2;

use crate::error::ApiError;
use crate::ids;

/// Shortest and longest password, in characters (Appwrite 1.9.6).
const CHARS: std::ops::RangeInclusive<usize> = 8..=256;

/// Rounds of a new hash. Kept with each hash, so that it can grow.
const ROUNDS: NonZeroU32 = NonZeroU32::MIN.saturating_add(99_999);

/// Bytes of a salt.
const SALT_BYTES: usize = 16;

/// Bytes of a hash.
const HASH_BYTES: usize = 32;

/// What a kept hash begins with.
const SCHEME: &str = "pbkdf2-sha512";

/// Refuses a text that no password may be.
///
/// # Errors
/// 400 `general_argument_invalid`, naming the parameter.
pub(super) fn check(name: &str, password: &str) -> Result<(), ApiError> {
    if CHARS.contains(&password.chars().count()) {
        return Ok(());
    }
    Err(ApiError::argument(format!(
        "Invalid `{name}` param: Password must be between {} and {} characters long.",
        CHARS.start(),
        CHARS.end()
    )))
}

/// Returns what is kept of a password: scheme, rounds, salt and hash.
///
/// # Errors
/// 500 when the computation is cut off by a shutdown.
pub(super) async fn hash(password: String) -> Result<String, ApiError> {
    off_thread(move || {
        let salt = ids::random::<SALT_BYTES>();
        let hash = derive(ROUNDS, &salt, &password);
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        format!("{SCHEME}${ROUNDS}${salt}${hash}")
    })
    .await
}

/// Whether it is the password of which `kept` was made. Without `kept` it takes
/// as long and is false, so that time does not tell who has an account.
///
/// # Errors
/// 500 when the computation is cut off by a shutdown.
pub(super) async fn verify(password: String, kept: Option<String>) -> Result<bool, ApiError> {
    off_thread(move || match kept.as_deref().and_then(read) {
        Some((rounds, salt, hash)) => pbkdf2::verify(
            pbkdf2::PBKDF2_HMAC_SHA512,
            rounds,
            &salt,
            password.as_bytes(),
            &hash,
        )
        .is_ok(),
        None => {
            let _ = derive(ROUNDS, &[0; SALT_BYTES], &password);
            false
        }
    })
    .await
}

fn derive(rounds: NonZeroU32, salt: &[u8], password: &str) -> [u8; HASH_BYTES] {
    let mut hash = [0; HASH_BYTES];
    pbkdf2::derive(
        pbkdf2::PBKDF2_HMAC_SHA512,
        rounds,
        salt,
        password.as_bytes(),
        &mut hash,
    );
    hash
}

fn read(kept: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let mut parts = kept.strip_prefix(SCHEME)?.strip_prefix('$')?.split('$');
    let rounds = parts.next()?.parse().ok()?;
    let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
    Some((rounds, salt, hash))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| ApiError::internal(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_same_password_is_accepted() {
        let kept = hash("bobPassw0rd!".to_owned()).await.unwrap();
        assert!(!kept.contains("bobPassw0rd!"));
        let verify = |text: &str| verify(text.to_owned(), Some(kept.clone()));
        assert!(verify("bobPassw0rd!").await.unwrap());
        assert!(!verify("bobPassw0rd?").await.unwrap());
    }

    #[test]
    fn short_passwords_are_refused() {
        assert!(check("password", "1234567").is_err());
        assert!(check("password", "12345678").is_ok());
    }
}
