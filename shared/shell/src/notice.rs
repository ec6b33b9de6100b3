//! E-mails to the owners of tasks, where the settings want them.

use std::time::Duration;

use appwrite::{Client, ErrorType, NewEmail, Row};
use pipeline::TaskId;
use pipeline::advance::Projection;
use pipeline::notice::notice;

use crate::blocking::blocking;
use crate::clock;
use crate::config::Settings;
use crate::logging::Log;

/// Longest that one e-mail may keep an execution.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How owners are told. Only for those who move a task's row by their own work: an owner who has
/// just given a command knows.
#[derive(Clone)]
pub struct Notices {
    page: Option<String>,
    log: Log,
}

impl std::fmt::Debug for Notices {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Notices")
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}

impl Notices {
    /// As the settings say: `None` where nobody is told anything.
    pub fn of(settings: &Settings, log: &Log) -> Option<Self> {
        settings.notice_email.then(|| Self {
            page: settings.notice_page_url.clone(),
            log: log.clone(),
        })
    }

    /// Tells the owner, if there is something to tell, that the task's `row` was moved from the
    /// place `before` to `after`: at most one request, which nothing depends on. That it was
    /// refused, or lost, is a line of the log and no more.
    ///
    /// # Idempotency
    /// The message's id is that of the occasion, so it is sent once.
    pub async fn tell(
        &self,
        client: &Client,
        row: &Row,
        before: Option<(u32, u32, u32)>,
        after: &Projection,
    ) {
        let Some(task) = TaskId::parse(&row.id) else {
            return;
        };
        let Some(notice) = notice(&task, before, after) else {
            return;
        };
        let owner = row.text("owner").unwrap_or_default().to_owned();
        let name = row.text("name").unwrap_or_default();
        let email = notice.email(&task, name, self.page.as_deref());
        let client = client.with_deadline(clock::monotonic() + TIMEOUT);
        let sent = blocking(move || {
            client.messages().create_email(&NewEmail {
                id: &notice.id,
                subject: &email.subject,
                content: &email.content,
                users: &[&owner],
            })
        });
        match sent.await {
            Err(error) if error.kind() == Some(&ErrorType::MessageAlreadyExists) => {}
            Err(error) => self.log.error(&format!(
                "the e-mail to the owner of task `{task}` was not sent: {error}"
            )),
            Ok(()) => {}
        }
    }
}
