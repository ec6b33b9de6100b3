//! Repeats: how often, how long apart, and what must be known first.

use std::time::Duration;

use crate::call::{Answer, Call, Repeat};
use crate::client::Client;
use crate::error::{Error, Retry};
use crate::error_type::ErrorType;
use crate::observer::Repeated;

/// The first wait is anywhere up to this; each further one up to twice as long.
const WAIT_BASE: Duration = Duration::from_millis(100);
/// Jitter never grows beyond this.
const WAIT_JITTER_MAX: Duration = Duration::from_secs(5);
/// A server that asks for more than this is not waited for: the caller gets the error with the time.
const WAIT_ASKED_MAX: Duration = Duration::from_secs(10);

/// What one call may still spend, over all its requests and look-ups.
#[derive(Debug)]
pub(crate) struct Budget {
    repeats_left: u32,
    repeats_made: u32,
    /// True once any request's answer was lost: the server may have acted.
    pub(crate) lost: bool,
}

impl Client {
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            repeats_left: self.retries_max,
            repeats_made: 0,
            lost: false,
        }
    }

    /// Sends a request exactly once.
    pub(crate) fn send_once_only(&self, call: &Call<'_>) -> Result<Answer, Error> {
        let mut budget = Budget {
            repeats_left: 0,
            ..self.budget()
        };
        self.send(call, &mut budget)
    }

    /// Sends a request, and again as its [`Repeat`] and the budget allow.
    pub(crate) fn send(&self, call: &Call<'_>, budget: &mut Budget) -> Result<Answer, Error> {
        loop {
            let error = match self.send_once(call) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            if error.is_lost() {
                budget.lost = true;
                match call.repeat {
                    Repeat::Always => {}
                    Repeat::AfterLookUp => return Err(error),
                    Repeat::Never => return Err(error.into_unknown(&call.operation)),
                }
            }
            self.pause(error, budget)?;
        }
    }

    /// Sends a request whose repeats need no thought, with a budget of its own.
    pub(crate) fn fetch(&self, call: &Call<'_>) -> Result<Answer, Error> {
        self.send(call, &mut self.budget())
    }

    /// Creates what has a known id. After a lost answer, looks it up: there as sent is success,
    /// there but different is a conflict, and only what is missing is sent again.
    ///
    /// A late first request can still win against the repeat; the repeat's 409 is then looked up
    /// in the same way.
    pub(crate) fn create<T>(
        &self,
        call: &Call<'_>,
        decode: impl Fn(&Answer) -> Result<T, Error>,
        find: impl Fn(&mut Budget) -> Result<Option<T>, Error>,
        is_as_sent: impl Fn(&T) -> bool,
    ) -> Result<T, Error> {
        let known = |found| is_as_sent(&found).then_some(found);
        self.create_as(call, decode, find, known)
    }

    /// The same, for whoever wants something else than what a look-up finds: `known` makes it of
    /// that, unless it differs from what was sent.
    pub(crate) fn create_as<T, R>(
        &self,
        call: &Call<'_>,
        decode: impl Fn(&Answer) -> Result<R, Error>,
        find: impl Fn(&mut Budget) -> Result<Option<T>, Error>,
        known: impl Fn(T) -> Option<R>,
    ) -> Result<R, Error> {
        let mut budget = self.budget();
        loop {
            let error = match self.send(call, &mut budget) {
                Ok(answer) => return decode(&answer),
                Err(error) => error,
            };
            let taken = error.kind().is_some_and(ErrorType::is_already_exists);
            let is_doubtful = error.is_lost() || (taken && budget.lost);
            if !is_doubtful {
                return Err(error);
            }
            match find(&mut budget) {
                Ok(Some(found)) => {
                    return known(found).ok_or_else(|| Error::Conflict {
                        operation: call.operation.clone(),
                    });
                }
                // Taken, yet not to be found: another row holds a unique value, or the user may
                // not read what is there.
                Ok(None) if taken => return Err(error),
                Ok(None) => self
                    .pause(error, &mut budget)
                    .map_err(|error| error.into_unknown(&call.operation))?,
                Err(error) => return Err(error.into_unknown(&call.operation)),
            }
        }
    }

    /// Deletes; that there is none, after a lost answer, is success.
    pub(crate) fn remove(&self, call: &Call<'_>) -> Result<(), Error> {
        let mut budget = self.budget();
        match self.send(call, &mut budget) {
            Ok(_) => Ok(()),
            Err(error) if budget.lost && error.kind().is_some_and(ErrorType::is_not_found) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Waits before a repeat, or gives the error back if there can be none.
    fn pause(&self, error: Error, budget: &mut Budget) -> Result<(), Error> {
        let Retry::Transient { after } = error.retry() else {
            return Err(error);
        };
        let asked = after.unwrap_or_default();
        if budget.repeats_left == 0 || asked > WAIT_ASKED_MAX {
            return Err(error);
        }
        let doubled = WAIT_BASE.saturating_mul(1 << budget.repeats_made.min(16));
        let wait = asked + self.pace().jitter(doubled.min(WAIT_JITTER_MAX));
        let left = self
            .deadline
            .map(|deadline| deadline.saturating_duration_since(self.pace().now()));
        if left.is_some_and(|left| left <= wait) {
            return Err(error);
        }
        budget.repeats_left -= 1;
        budget.repeats_made += 1;
        tracing::debug!(
            error = %error,
            repeat = budget.repeats_made,
            wait_ms = wait.as_millis(),
            "repeating a request"
        );
        if let Some(observer) = &self.observer {
            observer.repeats(&Repeated {
                error: &error,
                repeat: budget.repeats_made,
                wait,
            });
        }
        self.pace().sleep(wait);
        Ok(())
    }
}

/// Turns "there is none" into `None`.
pub(crate) fn none_if_missing<T>(found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind().is_some_and(ErrorType::is_not_found) => Ok(None),
        Err(error) => Err(error),
    }
}
