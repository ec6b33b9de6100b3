//! The caller and repositories: reading and creating.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::LOCATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::account::Actor;
use super::actions::ActionsRecord;
use super::gate::Caller;
use super::input::Input;
use super::opened::Opened;
use super::refusal::Refusal;
use super::registry::RepositoryRecord;
use super::{Service, identity_body, now, rate_limit, repository_body};

/// GitHub's limit for a name.
const NAME_BYTES_MAX: usize = 100;
/// The branch GitHub names even while a repository has none.
const DEFAULT_BRANCH: &str = "main";
/// Settings that are stored and shown, with what they are when not given.
pub(super) const FLAGS: [(&str, bool); 13] = [
    ("allow_auto_merge", false),
    ("allow_merge_commit", true),
    ("allow_rebase_merge", true),
    ("allow_squash_merge", true),
    ("allow_update_branch", false),
    ("delete_branch_on_merge", false),
    ("has_discussions", false),
    ("has_downloads", true),
    ("has_issues", true),
    ("has_projects", true),
    ("has_wiki", true),
    ("is_template", false),
    ("use_squash_pr_title_as_default", false),
];
pub(super) const CHOICES: [(&str, &str, &[&str]); 4] = [
    (
        "merge_commit_message",
        "PR_TITLE",
        &["PR_BODY", "PR_TITLE", "BLANK"],
    ),
    (
        "merge_commit_title",
        "MERGE_MESSAGE",
        &["PR_TITLE", "MERGE_MESSAGE"],
    ),
    (
        "squash_merge_commit_message",
        "COMMIT_MESSAGES",
        &["PR_BODY", "COMMIT_MESSAGES", "BLANK"],
    ),
    (
        "squash_merge_commit_title",
        "COMMIT_OR_PR_TITLE",
        &["PR_TITLE", "COMMIT_OR_PR_TITLE"],
    ),
];
/// Fields that need data GitHub has and this service has not.
const UNSUPPORTED: [&str; 3] = ["gitignore_template", "license_template", "team_id"];

pub(super) async fn get_user(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Refusal> {
    if !caller.actor.is_person() {
        return Err(caller.actor.not_accessible());
    }
    Ok(Json(identity_body::authenticated(
        &service.base_url,
        &caller.actor,
        &service.registry,
    )))
}

pub(super) async fn get_user_by_name(
    State(service): State<Arc<Service>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let (base, registry) = (&service.base_url, &service.registry);
    if let Some(organization) = service.accounts.organization(&name) {
        let login = &organization.login;
        return Ok(Json(identity_body::public(base, login, true, registry)));
    }
    let person = service.accounts.person(&name);
    let login = person.ok_or_else(Refusal::not_found)?;
    Ok(Json(identity_body::public(base, login, false, registry)))
}

pub(super) async fn get_organization(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let known = service.accounts.organization(&name);
    let known = known.ok_or_else(Refusal::not_found)?;
    service
        .accounts
        .require_sign_on(&caller.actor, &known.login)?;
    let member = caller.actor.organization(&name).is_some();
    let (base, registry) = (&service.base_url, &service.registry);
    Ok(Json(identity_body::organization(
        base, known, member, registry,
    )))
}

pub(super) async fn get_rate_limit(Extension(caller): Extension<Caller>) -> Json<Value> {
    Json(rate_limit::overview(caller.allowance))
}

pub(super) async fn get_repository(opened: Opened) -> Json<Value> {
    let base_url = &opened.service.base_url;
    let actor = &opened.caller.actor;
    Json(repository_body::full(base_url, &opened.record, actor))
}

pub(super) async fn create_for_user(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    input: Input,
) -> Result<Response, Refusal> {
    // Installations stand for nobody who could own it.
    if !caller.actor.is_person() {
        return Err(caller.actor.not_accessible());
    }
    let owner = caller.actor.login.clone();
    create(&service, &caller, &owner, false, &input).await
}

pub(super) async fn create_for_organization(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(organization): Path<String>,
    input: Input,
) -> Result<Response, Refusal> {
    let known = service.accounts.organization(&organization);
    let known = known.ok_or_else(Refusal::not_found)?;
    service
        .accounts
        .require_sign_on(&caller.actor, &known.login)?;
    if caller.actor.is_person() {
        if caller.actor.organization(&organization).is_none() {
            return Err(Refusal::not_found());
        }
        let allowed = if wants_private(&input, true)? {
            known.members_create_private
        } else {
            known.members_create_public
        };
        if !allowed {
            return Err(Refusal::forbidden(
                "You need admin access to the organization before adding a repository to it.",
            ));
        }
    }
    create(&service, &caller, &known.login, true, &input).await
}

async fn create(
    service: &Service,
    caller: &Caller,
    owner: &str,
    organization: bool,
    input: &Input,
) -> Result<Response, Refusal> {
    let actor = &caller.actor;
    let private = wants_private(input, organization)?;
    if let Some(operation) = caller.operation {
        actor.may_create(owner, private, operation)?;
    }
    let name = clean_name(input.required_text("name")?)?;
    let auto_init = input.flag("auto_init")?.unwrap_or(false);
    let record = new_record(owner, organization, name, private, input)?;
    let commit = auto_init.then(|| first_commit(&record, actor));
    let record = store(service, record, commit).await?;
    service.faults.created(record.id);
    let body = repository_body::full(&service.base_url, &record, actor);
    Ok(created(body))
}

/// Gives a repository its number and makes it exist, with what a fast-import stream puts in it.
pub(super) async fn store(
    service: &Service,
    mut record: RepositoryRecord,
    stream: Option<Vec<u8>>,
) -> Result<Arc<RepositoryRecord>, Refusal> {
    // From the look-up to the insertion nobody else may create, or a name could be taken twice.
    let _creation = service.registry.creation().await;
    if service
        .registry
        .by_name(&record.owner, &record.name)
        .is_some()
    {
        return Err(invalid_name("name already exists on this account"));
    }
    record.id = service.registry.next_id();
    initialize(service, &record, stream).await?;
    service.registry.insert(record).map_err(Refusal::from)
}

/// 201 with the body and its own address as `Location`.
pub(super) fn created(body: Value) -> Response {
    let mut headers = HeaderMap::new();
    let address = body.get("url").and_then(Value::as_str);
    if let Some(Ok(address)) = address.map(HeaderValue::from_str) {
        headers.insert(LOCATION, address);
    }
    (StatusCode::CREATED, headers, Json(body)).into_response()
}

async fn initialize(
    service: &Service,
    record: &RepositoryRecord,
    stream: Option<Vec<u8>>,
) -> anyhow::Result<()> {
    let path = service.registry.git_dir(record.id);
    match std::fs::remove_dir_all(&path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let git = service.git.create(path, &record.default_branch).await?;
    if let Some(stream) = stream {
        git.run(&["fast-import", "--quiet", "--done"], &stream)
            .await?
            .success()?;
    }
    Ok(())
}

/// The fast-import stream of a README and "Initial commit", committed by GitHub for the person.
fn first_commit(record: &RepositoryRecord, actor: &Actor) -> Vec<u8> {
    let mut readme = format!("# {}", record.name);
    if let Some(description) = &record.description {
        readme.push('\n');
        readme.push_str(description);
        readme.push('\n');
    }
    let message = "Initial commit";
    let time = record.created_at.as_second();
    format!(
        "commit refs/heads/{branch}\n\
         author {login} <{email}> {time} +0000\n\
         committer GitHub <noreply@github.com> {time} +0000\n\
         data {message_length}\n{message}\n\
         M 100644 inline README.md\n\
         data {readme_length}\n{readme}\n\
         done\n",
        branch = record.default_branch,
        login = actor.login,
        email = actor.email(),
        message_length = message.len(),
        readme_length = readme.len(),
    )
    .into_bytes()
}

fn new_record(
    owner: &str,
    organization: bool,
    name: String,
    private: bool,
    input: &Input,
) -> Result<RepositoryRecord, Refusal> {
    if let Some(field) = UNSUPPORTED
        .iter()
        .find(|field| input.value(field).is_some())
    {
        return Err(Refusal::unprocessable(format!(
            "The GitHub stand-in does not support {field}."
        )));
    }
    let non_empty = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(String::from);
    Ok(RepositoryRecord {
        description: non_empty(input.text("description")?),
        homepage: non_empty(input.text("homepage")?),
        settings: settings(input)?,
        custom_properties: custom_properties(input, organization)?,
        ..plain_record(owner, organization, name, private)
    })
}

/// A repository without a number, with the settings of one that was created without any.
pub(super) fn plain_record(
    owner: &str,
    organization: bool,
    name: String,
    private: bool,
) -> RepositoryRecord {
    let now = now();
    let flags = FLAGS.iter().map(|(name, value)| (*name, json!(value)));
    let choices = CHOICES.iter().map(|(name, value, _)| (*name, json!(value)));
    RepositoryRecord {
        id: 0,
        owner: owner.to_owned(),
        organization,
        name,
        private,
        description: None,
        homepage: None,
        default_branch: DEFAULT_BRANCH.to_owned(),
        settings: flags
            .chain(choices)
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
        custom_properties: Map::new(),
        created_at: now,
        updated_at: now,
        pushed_at: now,
        archived: false,
        topics: Vec::new(),
        pulls: Vec::new(),
        actions: ActionsRecord::default(),
    }
}

fn custom_properties(input: &Input, organization: bool) -> Result<Map<String, Value>, Refusal> {
    if !organization {
        return Ok(Map::new());
    }
    Ok(input
        .object("custom_properties")?
        .cloned()
        .unwrap_or_default())
}

fn settings(input: &Input) -> Result<BTreeMap<String, Value>, Refusal> {
    let mut settings = BTreeMap::new();
    for (name, default) in FLAGS {
        let value = input.flag(name)?.unwrap_or(default);
        settings.insert(name.to_owned(), json!(value));
    }
    for (name, default, allowed) in CHOICES {
        let value = input.text(name)?.unwrap_or(default);
        if !allowed.contains(&value) {
            return Err(Refusal::invalid_request(format_args!(
                "For 'properties/{name}', {value} is not a member of {allowed:?}."
            )));
        }
        settings.insert(name.to_owned(), json!(value));
    }
    Ok(settings)
}

/// `private`, or for organisations `visibility`.
pub(super) fn wants_private(input: &Input, organization: bool) -> Result<bool, Refusal> {
    let private = input.flag("private")?.unwrap_or(false);
    if !organization {
        return Ok(private);
    }
    match input.text("visibility")? {
        None => Ok(private),
        Some("public") => Ok(false),
        Some("private") => Ok(true),
        Some(other) => Err(Refusal::invalid_request(format_args!(
            "For 'properties/visibility', {other} is not a member of [\"public\", \"private\"]."
        ))),
    }
}

/// GitHub keeps `[A-Za-z0-9._-]` and writes one `-` for whatever stands between.
pub(super) fn clean_name(wanted: &str) -> Result<String, Refusal> {
    let mut name = String::with_capacity(wanted.len());
    let mut replaced = false;
    for character in wanted.trim().chars() {
        let legal = character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
        if legal {
            name.push(character);
        } else if !replaced {
            name.push('-');
        }
        replaced = !legal;
    }
    if name.is_empty() {
        return Err(invalid_name("name is too short (minimum is 1 character)"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(invalid_name("name is too long (maximum is 100 characters)"));
    }
    if matches!(name.as_str(), "." | "..") || name.to_ascii_lowercase().ends_with(".git") {
        return Err(invalid_name("name is reserved"));
    }
    Ok(name)
}

fn invalid_name(message: &str) -> Refusal {
    let error = json!({
        "resource": "Repository",
        "code": "custom",
        "field": "name",
        "message": message,
    });
    Refusal::validation("Repository creation failed.", error)
}

#[cfg(test)]
mod tests {
    use super::clean_name;

    #[test]
    fn illegal_characters_become_one_hyphen() {
        for (wanted, name) in [
            ("shop", "shop"),
            ("My Shop!", "My-Shop-"),
            ("a/b  c", "a-b-c"),
            ("läden_2.0", "l-den_2.0"),
        ] {
            assert_eq!(clean_name(wanted).unwrap(), name);
        }
        assert!(clean_name("  ").is_err());
        assert!(clean_name("..").is_err());
        assert!(clean_name("x.git").is_err());
        assert!(clean_name(&"x".repeat(101)).is_err());
    }
}
