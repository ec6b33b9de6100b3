//! Test switches: what goes wrong, and when.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::operation::Operation;

/// What a stand-in does wrong on purpose. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Faults for single requests.
    pub rules: Vec<FaultRule>,
    /// `POST git/trees` with more entries answers the 422 "your request timed out".
    pub tree_entries_max: Option<usize>,
    /// `GET git/trees` lists so many entries at most, then says `truncated` (GitHub: 100,000).
    pub tree_listed_max: Option<usize>,
    /// How many reads of a just created repository answer 404, as GitHub does for a while.
    pub missing_after_create: u32,
    /// How many calls that create content one caller may make in a minute (GitHub: 80). More are
    /// answered 403 and must wait 60 seconds.
    pub contents_per_minute_max: Option<u32>,
}

/// One fault for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// Which call.
    pub operation: Operation,
    /// Which one of these calls since the start, 0 being the first.
    pub nth: u64,
    /// What happens to it.
    pub fault: Fault,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection closes and nothing was done.
    LoseRequest,
    /// The request is carried out, then the connection closes without an answer.
    LoseResponse,
    /// 502 and nothing was done.
    BadGateway,
    /// The request is carried out, the answer is 502.
    BadGatewayAfter,
    /// 403 of the secondary rate limit and nothing was done.
    SecondaryLimit {
        /// How long the client is told to wait, rounded down to seconds; none tells nothing.
        retry_after: Option<Duration>,
    },
    /// 403 of the primary rate limit and nothing was done.
    PrimaryLimit {
        /// When the hour is told to end, rounded down to seconds.
        reset_after: Duration,
    },
}

#[derive(Debug)]
pub(super) struct FaultState {
    faults: Faults,
    /// Rules added while running.
    added: Mutex<Vec<FaultRule>>,
    seen: Mutex<HashMap<Operation, u64>>,
    reads: Mutex<HashMap<u64, u32>>,
}

impl FaultState {
    pub(super) fn new(faults: Faults) -> Self {
        Self {
            faults,
            added: Mutex::default(),
            seen: Mutex::default(),
            reads: Mutex::default(),
        }
    }

    /// Counts the request and says what must go wrong with it.
    pub(super) fn next(&self, operation: Operation) -> Option<Fault> {
        let nth = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let count = seen.entry(operation).or_insert(0);
            *count += 1;
            *count - 1
        };
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        self.faults
            .rules
            .iter()
            .chain(added.iter())
            .find(|rule| rule.operation == operation && rule.nth == nth)
            .map(|rule| rule.fault)
    }

    /// Lets a fault happen to the next request of a call.
    pub(super) fn add(&self, operation: Operation, fault: Fault) {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = seen.get(&operation).copied().unwrap_or_default();
        let mut added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        added.push(FaultRule {
            operation,
            nth,
            fault,
        });
    }

    /// The calls with a fault that waits for its request, of those that were added.
    pub(super) fn left(&self) -> Vec<Operation> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let added = self.added.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |rule: &&FaultRule| seen.get(&rule.operation).is_none_or(|it| *it <= rule.nth);
        added.iter().filter(waits).map(|it| it.operation).collect()
    }

    pub(super) fn contents_max(&self) -> Option<u32> {
        self.faults.contents_per_minute_max
    }

    pub(super) fn is_too_large(&self, entries: usize) -> bool {
        self.faults
            .tree_entries_max
            .is_some_and(|max| entries > max)
    }

    pub(super) fn listed_max(&self) -> Option<usize> {
        self.faults.tree_listed_max
    }

    pub(super) fn created(&self, repository: u64) {
        if self.faults.missing_after_create > 0 {
            let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
            reads.insert(repository, self.faults.missing_after_create);
        }
    }

    /// Counts a read of a repository and says whether it must look missing.
    pub(super) fn is_still_missing(&self, repository: u64) -> bool {
        let mut reads = self.reads.lock().unwrap_or_else(PoisonError::into_inner);
        match reads.get_mut(&repository) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            Some(_) | None => false,
        }
    }
}
