//! GitHub Apps: who they are, where they are installed, and the tokens they are given.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};

use super::account::{Actor, Grant, Reach, account_id};
use super::gate::Caller;
use super::input::Input;
use super::refusal::Refusal;
use super::registry::RepositoryRecord;
use super::repository::created;
use super::{Service, format_time, identity_body, node_id, now, repository_body};

/// How far ahead the end of a JSON web token may lie.
const JWT_SECONDS_MAX: i64 = 600;
/// How far ahead the sender's clock may be.
const CLOCK_SECONDS_MAX: i64 = 60;
/// How long an installation's token is good.
const TOKEN_SECONDS: i64 = 3_600;
/// What `SubjectPublicKeyInfo` puts before an RSA key: the algorithm's identifier, rsaEncryption.
const RSA_IDENTIFIER: [u8; 15] = [
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// A GitHub App.
#[derive(Clone, Debug)]
pub struct App {
    /// Its number, which its JSON web tokens name as `iss`.
    pub id: u64,
    /// Its name in addresses.
    pub slug: String,
    /// Login of the account it belongs to.
    pub owner: String,
    /// Its RSA key: PEM of `PUBLIC KEY` or `RSA PUBLIC KEY`.
    pub public_key: String,
    /// Where it is installed.
    pub installations: Vec<Installation>,
}

/// An App at one account.
#[derive(Clone, Debug)]
pub struct Installation {
    /// Its number.
    pub id: u64,
    /// Login of the person or organisation it is installed for.
    pub account: String,
    /// Names of the repositories it was given; none is all of the account's.
    pub repositories: Option<Vec<String>>,
    /// What it was allowed, by GitHub's names, such as `contents`: `write`.
    pub permissions: BTreeMap<String, String>,
    /// Whether the account has suspended it.
    pub suspended: bool,
}

/// The key in the form that signatures are checked with.
#[derive(Debug)]
pub(super) struct AppKey(Vec<u8>);

impl AppKey {
    pub(super) fn of(app: &App) -> anyhow::Result<Self> {
        let read = || {
            let packed: String = app
                .public_key
                .lines()
                .filter(|line| !line.starts_with("-----"))
                .collect();
            let bytes = STANDARD.decode(packed.trim()).ok()?;
            if app.public_key.contains("BEGIN RSA PUBLIC KEY") {
                return Some(bytes);
            }
            let after = bytes
                .windows(RSA_IDENTIFIER.len())
                .position(|window| window == RSA_IDENTIFIER)?
                + RSA_IDENTIFIER.len();
            // A bit string: its tag, its length, no unused bits, then the key, another sequence.
            let start = bytes
                .get(after..)?
                .windows(2)
                .position(|two| two == [0x00, 0x30])?;
            bytes.get(after + start + 1..).map(<[u8]>::to_vec)
        };
        read()
            .map(Self)
            .with_context(|| format!("the public key of {} is not an RSA key in PEM", app.slug))
    }

    fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.0)
            .verify(signed, signature)
            .is_ok()
    }
}

/// Whether a bearer token is a JSON web token of an App, not one that GitHub handed out.
pub(super) fn is_jwt(token: &str) -> bool {
    token.starts_with("eyJ") && token.split('.').count() == 3
}

/// The App that signed a JSON web token.
pub(super) fn by_jwt(
    service: &Service,
    token: &str,
    now: Timestamp,
) -> Result<Arc<Actor>, Refusal> {
    let refused = |message| Refusal::new(StatusCode::UNAUTHORIZED, message);
    let undecodable = || refused("A JSON web token could not be decoded");
    let (signed, signature) = token.rsplit_once('.').ok_or_else(undecodable)?;
    let (header, claims) = signed.split_once('.').ok_or_else(undecodable)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let parse = |part: &str| -> Option<Value> { serde_json::from_slice(&decode(part)?).ok() };
    let header = parse(header).ok_or_else(undecodable)?;
    let claims = parse(claims).ok_or_else(undecodable)?;
    let signature = decode(signature).ok_or_else(undecodable)?;
    if header["alg"] != "RS256" {
        return Err(undecodable());
    }
    // A number, or since the client ids a text.
    let issuer = &claims["iss"];
    let issuer = issuer
        .as_u64()
        .or_else(|| issuer.as_str().and_then(|text| text.parse().ok()))
        .or_else(|| by_client_id(service, issuer.as_str()?))
        .ok_or_else(|| refused("'Issuer' claim ('iss') must be an Integer"))?;
    let known = service
        .accounts
        .apps
        .iter()
        .find(|(app, _)| app.id == issuer);
    let (app, key) =
        known.ok_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "Integration not found"))?;
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(undecodable());
    }
    let now = now.as_second();
    if claims["iat"]
        .as_i64()
        .is_none_or(|issued| issued > now + CLOCK_SECONDS_MAX)
    {
        return Err(refused(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        ));
    }
    match claims["exp"].as_i64() {
        Some(end) if end > now + JWT_SECONDS_MAX => Err(refused(
            "'Expiration time' claim ('exp') is too far in the future",
        )),
        Some(end) if end > now => Ok(Arc::new(Actor::app(app))),
        Some(_) | None => Err(refused(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        )),
    }
}

fn by_client_id(service: &Service, text: &str) -> Option<u64> {
    let mut apps = service.accounts.apps.iter().map(|(app, _)| app.id);
    apps.find(|id| client_id(*id) == text)
}

fn client_id(app: u64) -> String {
    format!("Iv1.{app:016x}")
}

fn calling<'a>(service: &'a Service, caller: &Caller) -> Result<&'a App, Refusal> {
    let Grant::App { id } = &caller.actor.grant else {
        return Err(caller.actor.not_accessible());
    };
    let known = service.accounts.apps.iter().find(|(app, _)| app.id == *id);
    known.map(|(app, _)| app).ok_or_else(Refusal::not_found)
}

/// `GET /app`
pub(super) async fn get_app(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Refusal> {
    let app = calling(&service, &caller)?;
    let base = &service.base_url;
    let organization = service.accounts.organization(&app.owner).is_some();
    let since = format_time(Timestamp::UNIX_EPOCH);
    let mut permissions = BTreeMap::new();
    for installation in &app.installations {
        permissions.extend(installation.permissions.clone());
    }
    Ok(Json(json!({
        "id": app.id,
        "slug": app.slug,
        "client_id": client_id(app.id),
        "node_id": node_id::app(app.id),
        "owner": identity_body::owner(base, &app.owner, organization),
        "name": app.slug,
        "description": null,
        "external_url": base,
        "html_url": format!("{base}/apps/{}", app.slug),
        "created_at": since,
        "updated_at": since,
        "permissions": permissions,
        "events": [],
        "installations_count": app.installations.len(),
    })))
}

/// `GET /orgs/{org}/installation` and `GET /users/{username}/installation`
pub(super) async fn get_account_installation(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(account): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let app = calling(&service, &caller)?;
    find(&service, app, |installation| {
        installation.account.eq_ignore_ascii_case(&account)
    })
}

/// `GET /repos/{owner}/{repo}/installation`
pub(super) async fn get_repository_installation(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path((owner, repo)): Path<(String, String)>,
) -> Result<Json<Value>, Refusal> {
    let app = calling(&service, &caller)?;
    let record = service
        .registry
        .by_name(&owner, &repo)
        .ok_or_else(Refusal::not_found)?;
    find(&service, app, |installation| {
        installation.account.eq_ignore_ascii_case(&record.owner)
            && covers(installation, &record.name)
    })
}

fn covers(installation: &Installation, repository: &str) -> bool {
    installation.repositories.as_ref().is_none_or(|names| {
        names
            .iter()
            .any(|name| name.eq_ignore_ascii_case(repository))
    })
}

fn find(
    service: &Service,
    app: &App,
    wanted: impl Fn(&Installation) -> bool,
) -> Result<Json<Value>, Refusal> {
    let found = app.installations.iter().find(|one| wanted(one));
    let installation = found.ok_or_else(Refusal::not_found)?;
    let base = &service.base_url;
    let account = &installation.account;
    let organization = service.accounts.organization(account).is_some();
    let since = format_time(Timestamp::UNIX_EPOCH);
    let api = format!("{base}/app/installations/{}", installation.id);
    let owner = identity_body::owner(base, &app.owner, false);
    Ok(Json(json!({
        "id": installation.id,
        "client_id": client_id(app.id),
        "account": identity_body::owner(base, account, organization),
        "repository_selection": selection(&installation.repositories),
        "access_tokens_url": format!("{api}/access_tokens"),
        "repositories_url": format!("{base}/installation/repositories"),
        "html_url": format!("{base}/settings/installations/{}", installation.id),
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": account_id(account),
        "target_type": if organization { "Organization" } else { "User" },
        "permissions": installation.permissions,
        "events": [],
        "created_at": since,
        "updated_at": since,
        "single_file_name": null,
        "suspended_by": if installation.suspended { owner } else { Value::Null },
        "suspended_at": if installation.suspended { json!(since) } else { Value::Null },
    })))
}

fn selection(repositories: &Option<Vec<String>>) -> &'static str {
    match repositories {
        None => "all",
        Some(_) => "selected",
    }
}

/// `POST /app/installations/{installation_id}/access_tokens`
pub(super) async fn create_token(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<u64>,
    input: Input,
) -> Result<Response, Refusal> {
    let app = calling(&service, &caller)?;
    let found = app.installations.iter().find(|one| one.id == id);
    let installation = found.ok_or_else(Refusal::not_found)?;
    if installation.suspended {
        return Err(Refusal::forbidden("This installation has been suspended"));
    }
    let permissions = narrowed_permissions(installation, &input)?;
    let chosen = narrowed_repositories(&service, installation, &input)?;
    let repositories = match &chosen {
        Some(records) => Some(records.iter().map(|one| one.name.clone()).collect()),
        None => installation.repositories.clone(),
    };
    let selection = selection(&repositories);
    let reach = Reach {
        owner: installation.account.clone(),
        repositories,
        permissions: permissions.clone(),
    };
    let token = new_token(app.id)?;
    let expires = now() + SignedDuration::from_secs(TOKEN_SECONDS);
    let actor = Actor::installation(app, reach);
    let mut body = json!({
        "token": token,
        "expires_at": format_time(expires),
        "permissions": permissions,
        "repository_selection": selection,
    });
    if let Some(records) = chosen {
        let base = &service.base_url;
        let shown = records
            .iter()
            .map(|record| repository_body::full(base, record, &actor));
        body["repositories"] = Value::Array(shown.collect());
    }
    service.accounts.mint(&token, actor, expires, now());
    Ok(created(body))
}

fn narrowed_permissions(
    installation: &Installation,
    input: &Input,
) -> Result<BTreeMap<String, String>, Refusal> {
    // As recorded: an empty list asks for everything too.
    let wanted = input
        .object("permissions")?
        .filter(|wanted| !wanted.is_empty());
    let Some(wanted) = wanted else {
        return Ok(installation.permissions.clone());
    };
    let mut permissions = BTreeMap::new();
    for (name, level) in wanted {
        let level = level.as_str().unwrap_or_default();
        let granted = match installation.permissions.get(name).map(String::as_str) {
            Some("write" | "admin") => true,
            Some(held) => held == level,
            None => name == "metadata" && level == "read",
        };
        if !granted {
            return Err(Refusal::unprocessable(
                "The permissions requested are not granted to this installation.",
            ));
        }
        permissions.insert(name.clone(), level.to_owned());
    }
    Ok(permissions)
}

fn narrowed_repositories(
    service: &Service,
    installation: &Installation,
    input: &Input,
) -> Result<Option<Vec<Arc<RepositoryRecord>>>, Refusal> {
    let names = input.list("repositories")?;
    let ids = input.list("repository_ids")?;
    if names.is_none() && ids.is_none() {
        return Ok(None);
    }
    let by_name = names.into_iter().flatten().map(|name| {
        let name = name.as_str().unwrap_or_default();
        service.registry.by_name(&installation.account, name)
    });
    let by_id = ids.into_iter().flatten().map(|id| {
        let record = service.registry.by_id(id.as_u64().unwrap_or_default())?;
        let owned = record.owner.eq_ignore_ascii_case(&installation.account);
        owned.then_some(record)
    });
    by_name
        .chain(by_id)
        .map(|found| {
            found
                .filter(|record| covers(installation, &record.name))
                .ok_or_else(|| {
                    Refusal::unprocessable(
                        "There is at least one repository that does not exist or is not accessible to the parent installation.",
                    )
                })
        })
        .collect::<Result<_, _>>()
        .map(Some)
}

/// In the form of 2026, `ghs_<app>_<JSON web token>`: longer than any fixed column.
fn new_token(app: u64) -> anyhow::Result<String> {
    let mut bytes = [0_u8; 96];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let (head, tail) = bytes.split_at(48);
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let header = encode(br#"{"alg":"ES256","typ":"JWT"}"#);
    Ok(format!(
        "ghs_{app}_{header}.{}.{}",
        encode(head),
        encode(tail)
    ))
}
