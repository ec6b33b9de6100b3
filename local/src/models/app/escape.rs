//! Escaping what a person wrote, one function for each language it lands in.

use serde_json::Value;

/// For text and double-quoted attributes in HTML.
pub(super) fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// A JSON value as a JavaScript expression that is also safe inside markup.
pub(super) fn javascript(value: &Value) -> String {
    format!("{value:#}")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// For one line of Markdown: every ASCII punctuation character may be escaped there.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            line if line.is_control() || matches!(line, '\u{2028}' | '\u{2029}') => out.push(' '),
            mark if mark.is_ascii_punctuation()
                && !matches!(mark, ',' | '\'' | '"' | '/' | '?' | ';') =>
            {
                out.push('\\');
                out.push(mark);
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_stays_text() {
        assert_eq!(html("<b a=\"'&\">"), "&lt;b a=&quot;&#39;&amp;&quot;&gt;");
        assert_eq!(
            javascript(&Value::from("</script>\u{2028}")),
            "\"\\u003c/script\\u003e\\u2028\""
        );
        assert_eq!(
            markdown("# a\n[b](c) *d* `e`"),
            "\\# a \\[b\\]\\(c\\) \\*d\\* \\`e\\`"
        );
    }
}
