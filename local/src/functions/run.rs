//! Running one execution: the request as Appwrite makes it, the record of its outcome.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use http::Method;
use tokio::time::Instant;

use super::executions::{Execution, Status, Trigger};
use super::registry::Function;
use super::{FUNCTIONS_FOLDER, Functions};
use super::{deployments, executions, node, prebuilt};
use crate::bus::Event;
use crate::clock;
use crate::error::APPWRITE_VERSION;
use crate::executor::{Call, Code, ExecutorError, NodeCode, Program, keep_end};
use crate::kernel::Kernel;
use crate::stand_in;

/// Time an execution's credentials live beyond the function's time-out (Appwrite 1.9.6, measured).
const CREDENTIALS_GRACE: Duration = Duration::from_secs(60);
/// Every caller is on this machine.
pub(super) const CLIENT_IP: &str = "127.0.0.1";

/// What is sent to a function besides what its settings say.
#[derive(Debug, Clone)]
pub(crate) struct Input {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// The caller's own headers, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
    /// The value of `x-appwrite-event`; absent in synchronous executions.
    pub(crate) event: Option<String>,
}

impl Input {
    fn post(body: Bytes, event: Option<String>) -> Self {
        let headers = vec![
            (
                "user-agent".to_owned(),
                format!("Appwrite/{APPWRITE_VERSION}"),
            ),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        Self {
            method: Method::POST,
            path: "/".to_owned(),
            headers,
            body,
            event,
        }
    }

    /// The request of an event: the row as the body.
    pub(crate) fn event(event: &Event) -> Self {
        let name = event.names.list().first().cloned().unwrap_or_default();
        Self::post(Bytes::from(event.payload.to_string()), Some(name))
    }

    /// The request of a schedule: no body.
    pub(crate) fn schedule() -> Self {
        let mut input = Self::post(Bytes::new(), Some(String::new()));
        input.headers.clear();
        input
    }
}

/// Runs `execution` and fills in its outcome. Returns the body of the answer; an
/// [`ExecutorError`] is both recorded and returned, because it ends the delivery of an event.
pub(super) async fn run(
    kernel: &Kernel,
    functions: &Functions,
    function: &Function,
    execution: &mut Execution,
    input: Input,
) -> Result<Bytes, ExecutorError> {
    kernel
        .counts
        .execution(&execution.id, &function.id, execution.trigger.word());
    let started = Instant::now();
    let program = functions.program(kernel, function);
    let call = call(kernel, function, execution, input);
    execution.request_headers.clone_from(&call.headers);
    let part = function.stand_in();
    let outcome = match part.mode() {
        Some(mode) if kernel.stand_in_functions => {
            stand_in::execute(mode, &program.variables, &call).await
        }
        Some(_) | None => functions.executor.execute(&program, call).await,
    };
    execution.duration_s = started.elapsed().as_secs_f64();
    execution.updated_ms = clock::now().as_millisecond();
    match outcome {
        Ok(answer) => {
            let failed = answer.status >= 500;
            execution.status = if failed {
                Status::Failed
            } else {
                Status::Completed
            };
            execution.response_status = answer.status;
            execution.response_headers = answer.headers;
            execution.logs = answer.logs;
            execution.errors = answer.errors;
            Ok(answer.body)
        }
        Err(error) => {
            execution.fail(&keep_end(&error.to_string()), error.code());
            Err(error)
        }
    }
}

/// Runs an execution of an event or a schedule, whose record is written at its end only.
///
/// # Errors
/// [`ExecutorError`], which is in the record too.
pub(super) async fn run_unseen(
    kernel: &Arc<Kernel>,
    functions: &Functions,
    function: &Function,
    cause: (Trigger, Option<String>),
    input: Input,
) -> Result<(), ExecutorError> {
    let (trigger, user_id) = cause;
    let mut execution = Execution::new(&function.id, &function.deployment_id, trigger);
    execution.user_id = user_id;
    let outcome = if function.deployment_id.is_empty() {
        execution.fail(
            "Deployment not found. Create a deployment before trying to execute a function",
            404,
        );
        Ok(())
    } else {
        run(kernel, functions, function, &mut execution, input)
            .await
            .map(drop)
    };
    // The record appears when it ends: created is completed.
    execution.created_ms = clock::now().as_millisecond();
    execution.updated_ms = execution.created_ms;
    save(kernel, execution).await;
    outcome
}

/// Writes a record. A failing store is logged: nobody waits for this record.
pub(super) async fn save(kernel: &Kernel, execution: Execution) {
    let id = execution.id.clone();
    let document = execution.document();
    match kernel.store.run(move |db| execution.save(db)).await {
        Ok(()) => kernel.bus.publish(executions::event(document, "update")),
        Err(error) => {
            tracing::error!(execution = %id, %error, "record of an execution was not written");
        }
    }
}

impl Functions {
    fn code(&self, kernel: &Kernel, function: &Function) -> Code {
        if !function.uploaded {
            return Code::Executable(self.settings.functions_dir.join(&function.id));
        }
        let folder = deployments::folder(&kernel.data_dir, &function.id, &function.deployment_id)
            .join(deployments::CODE_FOLDER);
        if !node::is_node(&function.runtime) {
            return Code::Executable(folder.join(prebuilt::EXECUTABLE));
        }
        Code::Node(NodeCode {
            folder,
            entrypoint: function.deployed_entrypoint.clone(),
            platform_port: kernel.project.port,
        })
    }

    fn program(&self, kernel: &Kernel, function: &Function) -> Program {
        let own = self.settings.variables.get(&function.id);
        Program {
            id: function.id.clone(),
            code: self.code(kernel, function),
            variables: function.variables(&kernel.project, own),
            folder: kernel.data_dir.join(FUNCTIONS_FOLDER).join(&function.id),
        }
    }
}

fn call(kernel: &Kernel, function: &Function, execution: &Execution, input: Input) -> Call {
    let timeout = Duration::from_secs(u64::from(function.timeout));
    let lifetime = timeout + CREDENTIALS_GRACE;
    let key = kernel
        .auth
        .mint_execution_key(&execution.id, &function.scopes, lifetime);
    let user = execution.user_id.clone().unwrap_or_default();
    // A user's JWT is given for his own call only, not for events he caused.
    let jwt = match execution.trigger {
        Trigger::Http if !user.is_empty() => kernel.auth.mint_user_jwt(&user, lifetime),
        Trigger::Http | Trigger::Event | Trigger::Schedule => String::new(),
    };
    let mut headers = input.headers;
    let mut set = |name: &str, value: String| headers.push((name.to_owned(), value));
    set("x-appwrite-execution-id", execution.id.clone());
    set("x-appwrite-key", key);
    set("x-appwrite-trigger", execution.trigger.word().to_owned());
    set("x-appwrite-user-id", user);
    set("x-appwrite-user-jwt", jwt);
    set("x-appwrite-country-code", String::new());
    set("x-appwrite-continent-code", String::new());
    set("x-appwrite-continent-eu", "false".to_owned());
    if execution.trigger == Trigger::Http {
        set("x-appwrite-client-ip", CLIENT_IP.to_owned());
    }
    if let Some(event) = input.event {
        set("x-appwrite-event", event);
    }
    Call {
        execution_id: execution.id.clone(),
        method: input.method,
        path: input.path,
        headers,
        body: input.body,
        timeout,
        logging: function.logging,
        fault: kernel.faults.call(&function.id),
    }
}
