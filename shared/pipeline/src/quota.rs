//! What one owner may start: so that a mistake, or a stolen session, costs little.

use crate::command::Refusal;
use crate::money;

const MINUTE_SECONDS: u64 = 60;
const DAY_SECONDS: u64 = 24 * 3_600;
/// Days that tasks count for an owner's spending; older ones do not count at all.
pub const WINDOW_DAYS: u64 = 30;

/// Limits of one owner. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Tasks that have not ended.
    pub open_tasks: u64,
    /// Tasks started within 60 seconds.
    pub tasks_a_minute: u64,
    /// Tasks started within 24 hours.
    pub tasks_a_day: u64,
    /// US dollars spent by tasks that were started within 24 hours.
    pub usd_a_day: u64,
    /// US dollars spent by tasks that were started within [`WINDOW_DAYS`].
    pub usd_a_month: u64,
}

/// A task that the owner started within [`WINDOW_DAYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// Seconds since then.
    pub age_seconds: u64,
    /// Whether it has not ended.
    pub is_open: bool,
    /// What it has cost so far, in millionths of a US dollar.
    pub cost_micro_usd: u64,
}

/// A limit that is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Which one, and what to do.
    pub refusal: Refusal,
    /// Seconds until it is not reached any more, at least 1; `None` where that takes more than
    /// time, or is not known.
    pub passes_in_seconds: Option<u64>,
}

impl Quota {
    /// How far back tasks count, in seconds; `None` where nothing is limited. An open task counts
    /// for [`WINDOW_DAYS`].
    pub fn window_seconds(&self) -> Option<u64> {
        let month = WINDOW_DAYS * DAY_SECONDS;
        let windows = [
            (self.open_tasks, month),
            (self.tasks_a_minute, MINUTE_SECONDS),
            (self.tasks_a_day, DAY_SECONDS),
            (self.usd_a_day, DAY_SECONDS),
            (self.usd_a_month, month),
        ];
        let limited = windows.into_iter().filter(|(limit, _)| *limit > 0);
        limited.map(|(_, window)| window).max()
    }

    /// Whether an owner who has started `tasks` may start another one.
    ///
    /// # Errors
    /// The first limit that is reached; that of a minute comes last, since it passes first.
    pub fn check(&self, tasks: &[Started]) -> Result<(), Reached> {
        let open = tasks.iter().filter(|task| task.is_open).count() as u64;
        if is_reached(self.open_tasks, open) {
            let message = format!(
                "{open} of your tasks are open, the limit is {}. Wait for one to end, or cancel one.",
                self.open_tasks
            );
            return Err(refusal("open_tasks_limit", message, None));
        }
        if let Some(seconds) = passes_in(self.tasks_a_day, DAY_SECONDS, tasks) {
            let message = format!(
                "You started {} tasks within 24 hours, the limit is {}. Try again later.",
                within(DAY_SECONDS, tasks).count(),
                self.tasks_a_day
            );
            return Err(refusal("tasks_a_day_limit", message, Some(seconds)));
        }
        self.check_costs(tasks)?;
        if let Some(seconds) = passes_in(self.tasks_a_minute, MINUTE_SECONDS, tasks) {
            let message = format!(
                "You started {} tasks within a minute, the limit is {}. Try again in {seconds} s.",
                within(MINUTE_SECONDS, tasks).count(),
                self.tasks_a_minute
            );
            return Err(refusal("tasks_a_minute_limit", message, Some(seconds)));
        }
        Ok(())
    }

    fn check_costs(&self, tasks: &[Started]) -> Result<(), Reached> {
        let dollars = |limit: u64| limit.saturating_mul(1_000_000);
        let day = cost(within(DAY_SECONDS, tasks));
        if is_reached(dollars(self.usd_a_day), day) {
            let message = format!(
                "Your tasks of the last 24 hours cost {}, the limit is {}. Try again later.",
                money::usd(day),
                money::usd(dollars(self.usd_a_day))
            );
            return Err(refusal("usd_a_day_limit", message, None));
        }
        let month = cost(tasks.iter());
        if is_reached(dollars(self.usd_a_month), month) {
            let message = format!(
                "Your tasks of the last {WINDOW_DAYS} days cost {}, the limit is {}. Ask who runs this installation to raise it.",
                money::usd(month),
                money::usd(dollars(self.usd_a_month))
            );
            return Err(refusal("usd_a_month_limit", message, None));
        }
        Ok(())
    }
}

fn is_reached(limit: u64, used: u64) -> bool {
    limit > 0 && used >= limit
}

fn refusal(code: &'static str, message: String, passes_in_seconds: Option<u64>) -> Reached {
    Reached {
        refusal: Refusal { code, message },
        passes_in_seconds,
    }
}

fn within(seconds: u64, tasks: &[Started]) -> impl Iterator<Item = &Started> {
    tasks.iter().filter(move |task| task.age_seconds < seconds)
}

fn cost<'a>(tasks: impl Iterator<Item = &'a Started>) -> u64 {
    let costs = tasks.map(|task| task.cost_micro_usd);
    costs.fold(0, u64::saturating_add)
}

/// Seconds until fewer than `limit` of the tasks were started within a window of this length;
/// `None` where that is so already, or there is no limit.
fn passes_in(limit: u64, window_seconds: u64, tasks: &[Started]) -> Option<u64> {
    let mut ages: Vec<u64> = within(window_seconds, tasks)
        .map(|task| task.age_seconds)
        .collect();
    ages.sort_unstable();
    let last = usize::try_from(limit.checked_sub(1)?).ok()?;
    ages.get(last).map(|age| window_seconds - age)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        open_tasks: 2,
        tasks_a_minute: 3,
        tasks_a_day: 4,
        usd_a_day: 5,
        usd_a_month: 20,
    };

    const UNLIMITED: Quota = Quota {
        open_tasks: 0,
        tasks_a_minute: 0,
        tasks_a_day: 0,
        usd_a_day: 0,
        usd_a_month: 0,
    };

    fn started(hours: u64, is_open: bool, dollars: u64) -> Started {
        Started {
            age_seconds: hours * 3_600,
            is_open,
            cost_micro_usd: dollars * 1_000_000,
        }
    }

    fn code(tasks: &[Started]) -> &'static str {
        QUOTA
            .check(tasks)
            .map_or_else(|reached| reached.refusal.code, |()| "fine")
    }

    #[test]
    fn each_limit_holds_at_its_edge() {
        assert_eq!(code(&[started(1, true, 0)]), "fine");
        assert_eq!(
            code(&[started(1, true, 0), started(700, true, 0)]),
            "open_tasks_limit"
        );
        assert_eq!(code(&[started(1, false, 0); 3]), "fine");
        assert_eq!(code(&[started(1, false, 0); 4]), "tasks_a_day_limit");
        assert_eq!(code(&[started(1, false, 4), started(24, false, 9)]), "fine");
        assert_eq!(
            code(&[started(1, false, 4), started(23, false, 1)]),
            "usd_a_day_limit"
        );
        assert_eq!(code(&[started(30, false, 19)]), "fine");
        assert_eq!(
            code(&[started(30, false, 10), started(99, false, 10)]),
            "usd_a_month_limit"
        );
    }

    fn ended(ages_seconds: &[u64]) -> Vec<Started> {
        let of_age = |age: &u64| Started {
            age_seconds: *age,
            is_open: false,
            cost_micro_usd: 0,
        };
        ages_seconds.iter().map(of_age).collect()
    }

    #[test]
    fn a_minute_has_room_again_as_soon_as_one_is_told() {
        let passes_in = |ages: &[u64]| QUOTA.check(&ended(ages)).map_err(|it| it.passes_in_seconds);
        assert_eq!(passes_in(&[0, 0]), Ok(()));
        assert_eq!(passes_in(&[60, 0, 0]), Ok(()));
        assert_eq!(passes_in(&[59, 0, 0]), Err(Some(1)));
        assert_eq!(passes_in(&[0, 0, 0]), Err(Some(60)));
        // In any order. Of more than the limit, those beyond it must pass, too.
        let quota = Quota {
            tasks_a_day: 0,
            ..QUOTA
        };
        let reached = quota.check(&ended(&[10, 50, 20, 40])).unwrap_err();
        assert_eq!(reached.passes_in_seconds, Some(20));
        assert_eq!(quota.check(&ended(&[30, 70, 40, 60])), Ok(()));
    }

    #[test]
    fn a_day_has_room_again_as_soon_as_one_is_told() {
        let day = DAY_SECONDS;
        let reached = QUOTA.check(&ended(&[60, 70, 80, day - 5])).unwrap_err();
        assert_eq!(reached.refusal.code, "tasks_a_day_limit");
        assert_eq!(reached.passes_in_seconds, Some(5));
        assert_eq!(QUOTA.check(&ended(&[60, 70, 80, day])), Ok(()));
    }

    #[test]
    fn of_a_day_and_a_minute_the_day_is_told() {
        assert_eq!(code(&ended(&[0; 4])), "tasks_a_day_limit");
        assert_eq!(code(&ended(&[0; 3])), "tasks_a_minute_limit");
    }

    #[test]
    fn costs_that_are_no_sum_reach_their_limit() {
        let tasks = [Started {
            cost_micro_usd: u64::MAX,
            ..started(1, false, 0)
        }; 2];
        assert_eq!(code(&tasks), "usd_a_day_limit");
    }

    #[test]
    fn each_limit_looks_back_as_far_as_its_window() {
        assert_eq!(UNLIMITED.window_seconds(), None);
        type Limit = fn(&mut Quota);
        let limited: [(Limit, u64); 5] = [
            (|quota| quota.open_tasks = 1, 30 * DAY_SECONDS),
            (|quota| quota.tasks_a_minute = 1, MINUTE_SECONDS),
            (|quota| quota.tasks_a_day = 1, DAY_SECONDS),
            (|quota| quota.usd_a_day = 1, DAY_SECONDS),
            (|quota| quota.usd_a_month = 1, 30 * DAY_SECONDS),
        ];
        for (limit, window) in limited {
            let mut quota = UNLIMITED;
            limit(&mut quota);
            assert_eq!(quota.window_seconds(), Some(window));
            let at = |age_seconds| Started {
                age_seconds,
                is_open: true,
                cost_micro_usd: 2_000_000,
            };
            assert!(quota.check(&[at(window - 1)]).is_err(), "{quota:?}");
            quota.tasks_a_minute = 1;
            assert_eq!(quota.window_seconds(), Some(window), "the longest one");
        }
    }

    #[test]
    fn nothing_is_limited_by_zero() {
        assert_eq!(UNLIMITED.check(&[started(0, true, 1_000); 100]), Ok(()));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let reached = QUOTA
            .check(&[started(1, true, 0), started(2, true, 0)])
            .unwrap_err();
        insta::assert_snapshot!(reached.refusal, @"2 of your tasks are open, the limit is 2. Wait for one to end, or cancel one.");
        let reached = QUOTA.check(&ended(&[13, 2, 1])).unwrap_err();
        insta::assert_snapshot!(reached.refusal, @"You started 3 tasks within a minute, the limit is 3. Try again in 47 s.");
        let reached = QUOTA.check(&[started(1, false, 6)]).unwrap_err();
        insta::assert_snapshot!(reached.refusal, @"Your tasks of the last 24 hours cost $6.00, the limit is $5.00. Try again later.");
    }
}
