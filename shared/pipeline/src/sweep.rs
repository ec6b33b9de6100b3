//! What the sweep does about one open task that is due.

use crate::advance::NewUnit;
use crate::ids::UnitKey;
use crate::limits::UNIT_ATTEMPTS_MAX;

/// The newest claim on a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimState {
    /// Its epoch, 1 and up.
    pub epoch: u64,
    /// Whether its holder has not been heard of for too long, or let go of it.
    pub lapsed: bool,
}

/// What to do about one unit that is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Create its row: an earlier advance was cut off.
    Create,
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
        Some(ClaimState { lapsed: false, .. }) => Repair::Wait,
        Some(ClaimState { epoch, .. }) if epoch >= UNIT_ATTEMPTS_MAX => Repair::GiveUp,
        Some(_) => Repair::Start,
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
        let claim = |epoch, lapsed| Some(ClaimState { epoch, lapsed });
        assert_eq!(repair(false, None), Repair::Create);
        assert_eq!(repair(true, None), Repair::Start);
        assert_eq!(repair(true, claim(1, false)), Repair::Wait);
        assert_eq!(repair(true, claim(1, true)), Repair::Start);
        assert_eq!(
            repair(true, claim(UNIT_ATTEMPTS_MAX - 1, true)),
            Repair::Start
        );
        assert_eq!(repair(true, claim(UNIT_ATTEMPTS_MAX, true)), Repair::GiveUp);
        assert_eq!(repair(true, claim(UNIT_ATTEMPTS_MAX, false)), Repair::Wait);
    }
}
