//! A user's own credentials: set, shown by what they are for, removed. No value comes back.

use pipeline::rows::NewRow;
use serde_json::{Map, Value, json};

use super::routes::Call;
use super::{Invocation, Reply};
use crate::clock;
use crate::config::Settings;
use crate::credentials::{Column, Kind, TABLE, Unsealed, changes, row_id, seal};
use crate::store::{Created, Store};
use crate::trouble::Trouble;

/// Answers `GET`, `PUT` and `DELETE` of `/credentials`.
///
/// # Errors
/// What may succeed later. Each call may be repeated.
pub(super) async fn answer(
    store: &Store,
    settings: &Settings,
    invocation: &Invocation,
    call: Call,
) -> Result<Reply, Trouble> {
    let Some(owner) = invocation.user_id.as_deref() else {
        let message = "Credentials are a user's own: call this as a user, without a key.";
        return Ok(Reply::error(403, "no_user", message));
    };
    match call {
        Call::SetCredentials => set(store, settings, owner, invocation).await,
        Call::RemoveCredentials => {
            store.delete(TABLE, &row_id(owner)).await?;
            shown(store, owner).await
        }
        Call::ShowCredentials | Call::Health | Call::Describe | Call::Create | Call::OfTask(_) => {
            shown(store, owner).await
        }
    }
}

async fn set(
    store: &Store,
    settings: &Settings,
    owner: &str,
    invocation: &Invocation,
) -> Result<Reply, Trouble> {
    let Some(public_key) = &settings.credentials_public_key else {
        let message = "Credentials of your own are not set up here. Whoever runs this sets CREDENTIALS_PUBLIC_KEY and CREDENTIALS_SECRET_KEY.";
        return Ok(Reply::error(409, "not_configured", message));
    };
    let wanted = match changes(&invocation.body, settings.credentials_http) {
        Ok(wanted) => wanted,
        Err(errors) => return Ok(invalid(&json!(errors))),
    };
    let now = clock::appwrite_time(clock::now());
    let mut columns = Map::new();
    for (kind, value) in &wanted {
        let since = now.clone();
        let sealed = value
            .as_ref()
            .map(|value| seal(public_key, owner, *kind, value, since));
        let column = match sealed.transpose() {
            Ok(column) => json!(column),
            Err(Unsealed::TooLong) => {
                let rule = "is too long";
                return Ok(invalid(&json!([{"field": kind.as_str(), "rule": rule}])));
            }
            Err(error @ Unsealed::Key) => {
                return Ok(Reply::error(500, "not_configured", &format!("{error}.")));
            }
        };
        columns.insert(kind.as_str().to_owned(), column);
    }
    columns.insert("updatedAt".to_owned(), json!(now));
    let id = row_id(owner);
    let mut data = columns.clone();
    data.insert("owner".to_owned(), json!(owner));
    let row = NewRow {
        table: TABLE,
        id: id.clone(),
        data: Value::Object(data),
        permissions: Vec::new(),
    };
    if store.create(row).await? == Created::Exists {
        store
            .patch(TABLE, &id, Value::Object(columns), None)
            .await?;
    }
    shown(store, owner).await
}

/// What is set, for what, since when.
async fn shown(store: &Store, owner: &str) -> Result<Reply, Trouble> {
    let row = store.get(TABLE, &row_id(owner)).await?;
    let mut answer = Map::new();
    for kind in Kind::ALL {
        let text = row.as_ref().and_then(|row| row.text(kind.as_str()));
        let column = text.and_then(|text| serde_json::from_str::<Column>(text).ok());
        let shown = column.map(|it| json!({"kind": it.kind, "since": it.since}));
        answer.insert(kind.as_str().to_owned(), shown.unwrap_or(Value::Null));
    }
    Ok(Reply::json(200, &answer))
}

fn invalid(fields: &Value) -> Reply {
    super::fields_refusal("invalid_credentials", "credentials are", fields)
}
