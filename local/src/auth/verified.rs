//! Keys of executions that were found good: an execution asks again and again with the same one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::Caller;

/// Keys that are remembered; beyond, all are forgotten and each is verified anew.
const KEYS_MAX: usize = 256;

/// Who asks with a key, until when (Unix seconds).
#[derive(Clone)]
pub(super) struct Known {
    pub(super) caller: Caller,
    pub(super) exp: i64,
}

/// The keys by their text.
#[derive(Default)]
pub(super) struct Verified {
    known: Mutex<HashMap<String, Known>>,
}

impl Verified {
    /// Returns who asks with a key, which `verify` is asked about unless it was found good before;
    /// `None` for one that is not, or no longer, good.
    pub(super) fn caller(
        &self,
        key: &str,
        now: i64,
        verify: impl FnOnce() -> Option<Known>,
    ) -> Option<Caller> {
        let is_valid = |known: &Known| known.exp > now;
        let mut keys = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = keys.get(key) {
            return is_valid(known).then(|| known.caller.clone());
        }
        drop(keys);
        let known = verify().filter(is_valid)?;
        keys = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.len() >= KEYS_MAX {
            keys.clear();
        }
        keys.insert(key.to_owned(), known.clone());
        Some(known.caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(exp: i64) -> Known {
        let caller = Caller::Guest;
        Known { caller, exp }
    }

    #[test]
    fn a_key_is_verified_once_and_ends_when_it_says() {
        let verified = Verified::default();
        assert_eq!(
            verified.caller("a", 9, || Some(known(10))),
            Some(Caller::Guest)
        );
        let again = || panic!("verified again");
        assert_eq!(verified.caller("a", 9, again), Some(Caller::Guest));
        assert_eq!(verified.caller("a", 10, again), None);
        assert_eq!(verified.caller("b", 10, || Some(known(10))), None);
    }

    #[test]
    fn bad_keys_are_not_remembered_and_good_ones_up_to_a_limit() {
        let verified = Verified::default();
        assert_eq!(verified.caller("bad", 0, || None), None);
        for number in 0..=KEYS_MAX {
            let key = number.to_string();
            assert!(verified.caller(&key, 0, || Some(known(10))).is_some());
            let count = verified.known.lock().unwrap().len();
            assert!((1..=KEYS_MAX).contains(&count));
        }
        assert_eq!(verified.caller("0", 0, || None), None);
    }
}
