//! Texts of others on their way out.

use shell::redaction::{REDACTED, Redactor, SECRET_CHARS_MIN};

/// No configured secret survives, and a clean text stays as it is. The input is a secret in
/// each line, and behind a NUL the text.
pub fn run(data: &[u8]) {
    let input = crate::text(data);
    let (secrets, text) = input.split_once('\0').unwrap_or(("", &input));
    let secrets: Vec<&str> = secrets.lines().take(4).collect();
    let redactor = Redactor::new(&secrets);
    let clean = redactor.clean(text).into_owned();
    for secret in secrets {
        let is_known = secret.chars().count() >= SECRET_CHARS_MIN && !REDACTED.contains(secret);
        assert!(
            !is_known || !clean.contains(secret),
            "{secret:?} in {clean:?}"
        );
    }
    assert_eq!(redactor.clean(&clean), clean);
}
