//! A small project that answers of models are about.

use pipeline::brief::Brief;
use pipeline::effect::Entry;
use pipeline::model::{Finish, Reply, Spent};
use pipeline::plan::Plan;
use pipeline::unit::{Journal, Recorded};
use pipeline::workspace::{FileVersion, Workspace};
use pipeline::{Outcome, SafePath, Step, Work, decide};
use serde_json::{Value, json};

pub(crate) fn brief() -> Brief {
    let accepted = Brief::parse(include_bytes!("../../examples/todo.json"));
    accepted.expect("the example is a brief").brief
}

fn assignment(id: &str, owns: &str, depends_on: &[&str]) -> Value {
    json!({"id": id, "title": id, "type": "ui", "specialization": "web", "estimate": "5 min", "priority": 1,
        "objective": "o", "depends_on": depends_on, "owns": [owns], "may_read": [], "contracts": [],
        "acceptance": [{"id": "c", "check": "it is there"}], "out_of_scope": [], "size": "S"})
}

/// Two assignments: `a` owns `a.js` and `a/`, `b` owns `b.js` and waits for it.
pub(crate) fn plan() -> Plan {
    let mut a = assignment("a", "a.js", &[]);
    a["owns"] = json!(["a.js", "a/", "index.html"]);
    let plan = json!({"refused": "", "project_name": "p", "summary": "s", "risks": [],
        "stack": {"language": "JavaScript", "framework": "none", "build_command": "", "test_command": "",
            "output_dir": ".", "appwrite_kind": "static-site"},
        "shared_files": [{"path": "shared.json", "content": "{}"}],
        "contracts": [{"id": "k", "kind": "module", "definition": "d", "provider": "a", "consumers": ["b"]}],
        "assignments": [a, assignment("b", "b.js", &["a"])]});
    serde_json::from_value(plan).expect("this is a plan")
}

pub(crate) fn version(path: &str, content: &str, by: &str) -> FileVersion {
    FileVersion {
        path: SafePath::parse(path).expect("a path"),
        content: Some(content.to_owned()),
        assignment: by.to_owned(),
        round: 1,
    }
}

pub(crate) fn files() -> Vec<FileVersion> {
    vec![
        version(
            "a.js",
            "import { b } from './b.js'\r\nconst a = \u{201c}1\u{201d}\r\n",
            "a",
        ),
        version(
            "index.html",
            "<!doctype html>\n<p>“x”</p>\n<script src=a.js></script>\n",
            "a",
        ),
        version("b.js", "export const b = 1\n", "b"),
        version("shared.json", "{}", "shared"),
    ]
}

pub(crate) fn workspace() -> Workspace {
    Workspace::of(&files())
}

/// What becomes of a unit whose model says the same each time. It ends within so many steps.
pub(crate) fn outcome(work: &Work, said: &str, steps_max: usize) -> Outcome {
    let mut journal = Journal::default();
    for _ in 0..steps_max {
        match decide(work, &journal) {
            Step::Done(end) => return end.outcome,
            Step::Do(effects) => {
                for effect in effects {
                    let reply = Reply {
                        finish: Finish::Completed,
                        text: said.to_owned(),
                        spent: Spent::default(),
                    };
                    let fingerprint = effect.action.fingerprint();
                    let entry = Entry::Reply(reply);
                    journal.insert(effect.key, Recorded { fingerprint, entry });
                }
            }
        }
    }
    panic!("the unit does not end");
}
