//! Encryption of files at rest: AES-128-GCM with a key of this platform.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::error::ApiError;
use crate::ids;

/// Bytes of the key.
const KEY_BYTES: usize = 16;

/// Seals and opens files.
pub(super) struct Sealer {
    key: LessSafeKey,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").finish_non_exhaustive()
    }
}

/// What is needed beside the key to open a sealed file, in base64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seal {
    nonce: String,
    tag: String,
}

fn broken(_: ring::error::Unspecified) -> ApiError {
    ApiError::internal(&"a stored file cannot be sealed or opened")
}

impl Sealer {
    /// Loads the key from the store, making it at the first start.
    pub(super) fn load(db: &Connection) -> Result<Self, ApiError> {
        let fresh = ids::secret::<KEY_BYTES>().map_err(|error| ApiError::internal(&error))?;
        db.execute(
            "INSERT OR IGNORE INTO platform_settings VALUES ('storage_key', ?1)",
            [&fresh],
        )?;
        let sql = "SELECT unhex(value) FROM platform_settings WHERE key = 'storage_key'";
        let key: Vec<u8> = db.query_row(sql, [], |row| row.get(0))?;
        let key = UnboundKey::new(&AES_128_GCM, &key).map_err(broken)?;
        Ok(Self {
            key: LessSafeKey::new(key),
        })
    }

    /// Returns the sealed bytes, written in base64 as the real platform keeps them.
    pub(super) fn seal(&self, mut bytes: Vec<u8>) -> Result<(Vec<u8>, Seal), ApiError> {
        let nonce = ids::secret::<NONCE_LEN>().map_err(|error| ApiError::internal(&error))?;
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce_of(&nonce)?, Aad::empty(), &mut bytes)
            .map_err(broken)?;
        let seal = Seal {
            nonce,
            tag: STANDARD.encode(tag.as_ref()),
        };
        Ok((STANDARD.encode(bytes).into_bytes(), seal))
    }

    /// Returns what was sealed.
    ///
    /// # Errors
    /// 500 when the file on disk is not the one that was sealed.
    pub(super) fn open(&self, bytes: &[u8], seal: &Seal) -> Result<Vec<u8>, ApiError> {
        let decode = |text: &[u8]| {
            STANDARD
                .decode(text)
                .map_err(|error| ApiError::internal(&error))
        };
        let mut sealed = decode(bytes)?;
        sealed.extend(decode(seal.tag.as_bytes())?);
        let opened = self
            .key
            .open_in_place(nonce_of(&seal.nonce)?, Aad::empty(), &mut sealed)
            .map_err(broken)?;
        let length = opened.len();
        sealed.truncate(length);
        Ok(sealed)
    }
}

/// The nonce written in hex.
fn nonce_of(text: &str) -> Result<Nonce, ApiError> {
    let mut bytes = [0_u8; NONCE_LEN];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).map_err(|error| ApiError::internal(&error))?;
        *byte = u8::from_str_radix(digits, 16).map_err(|error| ApiError::internal(&error))?;
    }
    Ok(Nonce::assume_unique_for_key(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_bytes_open_again_and_changed_ones_do_not() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(crate::auth::SCHEMA).unwrap();
        let sealer = Sealer::load(&db).unwrap();
        let (sealed, seal) = sealer.seal(b"secret words".to_vec()).unwrap();
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let again = Sealer::load(&db).unwrap();
        assert_eq!(again.open(&sealed, &seal).unwrap(), b"secret words");
        let mut changed = sealed;
        changed[0] = if changed[0] == b'A' { b'B' } else { b'A' };
        assert!(again.open(&changed, &seal).is_err());
    }
}
