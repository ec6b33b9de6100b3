//! Reading objects through one `git cat-file --batch-command` process a request, and writing blobs
//! and trees in bulk.

use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::git::GitDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Blob,
    Tree,
    Commit,
    Tag,
}

impl ObjectKind {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "blob" => Some(Self::Blob),
            "tree" => Some(Self::Tree),
            "commit" => Some(Self::Commit),
            "tag" => Some(Self::Tag),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Blob => "blob",
            Self::Tree => "tree",
            Self::Commit => "commit",
            Self::Tag => "tag",
        }
    }
}

/// What git knows of a name.
#[derive(Clone, Debug)]
pub(super) struct ObjectInfo {
    pub(super) sha: String,
    pub(super) kind: ObjectKind,
    pub(super) size: usize,
}

/// A git process answering one line for each line it gets.
#[derive(Debug)]
struct Dialogue {
    /// Held so that dropping the dialogue ends the process.
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Dialogue {
    fn start(git: &GitDir<'_>, arguments: &[&str]) -> anyhow::Result<Self> {
        let mut command = git.command(arguments);
        command.stderr(Stdio::null());
        let mut child = command.spawn().context("start git")?;
        let stdin = child.stdin.take().context("git has no input")?;
        let stdout = child.stdout.take().context("git has no output")?;
        Ok(Self {
            _child: child,
            stdin,
            stdout: BufReader::new(stdout),
        })
    }

    async fn ask(&mut self, question: &[u8]) -> anyhow::Result<String> {
        self.stdin.write_all(question).await.context("ask git")?;
        let mut line = String::new();
        let read = self.stdout.read_line(&mut line).await?;
        anyhow::ensure!(read > 0, "git ended without an answer");
        Ok(line.trim_end().to_owned())
    }
}

#[derive(Debug)]
pub(super) struct ObjectReader(Dialogue);

impl ObjectReader {
    pub(super) fn start(git: &GitDir<'_>) -> anyhow::Result<Self> {
        Dialogue::start(git, &["cat-file", "--batch-command"]).map(Self)
    }

    /// Looks a name up. The caller has checked that it is an id or a plain reference name.
    pub(super) async fn info(&mut self, name: &str) -> anyhow::Result<Option<ObjectInfo>> {
        let line = self.0.ask(format!("info {name}\n").as_bytes()).await?;
        Ok(parse_info(&line))
    }

    /// The kind of an object, none when it is missing.
    pub(super) async fn kind(&mut self, sha: &str) -> anyhow::Result<Option<ObjectKind>> {
        Ok(self.info(sha).await?.map(|info| info.kind))
    }

    /// The bytes of an object.
    pub(super) async fn contents(&mut self, sha: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let line = self.0.ask(format!("contents {sha}\n").as_bytes()).await?;
        let Some(info) = parse_info(&line) else {
            return Ok(None);
        };
        // One line feed follows the contents.
        let mut bytes = vec![0; info.size + 1];
        self.0.stdout.read_exact(&mut bytes).await?;
        bytes.truncate(info.size);
        Ok(Some(bytes))
    }
}

fn parse_info(line: &str) -> Option<ObjectInfo> {
    let mut words = line.split(' ');
    let sha = words.next()?.to_owned();
    let kind = ObjectKind::parse(words.next()?)?;
    let size = words.next()?.parse().ok()?;
    Some(ObjectInfo { sha, kind, size })
}

/// Writes trees, children before parents, through one `git mktree --batch` process.
#[derive(Debug)]
pub(super) struct TreeWriter(Dialogue);

impl TreeWriter {
    pub(super) fn start(git: &GitDir<'_>) -> anyhow::Result<Self> {
        Dialogue::start(git, &["mktree", "--batch", "-z"]).map(Self)
    }

    /// Writes one tree from lines `<mode> <kind> <sha>\t<name>\0` and gives its id.
    pub(super) async fn write(&mut self, mut lines: Vec<u8>) -> anyhow::Result<String> {
        lines.push(0);
        self.0.ask(&lines).await.context("write a tree")
    }
}

/// Writes many blobs in one process and gives their ids in order.
pub(super) async fn write_blobs(git: &GitDir<'_>, blobs: &[&[u8]]) -> anyhow::Result<Vec<String>> {
    if blobs.is_empty() {
        return Ok(Vec::new());
    }
    let mut stream = Vec::with_capacity(blobs.iter().map(|blob| blob.len() + 48).sum());
    for (index, blob) in blobs.iter().enumerate() {
        let mark = index + 1;
        stream.extend(format!("blob\nmark :{mark}\ndata {}\n", blob.len()).into_bytes());
        stream.extend(*blob);
        stream.extend(format!("\nget-mark :{mark}\n").into_bytes());
    }
    stream.extend(b"done\n");
    let output = git
        .run(&["fast-import", "--quiet", "--done"], &stream)
        .await?;
    let text = String::from_utf8(output.success()?).context("git did not print ids")?;
    let ids: Vec<String> = text.lines().map(ToOwned::to_owned).collect();
    anyhow::ensure!(ids.len() == blobs.len(), "git wrote {} blobs", ids.len());
    Ok(ids)
}
