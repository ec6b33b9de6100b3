//! A terminal with lines that scroll and, below them, lines that are drawn over.

use std::io::Write;

use super::frame::SPINNER;
use super::text::width;

const GREEN: &str = "32";
const CYAN: &str = "36";
const FAINT: &str = "2";

/// What was drawn below the lines that scroll.
pub(crate) struct Screen<W> {
    out: W,
    drawn: Vec<String>,
}

impl<W: Write> Screen<W> {
    /// Nothing is drawn yet.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            drawn: Vec::new(),
        }
    }

    /// What is written on.
    #[cfg(test)]
    pub(crate) fn out(&self) -> &W {
        &self.out
    }

    /// The same, to change it.
    #[cfg(test)]
    pub(crate) fn out_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Draws `lines` in place of what was drawn, on a terminal that is `columns` wide by now.
    pub(crate) fn draw(&mut self, lines: Vec<String>, columns: usize) {
        if lines == self.drawn {
            return;
        }
        let text = self.erasure(columns) + &painted(&lines) + "\r";
        self.drawn = lines;
        self.write(&text);
    }

    /// Takes away what was drawn.
    pub(crate) fn clear(&mut self, columns: usize) {
        let text = self.erasure(columns);
        self.drawn.clear();
        self.write(&text);
    }

    /// Writes a line that stays, above `lines`, which are drawn in place of what was.
    pub(crate) fn print(&mut self, line: &str, lines: Vec<String>, columns: usize) {
        let text = self.erasure(columns) + line + "\r\n" + &painted(&lines) + "\r";
        self.drawn = lines;
        self.write(&text);
    }

    /// What the terminal is told to take away what was drawn. The cursor is at the start of
    /// its last line. A terminal that has become narrower has broken the lines anew.
    fn erasure(&self, columns: usize) -> String {
        let Some((_, above)) = self.drawn.split_last() else {
            return String::new();
        };
        let rows = |line: &String| width(line).div_ceil(columns.max(1)).max(1);
        match above.iter().map(rows).sum::<usize>() {
            0 => "\r\x1b[J".to_owned(),
            up => format!("\r\x1b[{up}A\x1b[J"),
        }
    }

    /// A terminal that has gone away wants no more.
    fn write(&mut self, text: &str) {
        let _ = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
    }
}

/// Lines below each other, with colours for the signs in them.
fn painted(lines: &[String]) -> String {
    let text = lines.join("\r\n");
    let mut painted = String::with_capacity(text.len());
    for character in text.chars() {
        let colour = match character {
            '✓' => GREEN,
            '█' => CYAN,
            '░' => FAINT,
            spinner if SPINNER.contains(&spinner) => CYAN,
            plain => {
                painted.push(plain);
                continue;
            }
        };
        painted += &format!("\x1b[{colour}m{character}\x1b[0m");
    }
    painted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(screen: &Screen<vt100::Parser>) -> String {
        screen.out().screen().contents()
    }

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_is_drawn_is_drawn_over_and_leaves_nothing() {
        let mut screen = Screen::new(vt100::Parser::new(10, 30, 0));
        screen.draw(lines(&["✓ one", "two █░", "three"]), 30);
        screen.print("It begins", lines(&["one", "two"]), 30);
        assert_eq!(shown(&screen), "It begins\none\ntwo");
        screen.draw(lines(&["a longer one"]), 30);
        assert_eq!(shown(&screen), "It begins\na longer one");
        screen.draw(Vec::new(), 30);
        screen.print("It ends", Vec::new(), 30);
        screen.clear(30);
        assert_eq!(shown(&screen), "It begins\nIt ends");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_broken_are_counted() {
        let mut screen = Screen::new(vt100::Parser::new(10, 30, 0));
        screen.draw(lines(&["日本日本日本日本", "two", "three"]), 30);
        assert_eq!(screen.erasure(30), "\r\x1b[2A\x1b[J");
        assert_eq!(screen.erasure(10), "\r\x1b[3A\x1b[J");
        assert_eq!(screen.erasure(2), "\r\x1b[10A\x1b[J");
    }
}
