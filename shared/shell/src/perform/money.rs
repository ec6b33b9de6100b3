//! What a model call can cost at most, and paying for it out of the task's budget.

use models::prices::{Charged, Tariff};
use models::{MessagesRequest, Provider, ResponsesRequest};
use pipeline::effect::Entry;

use super::ask::Asked;
use crate::config::{Dialect, RoleSettings};
use crate::ledger::Ledger;
use crate::trouble::Trouble;

/// Tokens that a planner or a reviewer can be charged for: its answer is limited, what it
/// thinks before is not, and is cut off here.
pub(super) const GROK_OUTPUT_TOKENS_MAX: u64 = 128_000;

/// What a call of the planner or the reviewer can cost at most.
///
/// # Errors
/// The request can not be written.
pub(super) fn of_responses(
    role: &RoleSettings,
    request: &ResponsesRequest,
) -> Result<u64, Trouble> {
    let body = match role.dialect {
        Dialect::Own => models::wire::xai::request_body(request),
        Dialect::Chat => models::wire::chat::question_body(request, role.structured),
    };
    let bytes = body.map_err(unwritten)?.len();
    let charged = at_most(bytes, GROK_OUTPUT_TOKENS_MAX);
    let tariff = tariff(role, &request.model);
    Ok(cost(Provider::Xai, role, tariff, &charged))
}

/// What a turn of the coding model can cost at most, made at once or in a batch.
///
/// # Errors
/// The request can not be written.
pub(super) fn of_messages(
    role: &RoleSettings,
    request: &MessagesRequest,
    is_batch: bool,
) -> Result<u64, Trouble> {
    let body = match role.dialect {
        Dialect::Own => models::wire::anthropic::request_body(request),
        Dialect::Chat => models::wire::chat::turn_body(request),
    };
    let (bytes, output) = (
        body.map_err(unwritten)?.len(),
        u64::from(request.max_tokens),
    );
    let charged = at_most(bytes, output);
    let tariff = Tariff {
        is_batch,
        ..tariff(role, &request.model)
    };
    Ok(cost(Provider::Anthropic, role, tariff, &charged))
}

fn unwritten(cause: serde_json::Error) -> Trouble {
    Trouble::Row(format!("a request can not be written: {cause}"))
}

/// No token is shorter than a byte, and no prompt token is dearer than one that is written
/// to the cache for an hour.
fn at_most(bytes: usize, output: u64) -> Charged {
    Charged {
        written_1h: bytes as u64,
        output,
        ..Charged::default()
    }
}

/// `model` is the one that is asked, which may be the role's other one.
fn tariff<'a>(role: &RoleSettings, model: &'a str) -> Tariff<'a> {
    Tariff {
        requested: model,
        fixed: role.price,
        is_batch: false,
    }
}

fn cost(own: Provider, role: &RoleSettings, tariff: Tariff<'_>, charged: &Charged) -> u64 {
    let provider = match role.dialect {
        Dialect::Own => own,
        Dialect::Chat => Provider::Chat,
    };
    tariff.price(provider, tariff.requested).cost(charged).0
}

/// Makes a call, with a `ledger` only after its worst case has been reserved.
pub(super) async fn paid<F>(
    ledger: Option<&Ledger<'_>>,
    key: &str,
    worst: impl FnOnce() -> Result<u64, Trouble>,
    ask: impl FnOnce() -> F,
) -> Result<Entry, Trouble>
where
    F: Future<Output = Result<Asked, Trouble>>,
{
    let Some(ledger) = ledger else {
        return ask().await?.entry;
    };
    let ticket = ledger.reserve(key, worst()?).await?;
    let asked = ask().await;
    let cost = match &asked {
        // Nothing was sent.
        Err(_) => 0,
        Ok(asked) if asked.unsettled > 0 => ticket.micro_usd.saturating_mul(asked.unsettled.into()),
        Ok(asked) => asked.micro_usd,
    };
    ledger.settle(ticket, cost).await;
    asked?.entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn the_model_that_is_asked_is_reserved_for() {
        let role = Settings::from_map(&Default::default()).unwrap().agent;
        let worst = |model: &str| {
            let request = MessagesRequest {
                model: model.to_owned(),
                max_tokens: 1_000,
                system: Vec::new(),
                tools: [].into(),
                messages: Vec::new(),
                effort: None,
                cache_tail: false,
                charged_once: true,
            };
            of_messages(&role, &request, false).unwrap()
        };
        // Output and the written prompt of Opus cost twice as much as Sonnet's.
        assert!(worst("claude-opus-5-5") > 19 * worst("claude-sonnet-5-5") / 10);
    }
}
