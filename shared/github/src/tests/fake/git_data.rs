//! Refs, trees, blobs and commits, by real git.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::git::{commit_tree, git, try_git, try_git_bytes};
use super::{State, refuse, text};

const HOST: &str = "https://api.github.com";

impl State {
    pub(super) fn git_data(
        &self,
        method: &str,
        full_name: &str,
        rest: &[&str],
        body: &Value,
    ) -> (u16, Value) {
        let folder = self.folder(full_name);
        let heads = std::fs::read_dir(folder.join("refs/heads")).expect("a repository");
        if heads.count() == 0 {
            return refuse(409, "Git Repository is empty.");
        }
        match (method, rest) {
            ("GET", ["ref", "heads", branch @ ..]) => show_ref(&folder, &branch.join("/")),
            ("GET", ["commits", sha]) => show_commit(&folder, sha),
            ("GET", ["trees", sha]) => show_tree(&folder, sha),
            ("GET", ["blobs", sha]) => show_blob(&folder, sha),
            ("POST", ["blobs"]) => make_blob(&folder, body),
            ("POST", ["trees"]) => self.make_tree(&folder, body),
            ("POST", ["commits"]) => make_commit(&folder, body),
            ("POST", ["refs"]) => make_ref(&folder, body),
            ("PATCH", ["refs", "heads", branch @ ..]) => move_ref(&folder, &branch.join("/"), body),
            _ => refuse(404, "Not Found"),
        }
    }

    fn make_tree(&self, folder: &Path, body: &Value) -> (u16, Value) {
        let entries = body["tree"].as_array().expect("tree");
        if entries.len() > self.tree_entries_max {
            return refuse(
                422,
                "Sorry, your request timed out.  It's likely that your input was too large to \
                 process.  Consider building the tree incrementally, or building the commits you \
                 need in a local clone of the repository and then pushing them to GitHub.",
            );
        }
        match write_tree(folder, entries, body.get("base_tree").map(text)) {
            Ok(tree) => (
                201,
                json!({"sha": tree, "url": HOST, "tree": [], "truncated": false}),
            ),
            Err(error) => refuse(422, &error),
        }
    }
}

/// Changes a tree as the entries say.
pub(super) fn write_tree(
    folder: &Path,
    entries: &[Value],
    base: Option<&str>,
) -> Result<String, String> {
    let scratch = tempfile::tempdir().expect("tempdir");
    let index = scratch.path().join("index");
    let variables = [("GIT_INDEX_FILE", index.to_str().expect("utf-8"))];
    let read = ["read-tree", base.unwrap_or("--empty")];
    try_git(folder, &read, "", &variables)?;
    let known = try_git(folder, &["ls-files"], "", &variables)?;
    let mut paths = String::new();
    for (at, entry) in entries.iter().enumerate() {
        if let Some(content) = entry.get("content") {
            if entry.get("sha").is_some() {
                return Err("Must supply either tree.sha or tree.content.".to_owned());
            }
            let file = scratch.path().join(format!("{at}"));
            std::fs::write(&file, text(content)).expect("write");
            paths.push_str(&format!("{}\n", file.display()));
        }
    }
    let blobs = try_git(folder, &["hash-object", "-w", "--stdin-paths"], &paths, &[])?;
    let mut blobs = blobs.lines();
    let mut lines = String::new();
    for entry in entries {
        let path = text(&entry["path"]);
        let sha = match entry.get("sha") {
            Some(Value::String(sha)) => {
                try_git(folder, &["cat-file", "-e", sha], "", &[])
                    .map_err(|_| format!("tree.sha {sha} is not a valid blob"))?;
                sha.as_str()
            }
            Some(_) => {
                if !known.lines().any(|line| line == path) {
                    return Err("GitRPC::BadObjectState".to_owned());
                }
                lines.push_str(&format!("0 {} 0\t{path}\n", "0".repeat(40)));
                continue;
            }
            None => blobs.next().expect("one for each content"),
        };
        lines.push_str(&format!("{} {sha} 0\t{path}\n", text(&entry["mode"])));
    }
    let update = ["update-index", "--index-info"];
    try_git(folder, &update, &lines, &variables)?;
    try_git(folder, &["write-tree"], "", &variables)
}

fn reference(name: &str, sha: &str) -> Value {
    json!({"ref": name, "node_id": "R", "url": HOST,
        "object": {"sha": sha, "type": "commit", "url": HOST}})
}

fn show_ref(folder: &Path, branch: &str) -> (u16, Value) {
    let name = format!("refs/heads/{branch}");
    match try_git(folder, &["rev-parse", "-q", "--verify", &name], "", &[]) {
        Ok(sha) => (200, reference(&name, &sha)),
        Err(_) => refuse(404, "Not Found"),
    }
}

fn show_commit(folder: &Path, sha: &str) -> (u16, Value) {
    let format = "--format=%T%n%P%n%an%n%ae%n%at%n%B";
    match try_git(folder, &["show", "-s", format, sha], "", &[]) {
        Ok(shown) => {
            let lines: Vec<&str> = shown.splitn(6, '\n').collect();
            let [tree, parents, name, email, seconds, message] = lines.as_slice() else {
                panic!("{shown}");
            };
            let parents: Vec<&str> = parents.split_whitespace().collect();
            let seconds = seconds.parse().expect("seconds");
            let date = jiff::Timestamp::from_second(seconds).expect("date");
            let date = date.to_string();
            (
                200,
                commit(sha, tree, &parents, (name, email, &date), message),
            )
        }
        Err(_) => refuse(404, "Not Found"),
    }
}

fn commit(
    sha: &str,
    tree: &str,
    parents: &[&str],
    (name, email, date): (&str, &str, &str),
    message: &str,
) -> Value {
    let parents: Vec<Value> = parents
        .iter()
        .map(|parent| json!({"sha": parent, "url": HOST, "html_url": HOST}))
        .collect();
    let author = json!({"name": name, "email": email, "date": date});
    json!({"sha": sha, "node_id": "C", "url": HOST, "html_url": HOST, "author": author,
        "committer": author, "tree": {"sha": tree, "url": HOST}, "message": message,
        "parents": parents, "verification": {"verified": false, "reason": "unsigned",
            "signature": null, "payload": null, "verified_at": null}})
}

fn show_tree(folder: &Path, sha: &str) -> (u16, Value) {
    let Ok(listed) = try_git(folder, &["ls-tree", "-r", "-t", "-l", "-z", sha], "", &[]) else {
        return refuse(404, "Not Found");
    };
    let entries: Vec<Value> = listed
        .split_terminator('\0')
        .map(|line| {
            let (what, path) = line.split_once('\t').expect("path");
            let what: Vec<&str> = what.split_whitespace().collect();
            let mut entry = json!({"path": path, "mode": what[0], "type": what[1],
                "sha": what[2], "url": HOST});
            if let Ok(size) = what[3].parse::<u64>() {
                entry["size"] = json!(size);
            }
            entry
        })
        .collect();
    (
        200,
        json!({"sha": sha, "url": HOST, "tree": entries, "truncated": false}),
    )
}

fn show_blob(folder: &Path, sha: &str) -> (u16, Value) {
    let Ok(bytes) = try_git_bytes(folder, &["cat-file", "blob", sha], b"", &[]) else {
        return refuse(404, "Not Found");
    };
    // GitHub breaks the lines.
    let mut content = STANDARD.encode(&bytes);
    for at in (0..content.len()).step_by(61).skip(1) {
        content.insert(at - 1, '\n');
    }
    content.push('\n');
    (
        200,
        json!({"sha": sha, "node_id": "B", "size": bytes.len(), "url": HOST, "content": content,
            "encoding": "base64"}),
    )
}

fn make_blob(folder: &Path, body: &Value) -> (u16, Value) {
    assert_eq!(body["encoding"], "base64", "texts go inline");
    let bytes = STANDARD.decode(text(&body["content"])).expect("base64");
    let arguments = ["hash-object", "-w", "--stdin"];
    let sha = try_git_bytes(folder, &arguments, &bytes, &[]).expect("written");
    let sha = String::from_utf8(sha).expect("text");
    (201, json!({"sha": sha.trim(), "url": HOST}))
}

fn make_commit(folder: &Path, body: &Value) -> (u16, Value) {
    assert_eq!(body["author"], body["committer"], "one signature");
    let author = &body["author"];
    let parents: Vec<&str> = body["parents"]
        .as_array()
        .expect("parents")
        .iter()
        .map(text)
        .collect();
    let by = (
        text(&author["name"]),
        text(&author["email"]),
        text(&author["date"]),
    );
    assert!(by.2.ends_with('Z'), "a date of zone 0: {}", by.2);
    let (tree, message) = (text(&body["tree"]), text(&body["message"]));
    let sha = commit_tree(folder, tree, &parents, by, message);
    (201, commit(&sha, tree, &parents, by, message))
}

fn make_ref(folder: &Path, body: &Value) -> (u16, Value) {
    let (name, sha) = (text(&body["ref"]), text(&body["sha"]));
    let zero = "0".repeat(40);
    match try_git(folder, &["update-ref", name, sha, &zero], "", &[]) {
        Ok(_) => (201, reference(name, sha)),
        Err(_) => refuse(422, "Reference already exists"),
    }
}

fn move_ref(folder: &Path, branch: &str, body: &Value) -> (u16, Value) {
    assert_eq!(body["force"], json!(false), "a branch only moves forward");
    let new = text(&body["sha"]);
    let name = format!("refs/heads/{branch}");
    let Ok(old) = try_git(folder, &["rev-parse", "-q", "--verify", &name], "", &[]) else {
        return refuse(422, "Reference does not exist");
    };
    let forward = ["merge-base", "--is-ancestor", &old, new];
    if try_git(folder, &forward, "", &[]).is_err() {
        return refuse(422, "Update is not a fast forward");
    }
    git(folder, &["update-ref", &name, new, &old], "");
    (200, reference(&name, new))
}
