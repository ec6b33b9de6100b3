//! What the owner of a task is told by e-mail: that a word is needed, or that it is over.

use crate::advance::Projection;
use crate::ids::{TaskId, hash_base32};
use crate::stage::Status;

/// Characters of the hash in a message's id, of at most 36.
const HASH_CHARS: usize = 24;
/// Characters of a project's name that are told.
const NAME_CHARS_MAX: usize = 120;

/// Why an owner is told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The plan waits for a word.
    Plan,
    /// What was built waits for a word.
    Preview,
    /// The next call does not fit into the budget.
    Budget,
    /// It failed.
    Failed,
    /// It is done.
    Done,
}

impl Occasion {
    const fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Preview => "preview",
            Self::Budget => "budget",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }

    /// What happened, to follow the project's name.
    const fn happened(self) -> &'static str {
        match self {
            Self::Plan => "its plan waits for your approval",
            Self::Preview => "its preview waits for your approval",
            Self::Budget => "its budget is used up",
            Self::Failed => "it failed",
            Self::Done => "it is done",
        }
    }

    const fn wanted(self) -> &'static str {
        match self {
            Self::Plan => {
                "Read the plan, then approve it or say what to change. Nothing is written before."
            }
            Self::Preview => {
                "Look at what was built, then approve it or say what to change. Nothing is \
                 published before."
            }
            Self::Budget => "It waits. Raise the budget to let it go on, or cancel it.",
            Self::Failed => "The page says why. What is done is kept; you can try again.",
            Self::Done => "Nothing more is needed. Look at the result on its page.",
        }
    }
}

/// An e-mail that is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The message's id, the same whoever sends it and however often: one that is taken was
    /// sent. At most 36 lower-case letters and digits.
    pub id: String,
    /// Why.
    pub occasion: Occasion,
}

/// The e-mail that is due once the task's row was moved from the place `before`, where that is
/// known, to `after`. None where it did not move, or nobody has to know.
///
/// There is one for each generation, round and occasion, and for each budget that is reached.
pub fn notice(
    task: &TaskId,
    before: Option<(u32, u32, u32)>,
    after: &Projection,
) -> Option<Notice> {
    if before.is_some_and(|before| before >= after.position()) {
        return None;
    }
    let totals = &after.totals;
    let occasion = match (after.status, &totals.preview_url, &totals.exhausted) {
        (Status::AwaitingApproval, None, _) => Occasion::Plan,
        (Status::AwaitingApproval, Some(_), _) => Occasion::Preview,
        (Status::Paused, _, Some(_)) => Occasion::Budget,
        (Status::Failed, _, _) => Occasion::Failed,
        (Status::Completed, _, _) => Occasion::Done,
        (
            Status::Pending
            | Status::Planning
            | Status::Coding
            | Status::Reviewing
            | Status::Publishing
            | Status::Deploying
            | Status::Paused
            | Status::Cancelled,
            _,
            _,
        ) => return None,
    };
    let limit = match (occasion, &totals.exhausted) {
        (Occasion::Budget, Some(exhausted)) => exhausted.limit_micro_usd.to_string(),
        (_, _) => String::new(),
    };
    let (generation, round) = (after.generation.to_string(), after.round.to_string());
    let parts = [
        "notice",
        task.as_str(),
        &generation,
        &round,
        occasion.word(),
        &limit,
    ];
    let id = format!("n{}", hash_base32(&parts, HASH_CHARS));
    Some(Notice { id, occasion })
}

/// An e-mail's two texts, neither of which is HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// One line, at most 200 characters.
    pub subject: String,
    /// What is needed, and where.
    pub content: String,
}

impl Notice {
    /// What is written: the project's name, what is needed, and the task's page on the web
    /// client at `page`, where that is known. Nothing else of the task, nothing of its owner.
    pub fn email(&self, task: &TaskId, name: &str, page: Option<&str>) -> Email {
        // A header is one line.
        let plain = |char: char| if char.is_control() { ' ' } else { char };
        let name: String = name.chars().take(NAME_CHARS_MAX).map(plain).collect();
        let (happened, wanted) = (self.occasion.happened(), self.occasion.wanted());
        let link = page.map(|page| format!("\n\n{page}/#/task/{task}"));
        Email {
            subject: format!("{}: {happened}", name.trim()),
            content: format!(
                "{}: {happened}.\n\n{wanted}{}\n",
                name.trim(),
                link.unwrap_or_default()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advance::Totals;
    use crate::ledger::Exhausted;

    fn task() -> TaskId {
        TaskId::of_request("owner", "request")
    }

    fn shown(status: Status) -> Projection {
        Projection {
            status,
            commands: 0,
            generation: 1,
            round: 1,
            totals: Totals::default(),
            repository_url: None,
            site_url: None,
            commit_sha: None,
            failure: None,
        }
    }

    fn exhausted(limit_micro_usd: u64) -> Projection {
        let mut projection = shown(Status::Paused);
        projection.totals.exhausted = Some(Exhausted {
            limit_micro_usd,
            spent_micro_usd: 0,
            needed_micro_usd: 1,
        });
        projection
    }

    fn due(after: &Projection) -> Option<Notice> {
        notice(&task(), Some((0, 1, 0)), after)
    }

    #[test]
    fn only_what_its_owner_must_know_is_told() {
        let told: Vec<_> = Status::ALL
            .into_iter()
            .filter_map(|status| Some((status, due(&shown(status))?.occasion)))
            .collect();
        let expected = [
            (Status::AwaitingApproval, Occasion::Plan),
            (Status::Completed, Occasion::Done),
            (Status::Failed, Occasion::Failed),
        ];
        assert_eq!(told, expected);
        assert_eq!(due(&exhausted(1)).unwrap().occasion, Occasion::Budget);
        let mut preview = shown(Status::AwaitingApproval);
        preview.totals.preview_url = Some("https://a".to_owned());
        assert_eq!(due(&preview).unwrap().occasion, Occasion::Preview);
    }

    #[test]
    fn what_did_not_move_is_not_told() {
        let after = shown(Status::Failed);
        assert_eq!(notice(&task(), Some(after.position()), &after), None);
        assert_eq!(notice(&task(), Some((1, 1, 0)), &after), None);
        assert!(notice(&task(), None, &after).is_some());
    }

    #[test]
    fn one_occasion_has_one_id_whoever_finds_it() {
        let id = |projection: &Projection| due(projection).unwrap().id;
        let failed = shown(Status::Failed);
        // A second call that did not fit is no other budget.
        let again = Projection {
            commands: 2,
            ..exhausted(7)
        };
        assert_eq!(id(&exhausted(7)), id(&again));
        let retried = Projection {
            generation: 2,
            ..failed.clone()
        };
        let reworked = Projection {
            round: 2,
            ..failed.clone()
        };
        let ids = [
            id(&failed),
            id(&retried),
            id(&reworked),
            id(&shown(Status::Completed)),
            id(&exhausted(7)),
            id(&exhausted(8)),
        ];
        let mut unique = ids.to_vec();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len());
        for id in ids {
            assert!(id.len() <= 36 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            assert_eq!(id, id.to_ascii_lowercase());
        }
    }

    #[test]
    fn an_email_names_the_project_what_is_needed_and_the_page() {
        let notice = due(&shown(Status::AwaitingApproval)).unwrap();
        let email = notice.email(&task(), "Shop\r\nBcc: a@b.c", Some("https://a.example"));
        assert_eq!(
            email.subject,
            "Shop  Bcc: a@b.c: its plan waits for your approval"
        );
        let link = format!("\n\nhttps://a.example/#/task/{}\n", task());
        assert!(email.content.ends_with(&link), "{}", email.content);
        let longest = notice.email(&task(), &"x".repeat(500), None);
        assert!(longest.subject.chars().count() <= 200);
        assert!(!longest.content.contains("http"));
    }
}
