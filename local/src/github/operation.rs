//! The calls that are served, each with what GitHub says and asks of it.

use http::Method;

/// What the caller must be to the repository of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The call is not about one repository.
    Nobody,
    /// May see it.
    Reader,
    /// May push to it.
    Writer,
    /// May change what only its administrators change.
    Admin,
}

struct Row {
    operation: Operation,
    method: &'static str,
    template: &'static str,
    page: &'static str,
    scopes: &'static str,
    role: Role,
    permissions: &'static str,
}

/// Makes the enum and the table from one list, so that no call can be without its row.
macro_rules! operations {
    ($($name:ident: $method:literal $template:literal, $page:literal, $scopes:literal, $role:ident, $permissions:literal;)*) => {
        /// A call of the API, as faults name it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Operation {
            $(
                #[doc = concat!("`", $method, " ", $template, "`")]
                $name,
            )*
        }

        const ROWS: &[Row] = &[$(Row {
            operation: Operation::$name,
            method: $method,
            template: $template,
            page: $page,
            scopes: $scopes,
            role: Role::$role,
            permissions: $permissions,
        },)*];
    };
}

// Method and path of the OpenAPI description; the page below `https://docs.github.com/rest/`; the
// header `x-accepted-oauth-scopes` (recorded answers name none for the git data calls); the role;
// the header `x-accepted-github-permissions` (`,` joins what is needed together, `;` alternatives).
operations! {
    GetUser: "GET" "/user", "users/users#get-the-authenticated-user", "", Nobody, "";
    GetUserByName: "GET" "/users/{username}", "users/users#get-a-user", "", Nobody, "";
    GetOrganization: "GET" "/orgs/{org}", "orgs/orgs#get-an-organization", "admin:org, read:org, repo, user, write:org", Nobody, "";
    GetRateLimit: "GET" "/rate_limit", "rate-limit/rate-limit#get-rate-limit-status-for-the-authenticated-user", "", Nobody, "";
    CreateUserRepository: "POST" "/user/repos", "repos/repos#create-a-repository-for-the-authenticated-user", "public_repo, repo", Nobody, "administration=write; repository_creation=write";
    CreateOrganizationRepository: "POST" "/orgs/{org}/repos", "repos/repos#create-an-organization-repository", "public_repo, repo", Nobody, "administration=write; repository_creation=write";
    GetRepository: "GET" "/repos/{owner}/{repo}", "repos/repos#get-a-repository", "repo", Reader, "metadata=read";
    UpdateRepository: "PATCH" "/repos/{owner}/{repo}", "repos/repos#update-a-repository", "", Admin, "administration=write";
    GetTopics: "GET" "/repos/{owner}/{repo}/topics", "repos/repos#get-all-repository-topics", "", Reader, "metadata=read";
    ReplaceTopics: "PUT" "/repos/{owner}/{repo}/topics", "repos/repos#replace-all-repository-topics", "", Admin, "administration=write";
    GetHashAlgorithm: "GET" "/repos/{owner}/{repo}/hash-algorithm", "repos/repos#get-the-hash-algorithm-for-a-repository", "", Reader, "metadata=read";
    GetContents: "GET" "/repos/{owner}/{repo}/contents/{path}", "repos/contents#get-repository-content", "", Reader, "contents=read";
    PutContents: "PUT" "/repos/{owner}/{repo}/contents/{path}", "repos/contents#create-or-update-file-contents", "", Writer, "contents=write; contents=write,workflows=write";
    GetReference: "GET" "/repos/{owner}/{repo}/git/ref/{ref}", "git/refs#get-a-reference", "", Reader, "contents=read";
    ListMatchingReferences: "GET" "/repos/{owner}/{repo}/git/matching-refs/{ref}", "git/refs#list-matching-references", "", Reader, "contents=read";
    CreateReference: "POST" "/repos/{owner}/{repo}/git/refs", "git/refs#create-a-reference", "", Writer, "contents=write; contents=write,workflows=write";
    UpdateReference: "PATCH" "/repos/{owner}/{repo}/git/refs/{ref}", "git/refs#update-a-reference", "", Writer, "contents=write; contents=write,workflows=write";
    CreateBlob: "POST" "/repos/{owner}/{repo}/git/blobs", "git/blobs#create-a-blob", "", Writer, "contents=write";
    GetBlob: "GET" "/repos/{owner}/{repo}/git/blobs/{file_sha}", "git/blobs#get-a-blob", "", Reader, "contents=read";
    CreateTree: "POST" "/repos/{owner}/{repo}/git/trees", "git/trees#create-a-tree", "", Writer, "contents=write";
    GetTree: "GET" "/repos/{owner}/{repo}/git/trees/{tree_sha}", "git/trees#get-a-tree", "", Reader, "contents=read";
    CreateCommit: "POST" "/repos/{owner}/{repo}/git/commits", "git/commits#create-a-commit", "", Writer, "contents=write";
    GetCommit: "GET" "/repos/{owner}/{repo}/git/commits/{commit_sha}", "git/commits#get-a-commit-object", "", Reader, "contents=read";
    CreatePull: "POST" "/repos/{owner}/{repo}/pulls", "pulls/pulls#create-a-pull-request", "", Writer, "pull_requests=write";
    ListPulls: "GET" "/repos/{owner}/{repo}/pulls", "pulls/pulls#list-pull-requests", "", Reader, "pull_requests=read";
    GetPull: "GET" "/repos/{owner}/{repo}/pulls/{pull_number}", "pulls/pulls#get-a-pull-request", "", Reader, "pull_requests=read";
    UpdatePull: "PATCH" "/repos/{owner}/{repo}/pulls/{pull_number}", "pulls/pulls#update-a-pull-request", "", Writer, "pull_requests=write";
    MergePull: "PUT" "/repos/{owner}/{repo}/pulls/{pull_number}/merge", "pulls/pulls#merge-a-pull-request", "", Writer, "contents=write";
    GetActionsKey: "GET" "/repos/{owner}/{repo}/actions/secrets/public-key", "actions/secrets#get-a-repository-public-key", "", Admin, "secrets=read";
    ListSecrets: "GET" "/repos/{owner}/{repo}/actions/secrets", "actions/secrets#list-repository-secrets", "", Admin, "secrets=read";
    GetSecret: "GET" "/repos/{owner}/{repo}/actions/secrets/{secret_name}", "actions/secrets#get-a-repository-secret", "", Admin, "secrets=read";
    PutSecret: "PUT" "/repos/{owner}/{repo}/actions/secrets/{secret_name}", "actions/secrets#create-or-update-a-repository-secret", "", Admin, "secrets=write";
    ListVariables: "GET" "/repos/{owner}/{repo}/actions/variables", "actions/variables#list-repository-variables", "", Admin, "actions_variables=read";
    CreateVariable: "POST" "/repos/{owner}/{repo}/actions/variables", "actions/variables#create-a-repository-variable", "", Admin, "actions_variables=write";
    GetVariable: "GET" "/repos/{owner}/{repo}/actions/variables/{name}", "actions/variables#get-a-repository-variable", "", Admin, "actions_variables=read";
    UpdateVariable: "PATCH" "/repos/{owner}/{repo}/actions/variables/{name}", "actions/variables#update-a-repository-variable", "", Admin, "actions_variables=write";
    GetApp: "GET" "/app", "apps/apps#get-the-authenticated-app", "", Nobody, "";
    GetOrganizationInstallation: "GET" "/orgs/{org}/installation", "apps/apps#get-an-organization-installation-for-the-authenticated-app", "", Nobody, "";
    GetUserInstallation: "GET" "/users/{username}/installation", "apps/apps#get-a-user-installation-for-the-authenticated-app", "", Nobody, "";
    GetRepositoryInstallation: "GET" "/repos/{owner}/{repo}/installation", "apps/apps#get-a-repository-installation-for-the-authenticated-app", "", Nobody, "";
    CreateInstallationToken: "POST" "/app/installations/{installation_id}/access_tokens", "apps/apps#create-an-installation-access-token-for-an-app", "", Nobody, "";
}

impl Operation {
    /// Recognises a call by its method and the route that matched.
    pub(super) fn find(method: &Method, route: &str) -> Option<Self> {
        let inner = route
            .strip_prefix("/repositories/{id}")
            .map(|rest| format!("/repos/{{owner}}/{{repo}}{rest}"));
        let route = inner.unwrap_or_else(|| route.to_owned()).replace("{*", "{");
        let route = match route.trim_end_matches('/') {
            // The root of the files has no name.
            "/repos/{owner}/{repo}/contents" => "/repos/{owner}/{repo}/contents/{path}",
            route => route,
        };
        ROWS.iter()
            .find(|row| row.method == method.as_str() && row.template == route)
            .map(|row| row.operation)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.operation == self)
    }

    /// Method and path as the OpenAPI description has them.
    pub(super) fn described(self) -> (&'static str, &'static str) {
        self.row()
            .map_or(("", ""), |row| (row.method, row.template))
    }

    /// The page of the call below `https://docs.github.com/rest/`.
    pub(super) fn documentation(self) -> &'static str {
        self.row().map_or("", |row| row.page)
    }

    /// The header `x-accepted-oauth-scopes`.
    pub(super) fn accepted_scopes(self) -> &'static str {
        self.row().map_or("", |row| row.scopes)
    }

    /// The header `x-accepted-github-permissions`.
    pub(super) fn accepted_permissions(self) -> &'static str {
        self.row().map_or("", |row| row.permissions)
    }

    pub(super) fn role(self) -> Role {
        self.row().map_or(Role::Nobody, |row| row.role)
    }

    /// Whether the call changes something; these count as created content too.
    pub(super) fn writes(self) -> bool {
        self.row().is_some_and(|row| row.method != "GET")
    }

    /// Whether only an App itself may call, with a JSON web token.
    pub(super) fn is_for_apps(self) -> bool {
        matches!(
            self,
            Self::GetApp
                | Self::GetOrganizationInstallation
                | Self::GetUserInstallation
                | Self::GetRepositoryInstallation
                | Self::CreateInstallationToken
        )
    }
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = Operation> {
    ROWS.iter().map(|row| row.operation)
}

#[cfg(test)]
mod tests {
    use super::{Operation, ROWS};

    #[test]
    fn every_call_is_found_by_name_and_by_number() {
        for row in ROWS {
            let method = row.method.parse().unwrap();
            let found = Operation::find(&method, row.template);
            assert_eq!(found, Some(row.operation), "{}", row.template);
            let inner = row.template.strip_prefix("/repos/{owner}/{repo}");
            if let Some(inner) = inner {
                let numbered = format!("/repositories/{{id}}{inner}");
                assert_eq!(Operation::find(&method, &numbered), Some(row.operation));
            }
        }
    }
}
