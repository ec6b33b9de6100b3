//! Keeps keys out of texts that are shown.

/// Characters of a provider's message that are kept.
pub(crate) const MESSAGE_CHARS_MAX: usize = 300;

const KEY_PREFIXES: [&str; 2] = ["xai-", "sk-ant-"];
const REPLACEMENT: &str = "[key]";

/// Returns the text in one line, cut to [`MESSAGE_CHARS_MAX`], with everything replaced that
/// begins like a key.
pub(crate) fn message(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words
        .join(" ")
        .chars()
        .filter(|character| !character.is_control())
        .take(MESSAGE_CHARS_MAX)
        .collect()
}

/// Returns the text without the key itself, whatever it looks like.
pub(crate) fn without_key(text: &str, key: &str) -> String {
    if key.is_empty() {
        return text.to_owned();
    }
    text.replace(key, REPLACEMENT)
}

fn word(word: &str) -> String {
    let start = KEY_PREFIXES
        .iter()
        .filter_map(|prefix| word.find(prefix))
        .min();
    match start.and_then(|at| word.get(..at)) {
        Some(before) => format!("{before}{REPLACEMENT}"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_replaced() {
        assert_eq!(
            message("bad key 'xai-abc123' and\n\"sk-ant-api03-zzz\", sorry"),
            "bad key '[key] and \"[key] sorry"
        );
        assert_eq!(without_key("got hunter2!", "hunter2"), "got [key]!");
        assert_eq!(without_key("got", ""), "got");
    }

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(
            message(&"ä".repeat(1000)).chars().count(),
            MESSAGE_CHARS_MAX
        );
    }
}
