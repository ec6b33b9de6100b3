//! The workflows of a repository. The orchestrator alone writes them: what they run is fixed
//! here, and of the project only names of folders that need no quotes go into them.
//!
//! Source: contracts of GitHub Actions and of the official Appwrite CLI, read 2026-11.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::brief::Workflows;
use crate::path::SafePath;
use crate::workspace::Workspace;

/// `actions/checkout` by hash, with its version for people.
const CHECKOUT: &str = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
/// `actions/setup-node` by hash, with its version for people.
const SETUP_NODE: &str = "actions/setup-node@820762786026740c76f36085b0efc47a31fe5020 # v7.0.0";
/// The major version of Node.js that everything is built with.
const NODE: &str = "24";
/// The official CLI, exactly.
const CLI: &str = "appwrite-cli@28.1.0";
/// Folders with a `package.json` that are built: a job each.
const NODE_FOLDERS_MAX: usize = 10;

/// Where the workflow lies that builds and tests.
pub const CI: &str = ".github/workflows/ci.yml";
/// Where the workflow lies that deploys.
pub const DEPLOY: &str = ".github/workflows/appwrite-deploy.yml";
/// What the official CLI deploys by.
pub const CONFIG: &str = "appwrite.config.json";

/// The name of the secret that the workflow deploys with.
pub const SECRET: &str = "APPWRITE_API_KEY";

/// What the workflows are for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Which are wanted.
    pub workflows: Workflows,
    /// The branch that is built, and deployed.
    pub branch: &'a str,
    /// Folder that is served, `.` for all files.
    pub output_dir: &'a str,
    /// The site's id.
    pub site_id: &'a str,
}

/// What is written for `files`, path and text, in the order of paths. What stands in the
/// repository under one of these names already is left alone.
pub fn files(files: &Workspace, unshown: &[String], target: &Target<'_>) -> Vec<(String, String)> {
    let branch = target.branch;
    let made = match target.workflows {
        Workflows::None => Vec::new(),
        Workflows::Ci => vec![(CI, ci(files, unshown, branch))],
        Workflows::Deploy => {
            let has_function = functions(files).next().is_some();
            vec![
                (DEPLOY, deploy(branch, has_function)),
                (CI, ci(files, unshown, branch)),
                (CONFIG, config(files, target)),
            ]
        }
    };
    let is_there = |path: &str| {
        let is_shown = SafePath::parse(path).is_ok_and(|path| files.get(&path).is_some());
        is_shown || unshown.iter().any(|other| other.eq_ignore_ascii_case(path))
    };
    let new = made.into_iter().filter(|(path, _)| !is_there(path));
    new.map(|(path, text)| (path.to_owned(), text)).collect()
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

/// Folders of functions, by name.
fn functions(files: &Workspace) -> impl Iterator<Item = &str> {
    let mut seen = BTreeSet::new();
    files.files().filter_map(move |(path, _)| {
        let (name, _) = path.as_str().strip_prefix("functions/")?.split_once('/')?;
        (is_plain(name) && seen.insert(name)).then_some(name)
    })
}

fn head(name: &str, branch: &str, with_pull_requests: bool, group: &str, cancel: bool) -> String {
    let pull_requests = if with_pull_requests {
        "  pull_request:\n"
    } else {
        "  workflow_dispatch:\n"
    };
    format!(
        "# Written by the orchestrator. It is not written again: change it as you like.\n\
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

/// Names the project and its address in the configuration, which the workflow alone knows.
const CONFIGURE: &str = "const fs = require('fs'), f = 'appwrite.config.json', c = JSON.parse(fs.readFileSync(f)); c.projectId = process.env.APPWRITE_PROJECT_ID; c.endpoint = process.env.APPWRITE_ENDPOINT; fs.writeFileSync(f, JSON.stringify(c))";

/// Deploys by the configuration beside it. The key is a secret that only this job's steps see.
fn deploy(branch: &str, has_function: bool) -> String {
    let mut text = head(
        "Deploy to Appwrite",
        branch,
        false,
        "appwrite-deploy",
        false,
    );
    text.push_str(&job("deploy", "Deploy", 20));
    text.push_str(&setup_node());
    let env = |with_check: bool| {
        let mut env =
            "        env:\n          APPWRITE_API_KEY: ${{ secrets.APPWRITE_API_KEY }}\n          \
             APPWRITE_PROJECT_ID: ${{ vars.APPWRITE_PROJECT_ID }}\n          \
             APPWRITE_ENDPOINT: ${{ vars.APPWRITE_ENDPOINT }}\n"
                .to_owned();
        if with_check {
            env.push_str("          APPWRITE_NO_UPDATE_CHECK: '1'\n");
            env.push_str(&format!("          CONFIGURE: {CONFIGURE}\n"));
        }
        env
    };
    text.push_str("      - name: Check that the settings are there\n");
    text.push_str(&env(false));
    text.push_str(
        "        run: |\n          for name in APPWRITE_API_KEY APPWRITE_PROJECT_ID APPWRITE_ENDPOINT; do\n            \
         if [ -z \"${!name}\" ]; then echo \"::error::$name is not set in this repository\"; exit 1; fi\n          done\n",
    );
    text.push_str(&format!(
        "      - name: Install the Appwrite CLI\n        run: npm install --global --ignore-scripts {CLI}\n"
    ));
    text.push_str("      - name: Deploy\n");
    text.push_str(&env(true));
    text.push_str(
        "        run: |\n          node --eval \"$CONFIGURE\"\n          \
         appwrite client --endpoint \"$APPWRITE_ENDPOINT\" --project-id \"$APPWRITE_PROJECT_ID\" --key \"$APPWRITE_API_KEY\"\n",
    );
    let mut kinds = vec!["sites"];
    kinds.extend(has_function.then_some("functions"));
    for kind in kinds {
        text.push_str(&format!(
            "          appwrite push {kind} --all --force --activate\n"
        ));
    }
    text
}

/// What the official CLI deploys: the site, and a function for each folder of them.
fn config(files: &Workspace, target: &Target<'_>) -> String {
    let output = match target.output_dir {
        dir if is_plain(dir) => format!("./{dir}"),
        _ => "./".to_owned(),
    };
    let root = node_folders(files, &[])
        .into_iter()
        .find(|folder| folder.path.is_empty());
    let builds = root.is_some_and(|folder| folder.scripts.contains("build"));
    let (install, build) = match builds {
        true => ("npm install --ignore-scripts", "npm run build"),
        false => ("", ""),
    };
    let function = |name: &str| {
        json!({"$id": name, "name": name, "runtime": "node-22", "path": format!("functions/{name}"),
            "entrypoint": "src/main.js", "commands": "npm install --ignore-scripts", "execute": ["any"], "scopes": []})
    };
    let functions: Vec<Value> = functions(files).map(function).collect();
    let config = json!({
        "projectId": "", "endpoint": "",
        "functions": functions,
        "sites": [{"$id": target.site_id, "name": target.site_id, "framework": "other", "adapter": "static", "buildRuntime": "node-22",
            "path": ".", "installCommand": install, "buildCommand": build, "outputDirectory": output}],
    });
    serde_json::to_string_pretty(&config).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::checks;
    use crate::workspace::FileVersion;

    fn workspace(files: &[(&str, &str)]) -> Workspace {
        let version = |(path, content): &(&str, &str)| FileVersion {
            path: SafePath::parse(path).unwrap(),
            content: Some((*content).to_owned()),
            assignment: "a".to_owned(),
            round: 1,
        };
        Workspace::of(&files.iter().map(version).collect::<Vec<_>>())
    }

    fn made(files_: &[(&str, &str)], unshown: &[String], workflows: Workflows) -> String {
        let target = Target {
            workflows,
            branch: "main",
            output_dir: ".",
            site_id: "tsite",
        };
        let made = files(&workspace(files_), unshown, &target);
        for (path, text) in &made {
            // Under a name that agents may write, so that it can be parsed at all.
            let plain = SafePath::parse(path.trim_start_matches(".github/")).unwrap();
            assert_eq!(checks::problems(&plain, text), Vec::<String>::new());
            let is_run_as_said = text.matches("uses: ").count() == text.matches("# v").count();
            assert!(is_run_as_said, "an action is not pinned: {text}");
        }
        let named = made
            .iter()
            .map(|(path, text)| format!("--- {path}\n{text}"));
        named.collect()
    }

    #[test]
    fn what_needs_node_is_built_and_tested() {
        let files = [
            (
                "package.json",
                r#"{"scripts": {"build": "vite build", "test": "vitest run"}}"#,
            ),
            ("functions/api/package.json", r#"{"name": "api"}"#),
            ("functions/api/package-lock.json", "{}"),
            ("functions/api/src/main.js", "export default () => {};"),
        ];
        insta::assert_snapshot!(made(&files, &[], Workflows::Deploy));
    }

    #[test]
    fn pages_are_read_without_actions_of_others() {
        insta::assert_snapshot!(made(&[("index.html", "<p>")], &[], Workflows::Ci));
    }

    #[test]
    fn nothing_that_means_more_than_itself_gets_in() {
        let files = [
            ("${{ secrets.X }}/package.json", "{}"),
            ("a b/package.json", "{}"),
            ("-x/package.json", "{}"),
            ("functions/$(id)/x.js", ""),
        ];
        let text = made(&files, &[], Workflows::Deploy);
        for bad in ["secrets.X", "a b", "-x", "$(id)", "npm ci"] {
            assert!(!text.contains(bad), "{bad}: {text}");
        }
    }

    #[test]
    fn what_is_there_is_left_alone() {
        let unshown = [
            CI.to_owned(),
            ".GITHUB/workflows/appwrite-deploy.yml".to_owned(),
        ];
        let files = [("index.html", "<p>"), (CONFIG, "{}")];
        assert_eq!(made(&files, &unshown, Workflows::Deploy), "");
        assert_eq!(made(&files, &[], Workflows::None), "");
    }

    #[test]
    fn a_key_is_seen_by_the_steps_that_need_it_alone() {
        let text = made(&[("index.html", "<p>")], &[], Workflows::Deploy);
        assert!(
            !text
                .lines()
                .any(|line| line.contains("run:") && line.contains("${{"))
        );
        assert_eq!(text.matches("secrets.APPWRITE_API_KEY").count(), 2);
        assert_eq!(text.matches("permissions:\n  contents: read").count(), 2);
        assert_eq!(
            text.matches("persist-credentials: false").count(),
            text.matches("uses: actions/checkout@").count()
        );
    }
}
