//! The prepared parts, and how places in them are filled.

/// A prepared text. `{{name}}` is a place; the lines between `@if name` and `@end` stay only when
/// that switch is on.
pub(super) struct Template(&'static str);

pub(super) const INDEX: Template = Template(include_str!("index.html"));
/// What every page's styles begin with: colours, text and buttons.
pub(super) const BASE: Template = Template(include_str!("base.css"));
pub(super) const STYLES: &str = include_str!("styles.css");
pub(super) const ICON: Template = Template(include_str!("icon.svg"));
pub(super) const MAIN: Template = Template(include_str!("js/main.js"));
pub(super) const LANDING: Template = Template(include_str!("landing/index.html"));
pub(super) const LANDING_STYLES: &str = include_str!("landing/styles.css");
pub(super) const LANDING_MAIN: &str = include_str!("landing/main.js");
pub(super) const WORKER: Template = Template(include_str!("sw.js"));

impl Template {
    /// A part without places.
    pub(super) fn plain(path: &str) -> Option<&'static str> {
        Some(match path {
            "js/store.js" => include_str!("js/store.js"),
            "js/items.js" => include_str!("js/items.js"),
            "js/theme.js" => include_str!("js/theme.js"),
            "js/account.js" => include_str!("js/account.js"),
            "js/offline.js" => include_str!("js/offline.js"),
            "js/appwrite.js" => include_str!("js/appwrite.js"),
            "js/rows.js" => include_str!("js/rows.js"),
            "js/totals.js" => include_str!("js/totals.js"),
            "js/features/search.js" => include_str!("js/features/search.js"),
            "js/features/sort.js" => include_str!("js/features/sort.js"),
            "js/features/tags.js" => include_str!("js/features/tags.js"),
            "js/features/due.js" => include_str!("js/features/due.js"),
            "js/features/stats.js" => include_str!("js/features/stats.js"),
            "js/features/transfer.js" => include_str!("js/features/transfer.js"),
            "js/features/undo.js" => include_str!("js/features/undo.js"),
            "js/features/keys.js" => include_str!("js/features/keys.js"),
            "functions/items/main.js" => include_str!("functions/items/main.js"),
            "functions/stats/main.js" => include_str!("functions/stats/main.js"),
            "functions/items/package.json" | "functions/stats/package.json" => {
                include_str!("functions/package.json")
            }
            _ => return None,
        })
    }

    /// Fills the places in one pass: what is filled in is never looked at again.
    pub(super) fn fill(&self, values: &[(&str, String)], switches: &[&str]) -> String {
        let mut out = String::with_capacity(self.0.len());
        let mut keep = true;
        for line in self.0.split_inclusive('\n') {
            let word = line.trim_end();
            if let Some(name) = word.strip_prefix("@if ") {
                keep = switches.contains(&name);
            } else if word == "@end" {
                keep = true;
            } else if keep {
                fill_line(line, values, &mut out);
            }
        }
        out
    }
}

fn fill_line(line: &str, values: &[(&str, String)], out: &mut String) {
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let place = after.split_once("}}").and_then(|(name, following)| {
            let (_, value) = values.iter().find(|(key, _)| *key == name)?;
            Some((value, following))
        });
        match place {
            Some((value, following)) => {
                out.push_str(value);
                rest = following;
            }
            None => {
                out.push_str("{{");
                rest = after;
            }
        }
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filled_text_is_not_filled_again() {
        let template = Template("a {{x}} {{ y\n@if on\nkept\n@end\n@if off\ngone\n@end\nz\n");
        let out = template.fill(
            &[("x", "{{y}}\n@end".to_owned()), ("y", "no".to_owned())],
            &["on"],
        );
        assert_eq!(out, "a {{y}}\n@end {{ y\nkept\nz\n");
    }
}
