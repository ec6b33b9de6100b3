//! `orchestrator dev`: what changes is built and reloaded, and nothing is left behind.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use appwrite::{Client, Credential, Method, NewExecution, Settings};

use crate::crashes::orchestrator;
use crate::world::{blocking, install_tls};

/// Longest that a condition may take to come true.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(30);

/// The program at work.
struct Dev {
    child: Child,
    told: Arc<Mutex<Vec<String>>>,
}

impl Dev {
    fn start(root: &Path) -> Self {
        let mut command = Command::new(orchestrator());
        command.current_dir(root).args(["dev", "--data", "data"]);
        // Both have a process below them, as cargo and npm have.
        command.args([
            "--build",
            "sleep 0.01 && test ! -e broken && echo building it",
        ]);
        command.args(["--web", "sleep 1000 & echo serving it; wait"]);
        command.stdout(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let (lines, out) = (Arc::clone(&told), child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                lines.lock().unwrap().push(line);
            }
        });
        Self { child, told }
    }

    /// Waits until so many lines hold `text`; returns the last of them.
    fn wait_for(&self, text: &str, count: usize) -> String {
        let found = || {
            let told = self.told.lock().unwrap();
            let lines: Vec<&String> = told.iter().filter(|line| line.contains(text)).collect();
            (lines.len() >= count).then(|| lines[count - 1].clone())
        };
        wait(found, || {
            format!("{count} times `{text}` in {:#?}", self.told.lock().unwrap())
        })
    }
}

fn wait<T>(condition: impl Fn() -> Option<T>, why: impl Fn() -> String) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < until, "{}", why());
        std::thread::park_timeout(LOOK_EVERY);
    }
}

/// Numbers of the processes whose working folder is below `folder`.
fn processes_below(folder: &Path) -> Vec<u32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let is_below = |number: &u32| {
        fs::read_link(format!("/proc/{number}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
    };
    numbers.filter(is_below).collect()
}

/// The process of a function.
fn process_of(name: &str, folder: &Path) -> Vec<u32> {
    let is_it = |number: &u32| {
        let comm = fs::read_to_string(format!("/proc/{number}/comm"));
        comm.is_ok_and(|comm| comm.trim() == name)
    };
    processes_below(folder).into_iter().filter(is_it).collect()
}

fn user(endpoint: &str) -> Client {
    let settings = |credential| Settings {
        endpoint: endpoint.to_owned(),
        project: "orchestrator".to_owned(),
        credential,
        timeout: Duration::from_secs(30),
        retries_max: 2,
    };
    let guest = Client::new(settings(Credential::Guest)).unwrap();
    let (_, token) = guest.account().create_anonymous_session().unwrap();
    guest.with_credential(Credential::Session(token))
}

/// Has a function say how it is.
fn ask(client: &Client) {
    let call = NewExecution {
        method: Method::Get,
        path: "/".to_owned(),
        is_async: false,
        ..NewExecution::default()
    };
    let answer = client.executions().create("create-task", &call).unwrap();
    assert_eq!(answer.response_status_code, 200, "{}", answer.response_body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_is_built_and_reloaded_and_nothing_is_left_behind() {
    install_tls();
    blocking(|| {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for part in ["functions/create-task", "shared", "web"] {
            fs::create_dir_all(root.join(part)).unwrap();
        }
        let source = root.join("functions/create-task/main.rs");
        fs::write(&source, "1").unwrap();
        let mut dev = Dev::start(&root);
        let line = dev.wait_for("Endpoint", 1);
        let endpoint = line.split_whitespace().last().unwrap().to_owned();
        dev.wait_for("serving it", 1);
        assert_eq!(dev.wait_for("building it", 1), "build       building it");
        dev.wait_for("Built.", 1);
        let client = user(&endpoint);
        ask(&client);
        let first = process_of("create-task", &root);
        assert_eq!(first.len(), 1);

        fs::write(&source, "12").unwrap();
        dev.wait_for("Built.", 2);
        ask(&client);
        let gone = || {
            let now = process_of("create-task", &root);
            (now.len() == 1 && now != first).then_some(now)
        };
        let second = wait(gone, || "the function was not started anew".to_owned());

        fs::write(root.join("broken"), "").unwrap();
        fs::write(&source, "123").unwrap();
        dev.wait_for("The build failed.", 1);
        ask(&client);
        assert_eq!(process_of("create-task", &root), second);

        let pid = dev.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-INT", &pid])
                .status()
                .unwrap()
                .success()
        );
        let status = dev.child.wait().unwrap();
        assert!(status.success(), "{status}");
        let none = || processes_below(&root).is_empty().then_some(());
        wait(none, || {
            format!("left behind: {:?}", processes_below(&root))
        });
    })
    .await;
}
