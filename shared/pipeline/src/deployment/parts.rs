//! What an app is deployed as: a part for each function, and one for the site.

use serde_json::Value;

use super::DeploymentWork;
use crate::app_config::{AppConfig, ConfiguredFunction};
use crate::brief::ProjectType;
use crate::effect::{FunctionSettings, Resource, UploadRequest};
use crate::facts::Project;
use crate::ids::{TaskId, hash_base32};
use crate::plan::{AppFunction, Callers};
use crate::plan_rules::prefix;
use crate::release::{slug, subdomain};
use crate::workspace::Workspace;

/// Characters of the project's name in a function's address, which has its id beside it.
const FUNCTION_SLUG_CHARS_MAX: usize = 24;

/// A function or the site.
pub(super) struct Part {
    /// Its id in the plan; empty for the site.
    pub(super) name: String,
    /// What its keys begin with; empty for the site.
    mark: String,
    /// What is uploaded.
    pub(super) request: UploadRequest,
}

impl Part {
    pub(super) const fn is_site(&self) -> bool {
        self.name.is_empty()
    }

    /// The key of an effect of the build that follows so many others. A function's keys have
    /// the first letter of the word: ids have no more room.
    pub(super) fn key(&self, word: &str, attempt: u32) -> String {
        let word = match self.is_site() {
            true => word,
            false => &word[..1],
        };
        match attempt {
            0 => format!("{}{word}", self.mark),
            _ => format!("{}{word}{attempt}", self.mark),
        }
    }

    /// An error of its build that tells of which part it is.
    pub(super) fn located(&self, error: String) -> String {
        match &self.request.function {
            None => error,
            Some(function) => format!(
                "{error}\nin function `{}`, {}{}",
                self.name,
                prefix(&self.request.folder),
                function.entrypoint
            ),
        }
    }
}

/// A function's id in Appwrite.
pub fn function_id(task: &TaskId, id: &str) -> String {
    format!("f{}", hash_base32(&["function", task.as_str(), id], 24))
}

/// First label of a function's public address.
pub fn function_subdomain(name: &str, id: &str, task: &TaskId) -> String {
    let mut slug = slug(name);
    slug.truncate(FUNCTION_SLUG_CHARS_MAX);
    format!("{}-{id}-{}", slug.trim_end_matches('-'), task.short())
}

/// The parts in the order of the plan, the site last.
pub(super) fn parts(work: &DeploymentWork) -> Vec<Part> {
    let (project, task) = (&work.project, &work.task);
    let config = config(project, task, &work.approved_manifest);
    let functions = project.functions.iter().enumerate();
    let mut parts: Vec<Part> = functions
        .map(|(place, it)| Part {
            name: it.id.clone(),
            mark: format!("f{place}"),
            request: UploadRequest {
                resource: Resource::Function,
                resource_id: function_id(task, &it.id),
                name: function_name(project, it),
                subdomain: public_label(project, task, it),
                folder: it.folder.clone(),
                function: Some(FunctionSettings {
                    entrypoint: it.entrypoint.clone(),
                    access: it.access,
                    commands: commands(&work.files, &it.folder),
                }),
                files: work.files.clone(),
                config: config.clone(),
                there: None,
            },
        })
        .collect();
    if project.project_type.has_site() {
        parts.push(Part {
            name: String::new(),
            mark: String::new(),
            request: UploadRequest {
                resource: Resource::Site,
                resource_id: task.as_str().to_owned(),
                name: project.name.clone(),
                subdomain: Some(subdomain(&project.name, task)),
                folder: project.output_dir.clone(),
                function: None,
                files: work.files.clone(),
                config,
                there: None,
            },
        });
    }
    parts
}

/// What a function is called, for people.
pub(crate) fn function_name(project: &Project, function: &AppFunction) -> String {
    format!("{} {}", project.name, function.id)
}

/// The label of the address of a function that everybody may call. An api whose only public
/// function it is has the project's own.
fn public_label(project: &Project, task: &TaskId, function: &AppFunction) -> Option<String> {
    let is_public = |it: &&AppFunction| it.access == Callers::Any;
    if !is_public(&function) {
        return None;
    }
    let is_alone = project.functions.iter().filter(is_public).count() == 1;
    Some(match project.project_type {
        ProjectType::Api if is_alone => subdomain(&project.name, task),
        ProjectType::Api | ProjectType::Web | ProjectType::Mobile | ProjectType::Fullstack => {
            function_subdomain(&project.name, &function.id, task)
        }
    })
}

/// What the app is told of its surroundings.
pub(crate) fn config(project: &Project, task: &TaskId, release: &str) -> AppConfig {
    let function = |it: &AppFunction| ConfiguredFunction {
        id: it.id.clone(),
        function_id: function_id(task, &it.id),
        subdomain: public_label(project, task, it),
    };
    AppConfig {
        database_id: (!project.tables.is_empty()).then(|| task.as_str().to_owned()),
        functions: project.functions.iter().map(function).collect(),
        release: release.to_owned(),
    }
}

/// What makes the function in `folder` ready to run: the installation of what it depends on.
/// Scripts of packages are not run.
pub(crate) fn commands(files: &Workspace, folder: &str) -> String {
    let path = format!("{}package.json", prefix(folder));
    let mut all = files.files();
    let package = all.find(|(other, _)| other.as_str() == path);
    let depends = package.is_some_and(|(_, file)| {
        let value: Value = serde_json::from_str(&file.content).unwrap_or_default();
        let dependencies = value.get("dependencies").and_then(Value::as_object);
        dependencies.is_some_and(|all| !all.is_empty())
    });
    match depends {
        true => "npm install --omit=dev --ignore-scripts --no-audit --no-fund".to_owned(),
        false => String::new(),
    }
}
