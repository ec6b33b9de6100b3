//! `orchestrator files`: the files that a task has made.

mod out;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use anyhow::Context;
use appwrite::Row;
use pipeline::TaskId;
use pipeline::rows::DATABASE;
use serde_json::{Value, json};

use crate::args::task::FilesArgs;
use crate::desk::Desk;
use crate::output::{Output, printable};
use crate::trouble::{Exit, Trouble};

/// Everything of a version but its content, which is fetched where it is needed.
const COLUMNS: &[&str] = &[
    "path",
    "bytes",
    "assignment",
    "generation",
    "round",
    "deleted",
];

/// Lists the files, prints one, or writes all.
///
/// # Errors
/// The platform does not start or answer, the task is somebody else's, there is no such file,
/// or the folder can not be written.
pub(crate) async fn files(args: FilesArgs, json: bool) -> anyhow::Result<ExitCode> {
    let output = Output::new(json);
    Desk::with(&args.of.platform, async |desk| {
        let task = desk.find(&args.of.task).await?;
        desk.task(&task).await?;
        let versions = desk.rows("files", &task, Some(COLUMNS)).await?;
        let files = current(&versions, args.round);
        match (&args.path, &args.out) {
            (Some(path), _) => print(desk, &files, path, (json, &output)).await?,
            (None, Some(folder)) => {
                let folder = out::Folder::open(folder, args.force)?;
                for row in files.values() {
                    folder.write(path_of(row), &content(desk, row).await?)?;
                }
                written(&output, json, &folder, files.len());
            }
            (None, None) => output.result(&lines(&files, &task, json)),
        }
        Ok(Exit::Done)
    })
    .await
}

fn path_of(row: &Row) -> &str {
    row.text("path").unwrap_or_default()
}

/// The newest version of each path that was not deleted, by path: of all, or up to a round of
/// the newest generation.
fn current(versions: &[Row], round: Option<u32>) -> BTreeMap<&str, &Row> {
    let place = |row: &Row| {
        let number = |column| row.integer(column).unwrap_or_default();
        (number("generation"), number("round"))
    };
    let last = versions.iter().map(|row| place(row).0).max();
    let until = round.map(|round| (last.unwrap_or_default(), i64::from(round)));
    let mut newest: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in versions {
        let is_known = until.is_none_or(|until| place(row) <= until);
        let known = newest.get(path_of(row));
        if is_known && known.is_none_or(|known| place(known) <= place(row)) {
            newest.insert(path_of(row), row);
        }
    }
    newest.retain(|_, row| row.boolean("deleted") != Some(true));
    newest
}

fn file_value(row: &Row) -> Value {
    json!({
        "type": "file",
        "path": path_of(row),
        "bytes": row.integer("bytes"),
        "assignment": row.text("assignment"),
        "generation": row.integer("generation"),
        "round": row.integer("round"),
    })
}

fn lines(files: &BTreeMap<&str, &Row>, task: &TaskId, json: bool) -> Vec<String> {
    let files = files.values();
    if json {
        return files.map(|row| file_value(row).to_string()).collect();
    }
    if files.len() == 0 {
        return vec![format!("{task} has no files yet.")];
    }
    let head = format!("{:>8}  {:>5}  {:<16}  PATH", "BYTES", "ROUND", "BY");
    let line = |row: &&Row| {
        let number = |column| row.integer(column).unwrap_or_default();
        let round = format!("{}.{}", number("generation"), number("round"));
        let (by, path) = (row.text("assignment").unwrap_or_default(), path_of(row));
        let (by, path) = (printable(by), printable(path));
        format!("{:>8}  {round:>5}  {by:<16}  {path}", number("bytes"))
    };
    std::iter::once(head).chain(files.map(line)).collect()
}

async fn content(desk: &Desk, row: &Row) -> anyhow::Result<String> {
    let id = row.id.clone();
    let read = desk.read(move |client| client.table(DATABASE, "files").get(&id));
    let row = read
        .await
        .with_context(|| format!("could not read {}", path_of(row)))?;
    Ok(row.text("content").unwrap_or_default().to_owned())
}

/// Prints one file as it is; to a terminal without what a terminal obeys.
async fn print(
    desk: &Desk,
    files: &BTreeMap<&str, &Row>,
    path: &str,
    (json, output): (bool, &Output),
) -> anyhow::Result<()> {
    let Some(row) = files.get(path) else {
        return Err(no_file(path, files).into());
    };
    let content = content(desk, row).await?;
    if json {
        let mut value = file_value(row);
        value["content"] = content.into();
        output.result(&[value.to_string()]);
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    let text = match out.is_terminal() {
        true => content
            .lines()
            .map(|line| printable_line(line) + "\n")
            .collect(),
        false => content,
    };
    // A reader that has gone away wants no more.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(())
}

/// A line of a file without what a terminal obeys, but for tabs.
fn printable_line(line: &str) -> String {
    line.split('\t')
        .map(printable)
        .collect::<Vec<_>>()
        .join("\t")
}

fn no_file(path: &str, files: &BTreeMap<&str, &Row>) -> Trouble {
    let name = path.rsplit('/').next().unwrap_or(path);
    let like = files.keys().find(|other| other.ends_with(name));
    let hint = match like {
        Some(other) => format!("Do you mean `{other}`?"),
        None => "`orchestrator files TASK` lists them.".to_owned(),
    };
    Trouble::refused(
        "file_not_found",
        format!("There is no file `{path}`. {hint}"),
    )
}

fn written(output: &Output, json: bool, folder: &out::Folder, count: usize) {
    let place = folder.path().display().to_string();
    let line = match json {
        true => json!({"type": "written", "folder": place, "files": count}).to_string(),
        false => format!("{count} files are in {place}."),
    };
    output.result(&[line]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(path: &str, (generation, round): (i64, i64), deleted: bool) -> Row {
        serde_json::from_value(
            json!({"$id": "f", "$sequence": "1", "$createdAt": "", "$updatedAt": "",
            "path": path, "bytes": 10 * round, "assignment": "ui", "generation": generation,
            "round": round, "deleted": deleted}),
        )
        .unwrap()
    }

    fn versions() -> Vec<Row> {
        vec![
            version("index.html", (1, 1), false),
            version("README.md", (2, 0), false),
            version("index.html", (2, 1), false),
            version("index.html", (2, 2), false),
            version("old.js", (1, 1), false),
            version("old.js", (2, 2), true),
        ]
    }

    fn shown(round: Option<u32>, json: bool) -> String {
        let versions = versions();
        let task = TaskId::of_request("owner", "request");
        lines(&current(&versions, round), &task, json).join("\n")
    }

    #[test]
    fn the_newest_version_of_each_file_is_listed() {
        insta::assert_snapshot!(shown(None, false), @r"
        BYTES  ROUND  BY                PATH
            0    2.0  ui                README.md
           20    2.2  ui                index.html
        ");
        insta::assert_snapshot!(shown(None, true), @r#"
        {"assignment":"ui","bytes":0,"generation":2,"path":"README.md","round":0,"type":"file"}
        {"assignment":"ui","bytes":20,"generation":2,"path":"index.html","round":2,"type":"file"}
        "#);
    }

    #[test]
    fn a_round_shows_the_files_as_they_were_then() {
        insta::assert_snapshot!(shown(Some(1), false), @r"
        BYTES  ROUND  BY                PATH
            0    2.0  ui                README.md
           10    2.1  ui                index.html
           10    1.1  ui                old.js
        ");
        insta::assert_snapshot!(shown(Some(0), false), @r"
        BYTES  ROUND  BY                PATH
            0    2.0  ui                README.md
           10    1.1  ui                index.html
           10    1.1  ui                old.js
        ");
    }

    #[test]
    fn a_file_that_is_not_there_has_a_neighbour() {
        let versions = versions();
        let files = current(&versions, None);
        let message = |path| no_file(path, &files).message;
        assert!(message("src/index.html").ends_with("Do you mean `index.html`?"));
        assert!(message("x").contains("lists them"));
        assert_eq!(printable_line("\ta\u{1b}[2Jb"), "\ta [2Jb");
    }
}
