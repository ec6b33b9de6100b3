//! A look at what was deployed, as a visitor has it.

use std::time::Duration;

use futures::future::join_all;
use pipeline::app_config::{self, AppConfig};
use pipeline::effect::{Entry, VerifyRequest};
use pipeline::{Code, Failure};

use super::Performer;
use crate::blocking::blocking;
use crate::clock;
use crate::trouble::Trouble;

/// First wait between two looks; each doubles it.
const LOOK_FIRST: Duration = Duration::from_millis(50);
/// Longest wait between two looks.
const LOOK_MAX: Duration = Duration::from_secs(3);
/// How long an address may take until it shows what was activated.
const PATIENCE: Duration = Duration::from_secs(45);

/// Waits until the address answers 200, and a site with the release that it shall.
pub(super) async fn verify(
    performer: &Performer<'_>,
    request: &VerifyRequest,
) -> Result<Entry, Trouble> {
    if !performer.clients.settings().site_check {
        return Ok(Entry::Verified {});
    }
    let end = clock::monotonic() + PATIENCE;
    let mut wait = LOOK_FIRST;
    loop {
        let Some(problem) = look(performer, request).await? else {
            return Ok(Entry::Verified {});
        };
        if clock::monotonic() + wait > end {
            let message = format!(
                "What was deployed does not answer as it should: {problem}. See that the address leads to Appwrite and what the app's log says, then retry the task. Where functions can not reach public addresses, set SITE_CHECK to `off`."
            );
            return Err(Trouble::Terminal(Failure::new(Code::DeployFailed, message)));
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOK_MAX);
    }
}

/// What is wrong with the address, as a part of a sentence.
async fn look(
    performer: &Performer<'_>,
    request: &VerifyRequest,
) -> Result<Option<String>, Trouble> {
    let mut pages = vec![(request.url.clone(), None)];
    if let Some(release) = &request.release {
        let page = format!("{}/{}", request.url, app_config::PATH);
        pages.push((page, Some(release)));
    }
    let client = &performer.target().await?.client;
    let problems = pages.iter().map(|(url, release)| async move {
        let (client, page) = (client.clone(), url.clone());
        let visit = match blocking(move || client.visit(&page)).await {
            Ok(visit) => visit,
            Err(cause) => return Some(format!("{url} can not be reached ({cause})")),
        };
        if visit.status != 200 {
            return Some(format!("{url} answers {}", visit.status));
        }
        let told = AppConfig::release_in(&visit.text);
        let is_another = release.is_some_and(|release| told.as_ref() != Some(release));
        is_another.then(|| format!("{url} shows another release"))
    });
    Ok(join_all(problems).await.into_iter().flatten().next())
}
