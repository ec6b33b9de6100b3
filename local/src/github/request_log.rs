//! What was asked of the API, for tests and exact counts.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Older records are dropped; the count is not affected.
const RECORDS_MAX: usize = 10_000;

/// One finished API request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// `GET`, `POST`, `PATCH`…
    pub method: String,
    /// The path with its query, as sent.
    pub path: String,
    /// The status answered; none when a fault dropped the connection instead.
    pub status: Option<u16>,
    /// The header `traceparent`.
    pub traceparent: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct RequestLog(Mutex<Records>);

#[derive(Debug, Default)]
struct Records {
    count: u64,
    recent: VecDeque<RequestRecord>,
}

impl RequestLog {
    pub(super) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    pub(super) fn records(&self) -> Vec<RequestRecord> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.recent.iter().cloned().collect()
    }

    pub(super) fn add(&self, record: RequestRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        records.count += 1;
        if records.recent.len() == RECORDS_MAX {
            records.recent.pop_front();
        }
        records.recent.push_back(record);
    }
}
