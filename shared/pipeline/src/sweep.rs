//! What the sweep does about one open task that is due.

use crate::advance::NewUnit;
use crate::ids::UnitKey;
use crate::limits::{UNIT_ATTEMPTS_MAX, UNIT_PAUSES_MAX};

/// The newest claim on a unit, and what became of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimState {
    /// Its epoch, 1 and up.
    pub epoch: u64,
    /// Claims, this one included, whose holder let go on purpose, to go on later.
    pub pauses: u64,
    /// What its holder is doing.
    pub holder: Holder,
    /// Milliseconds until its holder is gone, if nothing is heard of it meanwhile.
    pub gone_in_ms: u64,
}

/// What the holder of a claim is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// It works: it was heard of a moment ago.
    AtWork,
    /// It let go until a time that has not come.
    Resting,
    /// The owner stopped it, and it ends its turn.
    Stopping,
    /// The owner stopped it, and it has let go: nobody takes it over until the task goes on.
    Stopped,
    /// It let go, or has not been heard of for too long: the claim may be taken over.
    Gone,
}

/// What a claim's row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimWord {
    /// Its holder is at work, or died.
    Held,
    /// The owner's command took it away from its holder.
    Stopped,
    /// The same, and its holder, if there was one, has let go.
    Left,
    /// Its holder let go, until a time that is so many milliseconds away if there is one.
    LetGo {
        /// Negative once it has come.
        rests_ms: Option<i64>,
    },
}

/// What the holder of a claim is doing, and in how many milliseconds it is gone. Nothing was
/// heard of it for `silent_ms` (negative where the clocks of its host and ours differ).
pub fn holder(word: ClaimWord, silent_ms: i64, lapse_ms: u64) -> (Holder, u64) {
    match word {
        ClaimWord::Left => (Holder::Stopped, lapse_ms),
        ClaimWord::LetGo { rests_ms } => match rests_ms.and_then(|wait| u64::try_from(wait).ok()) {
            Some(wait) if wait > 0 => (Holder::Resting, wait),
            Some(_) | None => (Holder::Gone, 0),
        },
        ClaimWord::Held | ClaimWord::Stopped => {
            let silent_ms = u64::try_from(silent_ms).unwrap_or(0);
            match (word, lapse_ms.saturating_sub(silent_ms)) {
                (ClaimWord::Stopped, 0) => (Holder::Stopped, lapse_ms),
                (ClaimWord::Stopped, left) => (Holder::Stopping, left),
                (_, 0) => (Holder::Gone, 0),
                (_, left) => (Holder::AtWork, left),
            }
        }
    }
}

/// Milliseconds until a unit is worth another look, given its claim and what was done about
/// it: no earlier than somebody can be gone.
pub fn look_again_in_ms(claim: Option<ClaimState>, lapse_ms: u64) -> u64 {
    match claim {
        Some(claim) if matches!(claim.holder, Holder::AtWork | Holder::Resting) => claim.gone_in_ms,
        Some(_) | None => lapse_ms,
    }
}

impl ClaimState {
    /// Whether the unit was started as often as allowed. Going on later is no attempt that
    /// failed, but has a limit of its own.
    fn is_spent(self) -> bool {
        let attempts = self.epoch.saturating_sub(self.pauses);
        attempts >= UNIT_ATTEMPTS_MAX || self.pauses >= UNIT_PAUSES_MAX
    }
}

/// What is found of a unit that must exist and is not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Neither a claim nor a row.
    Nothing,
    /// Its row, which nobody has claimed.
    Row,
    /// A claim. Its row may be missing: who stopped the unit may have been quicker than who was to
    /// create the row.
    Claim(ClaimState),
}

/// What to do about one unit that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Create its row: an earlier advance was cut off.
    Create,
    /// Start the function for its row: the event was lost.
    Start,
    /// Start the function for it, which its execution let go or died with, or create its row where
    /// that is missing: then the event starts it.
    Restart,
    /// The same, after lifting what the owner stopped.
    Lift,
    /// Lift what the owner stopped before its holder has let go: it goes on itself, with the turn
    /// that is paid for.
    Keep,
    /// Somebody is at work on it.
    Wait,
    /// It was started as often as allowed.
    GiveUp,
}

/// What to do about a unit that must exist and is not done.
pub fn repair(found: Found) -> Repair {
    match found {
        Found::Nothing => Repair::Create,
        Found::Row => Repair::Start,
        Found::Claim(claim) => match claim.holder {
            Holder::AtWork | Holder::Resting => Repair::Wait,
            // The task goes on, or the unit would not be demanded.
            Holder::Stopping => Repair::Keep,
            Holder::Stopped => Repair::Lift,
            Holder::Gone if claim.is_spent() => Repair::GiveUp,
            Holder::Gone => Repair::Restart,
        },
    }
}

/// The unit among `units` that a claim's or journal's row belongs to.
pub fn unit_of<'a>(units: &'a [NewUnit], unit_id: &str) -> Option<&'a UnitKey> {
    units
        .iter()
        .map(|unit| &unit.key)
        .find(|key| key.id().as_str() == unit_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_has_its_repair() {
        let claim = |epoch, pauses, holder| {
            repair(Found::Claim(ClaimState {
                epoch,
                pauses,
                holder,
                gone_in_ms: 0,
            }))
        };
        use Holder::{AtWork, Gone, Resting, Stopped, Stopping};
        let (attempts, pauses) = (UNIT_ATTEMPTS_MAX, UNIT_PAUSES_MAX);
        assert_eq!(repair(Found::Nothing), Repair::Create);
        assert_eq!(repair(Found::Row), Repair::Start);
        assert_eq!(claim(1, 0, AtWork), Repair::Wait);
        assert_eq!(claim(1, 1, Resting), Repair::Wait);
        assert_eq!(claim(1, 1, Stopped), Repair::Lift);
        assert_eq!(claim(1, 0, Stopping), Repair::Keep);
        assert_eq!(claim(1, 0, Gone), Repair::Restart);
        assert_eq!(claim(attempts - 1, 0, Gone), Repair::Restart);
        assert_eq!(claim(attempts, 0, Gone), Repair::GiveUp);
        assert_eq!(claim(attempts, 0, AtWork), Repair::Wait);
        // Who went on later did not fail.
        assert_eq!(claim(attempts, 1, Gone), Repair::Restart);
        assert_eq!(claim(attempts + 1, 1, Gone), Repair::GiveUp);
        assert_eq!(claim(pauses, pauses - 1, Gone), Repair::Restart);
        assert_eq!(claim(pauses, pauses, Gone), Repair::GiveUp);
    }

    #[test]
    fn a_holder_is_gone_after_its_silence_whatever_the_clocks_say() {
        use Holder::{AtWork, Gone, Resting, Stopped, Stopping};
        let held = |silent_ms| holder(ClaimWord::Held, silent_ms, 15_000);
        assert_eq!(held(0), (AtWork, 15_000));
        assert_eq!(held(14_999), (AtWork, 1));
        assert_eq!(held(15_000), (Gone, 0));
        // Its host's clock is ahead of ours: it is looked at again no later than usual.
        assert_eq!(held(-60_000), (AtWork, 15_000));
        // Who is stopped is heard of until it lets go, or dies.
        let stopped = |silent_ms| holder(ClaimWord::Stopped, silent_ms, 15_000);
        assert_eq!(stopped(5_000), (Stopping, 10_000));
        assert_eq!(stopped(99_000), (Stopped, 15_000));
        assert_eq!(holder(ClaimWord::Left, 0, 15_000).0, Stopped);
        let let_go = |rests_ms| holder(ClaimWord::LetGo { rests_ms }, 0, 15_000);
        assert_eq!(let_go(None), (Gone, 0));
        assert_eq!(let_go(Some(-1)), (Gone, 0));
        assert_eq!(let_go(Some(60_000)), (Resting, 60_000));
    }

    #[test]
    fn a_unit_is_looked_at_again_when_its_holder_can_be_gone() {
        let claim = |holder, gone_in_ms| ClaimState {
            epoch: 1,
            pauses: 0,
            holder,
            gone_in_ms,
        };
        assert_eq!(look_again_in_ms(None, 15_000), 15_000);
        assert_eq!(
            look_again_in_ms(Some(claim(Holder::AtWork, 70)), 15_000),
            70
        );
        assert_eq!(
            look_again_in_ms(Some(claim(Holder::Resting, 60_000)), 15_000),
            60_000
        );
        // It was started a moment ago.
        assert_eq!(
            look_again_in_ms(Some(claim(Holder::Gone, 0)), 15_000),
            15_000
        );
    }
}
