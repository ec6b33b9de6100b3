//! The real program in a terminal that is one as far as it can tell.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use crate::crashes::orchestrator;

const ROWS: u16 = 40;
/// Longest that a run may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(20);

struct Terminal {
    seen: Arc<Mutex<Seen>>,
    reader: JoinHandle<()>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
}

/// What came, as the bytes it was and as it looks.
struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
}

fn size(cols: u16) -> PtySize {
    PtySize {
        rows: ROWS,
        cols,
        pixel_width: 0,
        pixel_height: 0,
    }
}

impl Terminal {
    /// Runs a brief on a terminal of this width.
    fn run(data: &Path, cols: u16, term: &str) -> Self {
        let pair = native_pty_system().openpty(size(cols)).unwrap();
        let mut command = CommandBuilder::new(orchestrator());
        let brief = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/todo.json");
        command.args(["run", brief, "--data"]);
        command.arg(data.join("data"));
        command.cwd(data);
        command.env("TERM", term);
        for name in ["CI", "NO_COLOR"] {
            command.env_remove(name);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let seen = Arc::new(Mutex::new(Seen {
            bytes: Vec::new(),
            screen: vt100::Parser::new(ROWS, cols, 0),
        }));
        let (taken, mut from) = (Arc::clone(&seen), pair.master.try_clone_reader().unwrap());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // The terminal's end is an error of its own on Linux.
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                let mut seen = taken.lock().unwrap();
                seen.bytes.extend_from_slice(&buffer[..count]);
                seen.screen.process(&buffer[..count]);
            }
        });
        Self {
            seen,
            reader,
            master: pair.master,
            child,
        }
    }

    fn shown(&self) -> String {
        self.seen.lock().unwrap().screen.screen().contents()
    }

    fn wait_for(&self, text: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.shown().contains(text) {
            assert!(Instant::now() < until, "no `{text}` in\n{}", self.shown());
            std::thread::park_timeout(LOOK_EVERY);
        }
    }

    fn resize(&self, cols: u16) {
        self.master.resize(size(cols)).unwrap();
        let mut seen = self.seen.lock().unwrap();
        seen.screen.screen_mut().set_size(ROWS, cols);
    }

    /// Waits until the program has ended: how, what was written and what stays to be seen.
    fn end(mut self) -> (ExitStatus, String, String) {
        let status = self.child.wait().unwrap();
        drop(self.master);
        self.reader.join().unwrap();
        let seen = self.seen.lock().unwrap();
        let bytes = String::from_utf8_lossy(&seen.bytes).into_owned();
        (status, bytes, seen.screen.screen().contents())
    }
}

/// Nothing of the live view is left.
fn assert_clean(shown: &str) {
    for rest in [" › ", "agents done", "⠋", "⠙", "⠹", "⠸", "⠼", "░"] {
        assert!(!shown.contains(rest), "`{rest}` in\n{shown}");
    }
}

#[test]
fn a_run_on_a_terminal_ends_with_its_result_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = &folder;
    std::thread::scope(|scope| {
        for (index, widths) in [[140, 80], [80, 140]].into_iter().enumerate() {
            scope.spawn(move || {
                let data = folder.path().join(index.to_string());
                std::fs::create_dir(&data).unwrap();
                let terminal = Terminal::run(&data, widths[0], "xterm-256color");
                terminal.wait_for("✓ planning › ");
                terminal.resize(widths[1]);
                let (status, bytes, shown) = terminal.end();
                assert!(status.success(), "{shown}");
                for fact in [
                    "completed",
                    "Repository  http",
                    "Site        http",
                    "Cost        $",
                ] {
                    assert!(shown.contains(fact), "{shown}");
                }
                assert_clean(&shown);
                assert!(bytes.contains(" turn "), "no agent was seen at work");
            });
        }
    });
}

#[test]
fn an_interrupted_run_leaves_a_clean_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let terminal = Terminal::run(folder.path(), 100, "xterm-256color");
    terminal.wait_for(" › ");
    let mut keys = terminal.master.take_writer().unwrap();
    keys.write_all(b"\x03").unwrap();
    let (status, _, shown) = terminal.end();
    assert_eq!(status.exit_code(), 130, "{shown}");
    assert!(shown.contains("Interrupted. Run the same command again to go on."));
    assert_clean(&shown);
    assert!(!shown.contains("^C"), "{shown}");
}

#[test]
fn a_terminal_that_can_not_be_drawn_on_gets_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    let terminal = Terminal::run(folder.path(), 80, "dumb");
    let (status, bytes, shown) = terminal.end();
    assert!(status.success(), "{shown}");
    assert!(!bytes.contains('\x1b'), "{bytes}");
    assert!(bytes.contains("planning   > The planner divides the work"));
}
