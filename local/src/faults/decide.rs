//! Whether a fault strikes: pure, so that equal seeds give equal faults.

use sha2::{Digest as _, Sha256};

use super::RowCreate;
use super::rule::{At, Effect, MILLION, Phase, Rule, When};
use crate::events::Names;

/// A place where something may go wrong.
#[derive(Debug)]
pub enum Moment<'a> {
    /// An event is about to be delivered to functions.
    Event {
        /// All its names.
        names: &'a Names,
        /// Ids of the functions that hear it.
        functions: &'a [&'a str],
    },
    /// An event is about to be sent to a Realtime connection.
    Message {
        /// All its names.
        names: &'a Names,
        /// Its channels.
        channels: &'a [String],
    },
    /// A function is about to be called.
    Call {
        /// Its id.
        function: &'a str,
    },
    /// A row is created.
    Row(&'a RowCreate<'a>),
    /// A request has come.
    Request(&'a Asked<'a>),
    /// A request has changed something and is about to be answered.
    Commit(&'a Asked<'a>),
    /// A connection was made.
    Connection,
}

/// A request, as a rule sees it.
#[derive(Debug)]
pub struct Asked<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Without the query.
    pub path: &'a str,
    /// Id of the function whose execution asks.
    pub function: Option<&'a str>,
    /// Id of that execution.
    pub execution: Option<&'a str>,
}

/// Whether `rule` is about this moment: its kind and all that bounds it.
#[must_use]
pub fn is_about(rule: &Rule, moment: &Moment<'_>) -> bool {
    let target = &rule.target;
    let names_fit = |names: &Names| {
        let event = target.event.as_ref();
        event.is_none_or(|event| names.contains(event))
    };
    let asked_fits = |asked: &Asked<'_>| {
        is(target.method.as_deref(), Some(asked.method))
            && is(target.function.as_deref(), asked.function)
            && target
                .path
                .as_deref()
                .is_none_or(|path| path_fits(path, asked.path))
    };
    match (rule.effect, moment) {
        (
            Effect::DropEvent
            | Effect::DuplicateEvent { .. }
            | Effect::DelayEvent { .. }
            | Effect::ReorderEvent { .. },
            Moment::Event { names, functions },
        ) => {
            let function = target.function.as_deref();
            names_fit(names) && function.is_none_or(|function| functions.contains(&function))
        }
        (Effect::DropMessage, Moment::Message { names, channels }) => {
            let channel = target.channel.as_ref();
            names_fit(names) && channel.is_none_or(|channel| channels.contains(channel))
        }
        (Effect::KillFunction { .. } | Effect::TimeOut { .. }, Moment::Call { function }) => {
            target.table.is_none() && is(target.function.as_deref(), Some(function))
        }
        (Effect::KillFunction { at }, Moment::Row(create)) => {
            let phase = match at {
                At::Before => Phase::Before,
                At::After => Phase::After,
                At::During(_) => return false,
            };
            row_fits(rule, create, phase)
        }
        (Effect::KillPlatform { at }, Moment::Row(create)) => row_fits(rule, create, at),
        (Effect::Answer { .. } | Effect::LoseRequest, Moment::Request(asked))
        | (Effect::LoseAnswer { .. }, Moment::Commit(asked)) => asked_fits(asked),
        (Effect::RefuseConnection { .. }, Moment::Connection) => true,
        (
            Effect::DropEvent
            | Effect::DuplicateEvent { .. }
            | Effect::DelayEvent { .. }
            | Effect::ReorderEvent { .. }
            | Effect::KillFunction { .. }
            | Effect::KillPlatform { .. }
            | Effect::TimeOut { .. }
            | Effect::Answer { .. }
            | Effect::LoseRequest
            | Effect::LoseAnswer { .. }
            | Effect::RefuseConnection { .. }
            | Effect::DropMessage,
            _,
        ) => false,
    }
}

/// Whether a rule strikes at the `ordinal`-th moment it is about, 1 being the first.
#[must_use]
pub fn strikes(rule: &Rule, ordinal: u64, seed: u32) -> bool {
    match rule.when {
        When::Always => true,
        When::Nth(nth) => nth == ordinal,
        When::Chance(chance) => {
            let digest = Sha256::digest(format!("{seed}/{ordinal}/{rule}"));
            let lot = digest
                .iter()
                .take(4)
                .fold(0_u64, |lot, byte| lot << 8 | u64::from(*byte));
            // `lot` is even over 32 bits.
            lot * u64::from(MILLION) < u64::from(chance) << 32
        }
    }
}

/// A bound that is absent fits everything.
fn is(bound: Option<&str>, value: Option<&str>) -> bool {
    bound.is_none() || bound == value
}

fn row_fits(rule: &Rule, create: &RowCreate<'_>, phase: Phase) -> bool {
    let key = create.data.get("key").and_then(serde_json::Value::as_str);
    let key = key.unwrap_or(create.row_id);
    let prefix = rule.target.key.as_deref().unwrap_or_default();
    create.phase == phase
        && rule.target.table.as_deref() == Some(create.table)
        && key.starts_with(prefix)
}

fn path_fits(pattern: &str, path: &str) -> bool {
    let (head, any_rest) = match pattern.strip_suffix("/**") {
        Some(head) => (head, true),
        None => (pattern, false),
    };
    let mut segments = path.split('/');
    let fits = head.split('/').all(|wanted| {
        segments
            .next()
            .is_some_and(|it| wanted == "*" || wanted == it)
    });
    fits && (any_rest || segments.next().is_none())
}

impl Moment<'_> {
    /// What is hit, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Event { names, .. } | Self::Message { names, .. } => {
                names.list().first().cloned().unwrap_or_default()
            }
            Self::Call { function } => (*function).to_owned(),
            Self::Row(create) => format!("{}/{}", create.table, create.row_id),
            Self::Request(asked) | Self::Commit(asked) => {
                format!("{} {}", asked.method, asked.path)
            }
            Self::Connection => "a connection".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(text: &str) -> Rule {
        text.parse().unwrap()
    }

    #[test]
    fn equal_seeds_give_equal_faults() {
        let rule = rule("drop-event,chance=10%");
        let fired = |seed| {
            let all = 1..=10_000_u64;
            all.filter(|ordinal| strikes(&rule, *ordinal, seed))
                .collect::<Vec<_>>()
        };
        assert_eq!(fired(7), fired(7));
        assert_ne!(fired(7), fired(8));
        assert!((900..1_100).contains(&fired(7).len()), "{}", fired(7).len());
    }

    #[test]
    fn no_chance_never_strikes_and_a_whole_one_always() {
        let (never, always) = (rule("drop-event,chance=0"), rule("drop-event,chance=100%"));
        for ordinal in 1..1_000 {
            assert!(!strikes(&never, ordinal, 3));
            assert!(strikes(&always, ordinal, 3));
        }
        let once: Vec<u64> = (1..9)
            .filter(|nth| strikes(&rule("drop-event,nth=4"), *nth, 3))
            .collect();
        assert_eq!(once, [4]);
    }

    #[test]
    fn events_are_bound_by_name_and_function() {
        let names = ["databases.d.tables.t.rows.r.create", "databases.*"].map(str::to_owned);
        let names = Names::from(names.to_vec());
        let event = Moment::Event {
            names: &names,
            functions: &["plan"],
        };
        assert!(is_about(&rule("drop-event"), &event));
        assert!(is_about(
            &rule("delay-event,event=databases.*,function=plan"),
            &event
        ));
        assert!(!is_about(&rule("drop-event,event=users.*"), &event));
        assert!(!is_about(&rule("reorder-event,function=review"), &event));
        assert!(!is_about(&rule("drop-message"), &event));
    }

    #[test]
    fn rows_are_bound_by_phase_table_and_key() {
        let row = |text: &str, key: &str, phase| {
            let data = json!({"key": key});
            let create = RowCreate {
                table: "journal",
                row_id: "x",
                data: &data,
                execution: None,
                phase,
            };
            is_about(&rule(text), &Moment::Row(&create))
        };
        let text = "kill-function,at=before,table=journal,key=tool:a";
        assert!(row(text, "tool:a.1", Phase::Before));
        assert!(!row(text, "tool:a.1", Phase::After));
        assert!(!row(text, "other", Phase::Before));
        assert!(!row("kill-platform,at=before,table=x", "", Phase::Before));
        assert!(!row("kill-function,at=before", "", Phase::Before));
    }

    #[test]
    fn requests_are_bound_by_method_path_and_function() {
        let ask = |text: &str, path: &str| {
            let asked = Asked {
                method: "POST",
                path,
                function: Some("plan"),
                execution: None,
            };
            is_about(&rule(text), &Moment::Request(&asked))
        };
        assert!(ask(
            "answer,status=500,method=POST,function=plan",
            "/v1/sites"
        ));
        assert!(!ask("answer,status=500,method=GET", "/v1/sites"));
        assert!(!ask("answer,status=500,function=sweep", "/v1/sites"));
        assert!(ask("answer,status=500,path=/v1/*/s", "/v1/sites/s"));
        assert!(!ask("answer,status=500,path=/v1/*", "/v1/sites/s"));
        assert!(ask("answer,status=500,path=/v1/**", "/v1/sites/s"));
        assert!(ask("lose-request,path=/v1/*", "/v1/sites"));
        assert!(!ask("lose-request,function=sweep", "/v1/sites"));
        assert!(!ask("lose-answer", "/v1/sites"));
    }
}
