//! The live view of a run: lines scroll, and below them stand the stages, the agents at
//! work and what everything costs. Only for a terminal that can be drawn on; everywhere
//! else there are plain lines.
//!
//! [`frame`](frame::frame) makes the lines, [`Screen`](screen::Screen) draws them, and a
//! thread turns the spinner.

pub(crate) mod board;
pub(crate) mod frame;
#[cfg(test)]
mod recorded;
pub(crate) mod screen;
pub(crate) mod text;

use std::io::{IsTerminal, Stdout, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::Duration;

use shell::clock;

use board::Board;
use frame::{Moment, Size, frame};
use screen::Screen;

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(120);
/// Size of a terminal that does not tell it.
const SIZE_UNKNOWN: Size = Size {
    columns: 80,
    rows: 24,
};

/// The view that is drawn now, if one is: whoever else writes on the terminal asks it.
static CURRENT: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
static PANICS_ARE_SHOWN: Once = Once::new();

/// The live view; gone from the terminal when it is dropped.
pub(crate) struct Live {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    board: Board,
    screen: Screen<Stdout>,
    tick: usize,
    /// Nothing is drawn while a person types.
    is_held: bool,
    has_ended: bool,
}

impl Live {
    /// Begins to draw, if standard output is a terminal that can be drawn on.
    pub(crate) fn on_terminal() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name)?.into_string().ok();
        if !std::io::stdout().is_terminal() || !can_be_drawn_on(variable) {
            return None;
        }
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                board: Board::default(),
                screen: Screen::new(std::io::stdout()),
                tick: 0,
                is_held: false,
                has_ended: false,
            }),
            ended: Condvar::new(),
        });
        *CURRENT.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&shared);
        show_panics();
        let ticking = Arc::clone(&shared);
        let ticker = std::thread::Builder::new().name("live".to_owned());
        let ticker = ticker.spawn(move || ticking.tick_to_the_end()).ok();
        Some(Self { shared, ticker })
    }

    /// Changes what is known and draws it.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Board)) {
        let mut state = self.shared.lock();
        change(&mut state.board);
        state.draw();
    }

    /// A line that stays.
    pub(crate) fn print(&self, line: &str) {
        let mut state = self.shared.lock();
        let size = size();
        let lines = state.frame(size);
        state.screen.print(line, lines, size.columns);
    }

    /// Draws nothing while a person types an answer, and goes on after it.
    pub(crate) fn hold(&self, is_held: bool) {
        let mut state = self.shared.lock();
        state.is_held = is_held;
        state.draw();
    }

    /// Takes the view away for good.
    pub(crate) fn end(&self) {
        let mut state = self.shared.lock();
        state.has_ended = true;
        state.screen.clear(size().columns);
        self.shared.ended.notify_all();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
        if let Some(ticker) = self.ticker.take() {
            // It can only have ended.
            let _ = ticker.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick_to_the_end(&self) {
        let mut state = self.lock();
        while !state.has_ended {
            let waited = self.ended.wait_timeout(state, TICK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.tick += 1;
            state.draw();
        }
    }
}

impl State {
    fn frame(&self, size: Size) -> Vec<String> {
        if self.is_held || self.has_ended {
            return Vec::new();
        }
        let now = clock::now();
        let tick = self.tick;
        frame(&self.board, size, Moment { tick, now })
    }

    fn draw(&mut self) {
        let size = size();
        let lines = self.frame(size);
        self.screen.draw(lines, size.columns);
    }
}

/// Lets `write` write on the terminal with no view in its way.
pub(crate) fn aside<T>(write: impl FnOnce() -> T) -> T {
    let current = CURRENT.lock().map(|current| current.upgrade());
    // Who writes may be the very thread that draws.
    let shared = current.ok().flatten();
    let mut state = shared
        .as_ref()
        .and_then(|shared| shared.state.try_lock().ok());
    if let Some(state) = &mut state {
        state.screen.clear(size().columns);
    }
    let written = write();
    if let Some(state) = &mut state {
        state.draw();
    }
    written
}

/// Writes on the error stream, for the lines of a log.
pub(crate) struct Aside;

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        aside(|| std::io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        std::io::stderr().lock().flush()
    }
}

/// A panic's message is written on the error stream: it must not be drawn over.
fn show_panics() {
    PANICS_ARE_SHOWN.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| aside(|| before(panic))));
    });
}

/// Whether a terminal with these variables shows a live view: not what is kept as a log, and
/// not where somebody wants no more than text.
fn can_be_drawn_on(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
    let is_dumb = variable("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let is_ci = variable("CI").is_some_and(|ci| !ci.is_empty() && ci != "false" && ci != "0");
    !is_dumb && !is_ci && !is_set("NO_COLOR")
}

fn size() -> Size {
    match console::Term::stdout().size_checked() {
        None | Some((_, 0) | (0, _)) => SIZE_UNKNOWN,
        Some((rows, columns)) => Size {
            columns: columns.into(),
            rows: rows.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::can_be_drawn_on;

    #[test]
    fn only_a_terminal_that_wants_it_is_drawn_on() {
        let on = |variables: &[(&str, &str)]| {
            can_be_drawn_on(|name| {
                let found = variables.iter().find(|(own, _)| *own == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        assert!(on(&[("TERM", "xterm-256color")]));
        assert!(on(&[("TERM", "xterm"), ("NO_COLOR", ""), ("CI", "false")]));
        for plain in [
            &[][..],
            &[("TERM", "dumb")],
            &[("TERM", "xterm"), ("NO_COLOR", "1")],
            &[("TERM", "xterm"), ("CI", "true")],
        ] {
            assert!(!on(plain), "{plain:?}");
        }
    }
}
