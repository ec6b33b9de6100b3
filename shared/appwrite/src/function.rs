//! Functions: what they are, and which of their deployments runs.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::call::{self, Call, Repeat};
use crate::client::Client;
use crate::deployment::{self, DeploymentStatus};
use crate::error::Error;
use crate::kind::Kind;
use crate::retry::{self, Budget};
use crate::variable::Variable;

/// A function.
///
/// Source: Appwrite 1.9.6 REST, functions (measured). Fixture: `function_created.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Function {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The name.
    pub name: String,
    /// Whether it may be executed; events reach it all the same.
    pub enabled: bool,
    /// Whether what runs was built from these settings.
    pub live: bool,
    /// Whether executions keep logs.
    pub logging: bool,
    /// `node-22` and so on.
    pub runtime: String,
    /// Who may execute it, such as `users`.
    pub execute: Vec<String>,
    /// What the key of its executions may do.
    pub scopes: Vec<String>,
    /// What triggers it.
    pub events: Vec<String>,
    /// When it is triggered, as cron says it; empty for never.
    pub schedule: String,
    /// Seconds.
    pub timeout: u64,
    /// The file that is run, below the archive's root.
    pub entrypoint: String,
    /// The commands of the build.
    pub commands: String,
    /// The active deployment; empty for none.
    pub deployment_id: String,
    /// The newest deployment, active or not; empty for none.
    pub latest_deployment_id: String,
    /// The newest deployment's status; `None` without one.
    #[serde(deserialize_with = "deployment::status_or_none")]
    pub latest_deployment_status: Option<DeploymentStatus>,
    /// The variables, secret ones without their values.
    pub vars: Vec<Variable>,
}

/// A function to be created or changed.
///
/// Source: Appwrite 1.9.6 REST, create and update function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewFunction {
    /// The chosen id.
    #[serde(rename = "functionId")]
    pub id: String,
    /// The name, at most 128 characters.
    pub name: String,
    /// `node-22` and so on.
    pub runtime: String,
    /// Who may execute it: `any`, `guests`, `users`, `user:ID` and so on.
    pub execute: Vec<String>,
    /// What the key of its executions may do; empty for nothing.
    pub scopes: Vec<String>,
    /// What triggers it.
    pub events: Vec<String>,
    /// When it is triggered, as cron says it; empty for never.
    pub schedule: String,
    /// Seconds, 1 to 900.
    pub timeout: u64,
    /// Whether it may be executed.
    pub enabled: bool,
    /// Whether executions keep logs.
    pub logging: bool,
    /// The file that is run, below the archive's root.
    pub entrypoint: String,
    /// The commands of the build; empty for none.
    pub commands: String,
}

impl NewFunction {
    /// A function that nobody may execute yet, without scopes and triggers, for 15 s at most.
    pub fn new(
        id: impl Into<String>,
        name: impl Into<String>,
        runtime: impl Into<String>,
        entrypoint: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
            runtime: runtime.into(),
            execute: Vec::new(),
            scopes: Vec::new(),
            events: Vec::new(),
            schedule: String::new(),
            timeout: 15,
            enabled: true,
            logging: true,
            entrypoint: entrypoint.into(),
            commands: String::new(),
        }
    }

    /// Says whether this made the function.
    fn made(&self, function: &Function) -> bool {
        self.id == function.id
            && self.name == function.name
            && self.runtime == function.runtime
            && self.execute == function.execute
            && self.scopes == function.scopes
            && self.events == function.events
            && self.schedule == function.schedule
            && self.timeout == function.timeout
            && self.enabled == function.enabled
            && self.logging == function.logging
            && self.entrypoint == function.entrypoint
            && self.commands == function.commands
    }
}

/// The functions and their deployments; executions are [`Executions`](crate::Executions).
#[derive(Debug, Clone, Copy)]
pub struct Functions<'a> {
    pub(crate) client: &'a Client,
}

impl Client {
    /// The functions; nothing is sent.
    pub fn functions(&self) -> Functions<'_> {
        Functions { client: self }
    }
}

impl Functions<'_> {
    /// Reads one function.
    ///
    /// # Errors
    /// [`ErrorType::FunctionNotFound`](crate::ErrorType). Repeated: it is a read.
    pub fn get(&self, function_id: &str) -> Result<Function, Error> {
        self.get_within(function_id, &mut self.client.budget())
    }

    fn get_within(&self, function_id: &str, budget: &mut Budget) -> Result<Function, Error> {
        let operation = call::operation(Kind::FunctionsGet, &[function_id])?;
        let call = Call::get(operation, format!("/functions/{function_id}"));
        self.client.send(&call, budget)?.decode(&call.operation)
    }

    /// Creates a function.
    ///
    /// # Errors
    /// [`ErrorType::FunctionAlreadyExists`](crate::ErrorType) if it is refused at once;
    /// [`ErrorType::FunctionRuntimeUnsupported`](crate::ErrorType) for a runtime that this server
    /// does not run; [`Error::Conflict`] if an answer was lost and the function is there but
    /// differs; [`Error::OutcomeUnknown`] if the look-up failed too.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up finds no function.
    pub fn create(&self, new: &NewFunction) -> Result<Function, Error> {
        let operation = call::operation(Kind::FunctionsCreate, &[&new.id])?;
        let path = "/functions".to_owned();
        let call = Call::post(operation, path, Repeat::AfterLookUp).json(&json!(new))?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| retry::none_if_missing(self.get_within(&new.id, budget)),
            |function| new.made(function),
        )
    }

    /// Sets everything that [`NewFunction`] names. Entrypoint and commands count from the next
    /// deployment on.
    ///
    /// # Errors
    /// [`ErrorType::FunctionNotFound`](crate::ErrorType) and as [`create`](Self::create) for what
    /// is refused.
    ///
    /// # Idempotency
    /// Repeated: it sets all values.
    pub fn update(&self, new: &NewFunction) -> Result<Function, Error> {
        let operation = call::operation(Kind::FunctionsUpdate, &[&new.id])?;
        let mut body = json!(new);
        if let Some(body) = body.as_object_mut() {
            body.remove("functionId");
        }
        let call = Call::put(operation, format!("/functions/{}", new.id)).json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    /// Runs this deployment, which must be ready.
    ///
    /// # Errors
    /// [`ErrorType::BuildNotReady`](crate::ErrorType) before it is ready,
    /// [`ErrorType::DeploymentNotFound`](crate::ErrorType) without it.
    ///
    /// # Idempotency
    /// Repeated: it sets one value.
    pub fn activate(&self, function_id: &str, deployment_id: &str) -> Result<Function, Error> {
        let operation = call::operation(Kind::FunctionsActivate, &[function_id, deployment_id])?;
        let body = json!({ "deploymentId": deployment_id });
        let path = format!("/functions/{function_id}/deployment");
        let call = Call::patch(operation, path).json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }
}
