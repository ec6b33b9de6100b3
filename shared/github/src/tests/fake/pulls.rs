//! Pull requests.

use std::sync::LazyLock;

use serde_json::{Value, json};
use wiremock::Request;

use super::super::git::try_git;
use super::{State, invalid, refuse, text};

/// A pull request as GitHub showed it in 2020, and one of a list.
static RECORDED: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../fixtures/pulls.json")).expect("json")
});

impl State {
    pub(super) fn pull(
        &mut self,
        method: &str,
        full_name: &str,
        rest: &[&str],
        request: &Request,
        body: &Value,
    ) -> (u16, Value) {
        match (method, rest) {
            ("POST", []) => self.open_pull(full_name, body),
            ("GET", []) => self.list_pulls(request),
            ("PATCH", [number]) => {
                let number: u64 = number.parse().expect("number");
                let found = self.pulls.iter_mut().find(|one| one["number"] == number);
                let pull = found.expect("exists");
                for (key, value) in body.as_object().expect("object") {
                    pull[key] = value.clone();
                }
                (200, pull.clone())
            }
            _ => refuse(404, "Not Found"),
        }
    }

    fn open_pull(&mut self, full_name: &str, body: &Value) -> (u16, Value) {
        let (head, base) = (text(&body["head"]), text(&body["base"]));
        let owner = full_name.split('/').next().expect("owner");
        let same = |one: &&Value| one["head"]["ref"] == head && one["base"]["ref"] == base;
        let failed = |reason: &str| invalid("Validation Failed", "PullRequest", "head", reason);
        if self
            .pulls
            .iter()
            .filter(same)
            .any(|one| one["state"] == "open")
        {
            return failed(&format!(
                "A pull request already exists for {owner}:{head}."
            ));
        }
        let folder = self.folder(full_name);
        let span = format!("{base}..{head}");
        match try_git(&folder, &["rev-list", "--count", &span], "", &[]) {
            Ok(count) if count != "0" => {}
            Ok(_) => return failed(&format!("No commits between {base} and {head}")),
            Err(_) => return invalid("Validation Failed", "PullRequest", "head", "invalid"),
        }
        let mut pull = RECORDED["opened"]["answer"].clone();
        let number = self.pulls.len() + 1;
        pull["number"] = json!(number);
        pull["html_url"] = json!(format!("https://github.com/{full_name}/pull/{number}"));
        pull["title"] = body["title"].clone();
        pull["body"] = body["body"].clone();
        pull["head"]["ref"] = json!(head);
        pull["base"]["ref"] = json!(base);
        // What GitHub has added since.
        pull["auto_merge"] = Value::Null;
        for side in ["head", "base"] {
            pull[side]["repo"]["has_discussions"] = json!(false);
        }
        self.pulls.push(pull.clone());
        (201, pull)
    }

    fn list_pulls(&self, request: &Request) -> (u16, Value) {
        let wanted: Vec<(String, String)> = request
            .url
            .query_pairs()
            .map(|(key, value)| (key.into_owned(), value.into_owned()))
            .collect();
        let value = |name: &str| {
            let found = wanted.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.as_str()).expect("given")
        };
        let (_, head) = value("head").split_once(':').expect("owner:branch");
        let mut listed = Vec::new();
        for pull in self.pulls.iter().rev() {
            let fits = pull["head"]["ref"] == head && pull["base"]["ref"] == value("base");
            if !fits || (value("state") != "all" && pull["state"] != value("state")) {
                continue;
            }
            let mut simple = RECORDED["listed"]["answer"][0].clone();
            simple["auto_merge"] = Value::Null;
            let known = simple.as_object().expect("object").clone();
            for key in known.keys() {
                simple[key] = pull[key].clone();
            }
            listed.push(simple);
        }
        (200, Value::Array(listed))
    }

    pub(super) fn end_pull(&mut self, number: u64, merged: bool) {
        let found = self.pulls.iter_mut().find(|one| one["number"] == number);
        let pull = found.expect("exists");
        pull["state"] = json!("closed");
        pull["closed_at"] = json!("2026-01-02T03:04:05Z");
        if merged {
            pull["merged_at"] = json!("2026-01-02T03:04:05Z");
            pull["merged"] = json!(true);
        }
    }
}
