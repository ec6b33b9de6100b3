//! The seven tools of an agent: their schemas, and what they do to the workspace. They
//! are pure, so an agent can neither run anything nor reach anything.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{checks, edit};
use crate::import;
use crate::limits::{
    INVALID_JSON_BYTES_MAX, LIST_FILES_MAX, READ_BYTES_MAX, READ_LINES_MAX, SEARCH_MATCHES_MAX,
    SHRINKS_TO_PERCENT_MIN,
};
use crate::path::SafePath;
use crate::plan::{Assignment, Plan};
use crate::plan_rules::{covers, is_unshown};
use crate::workspace::Workspace;

/// The only argument of a call whose arguments were no JSON object: what came instead.
const INVALID_JSON: &str = "INVALID_JSON";

/// A tool as the model is told of it.
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// What it does and answers.
    pub description: &'static str,
    /// JSON schema of its arguments, all required.
    pub input_schema: Value,
}

/// Every tool, in the order in which they are always sent (the order is part of what a
/// model service caches).
pub fn tools() -> Vec<Tool> {
    let text = || json!({"type": "string"});
    let number = || json!({"type": "integer"});
    let tool = |name, description, properties: Value| {
        let required: Vec<String> = properties
            .as_object()
            .map(|map| map.keys().cloned().collect())
            .unwrap_or_default();
        let input_schema = json!({"type": "object", "additionalProperties": false, "required": required, "properties": properties});
        Tool {
            name,
            description,
            input_schema,
        }
    };
    vec![
        tool(
            "list_files",
            "Lists the files of the workspace whose path starts with `prefix` (\"\" for all): path, bytes, owner.",
            json!({"prefix": text()}),
        ),
        tool(
            "read_file",
            "Reads a file with line numbers. start_line is 1 or more; end_line -1 means to the end. Long files are cut and say how to go on.",
            json!({"path": text(), "start_line": number(), "end_line": number()}),
        ),
        tool(
            "search_files",
            "Finds the literal text `query` in all files whose path starts with `prefix`. Answers path:line: text.",
            json!({"query": text(), "prefix": text()}),
        ),
        tool(
            "write_file",
            "Creates or overwrites one of your own files with the whole `content`.",
            json!({"path": text(), "content": text()}),
        ),
        tool(
            "edit_file",
            "Replaces `old_text`, which must occur exactly once in the file, by `new_text`. Only in your own files.",
            json!({"path": text(), "old_text": text(), "new_text": text()}),
        ),
        tool(
            "delete_file",
            "Deletes one of your own files.",
            json!({"path": text()}),
        ),
        tool(
            "finish",
            "Ends your work. Give every acceptance id with whether it is met and the evidence. If something outside your files stops you, say so in blocked_reason; otherwise leave it empty.",
            json!({
                "summary": text(),
                "files_changed": {"type": "array", "items": text()},
                "acceptance": {"type": "array", "items": {"type": "object", "additionalProperties": false,
                    "required": ["evidence", "id", "met"], "properties": {"id": text(), "met": {"type": "boolean"}, "evidence": text()}}},
                "contract_change_request": text(),
                "blocked_reason": text(),
            }),
        ),
    ]
}

/// A tool call with checked arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// List paths.
    ListFiles { prefix: String },
    /// Read lines.
    ReadFile {
        path: String,
        start_line: i64,
        end_line: i64,
    },
    /// Search literally.
    SearchFiles { query: String, prefix: String },
    /// Write whole.
    WriteFile { path: String, content: String },
    /// Replace once.
    EditFile {
        path: String,
        old_text: String,
        new_text: String,
    },
    /// Delete.
    DeleteFile { path: String },
    /// End.
    Finish(Finish),
}

/// What an agent says at its end. Its claims are shown to the reviewer as unverified.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// What was done.
    pub summary: String,
    /// The files it says it changed.
    pub files_changed: Vec<String>,
    /// Its own view of each acceptance check.
    pub acceptance: Vec<Claim>,
    /// Empty, or what it wishes a contract said.
    pub contract_change_request: String,
    /// Empty, or why it can not go on.
    pub blocked_reason: String,
}

/// An agent's own view of one acceptance check.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// The check.
    pub id: String,
    /// Whether it holds.
    pub met: bool,
    /// Why the agent thinks so.
    pub evidence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Prefix {
    prefix: String,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    path: String,
    start_line: i64,
    end_line: i64,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    query: String,
    prefix: String,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Write {
    path: String,
    content: String,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    path: String,
    old_text: String,
    new_text: String,
}
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    path: String,
}

/// What came instead of a JSON object of arguments, as much as is quoted.
fn not_json(input: &Value) -> Option<&str> {
    let object = input.as_object().filter(|object| object.len() == 1)?;
    let raw = object.get(INVALID_JSON)?.as_str()?;
    Some(&raw[..raw.floor_char_boundary(INVALID_JSON_BYTES_MAX)])
}

impl Call {
    /// Reads a tool call.
    ///
    /// # Errors
    /// A sentence for the agent: the tool is unknown, or which argument is wrong.
    pub fn parse(name: &str, input: &Value) -> Result<Self, String> {
        fn read<T: for<'de> Deserialize<'de>>(name: &str, input: &Value) -> Result<T, String> {
            T::deserialize(input).map_err(|cause| {
                let tools = tools();
                let schema = tools
                    .iter()
                    .find(|tool| tool.name == name)
                    .map(|tool| tool.input_schema["properties"].to_string());
                format!(
                    "invalid arguments for `{name}`: {cause}. Expected: {}",
                    schema.unwrap_or_default()
                )
            })
        }
        if let Some(raw) = not_json(input) {
            return Err(format!(
                "the arguments of `{name}` are no JSON object, so nothing was done; this came: {}",
                json!({INVALID_JSON: raw})
            ));
        }
        match name {
            "list_files" => read(name, input).map(|Prefix { prefix }| Self::ListFiles { prefix }),
            "read_file" => read(name, input).map(
                |Read {
                     path,
                     start_line,
                     end_line,
                 }| Self::ReadFile {
                    path,
                    start_line,
                    end_line,
                },
            ),
            "search_files" => read(name, input)
                .map(|Search { query, prefix }| Self::SearchFiles { query, prefix }),
            "write_file" => {
                read(name, input).map(|Write { path, content }| Self::WriteFile { path, content })
            }
            "edit_file" => read(name, input).map(
                |Edit {
                     path,
                     old_text,
                     new_text,
                 }| Self::EditFile {
                    path,
                    old_text,
                    new_text,
                },
            ),
            "delete_file" => read(name, input).map(|Delete { path }| Self::DeleteFile { path }),
            "finish" => read(name, input).map(Self::Finish),
            other => Err(format!(
                "there is no tool `{}`; the tools are {}",
                other.chars().take(60).collect::<String>(),
                tools()
                    .iter()
                    .map(|tool| tool.name)
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }

    /// The path this call changes, if it changes one.
    pub fn changes(&self) -> Option<&str> {
        match self {
            Self::WriteFile { path, .. }
            | Self::EditFile { path, .. }
            | Self::DeleteFile { path } => Some(path),
            Self::ListFiles { .. }
            | Self::ReadFile { .. }
            | Self::SearchFiles { .. }
            | Self::Finish(_) => None,
        }
    }
}

/// Carries out any call but `finish` (which the session judges) on `workspace`.
///
/// # Errors
/// A sentence for the agent; the workspace is unchanged then.
pub fn run(
    call: &Call,
    workspace: &mut Workspace,
    plan: &Plan,
    assignment: &Assignment,
    unshown: &[String],
) -> Result<String, String> {
    match call {
        Call::ListFiles { prefix } => Ok(list(workspace, prefix)),
        Call::ReadFile {
            path,
            start_line,
            end_line,
        } => read(workspace, path, *start_line, *end_line),
        Call::SearchFiles { query, prefix } => search(workspace, query, prefix),
        Call::WriteFile { path, content } => {
            let path = own_path(path, plan, assignment)?;
            not_unshown(&path, unshown)?;
            write(workspace, path, content.clone(), &assignment.id)
        }
        Call::EditFile {
            path,
            old_text,
            new_text,
        } => {
            let path = own_path(path, plan, assignment)?;
            let file = workspace
                .get(&path)
                .ok_or_else(|| format!("there is no file `{path}`; use write_file"))?;
            let content = edit::replaced(&path, &file.content, old_text, new_text)?;
            write(workspace, path, content, &assignment.id)
        }
        Call::DeleteFile { path } => {
            let path = own_path(path, plan, assignment)?;
            if workspace.delete(&path) {
                Ok("ok".to_owned())
            } else {
                Err(format!("there is no file `{path}`"))
            }
        }
        Call::Finish(_) => Err("finish is not carried out here".to_owned()),
    }
}

/// Writes a file and says what code can see to be wrong with it.
fn write(
    workspace: &mut Workspace,
    path: SafePath,
    content: String,
    owner: &str,
) -> Result<String, String> {
    if let Some(refusal) = checks::refusal(&path, &content) {
        return Err(refusal);
    }
    if let Some(index) = content.lines().position(|line| line.contains(is_binary)) {
        let line = index + 1;
        return Err(format!(
            "`{path}` has a control character at line {line}: only text can be written, and escapes stand for such characters"
        ));
    }
    let before = workspace.get(&path).map_or(0, |file| file.content.len());
    let (bytes, lines) = (content.len(), content.lines().count());
    let known = theirs(workspace, &path);
    let mut warnings = checks::new_problems(&path, &known, &content);
    if bytes.saturating_mul(100) < before.saturating_mul(SHRINKS_TO_PERCENT_MIN) {
        warnings.push(format!(
            "`{path}` had {before} bytes before; if something was left out, write all of it"
        ));
    }
    workspace.write(path, content, owner)?;
    let warnings: String = warnings
        .iter()
        .map(|text| format!("\nwarning: {text}"))
        .collect();
    Ok(format!("ok bytes={bytes} lines={lines}{warnings}"))
}

/// The text of a file as the people wrote it whose repository it is; empty for any other.
pub fn theirs(base: &Workspace, path: &SafePath) -> String {
    let file = base.get(path).filter(|file| file.owner == import::WRITER);
    file.map(|file| file.content.clone()).unwrap_or_default()
}

/// Whether a character has no place in a text.
fn is_binary(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\r' | '\n' | '\u{c}')
}

fn own_path(path: &str, plan: &Plan, assignment: &Assignment) -> Result<SafePath, String> {
    let path = SafePath::parse(path).map_err(|cause| cause.to_string())?;
    if assignment
        .owns
        .iter()
        .any(|owned| covers(owned, path.as_str()))
    {
        return Ok(path);
    }
    let owner = owner_of(plan, path.as_str()).unwrap_or("nobody");
    Err(format!(
        "`{path}` belongs to {owner}, not to you; you own {}. Ask for a change in finish.contract_change_request.",
        assignment.owns.join(", ")
    ))
}

/// Nobody writes what nobody was shown.
fn not_unshown(path: &SafePath, unshown: &[String]) -> Result<(), String> {
    is_unshown(path.as_str(), unshown).map_or(Ok(()), |other| {
        Err(format!(
            "`{other}` is in the repository and is not shown to you: it can not be changed, so `{path}` can not be written"
        ))
    })
}

/// Who owns `path` by the plan.
pub fn owner_of<'a>(plan: &'a Plan, path: &str) -> Option<&'a str> {
    if plan.shared_files.iter().any(|file| file.path == path) {
        return Some("shared");
    }
    plan.assignments
        .iter()
        .find(|assignment| assignment.owns.iter().any(|owned| covers(owned, path)))
        .map(|assignment| assignment.id.as_str())
}

fn list(workspace: &Workspace, prefix: &str) -> String {
    let matching: Vec<String> = workspace
        .files()
        .filter(|(path, _)| path.as_str().starts_with(prefix))
        .map(|(path, file)| format!("{path}  {} bytes  {}", file.content.len(), file.owner))
        .collect();
    match matching.len() {
        0 => "no files".to_owned(),
        count if count > LIST_FILES_MAX => {
            format!(
                "{}\n… {} more, use a longer prefix",
                matching[..LIST_FILES_MAX].join("\n"),
                count - LIST_FILES_MAX
            )
        }
        _ => matching.join("\n"),
    }
}

fn read(
    workspace: &Workspace,
    path: &str,
    start_line: i64,
    end_line: i64,
) -> Result<String, String> {
    let path = SafePath::parse(path).map_err(|cause| cause.to_string())?;
    let file = workspace
        .get(&path)
        .ok_or_else(|| format!("there is no file `{path}`; use list_files"))?;
    let lines: Vec<&str> = file.content.lines().collect();
    let total = lines.len();
    let start = usize::try_from(start_line).unwrap_or(1).max(1);
    let end = usize::try_from(end_line).map_or(total, |end| end.min(total));
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate().take(end).skip(start - 1) {
        let mut rendered = format!("{}: {line}\n", number + 1);
        if number + 1 - start >= READ_LINES_MAX
            || (text.len() + rendered.len() > READ_BYTES_MAX && !text.is_empty())
        {
            text.push_str(&format!(
                "…truncated; {total} lines in all, call again with start_line={}",
                number + 1
            ));
            return Ok(text);
        }
        if rendered.len() > READ_BYTES_MAX {
            rendered.truncate(rendered.floor_char_boundary(READ_BYTES_MAX));
            rendered.push_str(&format!("…cut; the line has {} bytes\n", line.len()));
        }
        text.push_str(&rendered);
    }
    if text.is_empty() {
        text = format!("no lines in that range; the file has {total} lines");
    }
    Ok(text)
}

fn search(workspace: &Workspace, query: &str, prefix: &str) -> Result<String, String> {
    if query.is_empty() {
        return Err("`query` must not be empty".to_owned());
    }
    let mut found: Vec<String> = Vec::new();
    for (path, file) in workspace
        .files()
        .filter(|(path, _)| path.as_str().starts_with(prefix))
    {
        for (number, line) in file
            .content
            .lines()
            .enumerate()
            .filter(|(_, line)| line.contains(query))
        {
            if found.len() == SEARCH_MATCHES_MAX {
                found.push(format!(
                    "… more than {SEARCH_MATCHES_MAX} matches, narrow the search"
                ));
                return Ok(found.join("\n"));
            }
            let shown: String = line.trim().chars().take(200).collect();
            found.push(format!("{path}:{}: {shown}", number + 1));
        }
    }
    Ok(if found.is_empty() {
        "no matches".to_owned()
    } else {
        found.join("\n")
    })
}
