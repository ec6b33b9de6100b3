//! `POST …/git/trees` and `GET …/git/trees/{sha}`.

use std::collections::{BTreeMap, HashSet};

use anyhow::Context as _;
use axum::Json;
use axum::extract::Query;
use axum::response::Response;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::git::GitDir;
use super::input::Input;
use super::objects::{self, ObjectKind, ObjectReader, TreeWriter};
use super::opened::Opened;
use super::refusal::Refusal;
use super::repository::created;
use super::tree_entry::{Entry, Mode, Source, bad_object_state, invalid_object};

/// Limits of a listing, from the OpenAPI description: above them `truncated` is true.
const LISTED_ENTRIES_MAX: usize = 100_000;
const LISTED_BYTES_MAX: usize = 7 * 1024 * 1024;
const TIMED_OUT: &str = "Sorry, your request timed out.  It's likely that your input was too large to process.  Consider building the tree incrementally, or building the commits you need in a local clone of the repository and then pushing them to GitHub.";

pub(super) async fn create(opened: Opened, input: Input) -> Result<Response, Refusal> {
    opened.require_commits().await?;
    let entries = parse_entries(&input)?;
    if opened.service.faults.is_too_large(entries.len()) {
        return Err(Refusal::unprocessable(TIMED_OUT));
    }
    if entries.iter().any(Entry::touches_workflows) {
        opened.caller.actor.require_workflows()?;
    }
    let git = opened.git();
    let mut reader = ObjectReader::start(&git)?;
    let base = match input.value("base_tree") {
        None => Directory::default(),
        Some(base) => read_base(&mut reader, base).await?,
    };
    let sha = store(&git, &mut reader, base, entries).await?;
    Ok(created(listing(&opened, &sha, &sha, false).await?))
}

/// Writes the tree of a commit, or an empty one, with some entries changed.
pub(super) async fn with_entries(
    git: &GitDir<'_>,
    reader: &mut ObjectReader,
    base: Option<&str>,
    entries: Vec<Entry>,
) -> Result<String, Refusal> {
    let base = match base {
        None => Directory::default(),
        Some(base) => read_base(reader, &json!(base)).await?,
    };
    store(git, reader, base, entries).await
}

async fn store(
    git: &GitDir<'_>,
    reader: &mut ObjectReader,
    base: Directory,
    entries: Vec<Entry>,
) -> Result<String, Refusal> {
    check_objects(reader, &entries).await?;
    let root = apply(git, reader, base, entries).await?;
    let mut writer = TreeWriter::start(git)?;
    write(&root, &mut writer)
        .await?
        .ok_or_else(|| Refusal::unprocessable("Invalid tree info"))
}

pub(super) async fn get_tree(
    opened: Opened,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Value>, Refusal> {
    opened.require_commits().await?;
    if !is_plain_name(&opened.rest) {
        return Err(Refusal::not_found());
    }
    let mut reader = ObjectReader::start(&opened.git())?;
    let named = reader.info(&opened.rest).await?;
    let tree = reader.info(&format!("{}^{{tree}}", opened.rest)).await?;
    let (Some(named), Some(tree)) = (named, tree) else {
        return Err(Refusal::not_found());
    };
    // Any value of `recursive` counts, even 0, and a commit's listing carries the commit's id
    // (recorded).
    let recursive = query.contains_key("recursive");
    Ok(Json(
        listing(&opened, &named.sha, &tree.sha, recursive).await?,
    ))
}

fn parse_entries(input: &Input) -> Result<Vec<Entry>, Refusal> {
    input.require(&["tree"])?;
    let values = input.list("tree")?.map(Vec::as_slice).unwrap_or_default();
    if values.is_empty() {
        return Err(Refusal::unprocessable("Invalid tree info"));
    }
    let entries: Vec<Entry> = values.iter().map(Entry::parse).collect::<Result<_, _>>()?;
    let mut paths = HashSet::new();
    if !entries.iter().all(|entry| paths.insert(&entry.path)) {
        return Err(bad_object_state());
    }
    Ok(entries)
}

/// A revision without operators: an id or a branch.
pub(super) fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('-')
        && !name.contains("..")
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/'))
}

/// A directory being changed; only what is touched is read.
#[derive(Debug, Default)]
struct Directory(BTreeMap<String, Node>);

impl Directory {
    /// Whether no file is left in it, at any depth.
    fn is_empty(&self) -> bool {
        self.0.values().all(|node| match node {
            Node::Changed(inner) => inner.is_empty(),
            Node::Object { .. } => false,
        })
    }
}

#[derive(Debug)]
enum Node {
    Object { mode: Mode, sha: String },
    Changed(Directory),
}

/// `base_tree` may be a tree or a commit.
async fn read_base(reader: &mut ObjectReader, base: &Value) -> Result<Directory, Refusal> {
    let invalid = || Refusal::unprocessable("base_tree is not a valid tree oid");
    let sha = base
        .as_str()
        .filter(|sha| super::input::is_object_id(sha))
        .ok_or_else(invalid)?;
    let info = reader
        .info(&format!("{sha}^{{tree}}"))
        .await?
        .ok_or_else(invalid)?;
    read_directory(reader, &info.sha)
        .await
        .map_err(Refusal::from)
}

async fn read_directory(reader: &mut ObjectReader, sha: &str) -> anyhow::Result<Directory> {
    let bytes = reader.contents(sha).await?.context("a tree is missing")?;
    let mut directory = Directory::default();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == 0).unwrap_or_default();
        let (header, after) = rest.split_at(end);
        let id = after.get(1..21).context("a tree ends early")?;
        let header = std::str::from_utf8(header).context("a name is not UTF-8")?;
        let (mode, name) = header.split_once(' ').context("a tree entry has no name")?;
        let mode = Mode::from_object(mode).context("a tree entry has an unknown mode")?;
        let sha = id.iter().map(|byte| format!("{byte:02x}")).collect();
        directory
            .0
            .insert(name.to_owned(), Node::Object { mode, sha });
        rest = &after[21..];
    }
    Ok(directory)
}

/// Every object an entry names must be here and of the kind the entry says. Commits are another
/// repository's.
async fn check_objects(reader: &mut ObjectReader, entries: &[Entry]) -> Result<(), Refusal> {
    for entry in entries {
        let Source::Object { sha, kind } = &entry.source else {
            continue;
        };
        if *kind != ObjectKind::Commit && reader.kind(sha).await? != Some(*kind) {
            return Err(invalid_object(sha, *kind));
        }
        if entry.mode.kind() != *kind {
            return Err(bad_object_state());
        }
    }
    Ok(())
}

async fn apply(
    git: &GitDir<'_>,
    reader: &mut ObjectReader,
    mut root: Directory,
    entries: Vec<Entry>,
) -> Result<Directory, Refusal> {
    let contents: Vec<&[u8]> = entries
        .iter()
        .filter_map(|entry| match &entry.source {
            Source::Content(text) => Some(text.as_bytes()),
            Source::Delete | Source::Object { .. } => None,
        })
        .collect();
    let mut blobs = objects::write_blobs(git, &contents).await?.into_iter();
    // Deletions first: what replaces a deleted path may stand before it in the request.
    let (deleted, kept): (Vec<Entry>, Vec<Entry>) = entries
        .into_iter()
        .partition(|entry| matches!(entry.source, Source::Delete));
    for entry in deleted {
        remove(reader, &mut root, &entry.path).await?;
    }
    let mut placed = HashSet::new();
    for entry in kept {
        let sha = match entry.source {
            Source::Object { sha, .. } => sha,
            Source::Content(_) => blobs.next().context("git wrote too few blobs")?,
            Source::Delete => continue,
        };
        // One request may not say that a path is both a file and a directory.
        let prefixes = (1..entry.path.len()).map(|end| &entry.path[..end]);
        if prefixes.into_iter().any(|prefix| placed.contains(prefix)) {
            return Err(bad_object_state());
        }
        place(reader, &mut root, &entry.path, entry.mode, sha).await?;
        placed.insert(entry.path);
    }
    Ok(root)
}

async fn remove(
    reader: &mut ObjectReader,
    root: &mut Directory,
    path: &[String],
) -> Result<(), Refusal> {
    let (name, parents) = path.split_last().ok_or_else(bad_object_state)?;
    let directory = descend(reader, root, parents).await?;
    directory.0.remove(name).ok_or_else(bad_object_state)?;
    Ok(())
}

async fn place(
    reader: &mut ObjectReader,
    root: &mut Directory,
    path: &[String],
    mode: Mode,
    sha: String,
) -> Result<(), Refusal> {
    let (name, parents) = path.split_last().ok_or_else(bad_object_state)?;
    let directory = descend(reader, root, parents).await?;
    match directory.0.get(name) {
        Some(Node::Changed(inner)) if !inner.is_empty() => return Err(bad_object_state()),
        Some(Node::Changed(_) | Node::Object { .. }) | None => {}
    }
    directory.0.insert(name.clone(), Node::Object { mode, sha });
    Ok(())
}

/// Opens the directories on the way, making those that are missing.
async fn descend<'a>(
    reader: &mut ObjectReader,
    root: &'a mut Directory,
    path: &[String],
) -> Result<&'a mut Directory, Refusal> {
    let mut directory = root;
    for name in path {
        let node = directory
            .0
            .entry(name.clone())
            .or_insert_with(|| Node::Changed(Directory::default()));
        let opened = match node {
            Node::Changed(_) => None,
            Node::Object {
                mode: Mode::Directory,
                sha,
            } => Some(read_directory(reader, sha).await?),
            // A file gives way to a directory of its name, as in git's own index.
            Node::Object { .. } => Some(Directory::default()),
        };
        if let Some(opened) = opened {
            *node = Node::Changed(opened);
        }
        directory = match node {
            Node::Changed(inner) => inner,
            Node::Object { .. } => return Err(bad_object_state()),
        };
    }
    Ok(directory)
}

/// Writes children first; none when nothing is left in the directory.
fn write<'a>(
    directory: &'a Directory,
    writer: &'a mut TreeWriter,
) -> BoxFuture<'a, anyhow::Result<Option<String>>> {
    async move {
        let mut lines = Vec::new();
        for (name, node) in &directory.0 {
            let (mode, sha) = match node {
                Node::Object { mode, sha } => (*mode, sha.clone()),
                Node::Changed(inner) => match write(inner, writer).await? {
                    Some(sha) => (Mode::Directory, sha),
                    None => continue,
                },
            };
            let kind = mode.kind().name();
            let line = format!("{} {kind} {sha}\t{name}\0", mode.octal());
            lines.extend(line.into_bytes());
        }
        if lines.is_empty() {
            return Ok(None);
        }
        writer.write(lines).await.map(Some)
    }
    .boxed()
}

/// `git-tree` of the OpenAPI description. `shown` is the id it is asked for by.
async fn listing(
    opened: &Opened,
    shown: &str,
    tree: &str,
    recursive: bool,
) -> Result<Value, Refusal> {
    let mut arguments = vec!["ls-tree", "-l", "-z"];
    if recursive {
        arguments.extend(["-r", "-t"]);
    }
    arguments.push(tree);
    let output = opened.git().run(&arguments, &[]).await?.success()?;
    let output = String::from_utf8(output).context("a path is not UTF-8")?;
    let most = opened.service.faults.listed_max();
    let most = most.unwrap_or(LISTED_ENTRIES_MAX);
    let mut entries = Vec::new();
    let mut bytes = 0;
    let mut truncated = false;
    for line in output.split_terminator('\0') {
        bytes += line.len();
        truncated = entries.len() == most || bytes > LISTED_BYTES_MAX;
        if truncated {
            break;
        }
        entries.push(listed(opened, line).context("git listed a tree differently")?);
    }
    Ok(json!({
        "sha": shown,
        "url": opened.url(&format!("/git/trees/{shown}")),
        "tree": entries,
        "truncated": truncated,
    }))
}

/// One line of `git ls-tree -l`: `<mode> <kind> <sha> <size, padded>\t<path>`.
fn listed(opened: &Opened, line: &str) -> Option<Value> {
    let (meta, path) = line.split_once('\t')?;
    let mut words = meta.split_ascii_whitespace();
    let (mode, kind, sha) = (words.next()?, words.next()?, words.next()?);
    let mut entry = json!({ "path": path, "mode": mode, "type": kind, "sha": sha });
    match ObjectKind::parse(kind)? {
        ObjectKind::Blob => {
            let size: u64 = words.next()?.parse().ok()?;
            entry["size"] = json!(size);
            entry["url"] = json!(opened.url(&format!("/git/blobs/{sha}")));
        }
        ObjectKind::Tree => {
            entry["url"] = json!(opened.url(&format!("/git/trees/{sha}")));
        }
        // A submodule's commit is not here, so it has neither size nor address.
        ObjectKind::Commit | ObjectKind::Tag => {}
    }
    Some(entry)
}
