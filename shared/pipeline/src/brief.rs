//! The brief: what a person asks for, checked at the door.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::{
    ASSIGNMENTS_DEFAULT_MAX, ASSIGNMENTS_MAX, BRIEF_BYTES_MAX, BUDGET_USD_MAX,
    DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX, PARALLELISM_DEFAULT, PARALLELISM_MAX,
    REQUEST_ID_CHARS_MAX, REQUIREMENT_CHARS_MAX, REQUIREMENTS_MAX,
};
use crate::money;
use crate::secrets;

mod project_type;
mod publishing;

pub use project_type::ProjectType;
pub use publishing::{Workflows, is_branch, is_login, is_repository, is_topic};

/// Characters of an unknown field's name that an error shows.
const FIELD_CHARS_MAX: usize = 60;

/// What is wrong with a text that holds a credential.
pub(crate) const SECRET: &str = "holds what looks like a credential: leave it out, and make it invalid at its service, because it was sent here";

/// A checked brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// 1–80 characters.
    pub name: String,
    /// 1–10,000 characters.
    pub description: String,
    /// What is to be built.
    #[serde(rename = "type")]
    pub project_type: ProjectType,
    /// 0–100 strings of 1–1,000 characters.
    pub requirements: Vec<String>,
    /// What the owner chose beyond the defaults.
    #[serde(default)]
    pub options: Options,
    /// What was asked for after the project had been released, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub follow_ups: Vec<FollowUp>,
    /// Paths of an existing repository that were shown to nobody: binary, generated or large
    /// files, workflows, and what may hold a credential.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unshown: Vec<String>,
}

/// What is asked for beyond what was released.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FollowUp {
    /// 1–10,000 characters.
    pub description: String,
    /// 0–100 strings of 1–1,000 characters.
    #[serde(default)]
    pub requirements: Vec<String>,
}

impl FollowUp {
    /// Checks the texts as those of a brief are.
    ///
    /// # Errors
    /// Every field that breaks a rule.
    pub fn check(&self) -> Result<(), Vec<FieldError>> {
        let mut reader = Reader { errors: Vec::new() };
        let description = Some(Value::from(self.description.clone()));
        reader.text("description", description, DESCRIPTION_CHARS_MAX);
        reader.requirements(Some(Value::from(self.requirements.clone())));
        if reader.errors.is_empty() {
            Ok(())
        } else {
            Err(reader.errors)
        }
    }
}

/// Whether a plan needs its owner's word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Approval {
    /// Agents start as soon as there is a plan.
    #[default]
    Auto,
    /// The task waits in `awaiting_approval` until its owner approves the plan.
    Plan,
}

/// How soon models are to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum Speed {
    /// At once.
    #[default]
    Normal,
    /// When it is cheap: calls that need no answer at once are handed in and picked up
    /// later, within a day.
    Economy,
}

/// The options of a brief.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// The client's own id for the request: a repeat returns the same task.
    pub request_id: Option<String>,
    /// Whether the repository is public. Private unless asked for.
    pub public: bool,
    /// Agents at work at the same time.
    pub parallelism: Option<u32>,
    /// Assignments that a plan may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignments_max: Option<u32>,
    /// Whether the plan needs the owner's word.
    pub approval: Approval,
    /// What model calls may cost in all, in millionths of a US dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_micro_usd: Option<u64>,
    /// How soon models are to answer.
    #[serde(default, skip_serializing_if = "Speed::is_normal")]
    pub speed: Speed,
    /// Whether the owner looks at what was built before it is published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub preview: bool,
    /// The existing repository that is changed, as `owner/name`; a new one unless it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The branch of it that is changed; its default branch unless it is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The organization in which a new repository is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The topics of a new repository.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// The workflows that are added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows: Option<Workflows>,
}

impl Speed {
    fn is_normal(&self) -> bool {
        *self == Self::Normal
    }
}

impl Options {
    /// Agents at work at the same time, with the default.
    pub fn parallelism(&self) -> u32 {
        self.parallelism.unwrap_or(PARALLELISM_DEFAULT)
    }

    /// Assignments that a plan may have, with the default.
    pub fn assignments_max(&self) -> usize {
        let chosen = self.assignments_max.map(|number| number as usize);
        chosen.unwrap_or(ASSIGNMENTS_DEFAULT_MAX)
    }

    /// The workflows that are added, with the default: an existing repository has its own.
    pub fn workflows(&self) -> Workflows {
        self.workflows.unwrap_or(match self.repository {
            Some(_) => Workflows::None,
            None => Workflows::Ci,
        })
    }
}

/// One field of a brief that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// The field, as a path: `requirements[3]`, `options.budgetUsd`.
    pub field: String,
    /// The rule, as a phrase that follows the field's name.
    pub rule: String,
}

/// A brief as accepted, with the owner a key caller named.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The checked brief.
    pub brief: Brief,
    /// `owner`, which only a caller with a key may (and must) give.
    pub owner: Option<String>,
}

impl Brief {
    /// Reads a brief from a request's body.
    ///
    /// # Errors
    /// Every field that breaks a rule, in the order of the format. Not worth a retry.
    pub fn parse(body: &[u8]) -> Result<Accepted, Vec<FieldError>> {
        if body.len() > BRIEF_BYTES_MAX {
            let size = body.len();
            return Err(vec![error(
                "body",
                format!("is {size} bytes of JSON, the limit is {BRIEF_BYTES_MAX}"),
            )]);
        }
        let value: Value = serde_json::from_slice(body)
            .map_err(|cause| vec![error("body", format!("must be JSON: {cause}"))])?;
        let Value::Object(fields) = value else {
            return Err(vec![error("body", "must be a JSON object")]);
        };
        let mut reader = Reader { errors: Vec::new() };
        let accepted = reader.accepted(fields);
        match accepted {
            Some(accepted) if reader.errors.is_empty() => Ok(accepted),
            Some(_) | None => Err(reader.errors),
        }
    }
}

fn error(field: impl Into<String>, rule: impl Into<String>) -> FieldError {
    FieldError {
        field: field.into(),
        rule: rule.into(),
    }
}

/// The name of a field that may be unknown, as an error shows it: its first characters; in
/// quotes where nobody would see it.
fn shown(name: &str) -> String {
    let cut: String = name.chars().take(FIELD_CHARS_MAX).collect();
    if cut.trim().is_empty() {
        return format!("{cut:?}");
    }
    cut
}

struct Reader {
    errors: Vec<FieldError>,
}

impl Reader {
    fn accepted(&mut self, mut fields: Map<String, Value>) -> Option<Accepted> {
        let name = self.text("name", fields.remove("name"), NAME_CHARS_MAX);
        let description = self.text(
            "description",
            fields.remove("description"),
            DESCRIPTION_CHARS_MAX,
        );
        let project_type = self.project_type(fields.remove("type"));
        let requirements = self.requirements(fields.remove("requirements"));
        let options = self.options(fields.remove("options"));
        if options.preview && project_type == Some(ProjectType::Api) {
            let rule = "is for what can be looked at: an api has no site";
            self.errors.push(error("options.preview", rule));
        }
        let owner = fields
            .remove("owner")
            .and_then(|value| self.text("owner", Some(value), 36));
        for unknown in fields.keys() {
            self.errors.push(error(
                shown(unknown),
                "is not a field of a brief (name, description, type, requirements, options)",
            ));
        }
        let brief = Brief {
            name: name?.trim().to_owned(),
            description: description?,
            project_type: project_type?,
            requirements,
            options,
            follow_ups: Vec::new(),
            unshown: Vec::new(),
        };
        Some(Accepted { brief, owner })
    }

    fn text(&mut self, field: &str, value: Option<Value>, chars_max: usize) -> Option<String> {
        match value {
            None => self.errors.push(error(field, "is missing")),
            Some(Value::String(text)) => {
                let chars = text.chars().count();
                if text.trim().is_empty() {
                    self.errors.push(error(field, "must not be empty"));
                } else if chars > chars_max {
                    self.errors.push(error(
                        field,
                        format!("has {chars} characters, the limit is {chars_max}"),
                    ));
                } else if text.contains('\0') {
                    self.errors.push(error(field, "must not contain NUL"));
                } else if secrets::line(&text).is_some() {
                    self.errors.push(error(field, SECRET));
                } else {
                    return Some(text);
                }
            }
            Some(_) => self.errors.push(error(field, "must be a string")),
        }
        None
    }

    fn project_type(&mut self, value: Option<Value>) -> Option<ProjectType> {
        let rule = "must be one of web, mobile, api, fullstack";
        match value {
            None => self
                .errors
                .push(error("type", format!("is missing: it {rule}"))),
            Some(value) => match serde_json::from_value(value) {
                Ok(project_type) => return Some(project_type),
                Err(_) => self.errors.push(error("type", rule)),
            },
        }
        None
    }

    fn requirements(&mut self, value: Option<Value>) -> Vec<String> {
        let items = match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items,
            Some(_) => {
                self.errors
                    .push(error("requirements", "must be a list of strings"));
                Vec::new()
            }
        };
        if items.len() > REQUIREMENTS_MAX {
            let count = items.len();
            self.errors.push(error(
                "requirements",
                format!("has {count} entries, the limit is {REQUIREMENTS_MAX}"),
            ));
            return Vec::new();
        }
        let mut requirements = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let field = format!("requirements[{index}]");
            requirements.extend(self.text(&field, Some(item), REQUIREMENT_CHARS_MAX));
        }
        requirements
    }

    fn options(&mut self, value: Option<Value>) -> Options {
        let mut options = Options::default();
        let fields = match value {
            None | Some(Value::Null) => return options,
            Some(Value::Object(fields)) => fields,
            Some(_) => {
                self.errors.push(error("options", "must be an object"));
                return options;
            }
        };
        let chose_visibility = fields.contains_key("visibility");
        for (name, value) in fields {
            let field = format!("options.{}", shown(&name));
            if publishing::take(&mut options, &name, &value, &mut self.errors) {
                continue;
            }
            match name.as_str() {
                "requestId" => options.request_id = self.text(&field, Some(value), REQUEST_ID_CHARS_MAX),
                "visibility" => match value.as_str() {
                    Some("public") => options.public = true,
                    Some("private") => options.public = false,
                    Some(_) | None => self.errors.push(error(field, "must be private or public")),
                },
                "parallelism" => options.parallelism = self.whole(field, &value, PARALLELISM_MAX),
                "assignmentsMax" => options.assignments_max = self.whole(field, &value, ASSIGNMENTS_MAX),
                "budgetUsd" => options.budget_micro_usd = self.budget(field, &value),
                "approval" => match serde_json::from_value(value) {
                    Ok(approval) => options.approval = approval,
                    Err(_) => self.errors.push(error(field, "must be one of auto, plan")),
                },
                "speed" => match serde_json::from_value(value) {
                    Ok(speed) => options.speed = speed,
                    Err(_) => self.errors.push(error(field, "must be one of normal, economy")),
                },
                "preview" => match value.as_bool() {
                    Some(preview) => options.preview = preview,
                    None => self.errors.push(error(field, "must be true or false")),
                },
                _ => self.errors.push(error(field, "is not an option (requestId, approval, visibility, repository, branch, organization, topics, workflows, budgetUsd, parallelism, assignmentsMax, speed, preview)")),
            }
        }
        publishing::check(&options, chose_visibility, &mut self.errors);
        options
    }

    fn whole(&mut self, field: String, value: &Value, max: u32) -> Option<u32> {
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        let valid = number.filter(|number| (1..=max).contains(number));
        if valid.is_none() {
            self.errors.push(error(
                field,
                format!("must be a whole number from 1 to {max}"),
            ));
        }
        valid
    }

    fn budget(&mut self, field: String, value: &Value) -> Option<u64> {
        let usd = value.as_f64().filter(|usd| *usd <= BUDGET_USD_MAX);
        let budget = usd.map(money::micro).filter(|micro_usd| *micro_usd > 0);
        if budget.is_none() {
            self.errors.push(error(
                field,
                format!("must be a number above 0, at most {BUDGET_USD_MAX}"),
            ));
        }
        budget
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(body: &Value) -> Vec<String> {
        match Brief::parse(body.to_string().as_bytes()) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.into_iter().map(|error| error.field).collect(),
        }
    }

    #[test]
    fn the_sample_brief_is_accepted() {
        let sample = include_bytes!("../../../examples/todo.json");
        let brief = Brief::parse(sample).unwrap().brief;
        assert_eq!(brief.name, "test-app");
        assert_eq!(brief.project_type, ProjectType::Web);
        assert_eq!(brief.requirements.len(), 3);
        assert_eq!(brief.options.parallelism(), PARALLELISM_DEFAULT);
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let body = json!({"name": "", "description": 5, "type": "game", "requirements": ["", 7, "ok"],
            "colour": "red", "options": {"parallelism": 0, "turbo": true, "visibility": "secret"}});
        let mut named = fields(&body);
        named.sort();
        assert_eq!(
            named,
            [
                "colour",
                "description",
                "name",
                "options.parallelism",
                "options.turbo",
                "options.visibility",
                "requirements[0]",
                "requirements[1]",
                "type"
            ]
        );
    }

    #[test]
    fn an_unknown_field_is_named_so_that_it_is_seen() {
        let body = json!({"name": "n", "description": "d", "type": "web", "": 1, " ": 1,
            "x".repeat(61): 1, "options": {"": 1, "y".repeat(61): 1}});
        let (long, option) = ("x".repeat(60), format!("options.{}", "y".repeat(60)));
        let mut named = fields(&body);
        named.sort();
        assert_eq!(named, ["\" \"", "\"\"", "options.\"\"", &option, &long]);
    }

    #[test]
    fn limits_hold_at_and_past_the_edge() {
        let brief = |name: usize, description: usize, requirements: usize| {
            fields(
                &json!({"name": "ü".repeat(name), "description": "x".repeat(description), "type": "api",
                "requirements": vec!["r"; requirements]}),
            )
        };
        assert_eq!(brief(80, 10_000, 100), Vec::<String>::new());
        assert_eq!(
            brief(81, 10_001, 101),
            ["name", "description", "requirements"]
        );
        assert_eq!(
            fields(
                &json!({"name": "n", "description": "d", "type": "web", "requirements": ["x".repeat(1_001)]})
            ),
            ["requirements[0]"]
        );
    }

    #[test]
    fn a_body_that_is_no_brief_is_refused() {
        for body in ["", "not json", "[]", "null", "\"x\"", "{\"name\":"] {
            assert_eq!(
                Brief::parse(body.as_bytes()).unwrap_err()[0].field,
                "body",
                "{body}"
            );
        }
        assert_eq!(
            Brief::parse(&vec![b' '; BRIEF_BYTES_MAX + 1]).unwrap_err()[0].field,
            "body"
        );
    }

    #[test]
    fn every_option_of_the_format_is_taken() {
        let body = json!({"name": "n", "description": "d", "type": "web",
            "options": {"speed": "slow", "repository": "a", "branch": "a..b", "organization": "-", "topics": ["A"], "workflows": "all"}});
        assert_eq!(fields(&body).len(), 6);
        for options in [
            json!({"approval": "auto", "speed": "economy", "requestId": "r-1", "visibility": "public",
                "organization": "acme", "topics": ["todo", "web"], "workflows": "deploy"}),
            json!({"repository": "acme/site", "branch": "release/1.x", "workflows": "ci"}),
        ] {
            let plain = json!({"name": "n", "description": "d", "type": "web", "options": options});
            assert_eq!(fields(&plain), Vec::<String>::new());
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let refused = |options: Value| {
            fields(&json!({"name": "n", "description": "d", "type": "web", "options": options}))
        };
        assert_eq!(refused(json!({"branch": "main"})), ["options.branch"]);
        let all = json!({"repository": "a/b", "visibility": "private", "organization": "c", "topics": ["d"]});
        assert_eq!(
            refused(all),
            [
                "options.visibility",
                "options.organization",
                "options.topics"
            ]
        );
    }

    #[test]
    fn an_existing_repository_has_its_own_workflows() {
        let workflows = |options: Value| {
            let body = json!({"name": "n", "description": "d", "type": "web", "options": options});
            let accepted = Brief::parse(body.to_string().as_bytes()).unwrap();
            accepted.brief.options.workflows()
        };
        assert_eq!(workflows(json!({})), Workflows::Ci);
        assert_eq!(workflows(json!({"repository": "a/b"})), Workflows::None);
        assert_eq!(
            workflows(json!({"repository": "a/b", "workflows": "ci"})),
            Workflows::Ci
        );
    }

    #[test]
    fn a_budget_is_a_number_of_dollars() {
        let parsed = |budget: Value| {
            let body = json!({"name": "n", "description": "d", "type": "web", "options": {"budgetUsd": budget}});
            let accepted = Brief::parse(body.to_string().as_bytes());
            accepted.map(|accepted| accepted.brief.options.budget_micro_usd)
        };
        assert_eq!(parsed(json!(2.5)).unwrap(), Some(2_500_000));
        assert_eq!(parsed(json!(BUDGET_USD_MAX)).unwrap(), Some(10_000_000_000));
        for wrong in [
            json!(0),
            json!(-1),
            json!("5"),
            json!(10_000.5),
            json!(1e-9),
        ] {
            assert_eq!(parsed(wrong).unwrap_err()[0].field, "options.budgetUsd");
        }
    }

    #[test]
    fn how_many_assignments_a_plan_may_have_is_the_owners_choice() {
        let brief = |options: Value| {
            json!({"name": "n", "description": "d", "type": "web", "options": options}).to_string()
        };
        let max = |options| {
            let accepted = Brief::parse(brief(options).as_bytes()).unwrap();
            accepted.brief.options.assignments_max()
        };
        assert_eq!(max(json!({})), ASSIGNMENTS_DEFAULT_MAX);
        assert_eq!(max(json!({"assignmentsMax": 1})), 1);
        assert_eq!(max(json!({"assignmentsMax": 64})), 64);
        for past in [json!(0), json!(65), json!("8"), json!(1.5)] {
            let errors = Brief::parse(brief(json!({"assignmentsMax": past})).as_bytes());
            assert_eq!(errors.unwrap_err()[0].field, "options.assignmentsMax");
        }
    }

    #[test]
    fn missing_requirements_mean_none() {
        let accepted =
            Brief::parse(br#"{"name":" n ","description":"d","type":"mobile"}"#).unwrap();
        assert_eq!(accepted.brief.requirements, Vec::<String>::new());
        assert_eq!(accepted.brief.name, "n");
    }
}
