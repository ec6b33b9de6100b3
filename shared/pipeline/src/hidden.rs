//! Characters that a reader does not see, or that show a text in another order than the one in
//! which a machine reads it.

/// Returns the lines, from 1 on, that hold a character which hides something.
///
/// Marks that scripts and emoji need are left alone where they stand among such letters; beside
/// ASCII letters they can only make one name look like another.
pub fn lines(text: &str) -> impl Iterator<Item = usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let numbered = text.split('\n').enumerate();
    numbered.filter_map(|(index, line)| holds(line).then_some(index + 1))
}

/// `text` without the characters that hide something.
pub fn without(text: &str) -> String {
    let mut before = None;
    let mut letters = text.chars().peekable();
    let mut kept = String::with_capacity(text.len());
    while let Some(letter) = letters.next() {
        if !hides(letter, before, letters.peek().copied()) {
            kept.push(letter);
            before = Some(letter);
        }
    }
    kept
}

fn holds(line: &str) -> bool {
    let mut before = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        if hides(letter, before, letters.peek().copied()) {
            return true;
        }
        before = Some(letter);
    }
    false
}

fn hides(letter: char, before: Option<char>, after: Option<char>) -> bool {
    let is_word = |other: Option<char>| {
        other.is_some_and(|other| other.is_ascii_alphanumeric() || other == '_')
    };
    match letter {
        // Embeddings, overrides and isolates; invisible letters; selectors that can carry data.
        '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{200b}'
        | '\u{feff}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{180e}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0100}'..='\u{e01ef}' => true,
        // Flags of regions are tags after a black flag, or after another tag.
        '\u{e0000}'..='\u{e007f}' => {
            !before.is_some_and(|other| matches!(other, '\u{1f3f4}' | '\u{e0020}'..='\u{e007e}'))
        }
        '\u{fe00}'..='\u{fe0f}' => {
            before.is_some_and(|other| matches!(other, '\u{fe00}'..='\u{fe0f}'))
        }
        '\u{200c}'..='\u{200f}' => is_word(before) || is_word(after),
        _ => letter.is_control() && !matches!(letter, '\n' | '\r' | '\t' | '\u{c}'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_found_with_its_line() {
        for (text, found) in [
            ("a\nif (x\u{202e}) {", 2),
            ("/*\u{2066} end */", 1),
            ("a\n\nconst b\u{200b} = 1", 3),
            ("user\u{200d}name", 1),
            ("let \u{3164} = 1", 1),
            ("eval('\u{fe00}\u{fe01}\u{fe0f}')", 1),
            ("a\u{e0041}\u{e0042}", 1),
            ("x\u{e0101}", 1),
            ("x \u{feff}", 1),
            ("a\u{1b}[31mb", 1),
            ("a\u{8}", 1),
        ] {
            assert_eq!(lines(text).next(), Some(found), "{text:?}");
            assert_eq!(lines(&without(text)).next(), None, "{text:?}");
        }
    }

    #[test]
    fn what_languages_and_emoji_need_is_left_alone() {
        for text in [
            "\u{feff}<!doctype html>\r\n\t<p>",
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}",
            "❤\u{fe0f}",
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
            "می\u{200c}خواهم",
            "שלום \u{200f}(1)",
            "größe 日本",
        ] {
            assert_eq!(lines(text).next(), None, "{text:?}");
        }
    }
}
