//! Proxy rules: which domain shows which site or calls which function.
//!
//! Every domain here ends in `.localhost`, which browsers resolve to this machine.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use rusqlite::{Connection, OptionalExtension as _};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::auth::Caller;
use crate::error::ApiError;
use crate::functions::Functions;
use crate::functions::listing::{self, Listing, Source};
use crate::hosting;
use crate::kernel::Kernel;
use crate::sites::site;
use crate::store::Writer;
use crate::{clock, ids};

/// Tables of this module.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS rules (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    domain TEXT NOT NULL UNIQUE,
    -- Of the site or function.
    site_id TEXT NOT NULL COLLATE NOCASE,
    document TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS rules_by_site ON rules (site_id);
";

/// What all domains end in.
pub const DOMAIN_SUFFIX: &str = ".localhost";
/// What the domains of single deployments, and those that the CLI makes for sites, end in.
pub(crate) const SITE_DOMAINS: &str = "sites.localhost";
/// What the domains that the CLI makes for functions end in.
pub(crate) const FUNCTION_DOMAINS: &str = "functions.localhost";
/// Longest domain, in characters.
const DOMAIN_CHARS_MAX: usize = 253;
/// Longest part of a domain between dots.
const LABEL_CHARS_MAX: usize = 63;
/// Hex digits of a rule's id.
const ID_DIGITS: usize = 32;

/// What a list may be filtered and ordered by (Appwrite 1.9.6).
const ATTRIBUTES: &[&str] = &[
    "$id",
    "$sequence",
    "$createdAt",
    "$updatedAt",
    "domain",
    "type",
    "trigger",
    "deploymentResourceType",
    "deploymentResourceId",
    "deploymentId",
    "deploymentVcsProviderBranch",
];

/// The routes.
pub fn router() -> Router<Arc<Kernel>> {
    Router::new()
        .route("/v1/proxy/rules", get(list))
        .route("/v1/proxy/rules/site", post(create_for_site))
        .route("/v1/proxy/rules/function", post(create_for_function))
        .route("/v1/proxy/rules/{rule}", get(show).delete(delete))
}

async fn list(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rules.read")?;
    let listing = Listing::parse(query.as_deref(), ATTRIBUTES)?;
    let work = move |db: &mut Writer| {
        let source = Source {
            table: "rules",
            scope: Vec::new(),
            readers: None,
        };
        let (total, rules) = listing::page(db, &source, &listing)?;
        Ok(json!({"total": total, "rules": rules}))
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn create_for_site(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    create(&kernel, &caller, &body, Kind::Site).await
}

async fn create_for_function(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    create(&kernel, &caller, &body, Kind::Function).await
}

async fn create(
    kernel: &Kernel,
    caller: &Caller,
    body: &Bytes,
    kind: Kind,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require_scope("rules.write")?;
    let parameters: Map<String, Value> = serde_json::from_slice(body).unwrap_or_default();
    let required = |name: &str| {
        let text = parameters
            .get(name)
            .and_then(Value::as_str)
            .map(str::to_owned);
        text.ok_or_else(|| ApiError::argument(format!("Param \"{name}\" is not optional.")))
    };
    let domain = required("domain")?.to_ascii_lowercase();
    let id = required(kind.parameter())?;
    let branch = parameters
        .get("branch")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    check_domain(&domain)?;
    if hosting::is_reserved(kernel, &domain) {
        return Err(taken());
    }
    let functions = match kind {
        Kind::Site => None,
        Kind::Function => Some(Functions::of(kernel)?),
    };
    let work = move |db: &mut Writer| {
        let (id, deployment_id) = match functions {
            None => {
                let site = site::find(db, &id)?.ok_or_else(no_resource)?;
                (site.id, site.active.map(|active| active.id))
            }
            Some(functions) => {
                let function = functions.get(&id).map_err(|_| no_resource())?;
                (function.id.clone(), Some(function.deployment_id.clone()))
            }
        };
        insert(
            db,
            &Rule {
                domain,
                kind,
                id,
                deployment_id: deployment_id.unwrap_or_default(),
                trigger: "manual",
                branch,
            },
        )
    };
    Ok((StatusCode::CREATED, Json(kernel.store.run(work).await?)))
}

async fn show(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    caller.require_scope("rules.read")?;
    let work = move |db: &mut Writer| {
        let text: Option<String> = db
            .prepare_cached("SELECT document FROM rules WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?;
        Ok(serde_json::from_str(&text.ok_or_else(not_found)?)?)
    };
    Ok(Json(kernel.store.run(work).await?))
}

async fn delete(
    State(kernel): State<Arc<Kernel>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.require_scope("rules.write")?;
    let work = move |db: &mut Writer| Ok(db.execute("DELETE FROM rules WHERE id = ?1", [id])?);
    match kernel.store.run(work).await? {
        0 => Err(not_found()),
        _ => Ok(StatusCode::NO_CONTENT),
    }
}

/// What a domain leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Site,
    Function,
}

impl Kind {
    /// Its word in a rule's `deploymentResourceType`.
    fn word(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Function => "function",
        }
    }

    /// The parameter that names it.
    fn parameter(self) -> &'static str {
        match self {
            Self::Site => "siteId",
            Self::Function => "functionId",
        }
    }
}

/// A rule that is about to be made.
struct Rule {
    domain: String,
    kind: Kind,
    id: String,
    deployment_id: String,
    /// `manual` for a rule that follows the active deployment, `deployment` for a fixed one.
    trigger: &'static str,
    branch: String,
}

fn insert(db: &Connection, rule: &Rule) -> Result<Value, ApiError> {
    let now = clock::format(clock::now());
    let mut id = ids::hex(&Sha256::digest(rule.domain.as_bytes()));
    id.truncate(ID_DIGITS);
    // Key set as recorded from Appwrite 1.9.6.
    let json = json!({
        "$id": id,
        "$createdAt": now,
        "$updatedAt": now,
        "domain": rule.domain,
        "type": "deployment",
        "trigger": rule.trigger,
        "redirectUrl": "",
        "redirectStatusCode": 301,
        "deploymentId": rule.deployment_id,
        "deploymentResourceType": rule.kind.word(),
        "deploymentResourceId": rule.id,
        "deploymentVcsProviderBranch": rule.branch,
        "status": "verified",
        "logs": "",
        "renewAt": "",
    });
    let added = db.execute(
        "INSERT INTO rules (id, domain, site_id, document) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO NOTHING",
        (&id, &rule.domain, &rule.id, json.to_string()),
    )?;
    if added == 1 { Ok(json) } else { Err(taken()) }
}

/// Adds the rule of a site's single deployment, as every deployment gets one.
pub(crate) fn add_preview(db: &Connection, site_id: &str, id: &str) -> Result<(), ApiError> {
    insert(
        db,
        &Rule {
            domain: format!("{}.{SITE_DOMAINS}", ids::unique()),
            kind: Kind::Site,
            id: site_id.to_owned(),
            deployment_id: id.to_owned(),
            trigger: "deployment",
            branch: String::new(),
        },
    )
    .map(drop)
}

/// Points the rules that follow the active deployment to it.
pub(crate) fn follow(
    db: &Connection,
    kind: Kind,
    id: &str,
    deployment: &str,
) -> Result<(), ApiError> {
    db.prepare_cached(
        "UPDATE rules SET document = json_set(document,
            '$.deploymentId', ?2, '$.\"$updatedAt\"', ?3)
         WHERE site_id = ?1 AND json_extract(document, '$.trigger') = 'manual'
         AND json_extract(document, '$.deploymentResourceType') = ?4",
    )?
    .execute((id, deployment, clock::format(clock::now()), kind.word()))?;
    Ok(())
}

/// Removes the rules of a site or function.
pub(crate) fn forget(db: &Connection, kind: Kind, id: &str) -> Result<(), ApiError> {
    db.execute(
        "DELETE FROM rules WHERE site_id = ?1
         AND json_extract(document, '$.deploymentResourceType') = ?2",
        (id, kind.word()),
    )?;
    Ok(())
}

/// Removes the rule of a single deployment.
pub(crate) fn forget_deployment(db: &Connection, id: &str) -> Result<(), ApiError> {
    db.execute(
        "DELETE FROM rules WHERE json_extract(document, '$.deploymentId') = ?1
         AND json_extract(document, '$.trigger') = 'deployment'",
        [id],
    )?;
    Ok(())
}

/// What a domain leads to.
pub(crate) enum Target {
    /// A deployment of a site: the active one, if there is one, or the one of a preview.
    Site {
        site: Box<site::Site>,
        deployment_id: Option<String>,
    },
    /// The function of this id.
    Function(String),
}

/// Finds what a domain leads to.
pub(crate) fn target(db: &Connection, domain: &str) -> Result<Option<Target>, ApiError> {
    let found: Option<(String, bool, Option<String>)> = db
        .prepare_cached(
            "SELECT site_id, json_extract(document, '$.deploymentResourceType') = 'function',
             CASE json_extract(document, '$.trigger') WHEN 'deployment'
             THEN json_extract(document, '$.deploymentId') END
             FROM rules WHERE domain = ?1",
        )?
        .query_row([domain], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let (id, preview) = match found {
        None => return Ok(None),
        Some((id, true, _)) => return Ok(Some(Target::Function(id))),
        Some((id, false, preview)) => (id, preview),
    };
    let site = site::find(db, &id)?.map(Box::new);
    Ok(site.map(|site| {
        let active = site.active.as_ref().map(|active| active.id.clone());
        let deployment_id = preview.or(active);
        Target::Site {
            site,
            deployment_id,
        }
    }))
}

/// Whether a domain has a rule, so that its pages may call the API.
pub(crate) fn is_known(db: &Connection, domain: &str) -> Result<bool, ApiError> {
    let mut statement = db.prepare_cached("SELECT 1 FROM rules WHERE domain = ?1")?;
    Ok(statement.exists([domain])?)
}

fn check_domain(domain: &str) -> Result<(), ApiError> {
    let label = |label: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !label.is_empty()
            && label.len() <= LABEL_CHARS_MAX
            && label.chars().all(plain)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = domain.strip_suffix(DOMAIN_SUFFIX);
    let good =
        domain.len() <= DOMAIN_CHARS_MAX && name.is_some_and(|name| name.split('.').all(label));
    if good {
        return Ok(());
    }
    Err(ApiError::argument(format!(
        "Invalid `domain` param: Value must be a domain that ends in `{DOMAIN_SUFFIX}`"
    )))
}

fn taken() -> ApiError {
    let message = "Domain is already used. Please try again with a different domain.";
    ApiError::conflict("rule_already_exists", message)
}

/// 404 `rule_resource_not_found` (Appwrite 1.9.6, source).
fn no_resource() -> ApiError {
    let message = "Resource could not be found. Please check if the resourceId and resourceType \
                   are correct, or if the resource actually exists.";
    ApiError::not_found("rule_resource_not_found", message)
}

fn not_found() -> ApiError {
    let message = "Rule with the requested ID could not be found. Please check if the ID provided \
                   is correct or if the rule actually exists.";
    ApiError::not_found("rule_not_found", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_must_stay_on_this_machine() {
        for good in ["todo.localhost", "a-1.sites.localhost"] {
            assert!(check_domain(good).is_ok(), "{good}");
        }
        let long = format!("{}.localhost", "a".repeat(64));
        for bad in [
            "localhost",
            ".localhost",
            "a.com",
            "a..localhost",
            "-a.localhost",
            &long,
        ] {
            assert_eq!(
                check_domain(bad).unwrap_err().kind,
                "general_argument_invalid",
                "{bad}"
            );
        }
    }
}
