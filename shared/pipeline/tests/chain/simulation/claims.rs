//! Claims as the platform keeps them: stamped with its own clock, judged by hosts whose
//! clocks differ.

use std::collections::BTreeMap;

use pipeline::UnitId;
use pipeline::sweep::{ClaimState, ClaimWord, Holder, holder};

/// After how long a silent claim may be taken over.
pub(crate) const LAPSE_MS: i64 = 15_000;

#[derive(Clone, Copy)]
struct Claim {
    word: ClaimWord,
    /// When it was changed last, by the platform's clock.
    changed_ms: i64,
    /// Until when its holder rests, by the clock of the holder's host.
    let_go_on_purpose: bool,
}

/// The claims of all units, by epoch.
#[derive(Default)]
pub(crate) struct Claims(BTreeMap<String, Vec<Claim>>);

impl Claims {
    /// The newest claim on `unit` as a host sees it whose clock shows `host_ms`.
    pub(crate) fn newest(&self, unit: &UnitId, host_ms: i64) -> Option<ClaimState> {
        let claims = self.0.get(unit.as_str())?;
        let last = claims.last()?;
        let lapse_ms = u64::try_from(LAPSE_MS).unwrap();
        let (holder, gone_in_ms) = holder(last.word, host_ms - last.changed_ms, lapse_ms);
        let pauses = claims
            .iter()
            .filter(|claim| claim.let_go_on_purpose)
            .count();
        Some(ClaimState {
            epoch: claims.len() as u64,
            pauses: pauses as u64,
            holder,
            gone_in_ms,
        })
    }

    /// Creates the claim of the epoch after `seen`. `None` if somebody was first.
    pub(crate) fn create(&mut self, unit: &UnitId, seen: u64, now_ms: i64) -> Option<u64> {
        let claims = self.0.entry(unit.to_string()).or_default();
        (claims.len() as u64 == seen).then(|| {
            claims.push(Claim {
                word: ClaimWord::Held,
                changed_ms: now_ms,
                let_go_on_purpose: false,
            });
            seen + 1
        })
    }

    /// A sign of life. Returns whether the owner has stopped the claim.
    pub(crate) fn beat(&mut self, unit: &UnitId, epoch: u64, now_ms: i64) -> bool {
        let claim = self.at(unit, epoch);
        claim.changed_ms = now_ms;
        claim.word == ClaimWord::Stopped
    }

    /// The holder lets go: on purpose, to go on later, or because of trouble.
    pub(crate) fn let_go(&mut self, unit: &UnitId, epoch: u64, on_purpose: bool) {
        let claim = self.at(unit, epoch);
        match claim.word {
            ClaimWord::Held => {
                claim.word = ClaimWord::LetGo { rests_ms: None };
                claim.let_go_on_purpose = on_purpose;
            }
            ClaimWord::Stopped => claim.word = ClaimWord::Left,
            ClaimWord::Left | ClaimWord::LetGo { .. } => {}
        }
    }

    /// A holder that was stopped ends its turn. Returns whether it lets go: the owner may have let
    /// it go on meanwhile.
    pub(crate) fn leave(&mut self, unit: &UnitId, epoch: u64) -> bool {
        let claim = self.at(unit, epoch);
        if claim.word == ClaimWord::Stopped {
            claim.word = ClaimWord::Left;
        }
        claim.word != ClaimWord::Held
    }

    /// Who was stopped and has not let go may go on.
    pub(crate) fn keep(&mut self, unit: &UnitId, epoch: u64) {
        let claim = self.at(unit, epoch);
        assert_eq!(claim.word, ClaimWord::Stopped);
        claim.word = ClaimWord::Held;
    }

    /// The owner stops `unit`, as a host sees it whose clock shows `host_ms`: whoever is at work on
    /// it lets go after its turn, and nobody else takes it up.
    pub(crate) fn stop(&mut self, unit: &UnitId, host_ms: i64, now_ms: i64) {
        let newest = self.newest(unit, host_ms);
        match newest.map(|claim| (claim.epoch, claim.holder)) {
            Some((_, Holder::Stopping | Holder::Stopped)) => {}
            Some((epoch, Holder::AtWork)) => {
                let claim = self.at(unit, epoch);
                claim.word = ClaimWord::Stopped;
                claim.changed_ms = now_ms;
            }
            Some((_, Holder::Gone | Holder::Resting)) | None => {
                self.0.entry(unit.to_string()).or_default().push(Claim {
                    word: ClaimWord::Left,
                    changed_ms: now_ms,
                    let_go_on_purpose: false,
                });
            }
        }
    }

    /// What was stopped may be taken over again.
    pub(crate) fn lift(&mut self, unit: &UnitId, epoch: u64) {
        let claim = self.at(unit, epoch);
        if matches!(claim.word, ClaimWord::Stopped | ClaimWord::Left) {
            claim.word = ClaimWord::LetGo { rests_ms: None };
            claim.let_go_on_purpose = true;
        }
    }

    fn at(&mut self, unit: &UnitId, epoch: u64) -> &mut Claim {
        let place = usize::try_from(epoch - 1).unwrap();
        &mut self.0.get_mut(unit.as_str()).unwrap()[place]
    }
}
