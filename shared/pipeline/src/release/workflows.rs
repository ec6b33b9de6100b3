//! The workflows of a repository. The orchestrator alone writes them: what they run is fixed
//! here, and of the project only names of folders that need no quotes go into them.
//!
//! Source: contracts of GitHub Actions and of the official Appwrite CLI, read 2026-11.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::app_config::{self, Place};
use crate::brief::Workflows;
use crate::deployment::{self, FUNCTION_RUNTIME, FUNCTION_TIMEOUT_SECONDS, parts};
use crate::facts::Project;
use crate::ids::TaskId;
use crate::path::SafePath;
use crate::plan::AppFunction;
use crate::tables::{Column, ColumnKind, Index, Table};
use crate::workspace::Workspace;

/// `actions/checkout` by hash, with its version for people.
const CHECKOUT: &str = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
/// `actions/setup-node` by hash, with its version for people.
const SETUP_NODE: &str = "actions/setup-node@820762786026740c76f36085b0efc47a31fe5020 # v7.0.0";
/// The major version of Node.js that everything is built with.
const NODE: &str = "24";
/// The official CLI, exactly.
const CLI: &str = "appwrite-cli@28.1.0";
/// What a site of plain files is built with, as the orchestrator makes it: a push that names
/// another is refused.
const STATIC_RUNTIME: &str = "static-1";
/// Folders with a `package.json` that are built: a job each.
const NODE_FOLDERS_MAX: usize = 10;

/// Where the workflow lies that builds and tests.
pub const CI: &str = ".github/workflows/ci.yml";
/// Where the workflow lies that deploys.
pub const DEPLOY: &str = ".github/workflows/appwrite-deploy.yml";
/// What the official CLI deploys by.
pub const CONFIG: &str = "appwrite.config.json";
/// What deploys an app: written again when that is done otherwise.
pub const DEPLOYING: [&str; 2] = [DEPLOY, CONFIG];

/// The name of the secret that the workflow deploys with.
pub const SECRET: &str = "APPWRITE_API_KEY";

/// What the workflows are for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// What is built, and which workflows are wanted.
    pub project: &'a Project,
    /// The task, which names the site and the database.
    pub task: &'a TaskId,
    /// The branch that is built, and deployed.
    pub branch: &'a str,
    /// Domain below which public addresses are, without a port.
    pub site_domain: &'a str,
}

/// What is written for `files`, path and text, in the order of paths. What stands in the
/// repository under one of these names already is left alone.
pub fn files(files: &Workspace, unshown: &[String], target: &Target<'_>) -> Vec<(String, String)> {
    let branch = target.branch;
    let made = match target.project.workflows {
        Workflows::None => Vec::new(),
        Workflows::Ci => vec![(CI, ci(files, unshown, branch))],
        Workflows::Deploy => vec![
            (DEPLOY, deploy(files, target)),
            (CI, ci(files, unshown, branch)),
            (CONFIG, config(files, target)),
        ],
    };
    let is_there = |path: &str| {
        let is_shown = SafePath::parse(path).is_ok_and(|path| files.get(&path).is_some());
        is_shown || unshown.iter().any(|other| other.eq_ignore_ascii_case(path))
    };
    let new = made.into_iter().filter(|(path, _)| !is_there(path));
    new.map(|(path, text)| (path.to_owned(), text)).collect()
}

/// Whether the workflow that deploys, and its configuration, are others for `project` than for
/// the one `before` it.
pub fn deploys_otherwise(before: &Project, project: &Project) -> bool {
    project.workflows == Workflows::Deploy
        && (before.project_type != project.project_type
            || before.output_dir != project.output_dir
            || before.functions != project.functions
            || before.tables != project.tables)
}

/// A folder with a `package.json`.
struct NodeFolder<'a> {
    /// Empty for the root.
    path: &'a str,
    scripts: BTreeSet<String>,
    is_locked: bool,
}

fn node_folders<'a>(files: &'a Workspace, unshown: &[String]) -> Vec<NodeFolder<'a>> {
    let folder = |(path, file): (&'a SafePath, &'a crate::workspace::File)| {
        let folder = path.as_str().strip_suffix("package.json")?;
        let folder = match folder {
            "" => "",
            other => other.strip_suffix('/').filter(|it| is_plain(it))?,
        };
        let manifest: Value = serde_json::from_str(&file.content).ok()?;
        let scripts = manifest["scripts"].as_object();
        let lock = format!(
            "{}package-lock.json",
            path.as_str().strip_suffix("package.json")?
        );
        let is_shown = SafePath::parse(&lock).is_ok_and(|lock| files.get(&lock).is_some());
        Some(NodeFolder {
            path: folder,
            scripts: scripts
                .into_iter()
                .flat_map(|all| all.keys().cloned())
                .collect(),
            is_locked: is_shown || unshown.contains(&lock),
        })
    };
    files
        .files()
        .filter_map(folder)
        .take(NODE_FOLDERS_MAX)
        .collect()
}

/// Whether a path means itself in YAML, in a shell and in an expression of GitHub's.
fn is_plain(path: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte);
    path.starts_with(|first: char| first.is_ascii_alphanumeric()) && path.bytes().all(is_part)
}

fn head(name: &str, branch: &str, with_pull_requests: bool, group: &str, cancel: bool) -> String {
    let (again, pull_requests) = if with_pull_requests {
        (
            "It is not written again: change it as you like.",
            "  pull_request:\n",
        )
    } else {
        (
            "It is written again when the app has other functions, tables or another site.",
            "  workflow_dispatch:\n",
        )
    };
    format!(
        "# Written by the orchestrator. {again}\n\
         name: {name}\n\
         on:\n  push:\n    branches: ['{branch}']\n{pull_requests}\
         permissions:\n  contents: read\n\
         concurrency:\n  group: {group}-${{{{ github.ref }}}}\n  cancel-in-progress: {cancel}\n\
         jobs:\n"
    )
}

fn job(id: &str, name: &str, minutes: u32) -> String {
    format!(
        "  {id}:\n    name: {name}\n    runs-on: ubuntu-24.04\n    timeout-minutes: {minutes}\n    steps:\n\
         \x20     - name: Check out\n        uses: {CHECKOUT}\n        with:\n          persist-credentials: false\n"
    )
}

fn setup_node() -> String {
    format!(
        "      - name: Set up Node.js\n        uses: {SETUP_NODE}\n        with:\n          node-version: '{NODE}'\n"
    )
}

/// Builds and tests what is there. Scripts of packages do not run on installation.
fn ci(files: &Workspace, unshown: &[String], branch: &str) -> String {
    let mut text = head("CI", branch, true, "ci", true);
    let folders = node_folders(files, unshown);
    for (index, folder) in folders.iter().enumerate() {
        let name = match folder.path {
            "" => "Build and test".to_owned(),
            path => format!("Build and test {path}"),
        };
        text.push_str(&job(&format!("node-{}", index + 1), &name, 15));
        text.push_str(&setup_node());
        let mut step = |name: &str, run: &str| {
            text.push_str(&format!("      - name: {name}\n"));
            if !folder.path.is_empty() {
                text.push_str(&format!("        working-directory: {}\n", folder.path));
            }
            text.push_str(&format!("        run: {run}\n"));
        };
        match folder.is_locked {
            true => step("Install", "npm ci --ignore-scripts"),
            false => step(
                "Install",
                "npm install --ignore-scripts --no-audit --no-fund",
            ),
        }
        if folder.scripts.contains("build") {
            step("Build", "npm run build");
        }
        if folder.scripts.contains("test") {
            step("Test", "npm test");
        }
    }
    let has_page = files
        .files()
        .any(|(path, _)| path.as_str().ends_with(".html"));
    if folders.is_empty() && has_page {
        text.push_str(&job("pages", "Check pages", 5));
        text.push_str(PAGES);
    } else if folders.is_empty() {
        text.push_str(&job("files", "Check files", 5));
        text.push_str(JSON_FILES);
    }
    text
}

/// Reads every page and looks for what it refers to, with what a runner has: no action, no package.
const PAGES: &str = r#"      - name: Check that pages can be read and refer to files that exist
        shell: python
        run: |
          import html.parser, pathlib, sys, urllib.parse
          root, problems = pathlib.Path('.').resolve(), []
          class Page(html.parser.HTMLParser):
              def handle_starttag(self, tag, attributes):
                  for name, value in attributes:
                      if name not in ('href', 'src') or not value:
                          continue
                      url = urllib.parse.urlsplit(value)
                      if url.scheme or url.netloc or not url.path:
                          continue
                      path = urllib.parse.unquote(url.path)
                      base = root if path.startswith('/') else self.page.parent
                      target = (base / path.lstrip('/')).resolve()
                      if target.is_dir():
                          target = target / 'index.html'
                      if root not in target.parents or not target.exists():
                          problems.append(f'{self.page.relative_to(root)}:{self.getpos()[0]}: {value} leads nowhere')
          for page in sorted(root.rglob('*.html')):
              if '.git' in page.parts or 'node_modules' in page.parts:
                  continue
              reader = Page()
              reader.page = page
              reader.feed(page.read_text(encoding='utf-8'))
              reader.close()
          print('\n'.join(problems) or 'Every page is sound.')
          sys.exit(1 if problems else 0)
"#;

/// Reads every JSON file, with what a runner has.
const JSON_FILES: &str = r#"      - name: Check that JSON files can be read
        shell: python
        run: |
          import json, pathlib
          for path in sorted(pathlib.Path('.').rglob('*.json')):
              if '.git' not in path.parts and 'node_modules' not in path.parts:
                  json.loads(path.read_text(encoding='utf-8'))
          print('Every JSON file is sound.')
"#;

/// Names the project and its address in the configuration, and writes what the site is told of
/// its surroundings: both are known where it is deployed alone.
const CONFIGURE: &str = "const fs = require('fs'), e = process.env, f = 'appwrite.config.json', \
    c = JSON.parse(fs.readFileSync(f)); c.projectId = e.APPWRITE_PROJECT_ID; c.endpoint = e.APPWRITE_ENDPOINT; \
    fs.writeFileSync(f, JSON.stringify(c)); const a = JSON.parse(e.APP_CONFIG); a.projectId = c.projectId; \
    a.endpoint = c.endpoint; a.release = e.GITHUB_SHA; if (e.APP_CONFIG_PATH) fs.writeFileSync(e.APP_CONFIG_PATH, JSON.stringify(a))";

/// What the job's steps see. The key is a secret that no other step does.
const SETTINGS: &str = "        env:
          APPWRITE_API_KEY: ${{ secrets.APPWRITE_API_KEY }}
          APPWRITE_PROJECT_ID: ${{ vars.APPWRITE_PROJECT_ID }}
          APPWRITE_ENDPOINT: ${{ vars.APPWRITE_ENDPOINT }}
";

/// Deploys by the configuration beside it. Tables are not pushed: the official CLI deletes all
/// that the configuration does not name, and other apps have theirs in the same project.
fn deploy(files: &Workspace, target: &Target<'_>) -> String {
    let project = target.project;
    let mut text = head(
        "Deploy to Appwrite",
        target.branch,
        false,
        "appwrite-deploy",
        false,
    );
    text.push_str(&job("deploy", "Deploy", 20));
    text.push_str(&setup_node());
    text.push_str("      - name: Check that the settings are there\n");
    text.push_str(SETTINGS);
    text.push_str(
        "        run: |\n          for name in APPWRITE_API_KEY APPWRITE_PROJECT_ID APPWRITE_ENDPOINT; do\n            \
         if [ -z \"${!name}\" ]; then echo \"::error::$name is not set in this repository\"; exit 1; fi\n          done\n",
    );
    text.push_str(&format!(
        "      - name: Install the Appwrite CLI\n        run: npm install --global --ignore-scripts {CLI}\n"
    ));
    text.push_str("      - name: Deploy\n");
    text.push_str(SETTINGS);
    let config = parts::config(project, target.task, "");
    let place = Place {
        endpoint: "",
        project_id: "",
        site_domain: target.site_domain,
    };
    let told = match (project.project_type.has_site(), is_built(files, project)) {
        (false, _) => String::new(),
        (true, true) => app_config::PATH.to_owned(),
        (true, false) => served(project, app_config::PATH),
    };
    for (name, value) in [
        ("APPWRITE_NO_UPDATE_CHECK", "1"),
        ("CONFIGURE", CONFIGURE),
        ("APP_CONFIG", &json!(config.value(&place)).to_string()),
        ("APP_CONFIG_PATH", &told),
    ] {
        // A quote is doubled within quotes; nothing else means more than itself.
        let value = value.replace('\'', "''");
        text.push_str(&format!("          {name}: '{value}'\n"));
    }
    text.push_str(
        "        run: |\n          node --eval \"$CONFIGURE\"\n          \
         appwrite client --endpoint \"$APPWRITE_ENDPOINT\" --project-id \"$APPWRITE_PROJECT_ID\" --key \"$APPWRITE_API_KEY\"\n",
    );
    for (kind, is_there) in [
        ("functions", !project.functions.is_empty()),
        ("sites", project.project_type.has_site()),
    ] {
        if is_there {
            text.push_str(&format!(
                "          appwrite push {kind} --all --force --activate\n"
            ));
        }
    }
    text
}
/// A path below the folder that the site serves, from the repository's root.
fn served(project: &Project, path: &str) -> String {
    match project
        .output_dir
        .trim_start_matches("./")
        .trim_matches('/')
    {
        "" | "." => path.to_owned(),
        folder if is_plain(folder) => format!("{folder}/{path}"),
        _ => path.to_owned(),
    }
}

/// What the official CLI deploys: what the orchestrator itself would have.
fn config(files: &Workspace, target: &Target<'_>) -> String {
    let Target { project, task, .. } = target;
    let function = |it: &AppFunction| {
        json!({
            "$id": deployment::function_id(task, &it.id), "name": parts::function_name(project, it),
            "runtime": FUNCTION_RUNTIME, "path": it.folder.trim_end_matches('/'), "entrypoint": it.entrypoint,
            "commands": parts::commands(files, &it.folder), "execute": [it.access.as_str()], "scopes": [],
            "timeout": FUNCTION_TIMEOUT_SECONDS, "enabled": true, "logging": true,
        })
    };
    let mut config = json!({
        "projectId": "", "endpoint": "",
        "functions": project.functions.iter().map(function).collect::<Vec<_>>(),
    });
    if project.project_type.has_site() {
        config["sites"] = json!([site(files, target)]);
    }
    if !project.tables.is_empty() {
        let tables = project.tables.iter().map(|it| table(it, task));
        config["tablesDB"] = json!([{"$id": task.as_str(), "name": project.name, "enabled": true}]);
        config["tables"] = tables.collect();
    }
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

/// Whether what the site serves is made from the repository, and not in it.
fn is_built(files: &Workspace, project: &Project) -> bool {
    let folder = served(project, "");
    let mut paths = files.files().map(|(path, _)| path.as_str());
    let mut folders = node_folders(files, &[]).into_iter();
    !paths.any(|path| path.starts_with(&folder))
        && folders.any(|it| it.path.is_empty() && it.scripts.contains("build"))
}

fn site(files: &Workspace, target: &Target<'_>) -> Value {
    let project = target.project;
    let folder = served(project, "");
    let folder = folder.trim_end_matches('/');
    let (runtime, path, install, build, output) = match is_built(files, project) {
        true => (
            FUNCTION_RUNTIME,
            ".".to_owned(),
            "npm install --ignore-scripts",
            format!("npm run build && cp {} {folder}/", app_config::PATH),
            format!("./{folder}"),
        ),
        false => (
            STATIC_RUNTIME,
            format!("./{folder}"),
            "",
            String::new(),
            "./".to_owned(),
        ),
    };
    json!({
        "$id": target.task.as_str(), "name": project.name, "framework": "other", "adapter": "static",
        "buildRuntime": runtime, "path": path, "installCommand": install, "buildCommand": build,
        "outputDirectory": output, "enabled": true, "logging": true,
    })
}

fn table(table: &Table, task: &TaskId) -> Value {
    let column = |it: &Column| {
        // Words, addresses and links are texts to the official CLI, of a format.
        let kind = it.kind.as_str();
        let (kind, format) = match it.kind {
            ColumnKind::Enum | ColumnKind::Email | ColumnKind::Url => ("string", Some(kind)),
            ColumnKind::Float => ("double", None),
            ColumnKind::String
            | ColumnKind::Integer
            | ColumnKind::Boolean
            | ColumnKind::Datetime => (kind, None),
        };
        let mut column =
            json!({"key": it.key, "type": kind, "required": it.required, "array": it.array});
        if let Some(format) = format {
            column["format"] = json!(format);
        }
        if it.kind == ColumnKind::String {
            column["size"] = json!(it.size);
        }
        if it.kind == ColumnKind::Enum {
            column["elements"] = json!(it.elements);
        }
        column
    };
    let index = |it: &Index| {
        let orders = vec!["ASC"; it.columns.len()];
        json!({"key": it.key, "type": it.kind.as_str(), "columns": it.columns, "orders": orders})
    };
    json!({
        "$id": table.id, "databaseId": task.as_str(), "name": table.name, "enabled": true,
        "$permissions": table.access.permissions(), "rowSecurity": table.access.row_security(),
        "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
        "indexes": table.indexes.iter().map(index).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests;
