//! Texts as wide as a terminal shows them: some characters take two columns, some none.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Makes the character before it an emoji, which is wider.
const EMOJI_SELECTOR: char = '\u{fe0f}';

/// Columns that `text` takes. Terminals differ about emoji that are joined: the widest counts.
pub(crate) fn width(text: &str) -> usize {
    let apart: usize = text.chars().map(char_width).sum();
    apart.max(text.width())
}

fn char_width(character: char) -> usize {
    match character {
        EMOJI_SELECTOR => 1,
        other => other.width().unwrap_or_default(),
    }
}

/// `text` in at most `columns`, with `…` where it was cut.
pub(crate) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    for character in text.chars() {
        cut.push(character);
        // One column is the ellipsis's.
        if width(&cut) >= columns {
            cut.pop();
            break;
        }
    }
    if columns > 0 {
        cut.truncate(cut.trim_end().len());
        cut.push('…');
    }
    cut
}

/// `text` in exactly `columns`, at the left.
pub(crate) fn left(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    let missing = columns.saturating_sub(width(&text));
    text + &" ".repeat(missing)
}

/// `text` in exactly `columns`, at the right.
pub(crate) fn right(text: &str, columns: usize) -> String {
    let text = fit(text, columns);
    " ".repeat(columns.saturating_sub(width(&text))) + &text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_characters_count_twice_and_are_never_cut_in_half() {
        assert_eq!(width("日本"), 4);
        assert_eq!(width("❤\u{fe0f}"), 2);
        assert_eq!(width("e\u{301}"), 1);
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("日本語", 6), "日本語");
        for columns in 0..20 {
            let text = "a👩\u{200d}🚀b 日 e\u{301}❤\u{fe0f} end of it";
            assert!(width(&fit(text, columns)) <= columns, "{columns}");
            assert_eq!(width(&left(text, columns)), columns);
            assert_eq!(width(&right(text, columns)), columns);
        }
    }
}
