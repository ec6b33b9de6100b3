//! Accounts, Apps, and repositories as such.

use std::path::PathBuf;
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::super::git::{commit_tree, git, try_git};
use super::{State, invalid, refuse, text};

const SOMEBODY: (&str, &str, &str) = ("Somebody", "s@example.org", "2026-01-02T03:04:05Z");

/// A repository as GitHub showed it in 2026.
static REPOSITORY: LazyLock<Value> = LazyLock::new(|| {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../fixtures/git_ref_example.json")).expect("json");
    recorded[0]["answer"].clone()
});

/// An installation as GitHub showed it in 2022.
static INSTALLATION: LazyLock<Value> = LazyLock::new(|| {
    let recorded: Value =
        serde_json::from_str(include_str!("../../../fixtures/actions_and_apps.json"))
            .expect("json");
    recorded["organization"][0]["answer"].clone()
});

/// An account as anybody sees it.
pub(super) fn user(login: &str) -> Value {
    let mut user = REPOSITORY["owner"].clone();
    user["login"] = json!(login);
    let more = json!({"name": null, "company": null, "blog": null, "location": null, "email": null,
        "hireable": null, "bio": null, "public_repos": 0, "public_gists": 0, "followers": 0,
        "following": 0, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z"});
    for (key, value) in more.as_object().expect("object") {
        user[key] = value.clone();
    }
    user
}

impl State {
    pub(super) fn folder(&self, full_name: &str) -> PathBuf {
        let id = &self.repositories[&full_name.to_lowercase()]["id"];
        self.folder.path().join(format!("{id}.git"))
    }

    pub(super) fn create_in(&mut self, owner: &str, body: &Value) -> (u16, Value) {
        let known = |name: &&&str| name.eq_ignore_ascii_case(owner);
        match self.organizations.iter().find(known) {
            Some(name) => self.create(name, body),
            None => refuse(404, "Not Found"),
        }
    }

    pub(super) fn create(&mut self, owner: &str, body: &Value) -> (u16, Value) {
        let name = text(&body["name"]);
        let full_name = format!("{owner}/{name}");
        let key = full_name.to_lowercase();
        if self.repositories.contains_key(&key) {
            let reason = "name already exists on this account";
            return invalid("Repository creation failed.", "Repository", "name", reason);
        }
        self.created += 1;
        let mut repository = REPOSITORY.clone();
        let own = json!({
            "id": 1000 + self.created, "name": name, "full_name": full_name,
            "private": body["private"], "fork": false, "archived": false, "topics": [],
            "html_url": format!("https://github.com/{full_name}"),
            "clone_url": format!("https://github.com/{full_name}.git"),
            "homepage": body["homepage"], "description": body["description"],
            "default_branch": "main", "size": 0,
            "permissions": {"admin": true, "maintain": true, "push": true, "triage": true,
                "pull": true},
        });
        for (key, value) in own.as_object().expect("object") {
            repository[key] = value.clone();
        }
        repository["owner"]["login"] = json!(owner);
        for gone in ["parent", "source"] {
            repository.as_object_mut().expect("object").remove(gone);
        }
        self.repositories.insert(key, repository.clone());
        let folder = self.folder(&full_name);
        std::fs::create_dir(&folder).expect("folder");
        git(&folder, &["init", "-q", "--bare", "-b", "main", "."], "");
        if body["auto_init"] == true {
            self.push(&full_name, "main", &[("README.md", "# demo\n")]);
        }
        (201, repository)
    }

    pub(super) fn show(&self, full_name: &str) -> (u16, Value) {
        if let Some(id) = self.renamed.get(&full_name.to_lowercase()) {
            let url = format!("/repositories/{id}");
            return (301, json!({"message": "Moved Permanently", "url": url}));
        }
        match self.repositories.get(&full_name.to_lowercase()) {
            Some(repository) => (200, repository.clone()),
            None => refuse(404, "Not Found"),
        }
    }

    pub(super) fn rename(&mut self, full_name: &str, name: &str) {
        let key = full_name.to_lowercase();
        let mut repository = self.repositories.remove(&key).expect("exists");
        let owner = text(&repository["owner"]["login"]).to_owned();
        self.renamed.insert(key, repository["id"].to_string());
        repository["name"] = json!(name);
        repository["full_name"] = json!(format!("{owner}/{name}"));
        self.repositories
            .insert(format!("{owner}/{name}").to_lowercase(), repository);
    }

    /// Commits files on top of a branch, replacing everything, as somebody else.
    pub(super) fn push(&self, full_name: &str, branch: &str, files: &[(&str, &str)]) -> String {
        let folder = self.folder(full_name);
        let entries: Vec<Value> = files
            .iter()
            .map(|(path, content)| json!({"path": path, "mode": "100644", "content": content}))
            .collect();
        let tree = super::git_data::write_tree(&folder, &entries, None).expect("tree");
        let head = try_git(&folder, &["rev-parse", "-q", "--verify", branch], "", &[]);
        let head = head.ok().filter(|head| !head.is_empty());
        let parents: Vec<&str> = head.iter().map(String::as_str).collect();
        let commit = commit_tree(&folder, &tree, &parents, SOMEBODY, "Somebody's commit");
        let name = format!("refs/heads/{branch}");
        git(&folder, &["update-ref", &name, &commit], "");
        commit
    }

    pub(super) fn put_topics(&mut self, full_name: &str, body: &Value) -> (u16, Value) {
        let repository = self.repositories.get_mut(full_name).expect("exists");
        repository["topics"] = body["names"].clone();
        (200, body.clone())
    }

    pub(super) fn installation(&self, owner: &str, kind: &str) -> (u16, Value) {
        let known = match kind {
            "User" => owner == "ann",
            _ => self.organizations.contains(&owner),
        };
        if !known {
            return refuse(404, "Not Found");
        }
        let mut installation = INSTALLATION.clone();
        installation["target_type"] = json!(kind);
        installation["client_id"] = json!("Iv1.0123456789abcdef");
        installation["account"]["login"] = json!(owner);
        (200, installation)
    }

    pub(super) fn mint(&mut self, id: &str) -> (u16, Value) {
        if id.parse().ok() != INSTALLATION["id"].as_u64() {
            return refuse(404, "Not Found");
        }
        self.minted += 1;
        // The first one is short-lived.
        let life = jiff::SignedDuration::from_secs(if self.minted == 1 { 30 } else { 3600 });
        let expires = (jiff::Timestamp::now() + life).to_string();
        let token = format!("ghs_7_never-shown-{}", self.minted);
        (
            201,
            json!({"token": token, "expires_at": expires, "permissions": {"contents": "write"},
                "repository_selection": "all"}),
        )
    }
}
