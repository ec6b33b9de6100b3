//! GitHub: the token or the App, what it may do, and the organisation.

use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use shell::clock;

use super::ask::{Answer, Asked, Asker, Request};
use super::finding::Finding;
use super::models::{reached, unexpected};

const AREA: &str = "GitHub";
/// Requests that a run may need.
const REQUESTS_MIN: u64 = 100;
/// A token that ends sooner is worth a word.
const DAYS_MIN: i64 = 7;
/// What an App needs, each to be written.
const APP_PERMISSIONS: [&str; 4] = ["administration", "contents", "pull_requests", "workflows"];

/// What is asked with.
pub(super) enum Credential<'a> {
    Token(&'a SecretString),
    App {
        id: &'a str,
        private_key: &'a SecretString,
    },
}

/// Asks about the credential, and about the organisation where one is set.
pub(super) async fn look(
    asker: &Asker,
    base_url: &str,
    credential: &Credential<'_>,
    organization: Option<&str>,
) -> (Vec<Finding>, Vec<Asked>) {
    let base = base_url.trim_end_matches('/');
    let get = |path: String, secret: &SecretString| {
        let request = Request::get(format!("{base}{path}"))
            .with(
                "authorization",
                format!("Bearer {}", secret.expose_secret()),
            )
            .with("accept", "application/vnd.github+json")
            .with("x-github-api-version", "2022-11-28");
        asker.ask(request)
    };
    match credential {
        Credential::Token(token) => {
            let user = get("/user".to_owned(), token).await;
            let mut found = judge_user(&user, token.expose_secret(), clock::now());
            let mut answers = vec![user];
            let is_good = answers.iter().flatten().all(Answer::is_success);
            if let Some(name) = organization.filter(|_| is_good) {
                let answer = get(format!("/orgs/{name}"), token).await;
                found.push(judge_organization(&answer, name));
                answers.push(answer);
            }
            (found, answers)
        }
        Credential::App { id, private_key } => {
            let jwt = match github::app_jwt(id, private_key, clock::now()) {
                Ok(jwt) => jwt,
                Err(error) => {
                    let fix = "Download the key of the App again, as PEM.";
                    return (
                        vec![Finding::wrong(
                            AREA,
                            format!("GITHUB_APP_PRIVATE_KEY: {error}"),
                            fix,
                        )],
                        Vec::new(),
                    );
                }
            };
            let app = get("/app".to_owned(), &jwt).await;
            let mut found = judge_app(&app);
            let mut answers = vec![app];
            if let Some(name) = organization {
                let answer = get(format!("/orgs/{name}/installation"), &jwt).await;
                found.push(judge_installation(&answer, name));
                answers.push(answer);
            }
            (found, answers)
        }
    }
}

/// Judges `GET /user`. Source: GitHub's OpenAPI description and its headers, 2026-11.
fn judge_user(asked: &Asked, token: &str, now: Timestamp) -> Vec<Finding> {
    let answer = match reached(AREA, asked) {
        Ok(answer) => answer,
        Err(finding) => return vec![finding],
    };
    let tokens = "https://github.com/settings/tokens";
    if answer.status == 401 {
        let says = "GITHUB_TOKEN is not accepted: mistyped, revoked or expired";
        return vec![Finding::wrong(
            AREA,
            says,
            format!("Make a token at {tokens} and set it."),
        )];
    }
    if let Some(limited) = limited(answer) {
        return vec![limited];
    }
    if !answer.is_success() {
        return vec![unexpected(AREA, answer)];
    }
    let login = answer.body["login"].as_str().unwrap_or("an account");
    let mut found = vec![Finding::ok(
        AREA,
        format!("{} of {login}", kind(token, answer)),
    )];
    found.extend(judge_scopes(answer, tokens));
    found.extend(ends_soon(answer, now, tokens));
    found
}

fn kind(token: &str, answer: &Answer) -> &'static str {
    let is = |prefix| token.starts_with(prefix);
    match answer.header("x-oauth-scopes") {
        _ if is("github_pat_") => "fine-grained token",
        _ if is("ghs_") => "token of an installation",
        _ if is("gho_") || is("ghu_") => "token of an OAuth app",
        Some(_) => "classic token",
        None => "fine-grained token",
    }
}

/// Classic tokens have scopes, which every answer tells; what others may do is told nowhere.
fn judge_scopes(answer: &Answer, tokens: &str) -> Vec<Finding> {
    let Some(scopes) = answer.header("x-oauth-scopes") else {
        let says = "what a fine-grained token may do can not be asked: it needs Administration, \
                    Contents, Workflows and Pull requests, read and write";
        return vec![Finding::note(AREA, says)];
    };
    let has = |scope: &str| scopes.split(',').any(|own| own.trim() == scope);
    let mut found = Vec::new();
    if !has("repo") {
        let says = "the token lacks the scope repo: no repository can be made or written";
        found.push(Finding::wrong(
            AREA,
            says,
            format!("Add the scope repo at {tokens}."),
        ));
    }
    if !has("workflow") {
        let says = "the token lacks the scope workflow: only briefs with `workflows: none` work";
        found.push(Finding::warning(
            AREA,
            says,
            format!("Add the scope workflow at {tokens}."),
        ));
    }
    if found.is_empty() {
        found.push(Finding::ok(AREA, "the scopes repo and workflow are there"));
    }
    found
}

fn ends_soon(answer: &Answer, now: Timestamp, tokens: &str) -> Option<Finding> {
    let end = answer.header("github-authentication-token-expiration")?;
    // As in `2026-12-01 09:00:00 UTC`.
    let day: jiff::civil::Date = end.get(..10)?.parse().ok()?;
    let end = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    let days = (end.as_second() - now.as_second()) / 86_400;
    let says = format!("the token expires on {day}");
    (days < DAYS_MIN).then(|| Finding::warning(AREA, says, format!("Renew it at {tokens}.")))
}

/// The limit of requests, where it is reached or nearly so.
fn limited(answer: &Answer) -> Option<Finding> {
    let number = |name| answer.header(name)?.parse::<u64>().ok();
    let left = number("x-ratelimit-remaining")?;
    let limit = number("x-ratelimit-limit").unwrap_or_default();
    let is_low = left < REQUESTS_MIN.min(limit / 2);
    let says = format!("{left} of {limit} requests are left of this hour");
    is_low.then(|| Finding::wrong(AREA, says, "Wait for the next hour, or use another token."))
}

/// Judges `GET /orgs/{org}`.
fn judge_organization(asked: &Asked, name: &str) -> Finding {
    let answer = match reached(AREA, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    match (answer.status, answer.header("x-github-sso")) {
        (200, _) => Finding::ok(AREA, format!("organisation {name} can be seen")),
        (403, Some(sso)) => {
            let url = sso
                .split("url=")
                .nth(1)
                .unwrap_or("https://github.com/settings/tokens");
            let says = format!(
                "organisation {name} wants single sign-on, and the token is not authorised"
            );
            Finding::wrong(AREA, says, format!("Authorise it at {url}"))
        }
        (403 | 404, _) => {
            let says = format!("organisation {name} does not exist or does not let this token in");
            let fix = "Check GITHUB_OWNER; the organisation's owner may have to allow the token.";
            Finding::wrong(AREA, says, fix)
        }
        (_, _) => unexpected(AREA, answer),
    }
}

/// Judges `GET /app`.
fn judge_app(asked: &Asked) -> Vec<Finding> {
    let answer = match reached(AREA, asked) {
        Ok(answer) => answer,
        Err(finding) => return vec![finding],
    };
    if matches!(answer.status, 401 | 404) {
        let says = "the App is not accepted: id and private key do not belong together, or this machine's clock is wrong";
        let fix = "Check GITHUB_APP_ID, and make a new private key in the App's settings.";
        return vec![Finding::wrong(AREA, says, fix)];
    }
    if !answer.is_success() {
        return vec![unexpected(AREA, answer)];
    }
    let name = answer.body["slug"].as_str().unwrap_or("the App");
    let mut found = vec![Finding::ok(AREA, format!("App {name}"))];
    found.extend(judge_permissions(&answer.body["permissions"]));
    found
}

fn judge_permissions(permissions: &Value) -> Option<Finding> {
    let lacks = |name: &&str| permissions[*name] != "write";
    let missing: Vec<&str> = APP_PERMISSIONS
        .into_iter()
        .filter(|name| lacks(name))
        .collect();
    let says = format!(
        "the App lacks permissions, each to write: {}",
        missing.join(", ")
    );
    let fix = "Add them in the App's settings, then accept them where it is installed.";
    (!missing.is_empty()).then(|| Finding::wrong(AREA, says, fix))
}

/// Judges `GET /orgs/{org}/installation`.
fn judge_installation(asked: &Asked, name: &str) -> Finding {
    let answer = match reached(AREA, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    match answer.status {
        200 if answer.body["suspended_at"].is_string() => {
            let says = format!("the App's installation at {name} is suspended");
            Finding::wrong(AREA, says, "Let the organisation's owner lift that.")
        }
        200 => Finding::ok(AREA, format!("the App is installed at {name}")),
        404 => {
            let says = format!("the App is not installed at {name}");
            Finding::wrong(AREA, says, "Install it there, or change GITHUB_OWNER.")
        }
        _ => unexpected(AREA, answer),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::State;
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: Value) -> Asked {
        let headers = headers.iter();
        Ok(Answer {
            status,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body,
            ahead: None,
        })
    }

    fn user(status: u16, headers: &[(&str, &str)]) -> Vec<(State, String)> {
        let now = "2026-11-30T00:00:00Z".parse().unwrap();
        let asked = answer(status, headers, json!({"login": "ada"}));
        let found = judge_user(&asked, "ghp_topsecret", now);
        assert!(!format!("{found:?}").contains("topsecret"));
        found
            .into_iter()
            .map(|finding| (finding.state, finding.says))
            .collect()
    }

    #[test]
    fn a_token_is_told_with_its_scopes_and_end() {
        let good = user(200, &[("x-oauth-scopes", "repo, workflow")]);
        assert_eq!(good[0], (State::Ok, "classic token of ada".to_owned()));
        assert_eq!(good[1].0, State::Ok);
        let poor = user(200, &[("x-oauth-scopes", "gist")]);
        assert_eq!([poor[1].0, poor[2].0], [State::Wrong, State::Warning]);
        assert!(poor[1].1.contains("scope repo") && poor[2].1.contains("scope workflow"));
        let fine = user(200, &[]);
        assert_eq!(fine[0].1, "fine-grained token of ada");
        assert_eq!(fine[1].0, State::Note);
        let ends = (
            "github-authentication-token-expiration",
            "2026-12-01 09:00:00 UTC",
        );
        let last = user(200, &[ends]).pop().unwrap();
        assert_eq!(
            last,
            (State::Warning, "the token expires on 2026-12-01".to_owned())
        );
        assert!(
            user(401, &[])[0]
                .1
                .starts_with("GITHUB_TOKEN is not accepted")
        );
        let used_up = [
            ("x-ratelimit-remaining", "3"),
            ("x-ratelimit-limit", "5000"),
        ];
        assert_eq!(
            user(403, &used_up)[0].1,
            "3 of 5000 requests are left of this hour"
        );
    }

    #[test]
    fn an_organisation_may_want_single_sign_on() {
        let judge = |status, headers: &[(&str, &str)]| {
            judge_organization(&answer(status, headers, Value::Null), "acme")
        };
        assert_eq!(judge(200, &[]).state, State::Ok);
        let sso = judge(
            403,
            &[(
                "x-github-sso",
                "required; url=https://github.com/orgs/acme/sso?x=1",
            )],
        );
        assert_eq!(
            sso.fix.as_deref(),
            Some("Authorise it at https://github.com/orgs/acme/sso?x=1")
        );
        assert!(judge(404, &[]).says.contains("does not exist"));
    }

    #[test]
    fn an_app_is_told_with_what_it_lacks() {
        let all = json!({"administration": "write", "contents": "write", "pull_requests": "write", "workflows": "write"});
        let judge = |status, permissions: Value| {
            judge_app(&answer(
                status,
                &[],
                json!({"slug": "bot", "permissions": permissions}),
            ))
        };
        assert_eq!(judge(200, all).len(), 1);
        let lacks = judge(200, json!({"contents": "read", "workflows": "write"}))
            .pop()
            .unwrap();
        assert!(
            lacks
                .says
                .ends_with("administration, contents, pull_requests"),
            "{}",
            lacks.says
        );
        assert_eq!(judge(401, Value::Null)[0].state, State::Wrong);
        let installed = |status, body| judge_installation(&answer(status, &[], body), "acme").says;
        assert_eq!(installed(200, json!({})), "the App is installed at acme");
        assert!(installed(200, json!({"suspended_at": "2026"})).ends_with("is suspended"));
        assert_eq!(
            installed(404, Value::Null),
            "the App is not installed at acme"
        );
    }
}
