//! What one owner may start: so that a mistake, or a stolen session, costs little.

use crate::command::Refusal;
use crate::money;

/// Seconds of a day.
const DAY_SECONDS: u64 = 24 * 3_600;
/// Days that tasks count for an owner's spending; older ones do not count at all.
pub const WINDOW_DAYS: u64 = 30;

/// Limits of one owner. 0 is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Tasks that have not ended.
    pub open_tasks: u64,
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

impl Quota {
    /// Whether an owner who has started `tasks` may start another one.
    ///
    /// # Errors
    /// The first limit that is reached, and what to do. It may pass later.
    pub fn check(&self, tasks: &[Started]) -> Result<(), Refusal> {
        let today = |task: &&Started| task.age_seconds < DAY_SECONDS;
        let open = tasks.iter().filter(|task| task.is_open).count() as u64;
        let day = tasks.iter().filter(today).count() as u64;
        let cost = |tasks: &mut dyn Iterator<Item = &Started>| -> u64 {
            tasks.map(|task| task.cost_micro_usd).sum()
        };
        let (usd_day, usd_month) = (
            cost(&mut tasks.iter().filter(today)),
            cost(&mut tasks.iter()),
        );
        let reached = |limit: u64, used: u64| limit > 0 && used >= limit;
        let dollars = |limit: u64| limit.saturating_mul(1_000_000);
        let refusal = |code, message| Err(Refusal { code, message });
        if reached(self.open_tasks, open) {
            return refusal(
                "open_tasks_limit",
                format!(
                    "{open} of your tasks are open, the limit is {}. Wait for one to end, or cancel one.",
                    self.open_tasks
                ),
            );
        }
        if reached(self.tasks_a_day, day) {
            return refusal(
                "tasks_a_day_limit",
                format!(
                    "You started {day} tasks within 24 hours, the limit is {}. Try again later.",
                    self.tasks_a_day
                ),
            );
        }
        if reached(dollars(self.usd_a_day), usd_day) {
            return refusal(
                "usd_a_day_limit",
                format!(
                    "Your tasks of the last 24 hours cost {}, the limit is {}. Try again later.",
                    money::usd(usd_day),
                    money::usd(dollars(self.usd_a_day))
                ),
            );
        }
        if reached(dollars(self.usd_a_month), usd_month) {
            return refusal(
                "usd_a_month_limit",
                format!(
                    "Your tasks of the last {WINDOW_DAYS} days cost {}, the limit is {}. Ask who runs this installation to raise it.",
                    money::usd(usd_month),
                    money::usd(dollars(self.usd_a_month))
                ),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        open_tasks: 2,
        tasks_a_day: 4,
        usd_a_day: 5,
        usd_a_month: 20,
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
            .map_or_else(|refusal| refusal.code, |()| "fine")
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

    #[test]
    fn nothing_is_limited_by_zero() {
        let none = Quota {
            open_tasks: 0,
            tasks_a_day: 0,
            usd_a_day: 0,
            usd_a_month: 0,
        };
        assert_eq!(none.check(&[started(0, true, 1_000); 100]), Ok(()));
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refusal = QUOTA
            .check(&[started(1, true, 0), started(2, true, 0)])
            .unwrap_err();
        insta::assert_snapshot!(refusal, @"2 of your tasks are open, the limit is 2. Wait for one to end, or cancel one.");
        let refusal = QUOTA.check(&[started(1, false, 6)]).unwrap_err();
        insta::assert_snapshot!(refusal, @"Your tasks of the last 24 hours cost $6.00, the limit is $5.00. Try again later.");
    }
}
