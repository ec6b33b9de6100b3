//! Targeted edits: from a numbered listing back to text, and the smallest unique replacement.

/// Takes the line numbers off a listing whose lines start with `1`, `2`, … and a separator.
/// Returns nothing when the listing is cut or its form is not known.
pub(super) fn unnumbered(listing: &str) -> Option<String> {
    let mut text = String::new();
    let mut expected = 1_usize;
    let mut separator: Option<&str> = None;
    for line in listing.lines() {
        let digits = line.trim_start();
        let rest = digits.strip_prefix(&expected.to_string());
        let Some(rest) =
            rest.filter(|rest| !rest.starts_with(|character: char| character.is_ascii_digit()))
        else {
            // A heading before the first line is passed over; anything after it means a cut.
            if expected == 1 {
                continue;
            }
            return None;
        };
        let mark = *separator.get_or_insert_with(|| {
            [": ", "\t", " | ", "| ", "|", "→", " ", ":"]
                .into_iter()
                .find(|mark| rest.starts_with(mark))
                .unwrap_or("")
        });
        // An empty line may have lost the blank after its separator.
        let content = rest
            .strip_prefix(mark)
            .or_else(|| rest.strip_prefix(mark.trim_end()))?;
        text.push_str(content);
        text.push('\n');
        expected += 1;
    }
    (expected > 1).then_some(text)
}

/// Whether two texts differ at most in the newline at their end.
pub(super) fn same_text(one: &str, other: &str) -> bool {
    one.trim_end_matches('\n') == other.trim_end_matches('\n')
}

/// The text to replace and its replacement: whole lines, unique in `current`, as few as possible.
pub(super) fn targeted(current: &str, wanted: &str) -> Option<(String, String)> {
    let old: Vec<&str> = current.lines().collect();
    let new: Vec<&str> = wanted.lines().collect();
    let shorter = old.len().min(new.len());
    let mut head = (0..shorter)
        .take_while(|index| old[*index] == new[*index])
        .count();
    let mut tail = (0..shorter - head)
        .take_while(|index| old[old.len() - 1 - index] == new[new.len() - 1 - index])
        .count();
    loop {
        let old_text = old[head..old.len() - tail].join("\n");
        let new_text = new[head..new.len() - tail].join("\n");
        if !old_text.trim().is_empty() && current.matches(&old_text).count() == 1 {
            return Some((old_text, new_text));
        }
        if head == 0 && tail == 0 {
            return None;
        }
        head = head.saturating_sub(1);
        tail = tail.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_of_several_forms_are_read() {
        for listing in [
            "1: a\n2: \n3:  1: b",
            "  1\ta\n  2\t\n  3\t 1: b",
            "1 | a\n2 |\n3 |  1: b",
            "x.js, 3 lines\n1: a\n2:\n3:  1: b",
        ] {
            assert_eq!(unnumbered(listing).unwrap(), "a\n\n 1: b\n", "{listing}");
        }
        assert!(unnumbered("1: a\n…truncated; 9 lines total").is_none());
        assert!(unnumbered("ok").is_none());
    }

    #[test]
    fn edit_is_unique_and_small() {
        let current = "f() {\n  x();\n}\ng() {\n  x();\n}\n";
        let wanted = "f() {\n  x();\n}\ng() {\n  save();\n  x();\n}\n";
        let (old_text, new_text) = targeted(current, wanted).unwrap();
        assert_eq!(current.matches(&old_text).count(), 1);
        assert_eq!(current.replace(&old_text, &new_text), wanted);
        assert!(old_text.lines().count() <= 2, "{old_text}");
    }
}
