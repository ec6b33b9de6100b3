//! What every request passes: parameters of the address.

use percent_encoding::percent_decode_str;

/// Returns the decoded value of a parameter of a query string.
#[must_use]
pub fn query_value(query: &str, name: &str) -> Option<String> {
    query_pairs(query).find_map(|(key, value)| (key == name).then_some(value))
}

/// Decodes a query string; `+` is a space.
pub fn query_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    let decode = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(move |pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        })
}
