//! Rows as requests bring them, before a table is known.

use serde_json::{Map, Value};

use super::BULK_ROWS_MAX;
use crate::auth::Caller;
use crate::error::ApiError;
use crate::ids;
use crate::permissions::{self, Subject};
use crate::server::Params;

/// A row before its columns are checked.
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) data: Map<String, Value>,
    /// What was asked for; a new row without gets its creator's default.
    pub(super) permissions: Option<Vec<String>>,
}

/// A checked request for new rows.
pub(super) struct Request {
    pub(super) bulk: bool,
    pub(super) rows: Vec<Draft>,
}

/// 401: bulk routes are for keys.
pub(super) fn keys_only(caller: &Caller) -> Result<(), ApiError> {
    if caller.is_key() {
        return Ok(());
    }
    Err(ApiError::new(
        http::StatusCode::UNAUTHORIZED,
        "general_unauthorized_scope",
        "The current user or API key does not have the required scopes to access the requested resource.",
    ))
}

pub(super) fn missing_data() -> ApiError {
    ApiError::bad_request(
        "row_missing_data",
        "The row data is missing. Try again with row data populated.",
    )
}

fn permissions_of(params: &mut Params, caller: &Caller) -> Result<Option<Vec<String>>, ApiError> {
    let list = params
        .take("permissions")
        .map(|list| permissions::parse(&list, Subject::Row))
        .transpose()?;
    permissions::check_grantable(list.as_deref().unwrap_or_default(), caller)?;
    Ok(list)
}

impl Request {
    /// POST: `rowId` with `data`, or `rows`.
    pub(super) fn read(mut params: Params, caller: &Caller) -> Result<Self, ApiError> {
        let id = params
            .take_str("rowId")?
            .map(|id| ids::resolve("rowId", &id))
            .transpose()?;
        let permissions = permissions_of(&mut params, caller)?;
        let data = params.take_data()?.unwrap_or_default();
        let rows = params.take_list("rows")?.unwrap_or_default();
        match (data.is_empty(), rows.is_empty()) {
            (true, true) => Err(missing_data()),
            (false, false) => Err(ApiError::bad_request(
                "general_bad_request",
                "You can only send one of the following parameters: data, rows",
            )),
            (true, false) => Ok(Self {
                bulk: true,
                rows: many(rows, caller)?,
            }),
            (false, true) => {
                let no_id = || {
                    ApiError::bad_request(
                        "row_missing_data",
                        "Row ID is required when creating a single row.",
                    )
                };
                Ok(Self {
                    bulk: false,
                    rows: vec![Draft {
                        id: id.ok_or_else(no_id)?,
                        data,
                        permissions,
                    }],
                })
            }
        }
    }

    /// PUT of one row, whose id stands in the address.
    pub(super) fn read_one(
        mut params: Params,
        caller: &Caller,
        id: &str,
    ) -> Result<Draft, ApiError> {
        let id = ids::resolve("rowId", id)?;
        let permissions = permissions_of(&mut params, caller)?;
        let data = params.take_data()?.unwrap_or_default();
        if data.is_empty() && permissions.is_none() {
            Err(missing_data())
        } else {
            Ok(Draft {
                id,
                data,
                permissions,
            })
        }
    }

    /// PUT of many rows.
    pub(super) fn read_many(mut params: Params, caller: &Caller) -> Result<Vec<Draft>, ApiError> {
        let rows = params.take_list("rows")?.unwrap_or_default();
        if rows.is_empty() {
            Err(missing_data())
        } else {
            many(rows, caller)
        }
    }
}

fn many(rows: Vec<Value>, caller: &Caller) -> Result<Vec<Draft>, ApiError> {
    keys_only(caller)?;
    if rows.len() > BULK_ROWS_MAX {
        return Err(ApiError::argument(format!(
            "Invalid `rows` param: Value must a valid array no longer than {BULK_ROWS_MAX} items"
        )));
    }
    rows.into_iter().map(Draft::of_bulk).collect()
}

impl Draft {
    pub(super) fn of_bulk(row: Value) -> Result<Self, ApiError> {
        let Value::Object(data) = row else {
            return Err(missing_data());
        };
        let id = match data.get("$id") {
            None | Some(Value::Null) => ids::unique(),
            Some(id) => ids::resolve("$id", id.as_str().unwrap_or_default())?,
        };
        let permissions = data.get("$permissions").filter(|list| !list.is_null());
        let permissions = permissions
            .map(|list| permissions::parse(list, Subject::Row))
            .transpose()?;
        Ok(Self {
            id,
            data,
            permissions,
        })
    }
}
