//! Where a request points: the parts of its address and how it spells them.

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;

use crate::error::ApiError;
use crate::legacy::Spelling;

/// The place of a table, a row or a column; what the address does not name is
/// empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    pub(super) database: String,
    pub(super) table: String,
    pub(super) row: String,
    pub(super) column: String,
    pub(super) spelling: Spelling,
}

impl<S: Send + Sync> FromRequestParts<S> for Place {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|error| ApiError::argument(error.to_string()))?;
        let mut place = Self {
            spelling: parts.extensions.get().copied().unwrap_or_default(),
            ..Self::default()
        };
        for (name, value) in &params {
            let slot = match name {
                "database" => &mut place.database,
                "table" => &mut place.table,
                "row" => &mut place.row,
                "column" => &mut place.column,
                _ => continue,
            };
            value.clone_into(slot);
        }
        Ok(place)
    }
}
