//! Keeps secrets out of every text that leaves the process.
//!
//! Two nets: the exact values of the configured secrets, and the shapes of well-known credentials
//! (a model may echo a key that we never had). Start at [`Redactor::clean`].

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};

use secrecy::{ExposeSecret, SecretString};

#[cfg(test)]
mod shapes;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Shorter configured values are not searched for: they occur in ordinary words.
pub const SECRET_CHARS_MIN: usize = 8;

/// Replacing may join two halves of another secret, so the text is searched again, at most this
/// often; a text that still is not clean is replaced as a whole.
const PASSES_MAX: usize = 4;

/// Removes secrets from texts. Cheap to clone; `Debug` shows no value.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Arc<[SecretString]>,
    /// What was learnt since it was made; its clones know it too.
    learnt: Arc<RwLock<Vec<SecretString>>>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Redactor")
            .field("secrets", &self.secrets.len())
            .finish()
    }
}

impl Redactor {
    /// Returns a redactor for these exact values and all known credential shapes.
    ///
    /// Values under [`SECRET_CHARS_MIN`] characters are left out, and so is a value that is a part
    /// of [`REDACTED`] itself.
    pub fn new<S: AsRef<str>>(secrets: impl IntoIterator<Item = S>) -> Self {
        Self::default().with(secrets)
    }

    /// Returns a redactor that knows these values too, such as the key of one execution.
    #[must_use]
    pub fn with<S: AsRef<str>>(&self, secrets: impl IntoIterator<Item = S>) -> Self {
        let mut all = self.secrets.to_vec();
        all.extend(self.learnt().iter().cloned());
        add(&mut all, secrets);
        Self {
            secrets: all.into(),
            learnt: Arc::default(),
        }
    }

    /// Makes this redactor and its clones know these values too, from now on: secrets that an
    /// execution comes to know while it runs. What was made with [`Redactor::with`] does not.
    pub fn learn<S: AsRef<str>>(&self, secrets: impl IntoIterator<Item = S>) {
        let mut learnt = self.learnt.write().unwrap_or_else(PoisonError::into_inner);
        add(&mut learnt, secrets);
    }

    fn learnt(&self) -> std::sync::RwLockReadGuard<'_, Vec<SecretString>> {
        self.learnt.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the text with every secret replaced by [`REDACTED`]; borrows when there was none.
    ///
    /// Invariant: no configured secret survives.
    /// Invariant: cleaning a clean text changes nothing.
    pub fn clean<'text>(&self, text: &'text str) -> Cow<'text, str> {
        let mut clean = Cow::Borrowed(text);
        for _ in 0..PASSES_MAX {
            let spans = self.spans(&clean);
            if spans.is_empty() {
                return clean;
            }
            clean = Cow::Owned(replace(&clean, &spans));
        }
        if self.spans(&clean).is_empty() {
            clean
        } else {
            Cow::Borrowed(REDACTED)
        }
    }

    /// Byte ranges to replace: in order, neither overlapping nor touching.
    fn spans(&self, text: &str) -> Vec<Range<usize>> {
        let mut spans = pipeline::secrets::find(text);
        for secret in self.secrets.iter().chain(self.learnt().iter()) {
            let secret = secret.expose_secret();
            spans.extend(
                text.match_indices(secret)
                    .map(|(at, _)| at..at + secret.len()),
            );
        }
        spans.sort_by_key(|span| span.start);
        let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
                Some(_) | None => merged.push(span),
            }
        }
        merged
    }
}

fn add<S: AsRef<str>>(all: &mut Vec<SecretString>, secrets: impl IntoIterator<Item = S>) {
    for secret in secrets {
        let secret = secret.as_ref();
        let is_known = all.iter().any(|known| known.expose_secret() == secret);
        if secret.chars().count() >= SECRET_CHARS_MIN && !REDACTED.contains(secret) && !is_known {
            all.push(SecretString::from(secret));
        }
    }
}

fn replace(text: &str, spans: &[Range<usize>]) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut kept_to = 0;
    for span in spans {
        clean.push_str(&text[kept_to..span.start]);
        clean.push_str(REDACTED);
        kept_to = span.end;
    }
    clean.push_str(&text[kept_to..]);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{REDACTED, Redactor};

    #[test]
    fn what_is_learnt_is_known_to_clones_and_not_to_the_one_it_was_made_from() {
        let process = Redactor::new(["hunter2-hunter2"]);
        let execution = process.with(["key-of-the-execution"]);
        let log = execution.clone();
        execution.learn(["token-of-the-owner"]);
        let text = "hunter2-hunter2 key-of-the-execution token-of-the-owner";
        assert_eq!(log.clean(text), "[redacted] [redacted] [redacted]");
        assert_eq!(
            process.clean(text),
            "[redacted] key-of-the-execution token-of-the-owner"
        );
    }

    #[test]
    fn configured_secret_is_replaced_everywhere() {
        let redactor = Redactor::new(["hunter2-hunter2"]);
        assert_eq!(
            redactor.clean("a hunter2-hunter2, b hunter2-hunter2."),
            "a [redacted], b [redacted]."
        );
    }

    #[test]
    fn clean_text_is_borrowed() {
        let redactor = Redactor::new(["hunter2-hunter2"]);
        assert!(matches!(
            redactor.clean("nothing here"),
            std::borrow::Cow::Borrowed(_)
        ));
    }

    #[test]
    fn short_value_is_not_searched_for() {
        assert_eq!(Redactor::new(["dev", ""]).clean("dev server"), "dev server");
    }

    #[test]
    fn secret_of_one_execution_can_be_added() {
        let base = Redactor::new(["first-secret"]);
        let both = base.with(["second-secret"]);
        assert_eq!(
            both.clean("first-secret second-secret"),
            "[redacted] [redacted]"
        );
        assert_eq!(base.clean("second-secret"), "second-secret");
    }

    #[test]
    fn secret_joined_by_a_replacement_does_not_survive() {
        let redactor = Redactor::new(["first-secret", "ed]and-more"]);
        let clean = redactor.clean("first-secretand-more");
        assert!(!clean.contains("ed]and-more"), "{clean}");
    }

    #[test]
    fn secret_that_is_part_of_the_replacement_does_not_loop() {
        assert_eq!(
            Redactor::new(["redacted"]).clean("it was redacted"),
            "it was redacted"
        );
    }

    #[test]
    fn debug_shows_no_value() {
        assert_eq!(
            format!("{:?}", Redactor::new(["hunter2-hunter2"])),
            "Redactor { secrets: 1 }"
        );
    }

    fn secret() -> impl Strategy<Value = String> {
        // Brackets and letters of the replacement itself make the hard cases.
        prop_oneof![
            "[ -~]{8,40}",
            "[\\[\\]redact]{8,12}",
            "[ab]{8,10}",
            "\\PC{8,20}"
        ]
    }

    proptest! {
        #[test]
        fn no_configured_secret_survives(
            secrets in prop::collection::vec(secret(), 1..5),
            pieces in prop::collection::vec((any::<prop::sample::Index>(), "[a-z\\[\\]=: \"]{0,12}"), 0..8),
        ) {
            let redactor = Redactor::new(&secrets);
            let mut text = String::new();
            for (index, filler) in &pieces {
                text.push_str(&secrets[index.index(secrets.len())]);
                text.push_str(filler);
            }
            let clean = redactor.clean(&text).into_owned();
            for secret in secrets.iter().filter(|secret| !REDACTED.contains(secret.as_str())) {
                prop_assert!(!clean.contains(secret.as_str()), "{secret:?} in {clean:?}");
            }
            prop_assert_eq!(redactor.clean(&clean), clean.as_str());
        }

        #[test]
        fn cleaning_twice_is_cleaning_once(text in "(\\PC|Bearer |authorization: |xai-|ghp_|eyJ|-----BEGIN |PRIVATE KEY-----|[a-zA-Z0-9]{10,30}|\n){0,20}") {
            let redactor = Redactor::default();
            let once = redactor.clean(&text).into_owned();
            prop_assert_eq!(redactor.clean(&once), once.as_str());
        }
    }
}
