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
}

/// What the holder of a claim is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// It works: it was heard of a moment ago.
    AtWork,
    /// It let go until a time that has not come.
    Resting,
    /// The owner stopped it: nobody takes it over until the task goes on.
    Stopped,
    /// It let go, or has not been heard of for too long: the claim may be taken over.
    Gone,
}

impl ClaimState {
    /// Whether the unit was started as often as allowed. Going on later is no attempt that
    /// failed, but has a limit of its own.
    fn is_spent(self) -> bool {
        let attempts = self.epoch.saturating_sub(self.pauses);
        attempts >= UNIT_ATTEMPTS_MAX || self.pauses >= UNIT_PAUSES_MAX
    }
}

/// What to do about one unit that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Create its row: an earlier advance was cut off.
    Create,
    /// Lift what the owner stopped, and start the function for it.
    Lift,
    /// Start the function for it: its event was lost or its execution died.
    Start,
    /// Somebody is at work on it.
    Wait,
    /// It was started as often as allowed.
    GiveUp,
}

/// What to do about `unit`, which must exist and is not done.
pub fn repair(row_exists: bool, claim: Option<ClaimState>) -> Repair {
    match claim {
        None if row_exists => Repair::Start,
        None => Repair::Create,
        Some(claim) => match claim.holder {
            Holder::AtWork | Holder::Resting => Repair::Wait,
            // The task goes on, or the unit would not be demanded.
            Holder::Stopped => Repair::Lift,
            Holder::Gone if claim.is_spent() => Repair::GiveUp,
            Holder::Gone => Repair::Start,
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
            Some(ClaimState {
                epoch,
                pauses,
                holder,
            })
        };
        use Holder::{AtWork, Gone, Resting, Stopped};
        let (attempts, pauses) = (UNIT_ATTEMPTS_MAX, UNIT_PAUSES_MAX);
        assert_eq!(repair(false, None), Repair::Create);
        assert_eq!(repair(true, None), Repair::Start);
        assert_eq!(repair(true, claim(1, 0, AtWork)), Repair::Wait);
        assert_eq!(repair(true, claim(1, 1, Resting)), Repair::Wait);
        assert_eq!(repair(true, claim(1, 1, Stopped)), Repair::Lift);
        assert_eq!(repair(true, claim(1, 0, Gone)), Repair::Start);
        assert_eq!(repair(true, claim(attempts - 1, 0, Gone)), Repair::Start);
        assert_eq!(repair(true, claim(attempts, 0, Gone)), Repair::GiveUp);
        assert_eq!(repair(true, claim(attempts, 0, AtWork)), Repair::Wait);
        // Who went on later did not fail.
        assert_eq!(repair(true, claim(attempts, 1, Gone)), Repair::Start);
        assert_eq!(repair(true, claim(attempts + 1, 1, Gone)), Repair::GiveUp);
        assert_eq!(repair(true, claim(pauses, pauses - 1, Gone)), Repair::Start);
        assert_eq!(repair(true, claim(pauses, pauses, Gone)), Repair::GiveUp);
    }
}
