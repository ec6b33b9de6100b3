//! Secrets and variables of Actions.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::SecretKey;
use serde_json::{Value, json};

use super::{State, refuse, text};

/// The repository's key pair; a real one, so that what was sealed can be opened.
const KEY: [u8; 32] = [7; 32];
const KEY_ID: &str = "568250167242549743";

impl State {
    pub(super) fn action(&mut self, method: &str, rest: &[&str], body: &Value) -> (u16, Value) {
        let key = SecretKey::from(KEY);
        match (method, rest) {
            ("GET", ["secrets", "public-key"]) => {
                let key = STANDARD.encode(key.public_key().as_bytes());
                (200, json!({"key_id": KEY_ID, "key": key}))
            }
            ("PUT", ["secrets", name]) => {
                assert_eq!(body["key_id"], KEY_ID);
                let sealed = STANDARD
                    .decode(text(&body["encrypted_value"]))
                    .expect("base64");
                let clear = key.unseal(&sealed).expect("sealed for this key");
                let clear = String::from_utf8(clear).expect("text");
                match self.secrets.insert((*name).to_owned(), clear) {
                    None => (201, json!({})),
                    Some(_) => (204, Value::Null),
                }
            }
            ("POST", ["variables"]) => {
                let name = text(&body["name"]).to_owned();
                if self.variables.contains_key(&name) {
                    return refuse(409, "Already exists - Variable already exists");
                }
                self.variables.insert(name, text(&body["value"]).to_owned());
                (201, json!({}))
            }
            ("PATCH", ["variables", name]) => match self.variables.get_mut(*name) {
                Some(value) => {
                    *value = text(&body["value"]).to_owned();
                    (204, Value::Null)
                }
                None => refuse(404, "Not Found"),
            },
            _ => refuse(404, "Not Found"),
        }
    }
}
