//! References: reading, creating, and moving with compare-and-swap.

use axum::Json;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use super::commit::ParsedCommit;
use super::git::GitDir;
use super::input::{Input, is_object_id};
use super::objects::{ObjectKind, ObjectReader};
use super::opened::Opened;
use super::refusal::Refusal;
use super::repository::created;
use super::{node_id, pull};

/// How often an update looks again when somebody else moved the branch in between.
const UPDATE_TRIES_MAX: usize = 3;
const NO_OBJECT: &str = "0000000000000000000000000000000000000000";
const BRANCHES: &str = "refs/heads/";
/// Heads of pull requests, which only GitHub moves.
const PULLS: &str = "refs/pull/";

/// A reference and what it points to.
#[derive(Clone, Debug)]
struct Reference {
    name: String,
    sha: String,
    kind: String,
}

pub(super) async fn get_reference(opened: Opened) -> Result<Json<Value>, Refusal> {
    let name = format!("refs/{}", opened.rest);
    let references = list(&opened).await?;
    let found = references
        .iter()
        .find(|reference| reference.name == name)
        .ok_or_else(Refusal::not_found)?;
    Ok(Json(body(&opened, found)))
}

/// Everything that begins with the text, so `heads/feature` finds `heads/feature-2` too.
pub(super) async fn list_matching(opened: Opened) -> Result<Json<Value>, Refusal> {
    let prefix = format!("refs/{}", opened.rest);
    let bodies = list(&opened)
        .await?
        .iter()
        .filter(|reference| reference.name.starts_with(&prefix))
        .map(|reference| body(&opened, reference))
        .collect();
    Ok(Json(Value::Array(bodies)))
}

pub(super) async fn create(opened: Opened, input: Input) -> Result<Response, Refusal> {
    let references = list(&opened).await?;
    input.require(&["ref", "sha"])?;
    let name = input.required_text("ref")?;
    let sha = object_id(&input)?;
    let git = opened.git();
    check_name(&git, name).await?;
    if name.starts_with(PULLS) {
        return Err(Refusal::unprocessable("Reference update failed"));
    }
    let kind = target(&mut ObjectReader::start(&git)?, name, sha).await?;
    if references.iter().any(|reference| reference.name == name) {
        return Err(Refusal::unprocessable("Reference already exists"));
    }
    let arguments = ["update-ref", name, sha, NO_OBJECT];
    if !git.run(&arguments, &[]).await?.is_success() {
        let taken = list(&opened).await?;
        let exists = taken.iter().any(|reference| reference.name == name);
        return Err(Refusal::unprocessable(if exists {
            "Reference already exists"
        } else {
            // `a` and `a/b` cannot both be branches.
            "Reference update failed"
        }));
    }
    pull::follow(&opened.service, opened.record.id).await?;
    let reference = Reference {
        name: name.to_owned(),
        sha: sha.to_owned(),
        kind: kind.name().to_owned(),
    };
    Ok(created(body(&opened, &reference)))
}

pub(super) async fn update(opened: Opened, input: Input) -> Result<Json<Value>, Refusal> {
    let name = format!("refs/{}", opened.rest);
    for _ in 0..UPDATE_TRIES_MAX {
        let references = list(&opened).await?;
        let sha = object_id(&input)?;
        let force = input.flag("force")?.unwrap_or(false);
        let current = references
            .iter()
            .find(|reference| reference.name == name)
            .ok_or_else(|| Refusal::unprocessable("Reference does not exist"))?;
        let git = opened.git();
        let mut reader = ObjectReader::start(&git)?;
        if name.starts_with(PULLS) {
            return Err(Refusal::unprocessable("Reference update failed"));
        }
        let kind = target(&mut reader, &name, sha).await?;
        if !force && !is_fast_forward(&git, &mut reader, current, kind, sha).await? {
            return Err(Refusal::unprocessable("Update is not a fast forward"));
        }
        let arguments = ["update-ref", &name, sha, &current.sha];
        if git.run(&arguments, &[]).await?.is_success() {
            pull::follow(&opened.service, opened.record.id).await?;
            let moved = Reference {
                name: name.clone(),
                sha: sha.to_owned(),
                kind: kind.name().to_owned(),
            };
            return Ok(Json(body(&opened, &moved)));
        }
    }
    let message = format!("Reference {name} is being updated by another request.");
    Err(Refusal::new(StatusCode::CONFLICT, message))
}

/// All references; an empty repository is refused.
async fn list(opened: &Opened) -> Result<Vec<Reference>, Refusal> {
    let format = "--format=%(refname) %(objectname) %(objecttype)";
    let output = opened.git().run(&["for-each-ref", format], &[]).await?;
    let output = output.success()?;
    let references: Vec<Reference> = String::from_utf8_lossy(&output)
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some(Reference {
                name: words.next()?.to_owned(),
                sha: words.next()?.to_owned(),
                kind: words.next()?.to_owned(),
            })
        })
        .collect();
    if references.is_empty() {
        return Err(Refusal::empty_repository());
    }
    Ok(references)
}

fn object_id(input: &Input) -> Result<&str, Refusal> {
    let sha = input.required_text("sha")?;
    if is_object_id(sha) {
        return Ok(sha);
    }
    Err(Refusal::unprocessable(
        "The sha parameter must be exactly 40 characters and contain only [0-9a-f].",
    ))
}

async fn check_name(git: &GitDir<'_>, name: &str) -> Result<(), Refusal> {
    let Some(rest) = name.strip_prefix("refs/") else {
        return Err(Refusal::unprocessable(
            "Reference name must start with 'refs/'.",
        ));
    };
    if !rest.contains('/') {
        return Err(Refusal::unprocessable(
            "Reference name must contain at least three slash-separated components.",
        ));
    }
    let legal = !name.contains('\0')
        && git
            .run(&["check-ref-format", name], &[])
            .await?
            .is_success();
    if !legal {
        return Err(Refusal::unprocessable(format!(
            "{name} is not a valid ref name."
        )));
    }
    Ok(())
}

/// What a reference is to point to: anything that exists, for a branch a commit.
async fn target(reader: &mut ObjectReader, name: &str, sha: &str) -> Result<ObjectKind, Refusal> {
    let kind = reader
        .kind(sha)
        .await?
        .ok_or_else(|| Refusal::unprocessable("Object does not exist"))?;
    if name.starts_with(BRANCHES) && kind != ObjectKind::Commit {
        return Err(Refusal::unprocessable("Reference update failed"));
    }
    Ok(kind)
}

/// The rule concerns commits; other objects have no history and may be replaced.
async fn is_fast_forward(
    git: &GitDir<'_>,
    reader: &mut ObjectReader,
    current: &Reference,
    kind: ObjectKind,
    sha: &str,
) -> anyhow::Result<bool> {
    if current.kind != "commit" || kind != ObjectKind::Commit || current.sha == sha {
        return Ok(true);
    }
    // The usual case needs no walk: the commit was made on top of the branch.
    let bytes = reader.contents(sha).await?;
    let parsed = ParsedCommit::parse(&bytes.unwrap_or_default())?;
    if parsed.parents.contains(&current.sha) {
        return Ok(true);
    }
    let arguments = ["merge-base", "--is-ancestor", &current.sha, sha];
    Ok(git.run(&arguments, &[]).await?.is_success())
}

/// `git-ref` of the OpenAPI description.
fn body(opened: &Opened, reference: &Reference) -> Value {
    let plural = format!("{}s", reference.kind);
    json!({
        "ref": reference.name,
        "node_id": node_id::reference(opened.record.id, &reference.name),
        "url": opened.url(&format!("/git/{}", reference.name)),
        "object": {
            "sha": reference.sha,
            "type": reference.kind,
            "url": opened.url(&format!("/git/{plural}/{}", reference.sha)),
        },
    })
}
