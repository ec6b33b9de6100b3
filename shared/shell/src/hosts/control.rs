//! Headers by which Open Runtimes' executor tells a runtime how to run an execution.

use std::time::Duration;

use http::HeaderMap;

use super::request::header_text;

/// For a request without `x-open-runtimes-timeout`; Appwrite's own greatest time-out.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(900);
/// A longer time-out is taken as this one.
pub const TIMEOUT_SECONDS_MAX: u64 = 24 * 60 * 60;
/// Longest id of log files that is taken over.
pub const LOG_ID_CHARS_MAX: usize = 64;

pub(super) const LOG_ID_HEADER: &str = "x-open-runtimes-log-id";

/// How long an execution may take; `None` where the header breaks its rule.
pub fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let Some(value) = headers
        .get("x-open-runtimes-timeout")
        .filter(|value| !value.is_empty())
    else {
        return Some(TIMEOUT_DEFAULT);
    };
    let text = value
        .to_str()
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    // More digits than a u64 has are a number all the same.
    let seconds = text.parse().unwrap_or(u64::MAX).min(TIMEOUT_SECONDS_MAX);
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// Id of the log files, fit to be a file's name; `None` where logging is disabled.
pub fn wanted_log(headers: &HeaderMap, is_development: bool) -> Option<String> {
    if header_text(headers, "x-open-runtimes-logging") == Some("disabled") {
        return None;
    }
    // The id becomes a file name.
    let is_safe = |id: &&str| {
        id.len() <= LOG_ID_CHARS_MAX
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let given = header_text(headers, LOG_ID_HEADER).filter(is_safe);
    let default = || {
        if is_development {
            "dev".to_owned()
        } else {
            new_log_id()
        }
    };
    Some(given.map_or_else(default, str::to_owned))
}

/// Twenty hexadecimal digits: eight of seconds, five of microseconds, seven random.
fn new_log_id() -> String {
    let now = jiff::Timestamp::now();
    let micros = now.subsec_microsecond().unsigned_abs();
    // Without randomness two requests of one microsecond would share their files, no more.
    let random = getrandom::u32().unwrap_or(0) & 0x0fff_ffff;
    format!("{:08x}{micros:05x}{random:07x}", now.as_second())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::{TIMEOUT_DEFAULT, new_log_id, timeout, wanted_log};

    fn map(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_static(value))])
    }

    #[test]
    fn timeout_is_a_whole_number_above_zero() {
        let of = |value| timeout(&map("x-open-runtimes-timeout", value));
        assert_eq!(of("15"), Some(Duration::from_secs(15)));
        assert_eq!(of(""), Some(TIMEOUT_DEFAULT));
        assert_eq!(timeout(&HeaderMap::new()), Some(TIMEOUT_DEFAULT));
        assert!(of("99999999999999999999999").is_some());
        for wrong in ["0", "-1", "+1", "1.5", "abc", "1 2", " "] {
            assert_eq!(of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn log_ids_are_unique_and_fit_a_file_name() {
        let ids: std::collections::BTreeSet<_> = (0..1_000).map(|_| new_log_id()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(
            ids.iter()
                .all(|id| id.len() == 20 && id.bytes().all(|b| b.is_ascii_hexdigit()))
        );
    }

    #[test]
    fn callers_log_id_cannot_leave_the_folder() {
        let of = |value| wanted_log(&map("x-open-runtimes-log-id", value), true);
        assert_eq!(of("abc-1_2").as_deref(), Some("abc-1_2"));
        for wrong in ["../../etc/x", "a/b", "a.b", "a%2fb"] {
            assert_eq!(of(wrong).as_deref(), Some("dev"), "{wrong}");
        }
    }
}
