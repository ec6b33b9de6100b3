//! `PATCH /repos/{owner}/{repo}`, topics, and the small readings of a repository.

use axum::Json;
use serde_json::{Value, json};

use super::input::Input;
use super::merge;
use super::opened::Opened;
use super::refusal::Refusal;
use super::repository::{CHOICES, FLAGS, clean_name, wants_private};
use super::{now, repository_body};

/// GitHub's limits.
const TOPICS_MAX: usize = 20;
const TOPIC_BYTES_MAX: usize = 50;

pub(super) async fn update(opened: Opened, input: Input) -> Result<Json<Value>, Refusal> {
    let archived = input.flag("archived")?;
    if opened.record.archived && archived != Some(false) {
        return Err(Refusal::archived());
    }
    let name = input.text("name")?.map(clean_name).transpose()?;
    let private = match input.value("private").or_else(|| input.value("visibility")) {
        Some(_) => Some(wants_private(&input, true)?),
        None => None,
    };
    let text = |name: &str| -> Result<Option<Option<String>>, Refusal> {
        let text = input.text(name)?.map(ToOwned::to_owned);
        Ok(text.map(|text| Some(text).filter(|text| !text.is_empty())))
    };
    let (description, homepage) = (text("description")?, text("homepage")?);
    let branch = default_branch(&opened, &input).await?;
    let registry = &opened.service.registry;
    // Names are given out one at a time.
    let _creation = registry.creation().await;
    if let Some(name) = &name {
        let other = registry.by_name(&opened.record.owner, name);
        if other.is_some_and(|other| other.id != opened.record.id) {
            let error = json!({
                "resource": "Repository",
                "code": "custom",
                "field": "name",
                "message": "name already exists on this account",
            });
            return Err(Refusal::validation("Validation Failed", error));
        }
    }
    let record = registry.edit(opened.record.id, |record| {
        if let Some(name) = name {
            record.name = name;
        }
        if let Some(private) = private {
            record.private = private;
        }
        if let Some(description) = description {
            record.description = description;
        }
        if let Some(homepage) = homepage {
            record.homepage = homepage;
        }
        if let Some(branch) = branch {
            record.default_branch = branch;
        }
        if let Some(archived) = archived {
            record.archived = archived;
        }
        let flags = FLAGS.iter().map(|(name, _)| *name);
        for name in flags.chain(CHOICES.iter().map(|(name, _, _)| *name)) {
            if let Some(value) = input.value(name) {
                record.settings.insert(name.to_owned(), value.clone());
            }
        }
        record.updated_at = now();
        Ok(record.clone())
    })?;
    let base = &opened.service.base_url;
    let actor = &opened.caller.actor;
    Ok(Json(repository_body::full(base, &record, actor)))
}

/// The wanted default branch, which must be there; git's own `HEAD` follows.
async fn default_branch(opened: &Opened, input: &Input) -> Result<Option<String>, Refusal> {
    let Some(branch) = input.text("default_branch")? else {
        return Ok(None);
    };
    if opened.require_commits().await.is_err() {
        return Err(Refusal::unprocessable(
            "Cannot update default branch for an empty repository. Please init the repository and push first.",
        ));
    }
    let git = opened.git();
    if merge::tip(&git, branch).await?.is_none() {
        let error = json!({
            "resource": "Repository",
            "code": "invalid",
            "field": "default_branch",
            "message": format!("The branch {branch} was not found. Please push that ref first or create it via the Git Data API."),
        });
        return Err(Refusal::validation("Validation Failed", error));
    }
    let name = format!("refs/heads/{branch}");
    let pointed = git.run(&["symbolic-ref", "HEAD", &name], &[]).await?;
    pointed.success()?;
    Ok(Some(branch.to_owned()))
}

pub(super) async fn get_topics(opened: Opened) -> Json<Value> {
    Json(json!({ "names": opened.record.topics }))
}

pub(super) async fn replace_topics(opened: Opened, input: Input) -> Result<Json<Value>, Refusal> {
    input.require(&["names"])?;
    let mut names = Vec::new();
    for value in input.list("names")?.into_iter().flatten() {
        let name = value.as_str().unwrap_or_default().to_lowercase();
        if !is_topic(&name) {
            return Err(refused_topics(
                "Topics must start with a lowercase letter or number, consist of 50 characters or less, and can include hyphens.",
            ));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    if names.len() > TOPICS_MAX {
        return Err(refused_topics("Repositories can only have 20 topics."));
    }
    opened.service.registry.edit(opened.record.id, |record| {
        record.topics.clone_from(&names);
        record.updated_at = now();
        Ok(())
    })?;
    Ok(Json(json!({ "names": names })))
}

fn refused_topics(message: &str) -> Refusal {
    Refusal::validation("Validation Failed", json!(message))
}

fn is_topic(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= TOPIC_BYTES_MAX
        && name.bytes().next().is_some_and(legal)
        && name.bytes().all(|byte| legal(byte) || byte == b'-')
}

/// Every repository here is of this kind.
pub(super) async fn get_hash_algorithm(_: Opened) -> Json<Value> {
    Json(json!({ "hash_algorithm": "sha1" }))
}
