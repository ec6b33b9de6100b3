//! Permissions: `read("user:x")` and who has them.

use serde_json::Value;

use crate::auth::Caller;
use crate::error::ApiError;

/// The most permissions one object may have (Appwrite 1.9.6).
pub const PERMISSIONS_MAX: usize = 100;

/// What a role may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// See it.
    Read,
    /// Add a row to a table.
    Create,
    /// Change it.
    Update,
    /// Remove it.
    Delete,
}

impl Action {
    /// The word in a permission.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// What a list of permissions belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A row: read, update, delete; `write` is update and delete.
    Row,
    /// A table: also create; `write` is all but read.
    Table,
}

/// Splits `action("role")`.
#[must_use]
pub fn split(permission: &str) -> Option<(&str, &str)> {
    let (action, rest) = permission.split_once('(')?;
    let role = rest
        .trim()
        .strip_suffix(')')?
        .trim()
        .trim_matches(|c| c == '"' || c == '\'');
    Some((action, role))
}

/// Reads the parameter `permissions`, expanding `write` and dropping repeats.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub fn parse(value: &Value, subject: Subject) -> Result<Vec<String>, ApiError> {
    let invalid = |why: String| ApiError::argument(format!("Invalid `permissions` param: {why}"));
    let Some(list) = value.as_array() else {
        return Err(invalid(
            "Permissions must be an array of strings.".to_owned(),
        ));
    };
    if list.len() > PERMISSIONS_MAX {
        return Err(invalid(format!(
            "You can only provide up to {PERMISSIONS_MAX} permissions."
        )));
    }
    let mut permissions = Vec::with_capacity(list.len());
    for item in list {
        let text = item
            .as_str()
            .ok_or_else(|| invalid("Every permission must be of type string.".to_owned()))?;
        let (action, role) = split(text)
            .ok_or_else(|| invalid(format!("Invalid permission string format: \"{text}\".")))?;
        if !is_role(role) {
            return Err(invalid(format!("Role \"{role}\" is not allowed.")));
        }
        for action in expand(action, subject).ok_or_else(|| {
            invalid(format!(
                "Permission \"{text}\" is not allowed. {}",
                allowed(subject)
            ))
        })? {
            let permission = format!("{}(\"{role}\")", action.word());
            if !permissions.contains(&permission) {
                permissions.push(permission);
            }
        }
    }
    Ok(permissions)
}

fn allowed(subject: Subject) -> &'static str {
    match subject {
        Subject::Row => "Must be one of: read, update, delete, write.",
        Subject::Table => "Must be one of: create, read, update, delete, write.",
    }
}

fn expand(action: &str, subject: Subject) -> Option<&'static [Action]> {
    Some(match (action, subject) {
        ("read", _) => &[Action::Read],
        ("update", _) => &[Action::Update],
        ("delete", _) => &[Action::Delete],
        ("create", Subject::Table) => &[Action::Create],
        ("write", Subject::Row) => &[Action::Update, Action::Delete],
        ("write", Subject::Table) => &[Action::Create, Action::Update, Action::Delete],
        _ => return None,
    })
}

fn is_role(role: &str) -> bool {
    let (name, rest) = role
        .split_once(':')
        .map_or((role, None), |(name, rest)| (name, Some(rest)));
    match (name, rest) {
        ("any" | "guests" | "users" | "users/verified" | "users/unverified", None) => true,
        ("user" | "team" | "member" | "label", Some(rest)) => !rest.is_empty(),
        _ => false,
    }
}

/// The roles that `permissions` give `action`.
pub fn roles(permissions: &[String], action: Action) -> impl Iterator<Item = &str> {
    permissions
        .iter()
        .filter_map(|text| split(text))
        .filter_map(move |(word, role)| {
            let write = word == "write" && action != Action::Read;
            (word == action.word() || write).then_some(role)
        })
}

/// Whether one of `caller_roles` has `action` by `permissions`.
#[must_use]
pub fn allow(permissions: &[String], action: Action, caller_roles: &[String]) -> bool {
    roles(permissions, action).any(|role| caller_roles.iter().any(|own| own == role))
}

/// Refuses permissions for roles the user does not have; keys may grant any.
///
/// # Errors
/// 401 `user_unauthorized`.
pub fn check_grantable(permissions: &[String], caller: &Caller) -> Result<(), ApiError> {
    if caller.is_key() {
        return Ok(());
    }
    let own = caller.roles();
    let foreign = permissions
        .iter()
        .filter_map(|text| split(text))
        .any(|(_, role)| !own.iter().any(|r| r == role));
    if foreign {
        let message = format!("Permissions must be one of: ({})", own.join(", "));
        return Err(ApiError::new(
            http::StatusCode::UNAUTHORIZED,
            "user_unauthorized",
            message,
        ));
    }
    Ok(())
}

/// What a new row gets when its creator does not say: a user keeps it for
/// himself, a key's row is for keys only.
#[must_use]
pub fn default_of(caller: &Caller) -> Vec<String> {
    let own = |id: &str| {
        ["read", "update", "delete"]
            .map(|action| format!("{action}(\"user:{id}\")"))
            .to_vec()
    };
    caller.user_id().map(own).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn write_on_a_row_becomes_update_and_delete() {
        let list = parse(
            &json!(["write(\"user:bob\")", "read(\"label:vip\")"]),
            Subject::Row,
        )
        .unwrap();
        assert_eq!(
            list,
            [
                "update(\"user:bob\")",
                "delete(\"user:bob\")",
                "read(\"label:vip\")"
            ]
        );
    }

    #[test]
    fn create_on_a_row_is_refused() {
        let refused = parse(&json!(["create(\"any\")"]), Subject::Row).unwrap_err();
        assert_eq!(
            (refused.status.as_u16(), refused.kind),
            (400, "general_argument_invalid")
        );
        assert!(parse(&json!(["create(\"any\")"]), Subject::Table).is_ok());
    }

    #[test]
    fn unknown_roles_are_refused() {
        for role in ["everyone", "user", "user:", "any:x"] {
            assert!(
                parse(&json!([format!("read(\"{role}\")")]), Subject::Row).is_err(),
                "{role}"
            );
        }
    }

    #[test]
    fn users_grant_only_their_own_roles() {
        let bob = Caller::User {
            id: "bob".to_owned(),
            session_id: String::new(),
            labels: Vec::new(),
        };
        assert!(
            check_grantable(
                &[
                    "read(\"users\")".to_owned(),
                    "update(\"user:bob\")".to_owned()
                ],
                &bob
            )
            .is_ok()
        );
        assert!(check_grantable(&["read(\"user:alice\")".to_owned()], &bob).is_err());
    }
}
