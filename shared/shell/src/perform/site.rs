//! Appwrite Sites.

use std::time::Duration;

use appwrite::{Deployment, DeploymentArchive, DeploymentStatus, ErrorType, NewSite, Query};
use pipeline::build::BuildLog;
use pipeline::effect::{DeploymentRef, Entry, UploadRequest};
use pipeline::{Code, Failure};

use super::{Performer, terminal};
use crate::archive;
use crate::blocking::blocking;
use crate::clock;
use crate::trouble::Trouble;

/// Deployments of a site that are compared with the own bytes before an upload is repeated.
const DEPLOYMENTS_COMPARED_MAX: u32 = 25;
/// First wait between two looks at a build; each one doubles it.
const POLL_FIRST: Duration = Duration::from_millis(20);
/// Longest wait between two looks at a build.
const POLL_MAX: Duration = Duration::from_secs(3);
/// How long a build is waited for even if the slice is over: plain files take a moment.
const BUILD_PATIENCE: Duration = Duration::from_secs(5);

/// Makes sure that the site and its public address exist. Returns the address.
async fn ensure(performer: &Performer<'_>, request: &UploadRequest) -> Result<String, Trouble> {
    let client = performer.store.client().clone();
    let new = NewSite::of_files(request.site_id.clone(), request.name.clone());
    if let Err(error) = blocking(move || client.sites().create(&new)).await {
        let there = error.kind() == Some(&ErrorType::SiteAlreadyExists)
            || matches!(error, appwrite::Error::Conflict { .. });
        if !there {
            return Err(refused(error));
        }
    }
    let site_domain = performer.clients.site_domain()?;
    let host = site_domain.split(':').next().unwrap_or_default();
    let domain = format!("{}.{host}", request.subdomain);
    let (client, site_id, wanted) = (
        performer.store.client().clone(),
        request.site_id.clone(),
        domain.clone(),
    );
    if let Err(error) = blocking(move || client.rules().create_site_rule(&wanted, &site_id)).await {
        let there = error.kind() == Some(&ErrorType::RuleAlreadyExists)
            || matches!(error, appwrite::Error::Conflict { .. });
        if !there {
            return Err(refused(error));
        }
        own_rule(performer, &domain, &request.site_id).await?;
    }
    let scheme = if host.ends_with("localhost") {
        "http"
    } else {
        "https"
    };
    Ok(format!("{scheme}://{}.{site_domain}", request.subdomain))
}

/// A rule that was there must be this site's.
async fn own_rule(performer: &Performer<'_>, domain: &str, site_id: &str) -> Result<(), Trouble> {
    let (client, query) = (
        performer.store.client().clone(),
        Query::equal("domain", domain),
    );
    let rules = blocking(move || client.rules().list_rules(&[query]))
        .await
        .map_err(refused)?;
    if rules
        .rules
        .iter()
        .any(|rule| rule.domain == domain && rule.deployment_resource_id == site_id)
    {
        return Ok(());
    }
    let message = format!("The address {domain} belongs to another site. Rename the project.");
    Err(Trouble::Terminal(Failure::new(Code::DeployFailed, message)))
}

/// Makes sure that the site, its address, and a deployment with these files exist.
pub(super) async fn upload(
    performer: &Performer<'_>,
    request: &UploadRequest,
) -> Result<Entry, Trouble> {
    let archive = archive::of(&request.files, &request.output_dir).map_err(Trouble::Terminal)?;
    let url = ensure(performer, request).await?;
    let uploaded = |deployment: Deployment| {
        let deployment = DeploymentRef {
            site_id: request.site_id.clone(),
            deployment_id: deployment.id,
        };
        Entry::Uploaded { deployment, url }
    };
    if performer.attempt.repeat
        && let Some(deployment) = uploaded_before(performer, &request.site_id, &archive).await?
    {
        return Ok(uploaded(deployment));
    }
    let (client, site_id) = (performer.store.client().clone(), request.site_id.clone());
    let bytes = archive.clone();
    match blocking(move || client.sites().create_deployment(&site_id, bytes, false)).await {
        Ok(deployment) => Ok(uploaded(deployment)),
        Err(error @ appwrite::Error::OutcomeUnknown { .. }) => {
            match uploaded_before(performer, &request.site_id, &archive).await? {
                Some(deployment) => Ok(uploaded(deployment)),
                None => Err(error.into()),
            }
        }
        Err(error) => Err(refused(error)),
    }
}

/// The deployment with these bytes: of equal size, then equal when downloaded. The
/// archive is made the same way every time.
async fn uploaded_before(
    performer: &Performer<'_>,
    site_id: &str,
    archive: &[u8],
) -> Result<Option<Deployment>, Trouble> {
    let (client, site) = (performer.store.client().clone(), site_id.to_owned());
    let queries = [
        Query::order_desc("$createdAt"),
        Query::limit(DEPLOYMENTS_COMPARED_MAX),
    ];
    let list = blocking(move || client.sites().list_deployments(&site, &queries))
        .await
        .map_err(refused)?;
    for deployment in list.deployments {
        let failed = matches!(
            deployment.status,
            DeploymentStatus::Failed | DeploymentStatus::Canceled
        );
        if failed || deployment.source_size != archive.len() as u64 {
            continue;
        }
        let (client, site, id) = (
            performer.store.client().clone(),
            site_id.to_owned(),
            deployment.id.clone(),
        );
        let source = blocking(move || {
            client
                .sites()
                .download_deployment(&site, &id, DeploymentArchive::Source)
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

/// Waits until the build has ended, or has taken too long. What is not built by the end of
/// the execution's slice is looked at later.
async fn built(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<(Build, BuildLog), Trouble> {
    let mut wait = POLL_FIRST;
    let last_look = performer
        .attempt
        .slice_end
        .max(clock::monotonic() + BUILD_PATIENCE);
    loop {
        let (client, wanted) = (performer.store.client().clone(), deployment.clone());
        let seen = blocking(move || {
            client
                .sites()
                .get_deployment(&wanted.site_id, &wanted.deployment_id)
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
            return Err(Trouble::Building);
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

/// Makes the deployment, once it is built, the one that the site serves, and reads that it
/// is.
pub(super) async fn activate(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Entry, Trouble> {
    let (build, BuildLog { error, tail: log }) = built(performer, deployment).await?;
    match build {
        Build::Ready => {}
        Build::Failed => return Ok(Entry::BuildFailed { log, error }),
        Build::Hangs => {
            let seconds = performer.clients.settings().build_timeout_seconds;
            return Ok(Entry::BuildHangs { seconds, log });
        }
        Build::Canceled => {
            let message = "Somebody called the site's build off in Appwrite. Retry the task to have it built.";
            return Err(Trouble::Terminal(Failure::new(Code::DeployFailed, message)));
        }
    }
    let (client, wanted) = (performer.store.client().clone(), deployment.clone());
    let site = blocking(move || {
        client
            .sites()
            .activate(&wanted.site_id, &wanted.deployment_id)
    })
    .await
    .map_err(refused)?;
    if site.deployment_id == deployment.deployment_id {
        return Ok(Entry::Activated { log });
    }
    Err(Trouble::Row(format!(
        "site `{}` serves another deployment than was activated",
        deployment.site_id
    )))
}

/// Calls off a build that hangs. One that has ended meanwhile stays as it is.
pub(super) async fn cancel(
    performer: &Performer<'_>,
    deployment: &DeploymentRef,
) -> Result<Entry, Trouble> {
    let (client, wanted) = (performer.store.client().clone(), deployment.clone());
    let canceled = blocking(move || {
        client
            .sites()
            .cancel_deployment(&wanted.site_id, &wanted.deployment_id)
    });
    match canceled.await {
        Ok(_) => Ok(Entry::BuildCanceled { ended: false }),
        Err(error) if error.kind() == Some(&ErrorType::BuildAlreadyCompleted) => {
            Ok(Entry::BuildCanceled { ended: true })
        }
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: appwrite::Error) -> Trouble {
    match error.retry() {
        appwrite::Retry::Transient { .. } => Trouble::Appwrite(error),
        appwrite::Retry::Terminal => terminal(
            Code::DeployFailed,
            "Appwrite refused the deployment",
            &error,
        ),
    }
}
