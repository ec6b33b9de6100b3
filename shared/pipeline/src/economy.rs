//! Calls that need no answer at once: they are handed in, and their answers are picked up
//! later by another execution, so that nothing is paid while waiting.
//!
//! A call with the key `k` becomes `k.s0` (handed in) and `k.c0` (picked up). What was lost
//! at the service is handed in again as `k.s1`, at most [`HAND_INS_MAX`] times, then made at
//! once as `k`. An answer to `k.s0` itself means that its service takes nothing to be
//! answered later.

use crate::brief::Speed;
use crate::effect::{Action, Effect, Entry, ModelCall};
use crate::failure::Failure;
use crate::limits::HAND_INS_MAX;
use crate::unit::Journal;

/// Where a model call stands.
pub(crate) enum Call<'a> {
    /// This effect brings it forward.
    Missing(Box<Effect>),
    /// It is answered, or has failed.
    Answered(&'a Entry),
}

/// Where the model call under `key` stands at this speed. It is made only if it is needed to tell:
/// what the journal has of its own is not compared.
///
/// # Errors
/// `journal_mismatch` if what is recorded answers another call.
pub(crate) fn call<'a>(
    journal: &'a Journal,
    speed: Speed,
    key: &str,
    call: impl FnOnce() -> ModelCall,
) -> Result<Call<'a>, Failure> {
    if let (Speed::Normal, Some(entry)) = (speed, journal.trusted(key)) {
        return Ok(Call::Answered(entry));
    }
    let call = call();
    let hand_ins = match speed {
        Speed::Normal => 0,
        Speed::Economy => HAND_INS_MAX,
    };
    for number in 0..hand_ins {
        let submit = Effect::new(submit_key(key, number), Action::Submit(call.clone()));
        let submission = match journal.find(&submit)? {
            None => return Ok(Call::Missing(Box::new(submit))),
            Some(Entry::Submitted(submission)) => submission.clone(),
            Some(answer) => return Ok(Call::Answered(answer)),
        };
        let pick_up = Action::Collect {
            call: call.clone(),
            submission,
        };
        let collect = Effect::new(format!("{key}.c{number}"), pick_up);
        match journal.find(&collect)? {
            None => return Ok(Call::Missing(Box::new(collect))),
            Some(Entry::Lost { .. }) => {}
            Some(answer) => return Ok(Call::Answered(answer)),
        }
    }
    let effect = Effect::new(key, Action::Ask(call));
    Ok(match journal.find(&effect)? {
        None => Call::Missing(Box::new(effect)),
        Some(answer) => Call::Answered(answer),
    })
}

fn submit_key(key: &str, number: u32) -> String {
    format!("{key}.s{number}")
}

/// The key of the call that is handed in or picked up under `key`.
pub(crate) fn call_key(key: &str) -> &str {
    key.rsplit_once('.').map_or(key, |(call, _)| call)
}

/// The key under which the call was handed in that is picked up under `collect_key`; `None`
/// for any other key.
pub fn handed_in_as(collect_key: &str) -> Option<String> {
    let (key, number) = collect_key.rsplit_once(".c")?;
    Some(submit_key(key, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effect::Submission;
    use crate::model::{AgentReply, Effort, Prompt, Spent, Stop};
    use crate::unit::Recorded;

    fn turn() -> ModelCall {
        let prompt = Prompt {
            system: [String::new(), String::new()],
            messages: Vec::new(),
            max_tokens: 1,
            effort: Effort::High,
            fallback: false,
        };
        ModelCall::Agent(prompt)
    }

    fn answer() -> Entry {
        Entry::Turn {
            reply: AgentReply {
                content: "[]".to_owned(),
                stop: Stop::EndTurn,
                spent: Spent::default(),
            },
            results: String::new(),
        }
    }

    fn submission(ticket: &str) -> Submission {
        Submission {
            ticket: ticket.to_owned(),
            at_unix: 1,
        }
    }

    fn submitted(ticket: &str) -> Entry {
        Entry::Submitted(submission(ticket))
    }

    /// Records `entries`, each for what is asked for then. Returns the keys that were asked
    /// for, and the one after them.
    fn asked(speed: Speed, entries: &[Entry]) -> Vec<String> {
        let (mut journal, mut keys) = (Journal::default(), Vec::new());
        let mut entries = entries.iter();
        loop {
            let missing = match call(&journal, speed, "t0", turn).unwrap() {
                Call::Missing(effect) => effect,
                Call::Answered(entry) => {
                    keys.push(format!("answered {}", *entry == answer()));
                    return keys;
                }
            };
            keys.push(missing.key.clone());
            let Some(entry) = entries.next() else {
                return keys;
            };
            let fingerprint = missing.action.fingerprint();
            let entry = entry.clone();
            journal.insert(missing.key, Recorded { fingerprint, entry });
        }
    }

    #[test]
    fn a_call_at_normal_speed_is_made_at_once() {
        assert_eq!(asked(Speed::Normal, &[answer()]), ["t0", "answered true"]);
    }

    #[test]
    fn a_call_in_no_hurry_is_handed_in_and_picked_up() {
        let entries = [submitted("b1"), answer()];
        let keys = ["t0.s0", "t0.c0", "answered true"];
        assert_eq!(asked(Speed::Economy, &entries), keys);
    }

    #[test]
    fn a_service_that_takes_nothing_for_later_answers_at_once() {
        let keys = ["t0.s0", "answered true"];
        assert_eq!(asked(Speed::Economy, &[answer()]), keys);
    }

    #[test]
    fn what_is_lost_is_handed_in_again_and_at_last_made_at_once() {
        let lost = || Entry::Lost {
            why: "expired".to_owned(),
        };
        let entries = [submitted("b1"), lost(), submitted("b2"), lost(), answer()];
        let keys = asked(Speed::Economy, &entries);
        let hand_ins = keys.iter().filter(|key| key.contains(".s")).count();
        assert_eq!(hand_ins, HAND_INS_MAX as usize);
        assert_eq!(keys[keys.len() - 2..], ["t0", "answered true"]);
    }

    #[test]
    fn a_ticket_belongs_to_the_call_that_was_handed_in() {
        let pick_up = |ticket: &str| {
            let (call, submission) = (turn(), submission(ticket));
            Action::Collect { call, submission }.fingerprint()
        };
        assert_ne!(pick_up("b1"), pick_up("b2"));
        let hand_in = Action::Submit(turn());
        assert_ne!(hand_in.fingerprint(), Action::Ask(turn()).fingerprint());
    }

    #[test]
    fn a_picked_up_answer_leads_to_where_it_was_handed_in() {
        assert_eq!(handed_in_as("t0.c1").as_deref(), Some("t0.s1"));
        assert_eq!(
            handed_in_as("judge.a.0.c0").as_deref(),
            Some("judge.a.0.s0")
        );
        assert_eq!(handed_in_as("judge.a.cab"), None);
        assert_eq!(handed_in_as("t0"), None);
    }
}
