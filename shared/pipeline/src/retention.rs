//! What is removed of a task some time after it has ended, so that a database does not grow for
//! ever.

use crate::stage::Status;

/// Seconds of a day.
const DAY_SECONDS: i64 = 24 * 3_600;

/// Days after a task's end, for each thing that is kept. 0 keeps it for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Its feed.
    pub progress_days: u64,
    /// What models and services answered. Without it the task can not be replayed.
    pub journal_days: u64,
    /// Its files. Without them it takes no more commands.
    pub files_days: u64,
    /// All of it.
    pub tasks_days: u64,
}

/// Something that is removed of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// Its feed.
    Progress,
    /// The entries of its units' journals, but for the facts.
    Journal,
    /// Its files, once it is closed.
    Files,
    /// All of it, once it is closed.
    Task,
}

impl Removal {
    /// Whether the task must take no more commands before it.
    pub const fn closes(self) -> bool {
        match self {
            Self::Progress | Self::Journal => false,
            Self::Files | Self::Task => true,
        }
    }
}

impl Retention {
    /// Whether anything is ever removed.
    pub fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// What is due of a task that ended at `ended_unix` with `status`, in the order in which it
    /// is removed.
    pub fn due(&self, status: Status, ended_unix: i64, now_unix: i64) -> Vec<Removal> {
        let is_due = |at: &(Removal, i64)| at.1 <= now_unix;
        let due = self.times(status, ended_unix).filter(is_due);
        due.map(|(removal, _)| removal).collect()
    }

    /// When the next removal after `now_unix` is due, if one ever is.
    pub fn next_unix(&self, status: Status, ended_unix: i64, now_unix: i64) -> Option<i64> {
        let times = self.times(status, ended_unix).map(|(_, time)| time);
        times.filter(|time| *time > now_unix).min()
    }

    fn times(&self, status: Status, ended_unix: i64) -> impl Iterator<Item = (Removal, i64)> {
        let days = [
            (Removal::Progress, self.progress_days),
            // What failed can be done again, and goes on after what was recorded.
            (
                Removal::Journal,
                match status {
                    Status::Completed | Status::Cancelled => self.journal_days,
                    Status::Failed
                    | Status::Pending
                    | Status::Planning
                    | Status::AwaitingApproval
                    | Status::Coding
                    | Status::Reviewing
                    | Status::Publishing
                    | Status::Deploying
                    | Status::Paused => 0,
                },
            ),
            (Removal::Files, self.files_days),
            (Removal::Task, self.tasks_days),
        ];
        let is_final = status.is_final();
        days.into_iter()
            .filter(move |(_, days)| is_final && *days > 0)
            .map(move |(removal, days)| {
                let days = i64::try_from(days).unwrap_or(i64::MAX);
                let after = days.saturating_mul(DAY_SECONDS);
                (removal, ended_unix.saturating_add(after))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SET: Retention = Retention {
        progress_days: 1,
        journal_days: 2,
        files_days: 3,
        tasks_days: 4,
    };
    const ENDED: i64 = 1_000;

    fn due(status: Status, seconds: i64) -> Vec<Removal> {
        SET.due(status, ENDED, ENDED + seconds)
    }

    #[test]
    fn each_thing_is_due_at_its_day_and_not_before() {
        use Removal::{Files, Journal, Progress, Task};
        let days = |days: i64| days * DAY_SECONDS;
        assert_eq!(due(Status::Completed, days(1) - 1), []);
        assert_eq!(due(Status::Completed, days(1)), [Progress]);
        assert_eq!(due(Status::Completed, days(2)), [Progress, Journal]);
        assert_eq!(due(Status::Cancelled, days(3)), [Progress, Journal, Files]);
        assert_eq!(
            due(Status::Completed, days(4)),
            [Progress, Journal, Files, Task]
        );
        let next = |seconds| SET.next_unix(Status::Completed, ENDED, ENDED + seconds);
        assert_eq!(next(0), Some(ENDED + days(1)));
        assert_eq!(next(days(1)), Some(ENDED + days(2)));
        assert_eq!(next(days(4)), None);
    }

    #[test]
    fn what_may_go_on_keeps_its_journal() {
        let due = due(Status::Failed, 2 * DAY_SECONDS);
        assert_eq!(due, [Removal::Progress]);
        for open in [Status::Paused, Status::AwaitingApproval, Status::Coding] {
            assert_eq!(SET.due(open, 0, i64::MAX), []);
        }
    }

    #[test]
    fn nothing_is_removed_unless_it_is_wanted() {
        let none = Retention::default();
        assert!(!none.is_set() && SET.is_set());
        assert_eq!(none.due(Status::Completed, 0, i64::MAX), []);
        assert_eq!(none.next_unix(Status::Completed, 0, 0), None);
    }
}
