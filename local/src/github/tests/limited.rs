//! Fine-grained tokens, and organisations with rules.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Access, Hub, NARROW_TOKEN, OTHER_TOKEN};
use crate::github::{FineGrainedToken, Organization, OutsideFile};

const LIMITED: &str = "github_pat_limited";

fn token(owner: &str, repositories: Option<&[&str]>, permissions: &[(&str, &str)]) -> Access {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let permissions: BTreeMap<String, String> = permissions
        .iter()
        .map(|(name, level)| ((*name).to_owned(), (*level).to_owned()))
        .collect();
    Access {
        tokens: vec![FineGrainedToken {
            login: "Ada".to_owned(),
            token: LIMITED.into(),
            owner: owner.to_owned(),
            repositories: repositories.map(owned),
            permissions,
        }],
        ..Access::default()
    }
}

fn organization(public: bool, private: bool, sso: bool) -> Access {
    Access {
        organizations: vec![Organization {
            login: "Guild".to_owned(),
            members_create_public: public,
            members_create_private: private,
            sso,
        }],
        ..Access::default()
    }
}

async fn seed(hub: &Hub, full_name: &str, private: bool) -> String {
    let files = [OutsideFile::new("README.md", "x")];
    hub.github.seed(full_name, private, &files).await.unwrap()
}

const REFUSED: &str = "Resource not accessible by personal access token";

#[tokio::test]
async fn a_fine_grained_token_is_told_what_it_lacks() {
    let access = token("Ada", Some(&["shop"]), &[("contents", "write")]);
    let hub = Hub::with_access(access).await;
    let head = seed(&hub, "Ada/shop", true).await;
    seed(&hub, "Ada/secret", true).await;
    seed(&hub, "Ada/open", false).await;
    let read = hub.try_send(LIMITED, "GET", "/repos/Ada/shop", None).await;
    let read = read.unwrap();
    assert!(!read.headers.contains_key("x-oauth-scopes"));
    assert_eq!(
        read.header("x-accepted-github-permissions"),
        "metadata=read"
    );
    let shown = read.expect(200);
    assert_eq!(shown["permissions"]["push"], true);
    assert_eq!(shown["permissions"]["admin"], false);

    let body = json!({ "ref": "refs/heads/next", "sha": head });
    let path = "/repos/Ada/shop/git/refs";
    hub.send(LIMITED, "POST", path, body.clone())
        .await
        .expect(201);
    let path = "/repos/Ada/open/git/refs";
    hub.send(LIMITED, "POST", path, body)
        .await
        .refused(403, REFUSED);
    let pull = json!({ "title": "t", "head": "next", "base": "main" });
    let refused = hub.send(LIMITED, "POST", "/repos/Ada/shop/pulls", pull);
    let refused = refused.await;
    assert_eq!(
        refused.header("x-accepted-github-permissions"),
        "pull_requests=write"
    );
    refused.refused(403, REFUSED);
    for (path, status) in [
        ("/repos/Ada/shop/pulls", 403),
        ("/repos/Ada/open/pulls", 200),
        ("/repos/Ada/open/actions/secrets", 403),
        ("/repos/Ada/secret", 404),
        ("/user", 200),
    ] {
        let answer = hub.try_send(LIMITED, "GET", path, None).await.unwrap();
        assert_eq!(answer.status, status, "{path}");
    }
}

#[tokio::test]
async fn a_fine_grained_token_needs_workflows_for_workflows() {
    for (held, status) in [(None, 403), (Some(("workflows", "write")), 201)] {
        let mut permissions = vec![("contents", "write")];
        permissions.extend(held);
        let hub = Hub::with_access(token("Ada", None, &permissions)).await;
        seed(&hub, "Ada/shop", true).await;
        let entry = json!({ "path": ".github/workflows/a.yml", "mode": "100644", "type": "blob", "content": "on: push" });
        let body = json!({ "tree": [entry] });
        let path = "/repos/Ada/shop/git/trees";
        let answer = hub.send(LIMITED, "POST", path, body).await;
        answer.expect(status);
    }
}

#[tokio::test]
async fn a_fine_grained_token_creates_for_its_owner_only() {
    for permission in ["administration", "repository_creation"] {
        let hub = Hub::with_access(token("Guild", None, &[(permission, "write")])).await;
        let body = json!({ "name": "site" });
        hub.send(LIMITED, "POST", "/orgs/Guild/repos", body.clone())
            .await
            .expect(201);
        hub.send(LIMITED, "POST", "/user/repos", body)
            .await
            .refused(403, REFUSED);
    }
    let hub = Hub::with_access(token("Guild", None, &[("contents", "write")])).await;
    let refused = hub.send(LIMITED, "POST", "/orgs/Guild/repos", json!({ "name": "x" }));
    refused.await.refused(403, REFUSED);
}

#[tokio::test]
async fn an_organisation_may_forbid_its_members_to_create() {
    let forbidden = "You need admin access to the organization before adding a repository to it.";
    for (public, private) in [(true, false), (false, true), (false, false)] {
        let hub = Hub::with_access(organization(public, private, false)).await;
        let rules = hub.get("/orgs/guild").await.expect(200);
        assert_eq!(rules["members_can_create_public_repositories"], public);
        assert_eq!(rules["members_can_create_private_repositories"], private);
        for (wants_private, allowed) in [(false, public), (true, private)] {
            let body = json!({ "name": format!("x-{wants_private}"), "private": wants_private });
            let answer = hub.post("/orgs/Guild/repos", body).await;
            if allowed {
                answer.expect(201);
            } else {
                answer.refused(403, forbidden);
            }
        }
    }
}

#[tokio::test]
async fn single_sign_on_keeps_classic_tokens_out() {
    let mut access = organization(true, true, true);
    access.tokens = token("Guild", None, &[("contents", "write")]).tokens;
    let hub = Hub::with_access(access).await;
    seed(&hub, "Guild/site", true).await;
    let message = "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this organization.";
    for answer in [
        hub.get("/repos/Guild/site").await,
        hub.get("/orgs/Guild").await,
        hub.post("/orgs/Guild/repos", json!({ "name": "x" })).await,
    ] {
        assert!(
            answer
                .header("x-github-sso")
                .starts_with("required; url=https://")
        );
        let page = answer.body["documentation_url"].to_string();
        assert!(page.contains("saml-single-sign-on"));
        answer.refused(403, message);
    }
    // Fine-grained tokens are authorised when they are made.
    let read = hub
        .try_send(LIMITED, "GET", "/repos/Guild/site", None)
        .await;
    read.unwrap().expect(200);
    let hidden = hub.try_send(OTHER_TOKEN, "GET", "/repos/Guild/site", None);
    hidden.await.unwrap().refused(404, "Not Found");
}

#[tokio::test]
async fn organisations_and_people_are_told_apart() {
    let hub = Hub::start().await;
    let member = hub.get("/orgs/GUILD").await.expect(200);
    assert_eq!(member["login"], "Guild");
    let answer = hub.try_send(OTHER_TOKEN, "GET", "/orgs/Guild", None).await;
    let stranger = answer.unwrap().expect(200);
    assert!(stranger.get("members_can_create_repositories").is_none());
    hub.get("/orgs/Ada").await.refused(404, "Not Found");
    for (login, kind) in [("ada", "User"), ("guild", "Organization")] {
        let shown = hub.get(&format!("/users/{login}")).await.expect(200);
        assert_eq!(shown["type"], kind);
    }
    hub.get("/users/nobody").await.refused(404, "Not Found");
    let narrow = hub.try_send(NARROW_TOKEN, "GET", "/users/ada", None).await;
    narrow.unwrap().expect(200);
}

#[tokio::test]
async fn a_fine_grained_token_has_an_account() {
    let mut access = token("Ada", None, &[]);
    access.tokens[0].login = "nobody".to_owned();
    let directory = tempfile::tempdir().unwrap();
    let config = super::config(directory.path(), super::Faults::default(), true);
    let wrong = super::GitHubConfig { access, ..config };
    let error = super::GitHub::start(wrong).await.unwrap_err();
    assert!(error.to_string().contains("nobody has no account"));
}
