//! `pull-request` and `pull-request-simple` of the OpenAPI description.

use serde_json::{Value, json};

use super::opened::Opened;
use super::pull::PullRecord;
use super::{format_time, identity_body, merge, node_id, repository_body};

/// The answer to creating, reading and changing one pull request.
pub(super) async fn full(opened: &Opened, pull: &PullRecord) -> anyhow::Result<Value> {
    let git = opened.git();
    let difference = merge::difference(&git, &pull.base_sha, &pull.head_sha).await?;
    let mergeable = if pull.open {
        let tree = merge::merged_tree(&git, &pull.base_sha, &pull.head_sha).await?;
        Some(tree.is_some())
    } else {
        None
    };
    let state = match mergeable {
        None => "unknown",
        Some(true) if pull.draft => "draft",
        Some(true) => "clean",
        Some(false) => "dirty",
    };
    let merged_by = pull.merged_by.as_deref().map(|login| person(opened, login));
    let rest = json!({
        "merged": pull.merged_at.is_some(),
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": state,
        "merged_by": merged_by,
        "comments": 0,
        "review_comments": 0,
        "maintainer_can_modify": false,
        "commits": difference.commits,
        "additions": difference.additions,
        "deletions": difference.deletions,
        "changed_files": difference.files,
    });
    let mut body = simple(opened, pull);
    if let (Value::Object(body), Value::Object(rest)) = (&mut body, rest) {
        body.extend(rest);
    }
    Ok(body)
}

/// An element of a list.
pub(super) fn simple(opened: &Opened, pull: &PullRecord) -> Value {
    let base = &opened.service.base_url;
    let number = pull.number;
    let url = opened.url(&format!("/pulls/{number}"));
    let issue = opened.url(&format!("/issues/{number}"));
    let html = format!("{base}/{}/pull/{number}", opened.record.full_name());
    let statuses = opened.url(&format!("/statuses/{}", pull.head_sha));
    let comment = opened.url("/pulls/comments{/number}");
    let link = |address: &str| json!({ "href": address });
    let links = json!({
        "self": link(&url),
        "html": link(&html),
        "issue": link(&issue),
        "comments": link(&format!("{issue}/comments")),
        "review_comments": link(&format!("{url}/comments")),
        "review_comment": link(&comment),
        "commits": link(&format!("{url}/commits")),
        "statuses": link(&statuses),
    });
    let time = |time: Option<jiff::Timestamp>| time.map(format_time);
    json!({
        "id": opened.record.id * 1_000 + number,
        "node_id": node_id::pull(opened.record.id, number),
        "number": number,
        "url": url,
        "html_url": html,
        "diff_url": format!("{html}.diff"),
        "patch_url": format!("{html}.patch"),
        "issue_url": issue,
        "commits_url": format!("{url}/commits"),
        "review_comments_url": format!("{url}/comments"),
        "review_comment_url": comment,
        "comments_url": format!("{issue}/comments"),
        "statuses_url": statuses,
        "state": if pull.open { "open" } else { "closed" },
        "locked": false,
        "title": pull.title,
        "body": pull.body,
        "user": person(opened, &pull.author),
        "labels": [],
        "milestone": null,
        "active_lock_reason": null,
        "created_at": format_time(pull.created_at),
        "updated_at": format_time(pull.updated_at),
        "closed_at": time(pull.closed_at),
        "merged_at": time(pull.merged_at),
        "merge_commit_sha": pull.merge_commit_sha,
        "assignee": null,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "draft": pull.draft,
        "author_association": "OWNER",
        "auto_merge": null,
        "head": side(opened, &pull.head, &pull.head_sha),
        "base": side(opened, &pull.base, &pull.base_sha),
        "_links": links,
    })
}

fn side(opened: &Opened, branch: &str, sha: &str) -> Value {
    let record = &opened.record;
    let base = &opened.service.base_url;
    json!({
        "label": format!("{}:{branch}", record.owner),
        "ref": branch,
        "sha": sha,
        "user": identity_body::owner(base, &record.owner, record.organization),
        "repo": repository_body::full(base, record, &opened.caller.actor),
    })
}

fn person(opened: &Opened, login: &str) -> Value {
    identity_body::owner(&opened.service.base_url, login, false)
}
