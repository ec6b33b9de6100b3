//! The services of the models: whether the key is good, and whether the models exist.

use secrecy::ExposeSecret as _;
use serde_json::Value;
use shell::config::{Dialect, RoleSettings};

use super::ask::{Answer, Asked, Asker, Request};
use super::finding::Finding;

pub(super) const XAI: &str = "xAI";
pub(super) const ANTHROPIC: &str = "Anthropic";
const CHAT: &str = "models";
const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Asks about the planner's or the reviewer's model.
pub(super) async fn thinker(asker: &Asker, role: &RoleSettings) -> (Vec<Finding>, Vec<Asked>) {
    if role.dialect == Dialect::Chat {
        return chat(asker, role).await;
    }
    let get = |path: &str| {
        asker.ask(signed(
            Request::get(format!("{}{path}", role.base_url)),
            role,
            "bearer",
        ))
    };
    let (key, models) = (get("/api-key").await, get("/models").await);
    let mut found = judge_xai_key(&key, role.key_name);
    if found.iter().all(|finding| finding.fix.is_none()) {
        found.push(judge_listed(XAI, &models, &role.model, "GROK_MODEL"));
    }
    (found, vec![key, models])
}

/// Asks about the agents' models: the first, and the one that takes over.
pub(super) async fn coder(
    asker: &Asker,
    role: &RoleSettings,
    fallback: &str,
) -> (Vec<Finding>, Vec<Asked>) {
    if role.dialect == Dialect::Chat {
        return chat(asker, role).await;
    }
    let (mut found, mut answers) = (Vec::new(), Vec::new());
    let mut models = vec![(role.model.as_str(), "ANTHROPIC_MODEL")];
    if fallback != role.model {
        models.push((fallback, "ANTHROPIC_FALLBACK_MODEL"));
    }
    for (model, setting) in models {
        let url = format!("{}/v1/models/{model}", role.base_url);
        let request = signed(Request::get(url), role, "x-api-key");
        let answer = asker
            .ask(request.with("anthropic-version", ANTHROPIC_VERSION))
            .await;
        let judged = judge_anthropic(&answer, model, setting, role.key_name);
        if !found.contains(&judged) {
            found.push(judged);
        }
        answers.push(answer);
    }
    (found, answers)
}

async fn chat(asker: &Asker, role: &RoleSettings) -> (Vec<Finding>, Vec<Asked>) {
    let request = signed(
        Request::get(format!("{}/models", role.base_url)),
        role,
        "bearer",
    );
    let answer = asker.ask(request).await;
    let judged = judge_listed(CHAT, &answer, &role.model, "the model of the role");
    (vec![judged], vec![answer])
}

fn signed<'a>(request: Request<'a>, role: &RoleSettings, own: &str) -> Request<'a> {
    let Some(key) = &role.key else {
        return request;
    };
    let key = key.expose_secret();
    match role.auth {
        Some(models::Auth::None) => request,
        Some(models::Auth::ApiKey) => request.with("x-api-key", key),
        Some(models::Auth::Bearer) => request.with("authorization", format!("Bearer {key}")),
        None if own == "x-api-key" => request.with("x-api-key", key),
        None => request.with("authorization", format!("Bearer {key}")),
    }
}

/// Judges `GET /v1/api-key` of xAI. Source: xAI's API description, 2026-11; a wrong key is
/// answered with 400.
fn judge_xai_key(asked: &Asked, setting: &str) -> Vec<Finding> {
    let answer = match reached(XAI, asked) {
        Ok(answer) => answer,
        Err(finding) => return vec![finding],
    };
    let keys = "https://console.x.ai";
    match answer.status {
        200 => {}
        400 | 401 if answer.message().contains("API key") || answer.status == 401 => {
            let says =
                format!("{setting} is not accepted: mistyped, revoked or of another service");
            return vec![Finding::wrong(
                XAI,
                says,
                format!("Make a key at {keys} and set it."),
            )];
        }
        _ => return vec![unexpected(XAI, answer)],
    }
    let is = |name: &str| answer.body[name] == Value::Bool(true);
    let mut found = Vec::new();
    if is("api_key_blocked") || is("api_key_disabled") {
        let says = format!("{setting} is known and blocked or disabled");
        found.push(Finding::wrong(
            XAI,
            says,
            format!("Enable it at {keys}, or make another."),
        ));
    }
    if is("team_blocked") {
        let says = "the team is blocked: its credits or its spending limit are used up";
        let fix = format!("Add credits or raise the limit at {keys} under Billing.");
        found.push(Finding::wrong(XAI, says, fix));
    }
    if found.is_empty() {
        found.push(Finding::ok(XAI, format!("{setting} is accepted")));
    }
    found
}

/// Judges a list of models, as xAI and Chat Completions servers give it.
fn judge_listed(area: &'static str, asked: &Asked, model: &str, setting: &str) -> Finding {
    let answer = match reached(area, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    if matches!(answer.status, 401 | 403) {
        return Finding::wrong(
            area,
            "the key is not accepted",
            "Set the key of this server.",
        );
    }
    let Some(listed) = answer.body["data"].as_array() else {
        return unexpected(area, answer);
    };
    let is_it = |entry: &&Value| {
        let aliases = entry["aliases"].as_array().into_iter().flatten();
        entry["id"] == model || aliases.into_iter().any(|alias| alias == model)
    };
    if listed.iter().any(|entry| is_it(&entry)) {
        return Finding::ok(area, format!("model {model} is there"));
    }
    let ids: Vec<&str> = listed
        .iter()
        .filter_map(|entry| entry["id"].as_str())
        .take(8)
        .collect();
    let says = format!("there is no model {model} for this key");
    Finding::wrong(
        area,
        says,
        format!("Set {setting} to one of: {}.", ids.join(", ")),
    )
}

/// Judges `GET /v1/models/{id}` of Anthropic. Source: its API description, 2026-11.
fn judge_anthropic(asked: &Asked, model: &str, setting: &str, key: &str) -> Finding {
    let answer = match reached(ANTHROPIC, asked) {
        Ok(answer) => answer,
        Err(finding) => return finding,
    };
    let console = "https://console.anthropic.com";
    match answer.status {
        200 => Finding::ok(
            ANTHROPIC,
            format!("{key} is accepted, model {model} is there"),
        ),
        401 => {
            let says = format!("{key} is not accepted: mistyped, revoked or of another service");
            Finding::wrong(
                ANTHROPIC,
                says,
                format!("Make a key at {console} and set it."),
            )
        }
        403 => {
            let says = format!("{key} may not use model {model}");
            Finding::wrong(
                ANTHROPIC,
                says,
                format!("Allow it for the key's workspace at {console}."),
            )
        }
        404 => {
            let says = format!("there is no model {model}");
            Finding::wrong(
                ANTHROPIC,
                says,
                format!("Set {setting} to a model that {console} lists."),
            )
        }
        402 | 429 => {
            let says = "the spending limit or the rate limit is reached";
            Finding::wrong(
                ANTHROPIC,
                says,
                format!("Raise the limit at {console} under Limits."),
            )
        }
        _ => unexpected(ANTHROPIC, answer),
    }
}

/// The answer, or the finding that there is none.
pub(super) fn reached<'a>(area: &'static str, asked: &'a Asked) -> Result<&'a Answer, Finding> {
    let unreachable = |why: &String| {
        let fix = "Check the address in the settings, this machine's network, and a proxy between.";
        Finding::wrong(area, format!("can not be reached: {why}"), fix)
    };
    asked.as_ref().map_err(unreachable)
}

/// An answer that nobody foresaw.
pub(super) fn unexpected(area: &'static str, answer: &Answer) -> Finding {
    let message = crate::output::printable(answer.message());
    let message: String = message.chars().take(200).collect();
    let says = format!("answers with {}: {message}", answer.status);
    let fix = match answer.status {
        500.. => "The service has trouble: try again later.",
        _ => "Check the address in the settings.",
    };
    Finding::wrong(area, says.trim_end_matches([' ', ':']), fix)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::finding::State;
    use super::*;

    fn answer(status: u16, body: Value) -> Asked {
        Ok(Answer {
            status,
            body,
            ..Answer::default()
        })
    }

    fn key(status: u16, body: Value) -> (State, String) {
        let found = judge_xai_key(&answer(status, body), "GROK_API_KEY").remove(0);
        (found.state, found.says)
    }

    #[test]
    fn a_key_of_xai_is_good_wrong_blocked_or_out_of_credit() {
        let flags = |team: bool, own: bool| json!({"team_blocked": team, "api_key_blocked": own, "api_key_disabled": false});
        assert_eq!(key(200, flags(false, false)).0, State::Ok);
        let (state, says) = key(
            400,
            json!({"code": "x", "error": "Incorrect API key provided: xa***."}),
        );
        assert_eq!(state, State::Wrong);
        assert!(says.starts_with("GROK_API_KEY is not accepted"), "{says}");
        assert!(key(200, flags(true, false)).1.contains("spending limit"));
        assert!(
            key(200, flags(false, true))
                .1
                .contains("blocked or disabled")
        );
        assert_eq!(
            key(503, Value::Null),
            (State::Wrong, "answers with 503".to_owned())
        );
        let gone = judge_xai_key(
            &Err("no answer within 15 seconds".to_owned()),
            "GROK_API_KEY",
        );
        assert_eq!(
            gone[0].says,
            "can not be reached: no answer within 15 seconds"
        );
    }

    #[test]
    fn a_model_that_is_not_listed_is_told_with_those_that_are() {
        let list = answer(
            200,
            json!({"data": [{"id": "grok-4.7", "aliases": ["grok-latest"]}]}),
        );
        for known in ["grok-4.7", "grok-latest"] {
            assert_eq!(
                judge_listed(XAI, &list, known, "GROK_MODEL").state,
                State::Ok
            );
        }
        let wrong = judge_listed(XAI, &list, "grok-beta", "GROK_MODEL");
        assert_eq!(
            wrong.fix.as_deref(),
            Some("Set GROK_MODEL to one of: grok-4.7.")
        );
        let refused = judge_listed(CHAT, &answer(401, Value::Null), "m", "GROK_MODEL");
        assert_eq!(refused.says, "the key is not accepted");
    }

    #[test]
    fn anthropics_answer_tells_key_model_and_limit() {
        let judge = |status| {
            let asked = answer(status, Value::Null);
            judge_anthropic(&asked, "claude-x", "ANTHROPIC_MODEL", "ANTHROPIC_API_KEY").says
        };
        assert_eq!(
            judge(200),
            "ANTHROPIC_API_KEY is accepted, model claude-x is there"
        );
        assert!(judge(401).starts_with("ANTHROPIC_API_KEY is not accepted"));
        assert_eq!(judge(403), "ANTHROPIC_API_KEY may not use model claude-x");
        assert_eq!(judge(404), "there is no model claude-x");
        assert!(judge(429).contains("limit is reached"));
        assert_eq!(judge(529), "answers with 529");
    }
}
