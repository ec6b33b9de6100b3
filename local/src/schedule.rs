//! The schedule: cron ticks of functions, and executions that were asked for at a later time.
//!
//! As on the real platform ticks may overlap, and those that fell into a time when the platform
//! did not run are not made up for. A delayed execution that was missed runs at the next start.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use croner::Cron;
use croner::parser::{CronParser, Seconds};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::functions::Functions;
use crate::functions::registry::Function;
use crate::kernel::Kernel;

/// Longest sleep, so that a clock that was set is noticed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Reads a five-field cron expression.
///
/// # Errors
/// A sentence on what is wrong with it.
pub(crate) fn parse(expression: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Disallowed).build();
    parser.parse(expression).map_err(|error| error.to_string())
}

/// The first instant after `now` at which the expression ticks, in UTC. `None` for expressions
/// that cannot be read or never tick.
pub(crate) fn next_tick(expression: &str, now: Timestamp) -> Option<Timestamp> {
    let cron = parse(expression).ok()?;
    let next = cron
        .find_next_occurrence(&now.to_zoned(TimeZone::UTC), false)
        .ok()?;
    Some(next.timestamp())
}

/// When each function is due.
#[derive(Debug, Default)]
struct Due {
    by_function: BTreeMap<String, (String, Timestamp)>,
}

impl Due {
    /// Forgets functions that have gone and plans those that are new or have another expression.
    fn plan(&mut self, functions: &[Arc<Function>], every: Option<Duration>, now: Timestamp) {
        let scheduled = |function: &&Arc<Function>| {
            function.enabled && !function.schedule.is_empty() && !function.deployment_id.is_empty()
        };
        let mut planned = BTreeMap::new();
        for function in functions.iter().filter(scheduled) {
            let known = self.by_function.remove(&function.id);
            let kept = known.filter(|(expression, _)| *expression == function.schedule);
            let due = kept
                .map(|(_, at)| at)
                .or_else(|| after(&function.schedule, every, now));
            if let Some(at) = due {
                planned.insert(function.id.clone(), (function.schedule.clone(), at));
            }
        }
        self.by_function = planned;
    }

    /// Takes the functions that are due and plans their next tick, without making up for others.
    fn take(&mut self, every: Option<Duration>, now: Timestamp) -> Vec<String> {
        let due: Vec<String> = self
            .by_function
            .iter()
            .filter(|(_, (_, at))| *at <= now)
            .map(|(id, _)| id.clone())
            .collect();
        for id in &due {
            if let Some((expression, at)) = self.by_function.get_mut(id)
                && let Some(next) = after(expression, every, now)
            {
                *at = next;
            }
        }
        due
    }

    fn first(&self) -> Option<Timestamp> {
        self.by_function.values().map(|(_, at)| *at).min()
    }
}

fn after(expression: &str, every: Option<Duration>, now: Timestamp) -> Option<Timestamp> {
    match every {
        None => next_tick(expression, now),
        Some(every) => now.checked_add(SignedDuration::try_from(every).ok()?).ok(),
    }
}

/// Starts what is due, until the platform stops.
pub(crate) async fn run(
    kernel: Weak<Kernel>,
    functions: Weak<Functions>,
    changed: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut due = Due::default();
    loop {
        let wait = {
            let (Some(kernel), Some(functions)) = (kernel.upgrade(), functions.upgrade()) else {
                return;
            };
            look(&mut due, &kernel, &functions).await
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = changed.notified() => {}
            () = stop.cancelled() => return,
        }
    }
}

/// Starts what is due now and returns how long to wait for the next.
async fn look(due: &mut Due, kernel: &Arc<Kernel>, functions: &Arc<Functions>) -> Duration {
    let every = functions.sweep_every();
    let now = clock::now();
    due.plan(&functions.all(), every, now);
    for id in due.take(every, now) {
        if let Ok(function) = functions.get(&id) {
            functions.tick(kernel, function);
        }
    }
    let delayed = match functions.start_delayed(kernel, now).await {
        Ok(next) => next,
        Err(error) => {
            tracing::error!(%error, "delayed executions could not be read");
            None
        }
    };
    let next = [due.first(), delayed].into_iter().flatten().min();
    let wait = next.map(|next| next.duration_since(clock::now()));
    let wait = wait.map(|wait| Duration::try_from(wait).unwrap_or_default());
    wait.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::FunctionConfig;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn function(id: &str, schedule: &str) -> Arc<Function> {
        let text = format!(r#"{{"$id":"{id}","name":"n","schedule":"{schedule}"}}"#);
        let config: FunctionConfig = serde_json::from_str(&text).unwrap();
        Arc::new(Function::new(&config))
    }

    #[test]
    fn ticks_are_those_of_cron_in_utc() {
        let now = at("2026-11-22T20:44:59.5Z");
        assert_eq!(
            next_tick("*/2 * * * *", now),
            Some(at("2026-11-22T20:46:00Z"))
        );
        assert_eq!(
            next_tick("0 3 1 1 *", now),
            Some(at("2027-01-01T03:00:00Z"))
        );
        assert_eq!(
            next_tick("*/2 * * * *", at("2026-11-22T20:46:00Z")),
            Some(at("2026-11-22T20:48:00Z"))
        );
        assert_eq!(next_tick("* * * * * *", now), None);
        assert_eq!(next_tick("nonsense", now), None);
    }

    #[test]
    fn missed_ticks_are_not_made_up_for() {
        let functions = [function("sweep", "*/2 * * * *"), function("other", "")];
        let mut due = Due::default();
        due.plan(&functions, None, at("2026-11-22T20:45:00Z"));
        assert!(due.take(None, at("2026-11-22T20:45:59Z")).is_empty());
        assert_eq!(due.take(None, at("2026-11-22T21:30:00.1Z")), ["sweep"]);
        assert!(due.take(None, at("2026-11-22T21:30:00.2Z")).is_empty());
        assert_eq!(due.first(), Some(at("2026-11-22T21:32:00Z")));
    }

    #[test]
    fn a_changed_expression_is_planned_anew() {
        let now = at("2026-11-22T20:45:00Z");
        let mut due = Due::default();
        due.plan(&[function("a", "0 0 * * *")], None, now);
        due.plan(&[function("a", "*/5 * * * *")], None, now);
        assert_eq!(due.first(), Some(at("2026-11-22T20:50:00Z")));
        due.plan(&[], None, now);
        assert_eq!(due.first(), None);
    }

    #[test]
    fn an_interval_overrides_the_expression() {
        let every = Some(Duration::from_secs(7));
        let mut due = Due::default();
        due.plan(
            &[function("a", "0 0 * * *")],
            every,
            at("2026-11-22T20:45:00Z"),
        );
        assert_eq!(due.first(), Some(at("2026-11-22T20:45:07Z")));
    }
}
