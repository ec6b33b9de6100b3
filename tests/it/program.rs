//! The program as it is typed, as its own process: with a platform that another process serves,
//! and with one that it serves itself.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::commands::{at_work, heard, holding, went_on};
use crate::crashes::orchestrator;
use crate::world::blocking;

/// One data folder that commands are typed on.
#[derive(Clone)]
pub(crate) struct Typist {
    data: PathBuf,
    /// Settings that are set.
    pub(crate) settings: Vec<(&'static str, &'static str)>,
}

/// What a command did.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Its lines, each of which is JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        self.out.lines().map(line).collect()
    }

    /// The only line of a type.
    pub(crate) fn one(&self, kind: &str) -> Value {
        let lines = self.json();
        let mut found = lines.into_iter().filter(|line| line["type"] == kind);
        let one = found.next();
        assert!(
            found.next().is_none(),
            "{kind} is there twice: {}",
            self.out
        );
        one.unwrap_or_else(|| panic!("no {kind}: {} {}", self.out, self.err))
    }

    /// The word of the error that it ended with.
    pub(crate) fn error(&self) -> (i32, String) {
        let line: Value = serde_json::from_str(self.err.trim()).unwrap();
        assert_eq!(line["type"], "error");
        assert_eq!(line["exitCode"], json!(self.code));
        (
            self.code.unwrap(),
            line["code"].as_str().unwrap().to_owned(),
        )
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Typist {
    pub(crate) fn on(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            settings: Vec::new(),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(orchestrator());
        command
            .args(words)
            .arg("--data")
            .arg(&self.data)
            .env_clear()
            // The stand-in GitHub runs git.
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(self.settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Types a command as it is.
    pub(crate) async fn plain(&self, words: &[&str]) -> Said {
        let mut command = self.command(words);
        blocking(move || command.output().unwrap().into()).await
    }

    /// Types a command with `--json`.
    pub(crate) async fn json(&self, words: &[&str]) -> Said {
        self.plain(&[words, &["--json"]].concat()).await
    }

    /// Types a command with `--json` that is done.
    pub(crate) async fn done(&self, words: &[&str]) -> Said {
        let said = self.json(words).await;
        assert_eq!(said.code, Some(0), "{words:?}: {} {}", said.out, said.err);
        said
    }
}

pub(crate) const TODO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/todo.json");

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_task_is_led_from_the_terminal_on_a_platform_of_another_process() {
    let (world, barrier) = holding().await;
    let typist = Typist::on(world.folder.path());
    assert_eq!(typist.done(&["list"]).await.out, "");
    let accepted = typist
        .done(&["new", TODO, "--option", "approval=plan"])
        .await;
    let task = accepted.one("accepted")["taskId"]
        .as_str()
        .unwrap()
        .to_owned();

    let waits = typist.json(&["watch", "last"]).await;
    assert_eq!(waits.code, Some(4), "{} {}", waits.out, waits.err);
    assert_eq!(waits.one("summary")["status"], "awaiting_approval");
    let shown = typist.done(&["show", &task]).await.one("task");
    assert_eq!(shown["plans"].as_array().unwrap().len(), 1);
    assert_eq!(shown["brief"]["options"]["approval"], "plan");
    let printed = typist.done(&["edit", "last", "--print"]).await.out;
    let assignments: Value = serde_json::from_str(&printed).unwrap();
    assert!(!assignments.as_array().unwrap().is_empty());

    let approved = typist.done(&["approve", &task[..6]]).await.one("ordered");
    assert_eq!(
        (&approved["taskId"], &approved["status"]),
        (&json!(task), &json!("coding"))
    );
    at_work(&world, &task).await;
    interrupted_watch(&typist).await;
    let paused = typist.done(&["pause", "last"]).await.one("ordered");
    assert_eq!(paused["status"], "paused");
    assert_eq!(typist.json(&["watch", "last"]).await.code, Some(4));
    heard(&world, &task).await;
    barrier.open();
    went_on(&world, &task).await;
    typist.done(&["resume", "last"]).await;
    let watched = typist.done(&["watch", "last"]).await;
    assert_eq!(watched.one("summary")["status"], "completed");

    files_and_logs(&typist).await;
    afterwards(&typist, &task).await;
    assert_eq!(world.model_calls().1, 0);
    world.stop().await;
}

/// Somebody who presses Ctrl-C while a task is followed changes nothing.
async fn interrupted_watch(typist: &Typist) {
    let mut command = typist.command(&["watch", "last", "--json"]);
    let said: Said = blocking(move || {
        use std::io::{BufRead as _, BufReader};
        let mut child = command.spawn().unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        assert!(first.starts_with('{'), "{first}");
        let pid = child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        child.wait_with_output().unwrap().into()
    })
    .await;
    assert_eq!(said.code, Some(130), "{}", said.err);
}

async fn files_and_logs(typist: &Typist) {
    let listed = typist.done(&["files", "last"]).await.json();
    let paths: Vec<&str> = listed
        .iter()
        .map(|file| file["path"].as_str().unwrap())
        .collect();
    assert!(paths.contains(&"index.html"), "{paths:?}");
    let page = typist.plain(&["files", "last", "index.html"]).await.out;
    assert!(page.starts_with("<!doctype html>"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("app");
    let written = typist
        .done(&["files", "last", "--out", out.to_str().unwrap()])
        .await;
    assert_eq!(written.one("written")["files"], json!(listed.len()));
    assert_eq!(
        std::fs::read_to_string(out.join("index.html")).unwrap(),
        page
    );
    let missing = typist.json(&["files", "last", "index.htm"]).await;
    assert_eq!(missing.error(), (1, "file_not_found".to_owned()));

    let lines = |said: Said| said.json();
    let all = lines(typist.done(&["logs", "last"]).await);
    let coding = lines(typist.done(&["logs", "last", "--stage", "coding"]).await);
    let of_page = lines(typist.done(&["logs", "last", "--agent", "page"]).await);
    assert!(
        coding.iter().all(|line| line["stage"] == "coding"),
        "{coding:?}"
    );
    assert!(
        of_page.iter().all(|line| line["agent"] == "page"),
        "{of_page:?}"
    );
    assert!(all.len() > coding.len() && coding.len() > of_page.len() && !of_page.is_empty());
    let followed = lines(typist.done(&["logs", "last", "--follow"]).await);
    assert_eq!(followed.len(), all.len());
    let nobody = typist.json(&["logs", "last", "--agent", "nobody"]).await;
    assert_eq!(nobody.error(), (1, "unknown_agent".to_owned()));
}

/// What can be asked of a task that is completed, and what is refused.
async fn afterwards(typist: &Typist, task: &str) {
    // The plan of a follow-up waits too.
    let more = typist.json(&[
        "follow-up",
        "last",
        "Find things again.",
        "--requirement",
        "Search",
        "--watch",
    ]);
    let more = more.await;
    assert_eq!(more.code, Some(4), "{} {}", more.out, more.err);
    let more = typist.done(&["approve", "last", "--watch"]).await;
    assert_eq!(more.one("summary")["status"], "completed");
    typist.done(&["rollback", "last", "--watch"]).await;
    let shown = typist.done(&["show", "last"]).await.one("task");
    assert_eq!(shown["totals"]["release"], 1);
    assert_eq!(shown["deployments"].as_array().unwrap().len(), 3);
    let replayed = typist.done(&["replay", "last"]).await;
    assert_eq!(replayed.one("sum")["differences"], 0);

    let error = async |words: &[&str]| typist.json(words).await.error();
    let refused = |code: &str| (1, code.to_owned());
    assert_eq!(error(&["cancel", "last"]).await, refused("not_confirmed"));
    assert_eq!(
        error(&["cancel", "last", "--yes"]).await,
        refused("not_now")
    );
    assert_eq!(error(&["retry", "last"]).await, refused("not_now"));
    assert_eq!(error(&["budget", "last", "5"]).await, refused("no_budget"));
    assert_eq!(error(&["show", "tzz"]).await, refused("task_not_found"));
    assert_eq!(error(&["new", "--name=x"]).await, refused("invalid_brief"));
    assert_eq!(
        error(&["budget", "last", "much"]).await,
        (2, "usage".to_owned())
    );
    let nobody = Typist {
        settings: vec![
            ("APPWRITE_ENDPOINT", "http://127.0.0.1:1/v1"),
            ("APPWRITE_PROJECT_ID", "p"),
        ],
        ..typist.clone()
    };
    assert_eq!(
        nobody.json(&["list"]).await.error(),
        (5, "no_answer".to_owned())
    );

    let flags = [
        "--name",
        "Second",
        "--type",
        "web",
        "--description",
        "d",
        "--option",
        "approval=plan",
    ];
    typist.done(&[&["new"][..], &flags].concat()).await;
    assert_eq!(typist.json(&["watch", "last"]).await.code, Some(4));
    typist.done(&["cancel", "last", "--yes"]).await;
    assert_eq!(typist.json(&["watch", "last"]).await.code, Some(3));
    let listed = typist.done(&["list"]).await.json();
    let statuses: Vec<&Value> = listed.iter().map(|task| &task["status"]).collect();
    assert_eq!(statuses, ["cancelled", "completed"]);
    let found = typist.done(&["list", "--search", "test-app"]).await.json();
    assert_eq!(found[0]["id"], *task);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_command_that_serves_the_platform_stays_until_the_task_waits_or_ends() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let typist = Typist::on(&data);
    let begun = typist
        .plain(&["new", TODO, "--option", "approval=plan"])
        .await;
    assert_eq!(begun.code, Some(4), "{} {}", begun.out, begun.err);
    assert!(
        begun.out.contains("This command serves the platform"),
        "{}",
        begun.out
    );
    assert!(
        begun.out.contains("`revise` and `edit` change it"),
        "{}",
        begun.out
    );
    assert!(!data.join("running.json").exists());

    // What a process that was killed has left counts for nobody.
    let stale = json!({"pid": 1, "endpoint": "http://127.0.0.1:1/v1", "project": "p", "has_functions": true});
    std::fs::write(data.join("running.json"), stale.to_string()).unwrap();
    let listed = typist.plain(&["list"]).await;
    assert!(listed.out.contains("awaiting_approval"), "{}", listed.out);
    assert!(!listed.out.contains('\u{1b}'), "colours in a pipe");
    let forced = Typist {
        settings: vec![("CLICOLOR_FORCE", "1")],
        ..typist.clone()
    };
    let coloured = forced.plain(&["list"]).await;
    assert!(
        coloured.out.contains("\u{1b}[33mawaiting_approval"),
        "{}",
        coloured.out
    );

    // An editor that renames the first part of the plan.
    let editor = folder.path().join("editor.sh");
    let script =
        "#!/bin/sh\nsed -i '0,/\"title\": \".*\"/s//\"title\": \"Called otherwise\"/' \"$1\"\n";
    std::fs::write(&editor, script).unwrap();
    let name = format!("sh {}", editor.display());
    let mut edit = typist.command(&["edit", "last"]);
    edit.env("EDITOR", &name);
    let edited: Said = blocking(move || edit.output().unwrap().into()).await;
    assert_eq!(edited.code, Some(4), "{} {}", edited.out, edited.err);

    let approved = typist.json(&["approve", "last"]).await;
    assert_eq!(approved.code, Some(0), "{} {}", approved.out, approved.err);
    assert_eq!(approved.one("summary")["status"], "completed");
    let shown = typist.plain(&["show", "last"]).await.out;
    assert!(shown.contains("Called otherwise"), "{shown}");
}
