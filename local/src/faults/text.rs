//! How a fault is written: `KIND[,FIELD=VALUE]…`, for example
//! `drop-event,event=databases.*.tables.plans.rows.*.create,nth=2`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::rule::{At, Effect, MILLION, Phase, Refusal, Rule, Target, When};

/// Longest text of a rule, in bytes.
pub const RULE_BYTES_MAX: usize = 500;
/// Longest time a rule may name, in milliseconds.
const MS_MAX: u64 = 600_000;
/// Most deliveries of one event.
const COPIES_MAX: u32 = 20;
/// How long an event is late, and how long one waits for another to overtake it.
const DELAY_DEFAULT_MS: u64 = 1_000;
/// How long a function runs before it is killed during its call.
const DURING_DEFAULT_MS: u64 = 100;

/// A rule that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultSyntax {
    /// The first word is no kind of fault.
    #[error("unknown fault `{0}`; one of {kinds} was expected", kinds = KINDS.join(", "))]
    Kind(String),
    /// A part is not `FIELD=VALUE`.
    #[error("`{0}` is not of the form FIELD=VALUE")]
    Form(String),
    /// The kind has no such field, or has it already.
    #[error("`{kind}` takes no field `{field}` here")]
    Field {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
    },
    /// A field that the kind needs is absent.
    #[error("`{kind}` needs the field `{field}`")]
    Missing {
        /// The kind.
        kind: String,
        /// The field.
        field: &'static str,
    },
    /// A value breaks its rule.
    #[error("`{field}` must be {rule}, not `{value}`")]
    Value {
        /// The field.
        field: &'static str,
        /// What is allowed.
        rule: &'static str,
        /// What was given.
        value: String,
    },
    /// The text is too long.
    #[error("a fault must be at most {RULE_BYTES_MAX} bytes long")]
    Long,
    /// There are too many rules.
    #[error("there may be at most {} faults", super::RULES_MAX)]
    Many,
}

/// The kinds of faults, in the order of the documentation.
pub const KINDS: [&str; 12] = [
    "drop-event",
    "duplicate-event",
    "delay-event",
    "reorder-event",
    "kill-function",
    "kill-platform",
    "time-out",
    "answer",
    "lose-request",
    "lose-answer",
    "refuse-connection",
    "drop-message",
];

/// The fields by which a rule of this kind may be bounded.
fn bounds(effect: Effect, on_row: bool) -> &'static [&'static str] {
    match effect {
        Effect::DropEvent
        | Effect::DuplicateEvent { .. }
        | Effect::DelayEvent { .. }
        | Effect::ReorderEvent { .. } => &["event", "function"],
        Effect::KillFunction { .. } if on_row => &["table", "key"],
        Effect::KillFunction { .. } | Effect::TimeOut { .. } => &["function"],
        Effect::KillPlatform { .. } => &["table", "key"],
        Effect::Answer { .. } | Effect::LoseRequest | Effect::LoseAnswer { .. } => {
            &["method", "path", "function"]
        }
        Effect::RefuseConnection { .. } => &[],
        Effect::DropMessage => &["event", "channel"],
    }
}

/// The fields of a rule that were not taken yet.
struct Fields<'a> {
    kind: &'a str,
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Fields<'a> {
    fn split(text: &'a str) -> Result<Self, FaultSyntax> {
        let mut parts = text.split(',');
        let kind = parts.next().unwrap_or_default();
        if !KINDS.contains(&kind) {
            return Err(FaultSyntax::Kind(kind.to_owned()));
        }
        let mut values = BTreeMap::new();
        for part in parts {
            let pair = part.split_once('=');
            let (field, value) = pair.ok_or_else(|| FaultSyntax::Form(part.to_owned()))?;
            if values.insert(field, value).is_some() {
                return Err(unknown(kind, field));
            }
        }
        Ok(Self { kind, values })
    }

    fn number(
        &mut self,
        field: &'static str,
        allowed: std::ops::RangeInclusive<u64>,
        rule: &'static str,
    ) -> Result<Option<u64>, FaultSyntax> {
        let Some(text) = self.values.remove(field) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        number.map(Some).ok_or_else(|| wrong(field, rule, text))
    }

    fn ms(&mut self, default: u64) -> Result<Duration, FaultSyntax> {
        let ms = self.number("ms", 0..=MS_MAX, "a number from 0 to 600000")?;
        Ok(Duration::from_millis(ms.unwrap_or(default)))
    }

    fn at(&mut self, on_row: bool) -> Result<At, FaultSyntax> {
        let missing = || FaultSyntax::Missing {
            kind: self.kind.to_owned(),
            field: "at",
        };
        match self.values.remove("at").ok_or_else(missing)? {
            "before" => Ok(At::Before),
            "after" => Ok(At::After),
            "during" if !on_row => Ok(At::During(self.ms(DURING_DEFAULT_MS)?)),
            other if on_row => Err(wrong("at", "before or after", other)),
            other => Err(wrong("at", "before, during or after", other)),
        }
    }

    fn effect(&mut self) -> Result<Effect, FaultSyntax> {
        let on_row = self.values.contains_key("table");
        Ok(match self.kind {
            "drop-event" => Effect::DropEvent,
            "duplicate-event" => {
                let copies =
                    self.number("copies", 2..=u64::from(COPIES_MAX), "a number from 2 to 20")?;
                let copies = copies.and_then(|copies| u32::try_from(copies).ok());
                Effect::DuplicateEvent {
                    copies: copies.unwrap_or(2),
                }
            }
            "delay-event" => Effect::DelayEvent {
                by: self.ms(DELAY_DEFAULT_MS)?,
            },
            "reorder-event" => Effect::ReorderEvent {
                wait: self.ms(DELAY_DEFAULT_MS)?,
            },
            "kill-function" => Effect::KillFunction {
                at: self.at(on_row)?,
            },
            "kill-platform" if !on_row => {
                return Err(FaultSyntax::Missing {
                    kind: self.kind.to_owned(),
                    field: "table",
                });
            }
            "kill-platform" => Effect::KillPlatform {
                at: match self.at(true)? {
                    At::Before | At::During(_) => Phase::Before,
                    At::After => Phase::After,
                },
            },
            "time-out" => Effect::TimeOut { after: self.ms(0)? },
            "answer" => Effect::Answer {
                refusal: self.refusal()?,
            },
            "lose-request" => Effect::LoseRequest,
            "lose-answer" => Effect::LoseAnswer {
                instead: self.instead()?,
            },
            "refuse-connection" => Effect::RefuseConnection { shut: self.ms(0)? },
            "drop-message" => Effect::DropMessage,
            other => return Err(FaultSyntax::Kind(other.to_owned())),
        })
    }

    fn refusal(&mut self) -> Result<Refusal, FaultSyntax> {
        match self.values.remove("status") {
            Some("500") => Ok(Refusal::Internal),
            Some("503") => Ok(Refusal::Unavailable),
            Some("429") => Ok(Refusal::TooMany),
            Some(other) => Err(wrong("status", "500, 503 or 429", other)),
            None => Err(FaultSyntax::Missing {
                kind: self.kind.to_owned(),
                field: "status",
            }),
        }
    }

    fn instead(&mut self) -> Result<Option<Refusal>, FaultSyntax> {
        match self.values.remove("status") {
            None => Ok(None),
            Some("500") => Ok(Some(Refusal::Internal)),
            Some("503") => Ok(Some(Refusal::Unavailable)),
            Some(other) => Err(wrong("status", "500 or 503", other)),
        }
    }

    fn when(&mut self) -> Result<When, FaultSyntax> {
        let nth = self.number("nth", 1..=u64::MAX, "a whole number, 1 being the first")?;
        let chance = self.values.remove("chance");
        match (nth, chance) {
            (Some(_), Some(_)) => Err(unknown(self.kind, "chance")),
            (Some(nth), None) => Ok(When::Nth(nth)),
            (None, Some(text)) => millionths(text).map(When::Chance),
            (None, None) => Ok(When::Always),
        }
    }

    fn target(&mut self, bounds: &[&str]) -> Result<Target, FaultSyntax> {
        let mut take = |field: &str| {
            let value = self.values.remove(field)?;
            Some(value.to_owned())
        };
        let mut bound = |field: &str| bounds.contains(&field).then(|| take(field)).flatten();
        let target = Target {
            event: bound("event"),
            function: bound("function"),
            table: bound("table"),
            key: bound("key").filter(|prefix| !prefix.is_empty()),
            method: bound("method"),
            path: bound("path"),
            channel: bound("channel"),
        };
        if let Some((field, _)) = self.values.first_key_value() {
            return Err(unknown(self.kind, field));
        }
        for (field, value) in target.fields() {
            if value.is_empty() {
                return Err(wrong(field, "a text that is not empty", value));
            }
        }
        Ok(target)
    }
}

impl Target {
    fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let fields = [
            ("event", &self.event),
            ("function", &self.function),
            ("table", &self.table),
            ("key", &self.key),
            ("method", &self.method),
            ("path", &self.path),
            ("channel", &self.channel),
        ];
        fields
            .into_iter()
            .filter_map(|(field, value)| Some((field, value.as_deref()?)))
    }
}

fn unknown(kind: &str, field: &str) -> FaultSyntax {
    FaultSyntax::Field {
        kind: kind.to_owned(),
        field: field.to_owned(),
    }
}

fn wrong(field: &'static str, rule: &'static str, value: &str) -> FaultSyntax {
    FaultSyntax::Value {
        field,
        rule,
        value: value.to_owned(),
    }
}

/// Reads `0.1` or `10%`.
fn millionths(text: &str) -> Result<u32, FaultSyntax> {
    let (number, scale) = match text.strip_suffix('%') {
        Some(percent) => (percent, 10_000.0),
        None => (text, f64::from(MILLION)),
    };
    let chance = number.parse::<f64>().ok().map(|number| number * scale);
    let allowed = chance.filter(|chance| (0.0..=f64::from(MILLION)).contains(chance));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it lies between 0 and a million"
    )]
    let whole = allowed.map(|chance| chance.round() as u32);
    whole.ok_or_else(|| wrong("chance", "a number from 0 to 1, or from 0% to 100%", text))
}

impl FromStr for Rule {
    type Err = FaultSyntax;

    fn from_str(text: &str) -> Result<Self, FaultSyntax> {
        if text.len() > RULE_BYTES_MAX {
            return Err(FaultSyntax::Long);
        }
        let mut fields = Fields::split(text)?;
        let on_row = fields.values.contains_key("table");
        let effect = fields.effect()?;
        let when = fields.when()?;
        let target = fields.target(bounds(effect, on_row))?;
        Ok(Self {
            effect,
            target,
            when,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.effect.kind())?;
        match self.effect {
            Effect::DuplicateEvent { copies } => write!(f, ",copies={copies}")?,
            Effect::DelayEvent { by: ms }
            | Effect::ReorderEvent { wait: ms }
            | Effect::TimeOut { after: ms }
            | Effect::RefuseConnection { shut: ms } => write!(f, ",ms={}", ms.as_millis())?,
            Effect::KillFunction { at: At::Before }
            | Effect::KillPlatform { at: Phase::Before } => f.write_str(",at=before")?,
            Effect::KillFunction { at: At::After } | Effect::KillPlatform { at: Phase::After } => {
                f.write_str(",at=after")?;
            }
            Effect::KillFunction { at: At::During(ms) } => {
                write!(f, ",at=during,ms={}", ms.as_millis())?;
            }
            Effect::Answer { refusal }
            | Effect::LoseAnswer {
                instead: Some(refusal),
            } => write!(f, ",status={}", refusal.status())?,
            Effect::DropEvent
            | Effect::LoseRequest
            | Effect::LoseAnswer { instead: None }
            | Effect::DropMessage => {}
        }
        for (field, value) in self.target.fields() {
            write!(f, ",{field}={value}")?;
        }
        match self.when {
            When::Always => Ok(()),
            When::Nth(nth) => write!(f, ",nth={nth}"),
            When::Chance(chance) => {
                write!(f, ",chance={}", f64::from(chance) / f64::from(MILLION))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts of every kind, each as it is written back.
    const TEXTS: [(&str, &str); 17] = [
        ("drop-event", "drop-event"),
        (
            "duplicate-event,chance=10%",
            "duplicate-event,copies=2,chance=0.1",
        ),
        (
            "duplicate-event,copies=5,function=plan",
            "duplicate-event,copies=5,function=plan",
        ),
        ("delay-event,nth=3", "delay-event,ms=1000,nth=3"),
        (
            "reorder-event,event=users.*.create",
            "reorder-event,ms=1000,event=users.*.create",
        ),
        ("kill-function,at=before", "kill-function,at=before"),
        (
            "kill-function,at=during,function=plan",
            "kill-function,at=during,ms=100,function=plan",
        ),
        (
            "kill-function,at=after,table=journal,key=tool:a,nth=1",
            "kill-function,at=after,table=journal,key=tool:a,nth=1",
        ),
        (
            "kill-platform,at=before,table=claims,key=,nth=1",
            "kill-platform,at=before,table=claims,nth=1",
        ),
        ("time-out,function=plan", "time-out,ms=0,function=plan"),
        (
            "answer,status=503,chance=0.1",
            "answer,status=503,chance=0.1",
        ),
        (
            "answer,status=429,method=POST,path=/v1/sites/**",
            "answer,status=429,method=POST,path=/v1/sites/**",
        ),
        ("lose-answer,chance=0.000001", "lose-answer,chance=0.000001"),
        (
            "lose-answer,status=503,method=POST",
            "lose-answer,status=503,method=POST",
        ),
        ("lose-request,nth=2", "lose-request,nth=2"),
        ("refuse-connection,ms=50", "refuse-connection,ms=50"),
        (
            "drop-message,channel=account",
            "drop-message,channel=account",
        ),
    ];

    #[test]
    fn every_kind_is_read_and_written_back() {
        for (text, canonical) in TEXTS {
            let rule: Rule = text.parse().unwrap();
            assert_eq!(rule.to_string(), canonical, "{text}");
            assert_eq!(canonical.parse(), Ok(rule), "{text}");
        }
        for kind in KINDS {
            assert!(
                TEXTS
                    .iter()
                    .any(|(text, _)| text.split(',').next() == Some(kind)),
                "{kind}"
            );
        }
    }

    #[test]
    fn a_refusal_names_the_field_and_its_rule() {
        for (text, part) in [
            ("", "unknown fault ``"),
            ("lose", "unknown fault `lose`"),
            ("drop-event,nth", "`nth` is not of the form"),
            ("drop-event,nth=0", "`nth` must be a whole number"),
            ("drop-event,chance=2", "`chance` must be a number from 0"),
            ("drop-event,chance=NaN", "`chance` must be"),
            ("drop-event,nth=1,chance=1", "no field `chance`"),
            ("drop-event,nth=1,nth=2", "no field `nth`"),
            ("drop-event,table=t", "no field `table`"),
            ("drop-event,event=", "`event` must be a text"),
            ("duplicate-event,copies=21", "`copies` must be"),
            ("delay-event,ms=600001", "`ms` must be"),
            ("kill-function", "needs the field `at`"),
            (
                "kill-function,at=now",
                "`at` must be before, during or after",
            ),
            (
                "kill-function,at=during,table=t",
                "`at` must be before or after",
            ),
            ("kill-function,at=before,ms=5", "no field `ms`"),
            ("kill-platform,at=before", "needs the field `table`"),
            ("answer", "needs the field `status`"),
            ("answer,status=404", "`status` must be 500, 503 or 429"),
            ("lose-answer,status=429", "`status` must be 500 or 503"),
            ("lose-request,status=500", "no field `status`"),
        ] {
            let error = text.parse::<Rule>().unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
        let long = format!("drop-event,event={}", "x".repeat(RULE_BYTES_MAX));
        assert_eq!(long.parse::<Rule>(), Err(FaultSyntax::Long));
    }
}
