//! What an agent says: content blocks with tool calls.

use arbitrary::{Arbitrary, Unstructured};
use pipeline::agent::{AgentWork, Session};
use pipeline::limits::{FILE_BYTES_MAX, FILES_MAX, PROJECT_BYTES_MAX, READ_BYTES_MAX};
use pipeline::model::{AgentReply, Spent, Stop};
use pipeline::plan_rules::covers;
use pipeline::workspace::Workspace;
use serde_json::{Value, json};

const TURNS_MAX: usize = 8;
const PATHS: [&str; 12] = [
    "a.js",
    "a/x.js",
    "a/x.css",
    "a/x.html",
    "a/x.json",
    "a/x.yaml",
    "a/x.toml",
    "index.html",
    "b.js",
    "../a.js",
    "A.js",
    "a/.env",
];
const TEXTS: [&str; 10] = [
    "",
    "import",
    "\r\n",
    "\n",
    "const a = \"1\"",
    "“x”",
    "\"x\"",
    "1",
    "</script>",
    "a",
];

/// An agent changes only what it owns, within the limits, and is answered with JSON of a
/// bounded size.
pub fn run(data: &[u8]) {
    let plan = crate::project::plan();
    let work = AgentWork {
        brief: crate::project::brief(),
        assignment: plan.assignments[0].clone(),
        plan,
        round: 1,
        findings: Vec::new(),
        build_log: String::new(),
        base: crate::project::workspace(),
    };
    let mut session = Session::start(&work);
    let mut u = Unstructured::new(data);
    for _ in 0..TURNS_MAX {
        let Ok((content, calls)) = turn(&mut u) else {
            return;
        };
        let reply = AgentReply {
            content,
            stop: Stop::ToolUse,
            spent: Spent::default(),
        };
        let settled = session.take(&reply, None);
        if !settled.results.is_empty() {
            let results: Vec<Value> = serde_json::from_str(&settled.results).expect("JSON");
            assert!(!results.is_empty());
            for result in &results {
                let text = result["content"].as_str().or(result["text"].as_str());
                // What is read, and as much again for paths, warnings and hints.
                assert!(text.is_none_or(|text| text.len() <= 2 * READ_BYTES_MAX + calls));
            }
        }
        let owns = &work.assignment.owns;
        for path in &settled.changed {
            assert!(owns.iter().any(|owned| covers(owned, path)), "{path}");
        }
        holds(session.workspace(), &work.base, owns);
        if session.end().is_some() {
            return;
        }
    }
}

fn holds(files: &Workspace, base: &Workspace, owns: &[String]) {
    assert!(files.len() <= FILES_MAX);
    let mut bytes = 0;
    for (path, file) in files.files() {
        crate::paths::holds(path);
        assert!(file.content.len() <= FILE_BYTES_MAX);
        bytes += file.content.len();
        let is_owned = owns.iter().any(|owned| covers(owned, path.as_str()));
        assert!(is_owned || base.get(path) == Some(file), "{path}");
    }
    assert!(bytes <= PROJECT_BYTES_MAX);
    for (path, _) in base.files() {
        let is_owned = owns.iter().any(|owned| covers(owned, path.as_str()));
        assert!(is_owned || files.get(path).is_some(), "{path}");
    }
}

/// The blocks of a turn, and how long what was said of paths and texts can make its answers.
fn turn(u: &mut Unstructured<'_>) -> arbitrary::Result<(String, usize)> {
    if u.is_empty() {
        return Err(arbitrary::Error::NotEnoughData);
    }
    if u.ratio(1, 8)? {
        let content = String::arbitrary(u)?;
        let length = content.len();
        return Ok((content, 8 * length));
    }
    let count = u.int_in_range(1..=4)?;
    let blocks = (0..count).map(|_| call(u)).collect::<Result<Vec<_>, _>>()?;
    let content = Value::Array(blocks).to_string();
    let length = content.len();
    Ok((content, 8 * length))
}

fn text(u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    if u.ratio(1, 4)? {
        return String::arbitrary(u);
    }
    if u.ratio(1, 16)? {
        // Longer than a result may be.
        let times = u.int_in_range(0..=80_000_usize)?;
        return Ok(u
            .choose(&["x", "x\n", "ä", "const a = 1;\n"])?
            .repeat(times));
    }
    Ok((*u.choose(&TEXTS)?).to_owned())
}

fn path(u: &mut Unstructured<'_>) -> arbitrary::Result<String> {
    if u.ratio(1, 8)? {
        return String::arbitrary(u);
    }
    Ok((*u.choose(&PATHS)?).to_owned())
}

fn call(u: &mut Unstructured<'_>) -> arbitrary::Result<Value> {
    let (name, input) = match u.int_in_range(0..=8)? {
        0 => ("list_files", json!({"prefix": path(u)?})),
        1 => (
            "read_file",
            json!({"path": path(u)?, "start_line": i64::arbitrary(u)?, "end_line": i64::arbitrary(u)?}),
        ),
        2 => (
            "read_file",
            json!({"path": path(u)?, "start_line": 1, "end_line": -1}),
        ),
        3 => (
            "search_files",
            json!({"query": text(u)?, "prefix": path(u)?}),
        ),
        4 | 5 => ("write_file", json!({"path": path(u)?, "content": text(u)?})),
        6 => (
            "edit_file",
            json!({"path": path(u)?, "old_text": text(u)?, "new_text": text(u)?}),
        ),
        7 => ("delete_file", json!({"path": path(u)?})),
        _ => (
            "finish",
            json!({"summary": text(u)?, "files_changed": [path(u)?],
            "acceptance": [{"id": "c", "met": bool::arbitrary(u)?, "evidence": text(u)?}],
            "contract_change_request": text(u)?, "blocked_reason": ""}),
        ),
    };
    Ok(json!({"type": "tool_use", "id": "t", "name": name, "input": input}))
}
