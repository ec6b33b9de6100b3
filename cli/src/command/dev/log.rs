//! One log of several parts, each with its name and colour.

use std::io::{IsTerminal as _, Write as _};

use pipeline::Stage;
use serde_json::json;

use crate::output::printable;

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Platform,
    Build,
    Web,
    /// By its place in [`Stage::ALL`].
    Function(usize),
}

/// Colours of functions, one after the other.
const COLOURS: [u8; 7] = [32, 36, 34, 92, 96, 94, 95];
/// Columns of a name: the longest function's.
const NAME_COLUMNS: usize = 11;

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Build => "build",
            Self::Web => "web",
            Self::Function(index) => Stage::ALL
                .get(index)
                .map_or("function", |stage| stage.function_id()),
        }
    }

    fn colour(self) -> u8 {
        match self {
            Self::Platform => 37,
            Self::Build => 33,
            Self::Web => 35,
            Self::Function(index) => COLOURS[index % COLOURS.len()],
        }
    }
}

/// The log, on standard output.
pub(super) struct Log {
    json: bool,
    is_coloured: bool,
}

impl Log {
    /// JSON lines where asked. Colours only on a terminal, and not where somebody wants none.
    pub(super) fn new(json: bool) -> Self {
        let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            json,
            is_coloured: std::io::stdout().is_terminal() && !wants_none,
        }
    }

    pub(super) fn line(&self, part: Part, text: &str) {
        let line = self.shown(part, text);
        let mut out = std::io::stdout().lock();
        // A reader that has gone away wants no more.
        let _ = writeln!(out, "{line}").and_then(|()| out.flush());
    }

    fn shown(&self, part: Part, text: &str) -> String {
        let (name, text) = (part.name(), printable(text));
        if self.json {
            json!({"type": "line", "part": name, "text": text}).to_string()
        } else if self.is_coloured {
            format!("\x1b[{}m{name:<NAME_COLUMNS$}\x1b[0m {text}", part.colour())
        } else {
            format!("{name:<NAME_COLUMNS$} {text}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_its_name_and_its_colour() {
        let log = |json, is_coloured| Log { json, is_coloured };
        let line = log(true, true).shown(Part::Web, "x");
        assert_eq!(line, r#"{"part":"web","text":"x","type":"line"}"#);
        let plain = log(false, false);
        assert_eq!(
            plain.shown(Part::Build, "a\x1b[31mb"),
            "build       a [31mb"
        );
        let coloured = log(false, true);
        assert_eq!(
            coloured.shown(Part::Function(1), "x"),
            "\x1b[36mplan       \x1b[0m x"
        );
        let parts = [Part::Platform, Part::Build, Part::Web].into_iter();
        let parts = parts.chain((0..Stage::ALL.len()).map(Part::Function));
        let mut colours: Vec<u8> = parts.map(Part::colour).collect();
        colours.sort_unstable();
        colours.dedup();
        assert_eq!(colours.len(), 10);
    }
}
