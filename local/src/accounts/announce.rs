//! Tells the bus of changes of users and sessions.

use serde_json::Value;

use crate::bus::{Bus, Event};

/// What changed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Change<'a> {
    /// The user: `create`, `delete`, or `update` of an attribute.
    User(&'a str, Option<&'a str>),
    /// A session: `create` or `delete`.
    Session(&'a str, &'a str),
}

/// Publishes a change of a user with the object as the REST API answers it. On
/// Realtime the user alone hears it, on `account`.
pub(super) fn publish(bus: &Bus, user: &str, change: Change<'_>, payload: Value) {
    let names = names(user, change);
    bus.publish(Event {
        realtime_names: names.clone().into(),
        names: names.into(),
        channels: vec!["account".to_owned(), format!("account.{user}")],
        readers: vec![format!("user:{user}")],
        payload,
        user_id: Some(user.to_owned()),
    });
}

fn names(user: &str, change: Change<'_>) -> Vec<String> {
    let mut names = Vec::new();
    let mut add = |tail: &str| {
        for id in [user, "*"] {
            names.push(format!("users.{id}{tail}"));
        }
    };
    match change {
        Change::User(verb, attribute) => {
            if let Some(attribute) = attribute {
                add(&format!(".{verb}.{attribute}"));
            }
            add(&format!(".{verb}"));
        }
        Change::Session(session, verb) => {
            for suffix in [format!(".{verb}"), String::new()] {
                for id in [session, "*"] {
                    add(&format!(".sessions.{id}{suffix}"));
                }
            }
        }
    }
    add("");
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_from_the_attribute_to_the_user() {
        let names = names("bob", Change::User("update", Some("name")));
        let expected = [
            "users.bob.update.name",
            "users.*.update.name",
            "users.bob.update",
            "users.*.update",
            "users.bob",
            "users.*",
        ];
        assert_eq!(names, expected);
    }
}
