//! Event patterns a function may subscribe to.
//!
//! A pattern is refused when nothing emits it by the rules of Appwrite 1.9.6 (measured): rows have
//! no `upsert` and no event of a column, and there is no `tablesdb` prefix.

use crate::config::EVENTS_MAX;
use crate::error::ApiError;

/// A kind of resource: what may happen to it, and what lies below it.
struct Kind {
    name: &'static str,
    actions: &'static [(&'static str, &'static [&'static str])],
    below: &'static [Self],
}

const PLAIN: &[(&str, &[&str])] = &[("create", &[]), ("update", &[]), ("delete", &[])];
const MADE_AND_GONE: &[(&str, &[&str])] = &[("create", &[]), ("delete", &[])];

const fn leaf(
    name: &'static str,
    actions: &'static [(&'static str, &'static [&'static str])],
) -> Kind {
    Kind {
        name,
        actions,
        below: &[],
    }
}

const KINDS: &[Kind] = &[
    Kind {
        name: "users",
        actions: &[
            ("create", &[]),
            ("delete", &[]),
            (
                "update",
                &[
                    "email", "name", "password", "status", "prefs", "phone", "labels",
                ],
            ),
        ],
        below: &[
            leaf("sessions", MADE_AND_GONE),
            leaf("recovery", &[("create", &[]), ("update", &[])]),
            leaf("verification", &[("create", &[]), ("update", &[])]),
            leaf("targets", PLAIN),
        ],
    },
    Kind {
        name: "teams",
        actions: &[("create", &[]), ("delete", &[]), ("update", &["prefs"])],
        below: &[leaf(
            "memberships",
            &[("create", &[]), ("delete", &[]), ("update", &["status"])],
        )],
    },
    Kind {
        name: "databases",
        actions: PLAIN,
        below: &[
            Kind {
                name: "collections",
                actions: PLAIN,
                below: &[
                    leaf("documents", PLAIN),
                    leaf("indexes", PLAIN),
                    leaf("attributes", PLAIN),
                ],
            },
            Kind {
                name: "tables",
                actions: PLAIN,
                below: &[
                    leaf("rows", PLAIN),
                    leaf("indexes", PLAIN),
                    leaf("columns", PLAIN),
                ],
            },
        ],
    },
    Kind {
        name: "buckets",
        actions: PLAIN,
        below: &[leaf("files", PLAIN)],
    },
    Kind {
        name: "sites",
        actions: PLAIN,
        below: &[leaf("deployments", PLAIN)],
    },
    Kind {
        name: "messages",
        actions: PLAIN,
        below: &[],
    },
    Kind {
        name: "topics",
        actions: PLAIN,
        below: &[leaf("subscribers", MADE_AND_GONE)],
    },
    leaf("providers", PLAIN),
    leaf("rules", PLAIN),
    leaf("migrations", PLAIN),
];

/// Checks the `events` parameter.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn check(events: &[String]) -> Result<(), ApiError> {
    let refused = |why: &str| {
        Err(ApiError::argument(format!(
            "Invalid `events` param: Value must a valid array no longer than {EVENTS_MAX} items and {why}"
        )))
    };
    if events.iter().any(|event| event.starts_with("functions.")) {
        return refused("Triggering a function on a function event is not allowed.");
    }
    if events.len() > EVENTS_MAX || !events.iter().all(|event| is_event(event)) {
        return refused("Event is not valid.");
    }
    Ok(())
}

fn is_event(pattern: &str) -> bool {
    let parts: Vec<&str> = pattern.split('.').collect();
    !parts.iter().any(|part| part.is_empty()) && is_under(KINDS, &parts)
}

/// Whether `parts` begin with a kind and an id, and go on with an action, or with a kind below.
fn is_under(kinds: &[Kind], parts: &[&str]) -> bool {
    let [name, _id, rest @ ..] = parts else {
        return false;
    };
    let Some(kind) = kinds.iter().find(|kind| kind.name == *name) else {
        return false;
    };
    let action = |word: &str| kind.actions.iter().find(|(name, _)| *name == word);
    match rest {
        [] => true,
        [word] => action(word).is_some(),
        [word, attribute] if action(word).is_some() => {
            action(word).is_some_and(|(_, attributes)| attributes.contains(attribute))
        }
        deeper => is_under(kind.below, deeper),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_and_refused_as_measured() {
        for good in [
            "databases.t1.tables.tasks.rows.ev-1.update",
            "databases.t1.collections.tasks.documents.*.create",
            "databases.t1.tables.tasks.rows.*",
            "databases.*",
            "users.*.create",
            "users.*.update.prefs",
            "buckets.*.files.*.create",
            "rules.*.update",
            "sites.*.deployments.*.update",
        ] {
            assert!(check(&[good.to_owned()]).is_ok(), "{good}");
        }
        for bad in [
            "rows.create",
            "databases.t1.tables.tasks.rows.*.update.status",
            "databases.t1.tables.tasks.rows.*.upsert",
            "tablesdb.t1.tables.tasks.rows.*.create",
            "functions.*.executions.*.update",
            "databases",
            "databases..create",
            "",
        ] {
            let refused = check(&[bad.to_owned()]).unwrap_err();
            assert_eq!(refused.kind, "general_argument_invalid", "{bad}");
        }
        assert!(check(&vec!["databases.*".to_owned(); EVENTS_MAX + 1]).is_err());
    }
}
