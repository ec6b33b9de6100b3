//! Every call of the task API: what is answered, and what is described.

use http::Method;

use crate::invocation::Reply;

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// The report on the settings, as every function has it.
    Health,
    /// The description of this API.
    Describe,
    /// A brief.
    Create,
    /// Which credentials are set.
    ShowCredentials,
    /// Sets credentials.
    SetCredentials,
    /// Removes all of them.
    RemoveCredentials,
    /// About one task.
    OfTask(OfTask),
}

/// A call about one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfTask {
    /// How it stands.
    Status,
    /// A page of its journal.
    Journal,
    /// A command of its owner.
    Command,
    /// A look at it.
    Nudge,
}

/// The placeholder of a task's id in a path.
const TASK: &str = "{taskId}";

/// All calls with their methods and paths.
pub(super) const ROUTES: [(Method, &str, Call); 10] = [
    (Method::GET, "/", Call::Health),
    (Method::POST, "/", Call::Create),
    (Method::GET, "/openapi.json", Call::Describe),
    (Method::GET, "/credentials", Call::ShowCredentials),
    (Method::PUT, "/credentials", Call::SetCredentials),
    (Method::DELETE, "/credentials", Call::RemoveCredentials),
    (Method::GET, "/{taskId}", Call::OfTask(OfTask::Status)),
    (
        Method::GET,
        "/{taskId}/journal",
        Call::OfTask(OfTask::Journal),
    ),
    (
        Method::POST,
        "/{taskId}/commands",
        Call::OfTask(OfTask::Command),
    ),
    (Method::POST, "/{taskId}/nudge", Call::OfTask(OfTask::Nudge)),
];

/// The call that a request is, and what stands for the task in its path.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Option<(Call, &'a str)> {
    let (first, rest) = split(path);
    let is_it = |route: &&(Method, &str, Call)| {
        let (known, more) = split(route.1);
        route.0 == *method && more == rest && (known == first || known == TASK)
    };
    // Fixed paths stand before the one of a task.
    let route = ROUTES.iter().find(is_it)?;
    Some((route.2, first))
}

/// What stands before the first slash inside a path, and after it.
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_matches('/');
    path.split_once('/').unwrap_or((path, ""))
}

/// The answer to what is no call.
pub(super) fn unknown(method: &Method, path: &str) -> Reply {
    let calls: Vec<String> = ROUTES
        .iter()
        .map(|(method, path, _)| format!("{method} {path}"))
        .collect();
    let path: String = path.chars().take(100).collect();
    let message = format!(
        "There is no {method} {path}. The calls are {}.",
        calls.join(", ")
    );
    Reply::error(400, "unknown_call", &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_found_by_its_path_and_nothing_else_is() {
        for (method, path, call) in &ROUTES {
            let path = path.replace(TASK, "tabc");
            let task = split(&path).0;
            assert_eq!(find(method, &path), Some((*call, task)), "{method} {path}");
        }
        let slashes = find(&Method::GET, "//tabc/journal/").map(|(call, _)| call);
        assert_eq!(slashes, Some(Call::OfTask(OfTask::Journal)));
        for (method, path) in [
            (Method::PUT, "/"),
            (Method::DELETE, "/tabc"),
            (Method::POST, "/credentials"),
            (Method::GET, "/tabc/commands"),
            (Method::GET, "/tabc/journal/x"),
            (Method::POST, "/openapi.json"),
        ] {
            assert_eq!(find(&method, path), None, "{method} {path}");
        }
    }
}
