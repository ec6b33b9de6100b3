//! JSON Web Tokens with HS256, the one kind Appwrite issues.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// `{"typ":"JWT","alg":"HS256"}`, as Appwrite writes it.
const HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

/// Signs and verifies with one secret.
pub(super) struct Signer {
    key: hmac::Key,
}

impl Signer {
    pub(super) fn new(secret: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        }
    }

    pub(super) fn sign<T: Serialize>(&self, claims: &T) -> String {
        // Claims are plain structs: their serialization cannot fail.
        let claims = serde_json::to_vec(claims).unwrap_or_default();
        let body = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(HEADER),
            URL_SAFE_NO_PAD.encode(claims)
        );
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, body.as_bytes()));
        format!("{body}.{signature}")
    }

    /// Returns the claims, or why the token is refused. Expiry is the caller's.
    pub(super) fn verify<T: DeserializeOwned>(&self, token: &str) -> Result<T, &'static str> {
        let (body, signature) = token.rsplit_once('.').ok_or("Incomplete segments")?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| "Signature failed")?;
        hmac::verify(&self.key, body.as_bytes(), &signature).map_err(|_| "Signature failed")?;
        let (_, claims) = body.split_once('.').ok_or("Incomplete segments")?;
        let claims = URL_SAFE_NO_PAD
            .decode(claims)
            .map_err(|_| "Incomplete segments")?;
        serde_json::from_slice(&claims).map_err(|_| "Incomplete segments")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_an_unchanged_token_is_accepted() {
        let signer = Signer::new("secret");
        let token = signer.sign(&json!({"exp": 1}));
        assert_eq!(signer.verify::<Value>(&token), Ok(json!({"exp": 1})));
        assert!(signer.verify::<Value>(&format!("{token}x")).is_err());
        assert!(Signer::new("other").verify::<Value>(&token).is_err());
        assert!(signer.verify::<Value>("a.b").is_err());
    }
}
