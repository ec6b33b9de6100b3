//! E-mail addresses: their rule and what Appwrite tells of them.

use crate::error::ApiError;

/// Longest part before the `@`, in characters (RFC 5321).
const LOCAL_CHARS_MAX: usize = 64;

/// Longest address, in characters (RFC 5321).
const CHARS_MAX: usize = 254;

/// Providers whose addresses are free; a choice of the common ones.
const FREE: &[&str] = &[
    "gmail.com",
    "googlemail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "proton.me",
    "protonmail.com",
    "aol.com",
    "gmx.com",
    "gmx.de",
    "web.de",
    "mail.com",
];

/// Providers of throw-away addresses; a choice of the common ones.
const DISPOSABLE: &[&str] = &[
    "mailinator.com",
    "guerrillamail.com",
    "10minutemail.com",
    "yopmail.com",
    "temp-mail.org",
];

/// Returns the address as it is kept: in lower case.
///
/// # Errors
/// 400 `general_argument_invalid`.
pub(super) fn read(given: &str) -> Result<String, ApiError> {
    let invalid =
        || ApiError::argument("Invalid `email` param: Value must be a valid email address");
    let (local, domain) = given.rsplit_once('@').ok_or_else(invalid)?;
    let is_local = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !label.is_empty()
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let good = given.len() <= CHARS_MAX
        && (1..=LOCAL_CHARS_MAX).contains(&local.len())
        && local.chars().all(is_local)
        && !local.starts_with('.')
        && !local.ends_with('.')
        && !local.contains("..")
        && domain.contains('.')
        && domain.split('.').all(is_label);
    good.then(|| given.to_ascii_lowercase()).ok_or_else(invalid)
}

/// What is told of an address; all empty for an account without one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The address without what its provider ignores.
    pub(super) canonical: String,
    pub(super) is_free: bool,
    pub(super) is_disposable: bool,
    pub(super) is_corporate: bool,
    /// Whether the address is its own canonical form.
    pub(super) is_canonical: bool,
}

/// Tells of a kept address.
pub(super) fn facts(email: &str) -> Facts {
    let Some((local, domain)) = email.rsplit_once('@') else {
        return Facts::default();
    };
    let canonical = if matches!(domain, "gmail.com" | "googlemail.com") {
        let name = local.split('+').next().unwrap_or_default();
        format!("{}@gmail.com", name.replace('.', ""))
    } else {
        email.to_owned()
    };
    let is_free = FREE.contains(&domain);
    let is_disposable = DISPOSABLE.contains(&domain);
    Facts {
        is_canonical: canonical == email,
        canonical,
        is_free,
        is_disposable,
        is_corporate: !is_free && !is_disposable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_and_kept_in_lower_case() {
        assert_eq!(read("Bob@Localhost.Test").unwrap(), "bob@localhost.test");
        for bad in [
            "",
            "bob",
            "@a.b",
            "bob@",
            "bob@localhost",
            "b b@a.b",
            "b@-a.b",
            "b..b@a.b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_address_of_ones_own_domain_is_corporate() {
        let facts = facts("bob@localhost.test");
        assert!(facts.is_corporate && facts.is_canonical && !facts.is_free);
        assert_eq!(super::facts("b.o.b+x@gmail.com").canonical, "bob@gmail.com");
        assert_eq!(super::facts(""), Facts::default());
    }
}
