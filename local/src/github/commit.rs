//! `POST …/git/commits` and `GET …/git/commits/{sha}`.

use anyhow::Context as _;
use axum::Json;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::git::{GitDir, run};
use super::input::{Input, is_object_id};
use super::objects::{ObjectKind, ObjectReader};
use super::opened::Opened;
use super::refusal::Refusal;
use super::repository::created;
use super::{format_time, node_id, now};

/// Who and when, as git stores it.
#[derive(Clone, Debug)]
pub(super) struct Signature {
    name: String,
    email: String,
    /// Seconds since 1970; the zone is always +0000, whatever the request said (recorded).
    seconds: i64,
}

pub(super) async fn create(opened: Opened, input: Input) -> Result<Response, Refusal> {
    opened.require_commits().await?;
    input.require(&["message", "tree"])?;
    let message = input.required_text("message")?;
    if message.contains('\0') {
        return Err(Refusal::invalid_request("message contains a null byte."));
    }
    if input.value("signature").is_some() {
        return Err(Refusal::unprocessable(
            "The GitHub stand-in does not support signature.",
        ));
    }
    let author = Signature::of(&opened, &input, "author")?;
    let committer = match input.object("committer")? {
        Some(object) => Signature::parse(object)?,
        None => author.clone(),
    };
    let mut reader = ObjectReader::start(&opened.git())?;
    let tree = required_tree(&mut reader, &input).await?;
    let parents = parents(&mut reader, &input).await?;
    let sha = write(&opened.git(), &tree, &parents, &author, &committer, message).await?;
    Ok(created(body(&opened, &mut reader, &sha).await?))
}

/// Writes a commit object and gives its id.
pub(super) async fn write(
    git: &GitDir<'_>,
    tree: &str,
    parents: &[String],
    author: &Signature,
    committer: &Signature,
    message: &str,
) -> Result<String, Refusal> {
    let mut command = git.command(["commit-tree", tree]);
    for parent in parents {
        command.args(["-p", parent]);
    }
    command
        .env("GIT_AUTHOR_NAME", &author.name)
        .env("GIT_AUTHOR_EMAIL", &author.email)
        .env("GIT_AUTHOR_DATE", format!("@{} +0000", author.seconds))
        .env("GIT_COMMITTER_NAME", &committer.name)
        .env("GIT_COMMITTER_EMAIL", &committer.email)
        .env(
            "GIT_COMMITTER_DATE",
            format!("@{} +0000", committer.seconds),
        );
    // Without -m or -F git takes its input as the message, byte for byte.
    let finished = run(command, message.as_bytes()).await?;
    if !finished.is_success() {
        // What is left to refuse is a name that git finds empty once it has cleaned it.
        return Err(Refusal::invalid_request(
            "The author or committer is not valid.",
        ));
    }
    finished.line().map_err(Refusal::from)
}

pub(super) async fn get_commit(opened: Opened) -> Result<Json<Value>, Refusal> {
    opened.require_commits().await?;
    let sha = opened.rest.clone();
    let mut reader = ObjectReader::start(&opened.git())?;
    if !is_object_id(&sha) || reader.kind(&sha).await? != Some(ObjectKind::Commit) {
        return Err(Refusal::not_found());
    }
    Ok(Json(body(&opened, &mut reader, &sha).await?))
}

impl Signature {
    /// What a field says, or the caller now.
    pub(super) fn of(opened: &Opened, input: &Input, field: &str) -> Result<Self, Refusal> {
        if let Some(object) = input.object(field)? {
            return Self::parse(object);
        }
        let actor = &opened.caller.actor;
        Ok(Self {
            name: actor.login.clone(),
            email: actor.email(),
            seconds: now().as_second(),
        })
    }

    fn parse(object: &Map<String, Value>) -> Result<Self, Refusal> {
        let input = Input::from_object(object);
        input.require(&["email", "name"])?;
        let name = input.required_text("name")?.to_owned();
        let email = input.required_text("email")?.to_owned();
        for (field, value) in [("name", &name), ("email", &email)] {
            if value.trim().is_empty() || value.contains('\0') {
                return Err(Refusal::invalid_request(format_args!(
                    "\"{field}\" is not valid."
                )));
            }
        }
        let seconds = match input.text("date")? {
            None => now().as_second(),
            Some(text) => text
                .parse::<Timestamp>()
                .map_err(|_| {
                    Refusal::invalid_request(format_args!(
                        "For 'properties/date', \"{text}\" is not a valid date-time."
                    ))
                })?
                .as_second(),
        };
        if seconds < 0 {
            return Err(Refusal::invalid_request("\"date\" is before 1970."));
        }
        Ok(Self {
            name,
            email,
            seconds,
        })
    }
}

async fn required_tree(reader: &mut ObjectReader, input: &Input) -> Result<String, Refusal> {
    let sha = input.required_text("tree")?;
    let kind = if is_object_id(sha) {
        reader.kind(sha).await?
    } else {
        None
    };
    match kind {
        Some(ObjectKind::Tree) => Ok(sha.to_owned()),
        Some(ObjectKind::Blob | ObjectKind::Commit | ObjectKind::Tag) => {
            Err(Refusal::unprocessable("Tree SHA is not a tree object"))
        }
        None => Err(Refusal::unprocessable("Tree SHA does not exist")),
    }
}

async fn parents(reader: &mut ObjectReader, input: &Input) -> Result<Vec<String>, Refusal> {
    let mut parents = Vec::new();
    for value in input
        .list("parents")?
        .map(Vec::as_slice)
        .unwrap_or_default()
    {
        let sha = value.as_str().unwrap_or_default();
        let known = is_object_id(sha) && reader.kind(sha).await? == Some(ObjectKind::Commit);
        if !known {
            return Err(Refusal::unprocessable(
                "Parent SHA does not exist or is not a commit object",
            ));
        }
        parents.push(sha.to_owned());
    }
    Ok(parents)
}

/// A commit object taken apart.
#[derive(Debug, Default)]
pub(super) struct ParsedCommit {
    tree: String,
    pub(super) parents: Vec<String>,
    author: Value,
    committer: Value,
    message: String,
}

impl ParsedCommit {
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let (head, message) = text.split_once("\n\n").context("a commit has no message")?;
        let mut commit = Self {
            message: message.to_owned(),
            ..Self::default()
        };
        for line in head.lines() {
            match line.split_once(' ') {
                Some(("tree", sha)) => sha.clone_into(&mut commit.tree),
                Some(("parent", sha)) => commit.parents.push(sha.to_owned()),
                Some(("author", text)) => commit.author = parse_signature(text)?,
                Some(("committer", text)) => commit.committer = parse_signature(text)?,
                // Signatures and encodings are not written here.
                Some(_) | None => {}
            }
        }
        Ok(commit)
    }
}

/// `Name <email> seconds zone`, shown in UTC as the API does.
fn parse_signature(text: &str) -> anyhow::Result<Value> {
    let (name, rest) = text.split_once('<').context("a signature has no address")?;
    let (email, date) = rest.split_once("> ").context("a signature has no date")?;
    let seconds = date.split(' ').next().unwrap_or_default().parse()?;
    Ok(json!({
        "name": name.trim_end(),
        "email": email,
        "date": format_time(Timestamp::from_second(seconds)?),
    }))
}

/// `git-commit` of the OpenAPI description, read back from the stored object.
pub(super) async fn body(
    opened: &Opened,
    reader: &mut ObjectReader,
    sha: &str,
) -> anyhow::Result<Value> {
    let bytes = reader.contents(sha).await?.context("a commit is missing")?;
    let commit = ParsedCommit::parse(&bytes)?;
    let page = |sha: &str| {
        let base = &opened.service.base_url;
        format!("{base}/{}/commit/{sha}", opened.record.full_name())
    };
    let api = |sha: &str| opened.url(&format!("/git/commits/{sha}"));
    let parents: Vec<Value> = commit
        .parents
        .iter()
        .map(|sha| json!({ "sha": sha, "url": api(sha), "html_url": page(sha) }))
        .collect();
    Ok(json!({
        "sha": sha,
        "node_id": node_id::commit(opened.record.id, sha),
        "url": api(sha),
        "html_url": page(sha),
        "author": commit.author,
        "committer": commit.committer,
        "tree": {
            "sha": commit.tree,
            "url": opened.url(&format!("/git/trees/{}", commit.tree)),
        },
        "message": commit.message,
        "parents": parents,
        "verification": {
            "verified": false,
            "reason": "unsigned",
            "signature": null,
            "payload": null,
            "verified_at": null,
        },
    }))
}
