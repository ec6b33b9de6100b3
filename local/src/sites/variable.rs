//! A variable of a site: part of the environment of its builds.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock;

/// A variable as it is stored inside its site.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Variable {
    pub(super) id: String,
    /// Milliseconds since the Unix epoch.
    pub(super) created_ms: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) updated_ms: i64,
    pub(super) key: String,
    pub(super) value: String,
    /// Whether nobody may read the value.
    pub(super) secret: bool,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Variable")
            .field("id", &self.id)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Variable {
    /// The variable as the API answers it (Appwrite 1.9.6, measured).
    pub(super) fn json(&self, site_id: &str) -> Value {
        json!({
            "$id": self.id,
            "$createdAt": clock::format_ms(self.created_ms),
            "$updatedAt": clock::format_ms(self.updated_ms),
            "key": self.key,
            "value": if self.secret { "" } else { &self.value },
            "secret": self.secret,
            "resourceType": "site",
            "resourceId": site_id,
        })
    }
}
