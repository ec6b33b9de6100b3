//! `full-repository` of the OpenAPI description.

use serde_json::{Map, Value, json};

use super::account::Actor;
use super::operation::Operation;
use super::registry::RepositoryRecord;
use super::{format_time, identity_body, node_id};

/// Keys that are addresses below the repository's own, with RFC 6570 templates.
const ADDRESSES: [(&str, &str); 36] = [
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    (
        "notifications_url",
        "/notifications{?since,all,participating}",
    ),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];

/// Counters of things that do not exist here.
const ZEROS: [&str; 9] = [
    "forks",
    "forks_count",
    "network_count",
    "open_issues",
    "open_issues_count",
    "stargazers_count",
    "subscribers_count",
    "watchers",
    "watchers_count",
];

/// The answer to creating and reading a repository.
///
/// `clone_url` and `html_url` work; `git_url`, `ssh_url` and `svn_url` have GitHub's form only.
/// `size` is 0: GitHub fills it in by a later job that this service does not have.
pub(super) fn full(base_url: &str, record: &RepositoryRecord, actor: &Actor) -> Value {
    let full_name = record.full_name();
    let url = format!("{base_url}/repos/{full_name}");
    let host = base_url.trim_start_matches("http://");
    let owner = identity_body::owner(base_url, &record.owner, record.organization);
    let admin = actor.may(record, Operation::UpdateRepository).is_ok();
    let push = actor.may_push(record);
    // As GitHub: installations are told that they may do nothing, whatever they may do.
    let person = actor.is_person();
    let mut body: Map<String, Value> = record.settings.clone().into_iter().collect();
    for (key, path) in ADDRESSES {
        body.insert(key.to_owned(), json!(format!("{url}{path}")));
    }
    for key in ZEROS {
        body.insert(key.to_owned(), json!(0));
    }
    let rest = json!({
        "id": record.id,
        "node_id": node_id::repository(record.id),
        "name": record.name,
        "full_name": full_name,
        "owner": owner,
        "private": record.private,
        "visibility": if record.private { "private" } else { "public" },
        "html_url": format!("{base_url}/{full_name}"),
        "description": record.description,
        "fork": false,
        "url": url,
        "git_url": format!("git://{host}/{full_name}.git"),
        "ssh_url": format!("git@{host}:{full_name}.git"),
        "clone_url": format!("{base_url}/{full_name}.git"),
        "svn_url": format!("{base_url}/{full_name}"),
        "mirror_url": null,
        "homepage": record.homepage,
        "language": null,
        "license": null,
        "size": 0,
        "default_branch": record.default_branch,
        "topics": record.topics,
        "has_pages": false,
        "archived": record.archived,
        "disabled": false,
        "allow_forking": true,
        "web_commit_signoff_required": false,
        "custom_properties": record.custom_properties,
        "created_at": format_time(record.created_at),
        "updated_at": format_time(record.updated_at),
        "pushed_at": format_time(record.pushed_at),
        "permissions": {
            "admin": admin && person,
            "maintain": admin && person,
            "push": push && person,
            "triage": push && person,
            "pull": person,
        },
    });
    if let Value::Object(rest) = rest {
        body.extend(rest);
    }
    if record.organization {
        let organization = identity_body::owner(base_url, &record.owner, true);
        body.insert("organization".to_owned(), organization);
    }
    Value::Object(body)
}
