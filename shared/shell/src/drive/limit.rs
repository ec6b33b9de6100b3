//! What a journal's row can hold.

use pipeline::effect::Entry;
use pipeline::limits::OUTCOME_BYTES_MAX;
use pipeline::{Code, Failure};

/// The entry, or the failure that it can not be recorded: a row holds a bounded text.
pub(super) fn within_limit(entry: Entry) -> Entry {
    let bytes = serde_json::to_string(&entry).map_or(usize::MAX, |text| text.len());
    if bytes <= OUTCOME_BYTES_MAX {
        return entry;
    }
    let message = format!(
        "A model's answer of {bytes} bytes is more than the {OUTCOME_BYTES_MAX} that can be recorded. Ask for smaller files."
    );
    Entry::Failed(Failure::new(Code::ProjectTooLarge, message))
}

#[cfg(test)]
mod tests {
    use pipeline::model::{Finish, Reply, Spent};

    use super::*;

    #[test]
    fn an_answer_that_no_row_can_hold_is_a_failure() {
        let reply = |chars: usize| {
            Entry::Reply(Reply {
                finish: Finish::Completed,
                text: "x".repeat(chars),
                spent: Spent::default(),
            })
        };
        assert_eq!(within_limit(reply(1_000)), reply(1_000));
        let refused = within_limit(reply(OUTCOME_BYTES_MAX));
        assert!(matches!(refused, Entry::Failed(failure) if failure.code == Code::ProjectTooLarge));
    }
}
