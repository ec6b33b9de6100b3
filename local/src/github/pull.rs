//! Pull requests between branches of one repository.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::Query;
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use http::{HeaderValue, StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::git::GitDir;
use super::input::Input;
use super::merge;
use super::opened::Opened;
use super::pull_body;
use super::refusal::Refusal;
use super::registry::RepositoryRecord;
use super::repository::created;
use super::{Service, now};

/// GitHub's limits, in characters.
const TITLE_MAX: usize = 256;
const BODY_MAX: usize = 65_536;
/// Limits of a page of a list.
pub(super) const PAGE_DEFAULT: usize = 30;
pub(super) const PAGE_MAX: usize = 100;

/// One pull request. Its number is its place among the repository's, from 1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct PullRecord {
    pub(super) number: u64,
    pub(super) title: String,
    pub(super) body: Option<String>,
    pub(super) open: bool,
    pub(super) draft: bool,
    /// Branches of this repository.
    pub(super) head: String,
    pub(super) base: String,
    /// What the branches pointed to while the pull request was open.
    pub(super) head_sha: String,
    pub(super) base_sha: String,
    pub(super) author: String,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) closed_at: Option<Timestamp>,
    pub(super) merged_at: Option<Timestamp>,
    pub(super) merged_by: Option<String>,
    pub(super) merge_commit_sha: Option<String>,
}

impl PullRecord {
    pub(super) fn merge(&mut self, sha: String, by: &str, now: Timestamp) {
        self.open = false;
        self.merged_at = Some(now);
        self.closed_at = Some(now);
        self.updated_at = now;
        self.merged_by = Some(by.to_owned());
        self.merge_commit_sha = Some(sha);
    }

    pub(super) fn close(&mut self, now: Timestamp) {
        self.open = false;
        self.closed_at = Some(now);
        self.updated_at = now;
    }
}

pub(super) async fn create(opened: Opened, input: Input) -> Result<Response, Refusal> {
    if input.value("issue").is_some() {
        return Err(Refusal::unprocessable(
            "The GitHub stand-in does not support issue.",
        ));
    }
    let title = input.text("title")?.unwrap_or_default().to_owned();
    if title.trim().is_empty() {
        return Err(invalid("title", "missing_field"));
    }
    let body = input.text("body")?.map(ToOwned::to_owned);
    check_texts(Some(&title), body.as_deref())?;
    let owner = &opened.record.owner;
    let head = branch_name(input.required_text("head")?, owner);
    let base = input.required_text("base")?.to_owned();
    let git = opened.git();
    let head_sha = match head {
        Some(head) => merge::tip(&git, head).await?,
        None => None,
    };
    let base_sha = merge::tip(&git, &base).await?;
    let (Some(head), Some(head_sha), Some(base_sha)) = (head, &head_sha, &base_sha) else {
        let mut errors = Vec::new();
        for (field, found) in [("head", head_sha.is_some()), ("base", base_sha.is_some())] {
            if !found {
                errors
                    .push(json!({ "resource": "PullRequest", "field": field, "code": "invalid" }));
            }
        }
        return Err(Refusal::validations("Validation Failed", errors));
    };
    check_history(&git, (head, head_sha), (&base, base_sha)).await?;
    let time = now();
    let pull = PullRecord {
        number: 0,
        title,
        body,
        open: true,
        draft: input.flag("draft")?.unwrap_or(false),
        head: head.to_owned(),
        base,
        head_sha: head_sha.clone(),
        base_sha: base_sha.clone(),
        author: opened.caller.actor.login.clone(),
        created_at: time,
        updated_at: time,
        closed_at: None,
        merged_at: None,
        merged_by: None,
        merge_commit_sha: None,
    };
    let pull = opened.service.registry.edit(opened.record.id, |record| {
        refuse_second(record, &pull)?;
        let mut pull = pull;
        pull.number = record
            .pulls
            .iter()
            .map(|pull| pull.number)
            .max()
            .unwrap_or(0)
            + 1;
        record.pulls.push(pull.clone());
        Ok(pull)
    })?;
    show_head(&git, &pull).await?;
    Ok(created(pull_body::full(&opened, &pull).await?))
}

/// One open pull request at a time leads from a branch to another.
fn refuse_second(record: &RepositoryRecord, wanted: &PullRecord) -> Result<(), Refusal> {
    let second = record.pulls.iter().any(|pull| {
        pull.open
            && pull.number != wanted.number
            && pull.head == wanted.head
            && pull.base == wanted.base
    });
    if second {
        return Err(custom(format!(
            "A pull request already exists for {}:{}.",
            record.owner, wanted.head
        )));
    }
    Ok(())
}

async fn check_history(
    git: &GitDir<'_>,
    (head, head_sha): (&str, &str),
    (base, base_sha): (&str, &str),
) -> Result<(), Refusal> {
    if merge::contains(git, base_sha, head_sha).await? {
        return Err(custom(format!("No commits between {base} and {head}")));
    }
    if merge::base(git, base_sha, head_sha).await?.is_none() {
        return Err(custom(format!(
            "The {head} branch has no history in common with {base}"
        )));
    }
    Ok(())
}

/// `branch` or `owner:branch`; there are no forks, so another owner has no branches.
fn branch_name<'a>(head: &'a str, owner: &str) -> Option<&'a str> {
    match head.split_once(':') {
        None => Some(head),
        Some((of, branch)) => of.eq_ignore_ascii_case(owner).then_some(branch),
    }
}

fn check_texts(title: Option<&str>, body: Option<&str>) -> Result<(), Refusal> {
    for (field, text, most) in [("title", title, TITLE_MAX), ("body", body, BODY_MAX)] {
        if text.is_some_and(|text| text.chars().count() > most) {
            let error = json!({
                "resource": "Issue",
                "code": "custom",
                "field": field,
                "message": format!("{field} is too long (maximum is {most} characters)"),
            });
            return Err(Refusal::validation("Validation Failed", error));
        }
    }
    Ok(())
}

fn custom(message: String) -> Refusal {
    let error = json!({ "resource": "PullRequest", "code": "custom", "message": message });
    Refusal::validation("Validation Failed", error)
}

fn invalid(field: &str, code: &str) -> Refusal {
    let error = json!({ "resource": "PullRequest", "field": field, "code": code });
    Refusal::validation("Validation Failed", error)
}

pub(super) async fn list(
    opened: Opened,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Refusal> {
    let text = |name: &str| query.get(name).map(String::as_str);
    let wanted = match text("state") {
        None | Some("open") => Some(true),
        Some("closed") => Some(false),
        Some("all") => None,
        Some(_) => return Err(invalid("state", "invalid")),
    };
    // As GitHub: a head without its owner is no filter.
    let head = text("head").and_then(|head| head.split_once(':'));
    let owner = &opened.record.owner;
    let mut pulls: Vec<&PullRecord> = opened
        .record
        .pulls
        .iter()
        .filter(|pull| wanted.is_none_or(|open| pull.open == open))
        .filter(|pull| text("base").is_none_or(|base| pull.base == base))
        .filter(|pull| {
            head.is_none_or(|(of, branch)| of.eq_ignore_ascii_case(owner) && pull.head == branch)
        })
        .collect();
    if text("sort") == Some("updated") {
        pulls.sort_by_key(|pull| (pull.updated_at, pull.number));
    }
    let by_creation = matches!(text("sort"), None | Some("created"));
    let ascending = match text("direction") {
        Some(direction) => direction == "asc",
        None => !by_creation,
    };
    if !ascending {
        pulls.reverse();
    }
    let page = Page::of(&query, pulls.len());
    let bodies: Vec<Value> = pulls
        .into_iter()
        .skip(page.skipped())
        .take(page.size)
        .map(|pull| pull_body::simple(&opened, pull))
        .collect();
    Ok(page.answer(&opened.url("/pulls"), &query, Json(bodies)))
}

/// Which part of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    number: usize,
    size: usize,
    last: usize,
}

impl Page {
    pub(super) fn of(query: &BTreeMap<String, String>, total: usize) -> Self {
        let count = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let size = count("per_page").unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
        Self {
            number: count("page").unwrap_or(1).max(1),
            size,
            last: total.div_ceil(size).max(1),
        }
    }

    pub(super) fn skipped(self) -> usize {
        (self.number - 1).saturating_mul(self.size)
    }

    pub(super) fn size(self) -> usize {
        self.size
    }

    /// The answer with the addresses of other pages in `link`.
    pub(super) fn answer(
        self,
        address: &str,
        query: &BTreeMap<String, String>,
        body: Json<impl Serialize>,
    ) -> Response {
        let to = |number: usize, name: &str| {
            let mut query = query.clone();
            query.insert("page".to_owned(), number.to_string());
            let pairs: Vec<String> = query
                .iter()
                .map(|(key, value)| {
                    let encode = |text| {
                        percent_encoding::utf8_percent_encode(
                            text,
                            percent_encoding::NON_ALPHANUMERIC,
                        )
                    };
                    format!("{key}={}", encode(value.as_str()))
                })
                .collect();
            format!("<{address}?{}>; rel=\"{name}\"", pairs.join("&"))
        };
        let mut links = Vec::new();
        if self.number > 1 {
            links.push(to(self.number - 1, "prev"));
            links.push(to(1, "first"));
        }
        if self.number < self.last {
            links.push(to(self.number + 1, "next"));
            links.push(to(self.last, "last"));
        }
        let mut response = body.into_response();
        if let (false, Ok(links)) = (links.is_empty(), HeaderValue::from_str(&links.join(", "))) {
            response.headers_mut().insert(LINK, links);
        }
        response
    }
}

pub(super) async fn get_pull(opened: Opened) -> Result<Json<Value>, Refusal> {
    let pull = find(&opened)?;
    Ok(Json(pull_body::full(&opened, &pull).await?))
}

/// The pull request whose number is in the path.
pub(super) fn find(opened: &Opened) -> Result<PullRecord, Refusal> {
    let number: u64 = opened.rest.parse().map_err(|_| Refusal::not_found())?;
    let mut pulls = opened.record.pulls.iter();
    pulls
        .find(|pull| pull.number == number)
        .cloned()
        .ok_or_else(Refusal::not_found)
}

pub(super) async fn update(opened: Opened, input: Input) -> Result<Json<Value>, Refusal> {
    let found = find(&opened)?;
    let title = input.text("title")?.map(ToOwned::to_owned);
    let body = input.text("body")?.map(ToOwned::to_owned);
    check_texts(title.as_deref(), body.as_deref())?;
    let base = match input.text("base")? {
        Some(base) if base != found.base => {
            let tip = merge::tip(&opened.git(), base).await?;
            Some((
                base.to_owned(),
                tip.ok_or_else(|| invalid("base", "invalid"))?,
            ))
        }
        Some(_) | None => None,
    };
    let open = input.text("state")?.map(|state| state == "open");
    let reopens = open == Some(true) && !found.open;
    let has_head = merge::tip(&opened.git(), &found.head).await?.is_some();
    if reopens && (found.merged_at.is_some() || !has_head) {
        let why = if has_head {
            "The pull request cannot be reopened.".to_owned()
        } else {
            format!("The {} branch has been deleted.", found.head)
        };
        return Err(custom(format!("state cannot be changed. {why}")));
    }
    let time = now();
    let pull = opened.service.registry.edit(opened.record.id, |record| {
        let mut changed = found.clone();
        if let Some(title) = title {
            changed.title = title;
        }
        if let Some(body) = body {
            changed.body = Some(body);
        }
        if let Some((base, sha)) = base {
            changed.base = base;
            changed.base_sha = sha;
        }
        match open {
            Some(true) if !changed.open => {
                changed.open = true;
                changed.closed_at = None;
            }
            Some(false) if changed.open => changed.close(time),
            Some(_) | None => {}
        }
        changed.updated_at = time;
        if changed.open {
            refuse_second(record, &changed)?;
        }
        replace(record, &changed);
        Ok(changed)
    })?;
    if reopens {
        follow(&opened.service, opened.record.id).await?;
    }
    Ok(Json(pull_body::full(&opened, &pull).await?))
}

fn replace(record: &mut RepositoryRecord, changed: &PullRecord) {
    for pull in &mut record.pulls {
        if pull.number == changed.number {
            *pull = changed.clone();
        }
    }
}

pub(super) async fn merge_pull(opened: Opened, input: Input) -> Result<Json<Value>, Refusal> {
    let pull = find(&opened)?;
    if let Some(sha) = input.text("sha")?
        && sha != pull.head_sha
    {
        let message = "Head branch was modified. Review and try the merge again.";
        return Err(Refusal::new(StatusCode::CONFLICT, message));
    }
    let squash = match input.text("merge_method")? {
        None | Some("merge") => false,
        Some("squash") => true,
        Some(_) => {
            return Err(Refusal::unprocessable(
                "The GitHub stand-in merges with merge and squash only.",
            ));
        }
    };
    let actor = &opened.caller.actor;
    let who = (actor.login.as_str(), actor.email());
    let sha = merge::perform(&opened.service, &opened.record, &pull, squash, who).await?;
    Ok(Json(json!({
        "sha": sha,
        "merged": true,
        "message": "Pull Request successfully merged",
    })))
}

/// `refs/pull/<number>/head`, which anybody can fetch.
async fn show_head(git: &GitDir<'_>, pull: &PullRecord) -> anyhow::Result<()> {
    let name = format!("refs/pull/{}/head", pull.number);
    let output = git.run(&["update-ref", &name, &pull.head_sha], &[]).await?;
    output.success().map(drop)
}

/// After branches moved: notes the time and lets open pull requests follow. One whose branch is
/// gone is closed; one whose commits came into its base is merged.
pub(super) async fn follow(service: &Service, id: u64) -> anyhow::Result<()> {
    let git = service.git.open(service.registry.git_dir(id));
    let Some(record) = service.registry.by_id(id) else {
        return Ok(());
    };
    let time = now();
    let mut moved = Vec::new();
    for pull in record.pulls.iter().filter(|pull| pull.open) {
        let mut next = pull.clone();
        let head = merge::tip(&git, &pull.head).await?;
        let base = merge::tip(&git, &pull.base).await?;
        let (Some(head), Some(base)) = (head, base) else {
            next.close(time);
            moved.push(next);
            continue;
        };
        if head == pull.head_sha && base == pull.base_sha {
            continue;
        }
        let included = merge::contains(&git, &base, &head).await?;
        if included && head == pull.head_sha {
            next.merge(base.clone(), &pull.author, time);
        } else if included {
            next.close(time);
        }
        next.head_sha = head;
        // A finished pull request keeps showing what it was about.
        if next.open {
            next.base_sha = base;
        }
        next.updated_at = time;
        show_head(&git, &next).await?;
        moved.push(next);
    }
    let edited = service.registry.edit(id, |record| {
        record.pushed_at = time;
        record.updated_at = time;
        for pull in &moved {
            replace(record, pull);
        }
        Ok(())
    });
    edited.map_err(Refusal::into_error)
}
