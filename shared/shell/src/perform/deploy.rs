//! Appwrite Sites and Functions.

use std::time::Duration;

use appwrite::{
    Client, Deployment, DeploymentArchive, DeploymentStatus, ErrorType, NewFunction, NewSite,
    NewVariable, Query,
};
use pipeline::app_config;
use pipeline::build::BuildLog;
use pipeline::deployment::{FUNCTION_RUNTIME, FUNCTION_TIMEOUT_SECONDS};
use pipeline::effect::{DeploymentRef, Entry, FunctionSettings, Resource, UploadRequest};
use pipeline::{Code, Failure};

use super::newest::Newer;
use super::{Performer, Target, newest, terminal};
use crate::archive;
use crate::blocking::blocking;
use crate::clock;
use crate::trouble::Trouble;

/// Id of the variable that tells a function its app's database, and the variable.
const DATABASE_VARIABLE: (&str, &str) = ("database-id", "APP_DATABASE_ID");
/// Deployments that are compared with the own bytes before an upload is repeated.
const DEPLOYMENTS_COMPARED_MAX: u32 = 25;
/// First wait between two looks at a build; each one doubles it. Plain files are built in a
/// millisecond or two where Appwrite is near.
const POLL_FIRST: Duration = Duration::from_millis(1);
/// Longest wait between two looks at a build.
const POLL_MAX: Duration = Duration::from_secs(3);
/// How long a build is waited for. Plain files take a moment; for what takes longer nobody shall
/// pay, so it is looked at by a later execution.
const BUILD_PATIENCE: Duration = Duration::from_secs(10);
/// How long a newer release may take from its activation until that is recorded.
const NEWER_PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks whether it is.
const NEWER_LOOK: Duration = Duration::from_secs(1);

/// Makes sure that the site or function exists.
async fn ensure(target: &Target, request: &UploadRequest) -> Result<(), Trouble> {
    match &request.function {
        None => ensure_site(target, request).await,
        Some(settings) => ensure_function(target, request, settings).await,
    }
}

/// Makes sure that its public address exists, and returns that, empty without one.
async fn ensure_address(target: &Target, request: &UploadRequest) -> Result<String, Trouble> {
    match &request.subdomain {
        Some(label) => ensure_rule(target, request, label).await,
        None => Ok(String::new()),
    }
}

async fn ensure_site(target: &Target, request: &UploadRequest) -> Result<(), Trouble> {
    let client = target.client.clone();
    let new = NewSite::of_files(request.resource_id.clone(), request.name.clone());
    match blocking(move || client.sites().create(&new)).await {
        Ok(_) | Err(appwrite::Error::Conflict { .. }) => Ok(()),
        Err(error) if error.kind() == Some(&ErrorType::SiteAlreadyExists) => Ok(()),
        Err(error) => Err(refused(error)),
    }
}

/// A function of an app may do nothing in the project by itself: it has no scopes.
async fn ensure_function(
    target: &Target,
    request: &UploadRequest,
    settings: &FunctionSettings,
) -> Result<(), Trouble> {
    let new = NewFunction {
        execute: vec![settings.access.as_str().to_owned()],
        timeout: FUNCTION_TIMEOUT_SECONDS,
        commands: settings.commands.clone(),
        ..NewFunction::new(
            &request.resource_id,
            &request.name,
            FUNCTION_RUNTIME,
            &settings.entrypoint,
        )
    };
    let client = target.client.clone();
    let database = request.config.database_id.clone();
    let made = blocking(move || {
        let functions = client.functions();
        let there = match functions.create(&new) {
            Ok(function) => function,
            Err(error) if is_there(&error, &ErrorType::FunctionAlreadyExists) => {
                functions.update(&new)?
            }
            Err(error) => return Err(error),
        };
        let (id, key) = DATABASE_VARIABLE;
        match database {
            Some(value) if !there.vars.iter().any(|it| it.key == key) => {
                let variable = NewVariable {
                    id: id.to_owned(),
                    key: key.to_owned(),
                    value,
                    secret: false,
                };
                functions.create_variable(&new.id, &variable).map(drop)
            }
            Some(_) | None => Ok(()),
        }
    });
    match made.await {
        Err(error) if is_there(&error, &ErrorType::VariableAlreadyExists) => Ok(()),
        other => other.map_err(refused),
    }
}

fn is_there(error: &appwrite::Error, kind: &ErrorType) -> bool {
    error.kind() == Some(kind) || matches!(error, appwrite::Error::Conflict { .. })
}

async fn ensure_rule(
    target: &Target,
    request: &UploadRequest,
    label: &str,
) -> Result<String, Trouble> {
    let host = target.site_domain.split(':').next().unwrap_or_default();
    let domain = format!("{label}.{host}");
    let (client, id, wanted) = (
        target.client.clone(),
        request.resource_id.clone(),
        domain.clone(),
    );
    let resource = request.resource;
    let made = blocking(move || match resource {
        Resource::Site => client.rules().create_site_rule(&wanted, &id),
        Resource::Function => client.rules().create_function_rule(&wanted, &id),
    });
    if let Err(error) = made.await {
        if !is_there(&error, &ErrorType::RuleAlreadyExists) {
            return Err(refused(error));
        }
        own_rule(target, &domain, &request.resource_id).await?;
    }
    Ok(target.place().url(label))
}

/// A rule that was there must be of this site or function.
async fn own_rule(target: &Target, domain: &str, id: &str) -> Result<(), Trouble> {
    let (client, query) = (target.client.clone(), Query::equal("domain", domain));
    let rules = blocking(move || client.rules().list_rules(&[query]))
        .await
        .map_err(refused)?;
    if rules
        .rules
        .iter()
        .any(|rule| rule.domain == domain && rule.deployment_resource_id == id)
    {
        return Ok(());
    }
    let message = format!("The address {domain} belongs to another site. Rename the project.");
    Err(Trouble::Terminal(Failure::new(Code::DeployFailed, message)))
}

/// Makes sure that the site or function, its address, and a deployment with these files exist.
pub(super) async fn upload(
    performer: &Performer<'_>,
    request: &UploadRequest,
) -> Result<Entry, Trouble> {
    let target = performer.target().await?;
    ensure(target, request).await?;
    // What was uploaded is not lost where the address is refused: it is found again.
    let address = ensure_address(target, request);
    let (url, deployment_id) =
        futures::future::join(address, upload_files(performer, target, request)).await;
    Ok(Entry::Uploaded {
        url: url?,
        deployment: DeploymentRef {
            resource: request.resource,
            resource_id: request.resource_id.clone(),
            deployment_id: deployment_id?,
        },
    })
}

/// Makes sure that a deployment with these files exists, and returns its id.
async fn upload_files(
    performer: &Performer<'_>,
    target: &Target,
    request: &UploadRequest,
) -> Result<String, Trouble> {
    if let Some(there) = &request.there {
        return Ok(there.deployment_id.clone());
    }
    let text = request.config.render(&target.place());
    let own = (request.resource == Resource::Site).then_some((app_config::PATH, text.as_str()));
    let archive = archive::of(&request.files, &request.folder, own).map_err(Trouble::Terminal)?;
    if performer.attempt.repeat
        && let Some(deployment) = uploaded_before(target, request, &archive).await?
    {
        return Ok(deployment.id);
    }
    let (client, id, bytes) = (
        target.client.clone(),
        request.resource_id.clone(),
        archive.clone(),
    );
    let function = request.function.clone();
    let sent = blocking(move || match function {
        None => client.sites().create_deployment(&id, bytes, false),
        Some(it) => {
            let (entrypoint, commands) = (it.entrypoint, it.commands);
            let functions = client.functions();
            functions.create_deployment(&id, bytes, false, &entrypoint, &commands)
        }
    });
    match sent.await {
        Ok(deployment) => Ok(deployment.id),
        Err(error @ appwrite::Error::OutcomeUnknown { .. }) => {
            match uploaded_before(target, request, &archive).await? {
                Some(deployment) => Ok(deployment.id),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(refused(error)),
    }
}

/// The deployment with these bytes: of equal size, then equal when downloaded. The
/// archive is made the same way every time.
async fn uploaded_before(
    target: &Target,
    request: &UploadRequest,
    archive: &[u8],
) -> Result<Option<Deployment>, Trouble> {
    let (client, id, resource) = (
        target.client.clone(),
        request.resource_id.clone(),
        request.resource,
    );
    let queries = [
        Query::order_desc("$createdAt"),
        Query::limit(DEPLOYMENTS_COMPARED_MAX),
    ];
    let list = blocking(move || match resource {
        Resource::Site => client.sites().list_deployments(&id, &queries),
        Resource::Function => client.functions().list_deployments(&id, &queries),
    });
    let list = list.await.map_err(refused)?;
    for deployment in list.deployments {
        let failed = matches!(
            deployment.status,
            DeploymentStatus::Failed | DeploymentStatus::Canceled
        );
        if failed || deployment.source_size != archive.len() as u64 {
            continue;
        }
        let (client, of, id) = (
            target.client.clone(),
            request.resource_id.clone(),
            deployment.id.clone(),
        );
        let source = blocking(move || {
            let source = DeploymentArchive::Source;
            match resource {
                Resource::Site => client.sites().download_deployment(&of, &id, source),
                Resource::Function => client.functions().download_deployment(&of, &id, source),
            }
        })
        .await
        .map_err(refused)?;
        if source == archive {
            return Ok(Some(deployment));
        }
    }
    Ok(None)
}

/// How a build ended, or that it does not.
enum Build {
    Ready,
    Failed,
    Canceled,
    /// It is not done after the longest time that one may take.
    Hangs,
}

/// Waits a moment for the build to end, or to have taken too long. What is not built then is
/// looked at later.
async fn built(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<(Build, BuildLog), Trouble> {
    let mut wait = POLL_FIRST;
    let last_look = clock::monotonic() + BUILD_PATIENCE;
    loop {
        let (client, wanted) = (performer.target().await?.client.clone(), deployment.clone());
        let seen = blocking(move || {
            let DeploymentRef {
                resource_id: of,
                deployment_id: id,
                ..
            } = &wanted;
            match wanted.resource {
                Resource::Site => client.sites().get_deployment(of, id),
                Resource::Function => client.functions().get_deployment(of, id),
            }
        })
        .await
        .map_err(refused)?;
        let build = match seen.status {
            DeploymentStatus::Ready => Some(Build::Ready),
            DeploymentStatus::Failed => Some(Build::Failed),
            DeploymentStatus::Canceled => Some(Build::Canceled),
            DeploymentStatus::Waiting
            | DeploymentStatus::Processing
            | DeploymentStatus::Building
            | DeploymentStatus::Other(_) => hangs(performer, &seen).then_some(Build::Hangs),
        };
        if let Some(build) = build {
            // The log is what the build's programs wrote, from their own files and ours.
            let log = performer.redactor.clean(&seen.build_logs);
            return Ok((build, BuildLog::of(&log)));
        }
        if clock::monotonic() + wait > last_look {
            return Err(performer.building());
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(POLL_MAX);
    }
}

/// Whether a deployment was made longer ago than its build may take.
fn hangs(performer: &Performer<'_>, deployment: &Deployment) -> bool {
    let limit = performer.clients.settings().build_timeout_seconds;
    clock::parse(&deployment.created_at).is_some_and(|at| clock::now() >= clock::after(at, limit))
}

/// How a finished build went on: its log, or the entry that ends it.
async fn finished(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Result<String, Entry>, Trouble> {
    let (build, BuildLog { error, tail: log }) = built(performer, deployment).await?;
    match build {
        Build::Ready => Ok(Ok(log)),
        Build::Failed => Ok(Err(Entry::BuildFailed { log, error })),
        Build::Hangs => {
            let seconds = performer.clients.settings().build_timeout_seconds;
            Ok(Err(Entry::BuildHangs { seconds, log }))
        }
        Build::Canceled => {
            let message =
                "Somebody called the build off in Appwrite. Retry the task to have it built.";
            Err(Trouble::Terminal(Failure::new(Code::DeployFailed, message)))
        }
    }
}

/// Makes the deployment, once it is built, the one that is served, and reads that it is:
/// unless there is a newer release, which must not be undone by whoever comes late.
pub(super) async fn activate(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Entry, Trouble> {
    let log = match finished(performer, deployment).await? {
        Ok(log) => log,
        Err(entry) => return Ok(entry),
    };
    if newest::is_newer_there(performer).await? {
        return Err(Trouble::Terminal(superseded()));
    }
    let target = performer.target().await?;
    serve(target, deployment).await?;
    // A newer one may have been activated in the very moment before: it is put back.
    let end = clock::monotonic() + NEWER_PATIENCE;
    loop {
        match newest::served_instead(performer, deployment).await? {
            Newer::None => {
                let deployment = Some(deployment.clone());
                return Ok(Entry::Activated { log, deployment });
            }
            Newer::Serves(newer) => {
                serve(target, &newer).await?;
                return Err(Trouble::Terminal(superseded()));
            }
            // What it activates it has activated before, and will tell now, or does so later.
            Newer::Comes if clock::monotonic() >= end => {
                return Err(Trouble::Terminal(superseded()));
            }
            Newer::Comes => tokio::time::sleep(NEWER_LOOK).await,
        }
    }
}

fn superseded() -> Failure {
    let message = "A newer release is there, so this one was not activated.";
    Failure::new(Code::DeployFailed, message)
}

async fn serve(target: &Target, deployment: &DeploymentRef) -> Result<(), Trouble> {
    let (client, wanted) = (target.client.clone(), deployment.clone());
    let active = blocking(move || activate_once(&client, &wanted))
        .await
        .map_err(refused)?;
    if active == deployment.deployment_id {
        return Ok(());
    }
    Err(Trouble::Row(format!(
        "{} `{}` serves another deployment than was activated",
        deployment.resource.as_str(),
        deployment.resource_id
    )))
}

fn activate_once(client: &Client, wanted: &DeploymentRef) -> Result<String, appwrite::Error> {
    let (of, id) = (&wanted.resource_id, &wanted.deployment_id);
    Ok(match wanted.resource {
        Resource::Site => client.sites().activate(of, id)?.deployment_id,
        Resource::Function => client.functions().activate(of, id)?.deployment_id,
    })
}

/// Waits for the build and finds where it can be looked at: a site at its deployment's own
/// address, a function nowhere.
pub(super) async fn preview(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Entry, Trouble> {
    if let Err(entry) = finished(performer, deployment).await? {
        return Ok(entry);
    }
    let target = performer.target().await?;
    let (client, id) = (target.client.clone(), deployment.deployment_id.clone());
    let url = match deployment.resource {
        Resource::Function => String::new(),
        Resource::Site => {
            let rule = blocking(move || client.rules().find_preview(&id));
            let rule = rule.await.map_err(refused)?;
            let domain = rule.as_ref().map(|it| it.domain.as_str());
            domain.map(|it| target.place().url_of(it)).ok_or_else(|| {
                let message = "Appwrite gave the site no address for a preview.";
                Trouble::Terminal(Failure::new(Code::DeployFailed, message))
            })?
        }
    };
    Ok(Entry::Previewed { url })
}

/// Calls off a build that hangs. One that has ended meanwhile stays as it is.
pub(super) async fn cancel(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Entry, Trouble> {
    let (client, wanted) = (performer.target().await?.client.clone(), deployment.clone());
    let canceled = blocking(move || {
        let (of, id) = (&wanted.resource_id, &wanted.deployment_id);
        match wanted.resource {
            Resource::Site => client.sites().cancel_deployment(of, id),
            Resource::Function => client.functions().cancel_deployment(of, id),
        }
    });
    match canceled.await {
        Ok(_) => Ok(Entry::BuildCanceled { ended: false }),
        Err(error) if error.kind() == Some(&ErrorType::BuildAlreadyCompleted) => {
            Ok(Entry::BuildCanceled { ended: true })
        }
        Err(error) => Err(refused(error)),
    }
}

pub(super) fn refused(error: appwrite::Error) -> Trouble {
    match error.retry() {
        appwrite::Retry::Transient { .. } => Trouble::Appwrite(error),
        appwrite::Retry::Terminal => terminal(
            Code::DeployFailed,
            "Appwrite refused the deployment",
            &error,
        ),
    }
}
