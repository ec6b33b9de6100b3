//! Proxy rules: which domain shows what.

use serde::Deserialize;
use serde_json::json;

use crate::call::{self, Call, Repeat};
use crate::client::Client;
use crate::error::{Error, Operation};
use crate::kind::Kind;
use crate::query::Query;
use crate::retry::Budget;

/// A proxy rule.
///
/// Source: Appwrite 1.9.6 REST, proxy rules (measured). Fixture: `rules.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rule {
    /// The id, chosen by the server.
    #[serde(rename = "$id")]
    pub id: String,
    /// The host name.
    pub domain: String,
    /// `deployment`, `api` or `redirect`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `manual` for rules that were asked for; `deployment` for a deployment's own preview,
    /// which asks visitors to sign in.
    pub trigger: String,
    /// The deployment shown; empty before one is active.
    pub deployment_id: String,
    /// `site` or `function`.
    pub deployment_resource_type: String,
    /// The site's or function's id.
    pub deployment_resource_id: String,
    /// `created`, `verifying`, `verified` or `unverified`.
    pub status: String,
}

/// Some rules, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RuleList {
    /// How many match.
    pub total: u64,
    /// The rules of this page.
    pub rules: Vec<Rule>,
}

/// The proxy rules.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    client: &'a Client,
}

impl Client {
    /// The proxy rules; nothing is sent.
    pub fn rules(&self) -> Rules<'_> {
        Rules { client: self }
    }
}

impl Rules<'_> {
    /// Shows a site's active deployment under a domain.
    ///
    /// # Errors
    /// [`ErrorType::RuleAlreadyExists`](crate::ErrorType) if it is refused at once, also for a
    /// domain of another project; [`Error::Conflict`] if an answer was lost and the domain shows
    /// something else; [`Error::OutcomeUnknown`] if the look-up failed too. Users may make 10 a
    /// minute.
    ///
    /// # Idempotency
    /// Repeated after a lost answer only if a look-up by domain finds no rule.
    pub fn create_site_rule(&self, domain: &str, site_id: &str) -> Result<Rule, Error> {
        self.create(domain, "site", site_id)
    }

    /// Runs a function for every request to a domain, as its `execute` allows: a visitor is a
    /// guest, so that it must name `any` or `guests`.
    ///
    /// # Errors
    /// As [`create_site_rule`](Self::create_site_rule).
    ///
    /// # Idempotency
    /// As [`create_site_rule`](Self::create_site_rule).
    pub fn create_function_rule(&self, domain: &str, function_id: &str) -> Result<Rule, Error> {
        self.create(domain, "function", function_id)
    }

    /// `of` is `site` or `function`.
    fn create(&self, domain: &str, of: &str, id: &str) -> Result<Rule, Error> {
        call::operation(Kind::RulesCreate, &[id])?;
        let operation = Operation {
            kind: Kind::RulesCreate,
            object: domain.to_owned(),
        };
        let mut body = json!({ "domain": domain });
        body[format!("{of}Id")] = json!(id);
        let path = format!("/proxy/rules/{of}");
        let call = Call::post(operation, path, Repeat::AfterLookUp).json(&body)?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| self.first(&[Query::equal("domain", domain)], budget),
            |rule: &Rule| {
                rule.domain.eq_ignore_ascii_case(domain)
                    && rule.trigger == "manual"
                    && rule.deployment_resource_type == of
                    && rule.deployment_resource_id == id
            },
        )
    }

    /// Finds the rule that shows one deployment of a site, active or not, which every deployment
    /// gets with its upload. A server asks its visitors to sign in to the console.
    ///
    /// # Errors
    /// As [`list_rules`](Self::list_rules). Repeated: it is a read.
    pub fn find_preview(&self, deployment_id: &str) -> Result<Option<Rule>, Error> {
        call::operation(Kind::RulesList, &[deployment_id])?;
        let queries = [
            Query::equal("deploymentId", deployment_id),
            Query::equal("trigger", "deployment"),
        ];
        self.first(&queries, &mut self.client.budget())
    }

    fn first(&self, queries: &[Query], budget: &mut Budget) -> Result<Option<Rule>, Error> {
        let mut queries = queries.to_vec();
        queries.push(Query::limit(1));
        Ok(self.list_within(&queries, budget)?.rules.into_iter().next())
    }

    /// Takes a domain away.
    ///
    /// # Errors
    /// [`ErrorType::RuleNotFound`](crate::ErrorType) if there was none.
    ///
    /// # Idempotency
    /// Repeated; "not found" after a lost answer counts as done.
    pub fn delete(&self, rule_id: &str) -> Result<(), Error> {
        let operation = call::operation(Kind::RulesDelete, &[rule_id])?;
        let path = format!("/proxy/rules/{rule_id}");
        self.client.remove(&Call::delete(operation, path))
    }

    /// Reads rules: 25 unless a [`Query::limit`] says otherwise. Queries know `domain`, `type`,
    /// `trigger`, `deploymentResourceType`, `deploymentResourceId` and `deploymentId`.
    ///
    /// # Errors
    /// As the server refuses the queries. Repeated: it is a read.
    pub fn list_rules(&self, queries: &[Query]) -> Result<RuleList, Error> {
        self.list_within(queries, &mut self.client.budget())
    }

    fn list_within(&self, queries: &[Query], budget: &mut Budget) -> Result<RuleList, Error> {
        let operation = Operation {
            kind: Kind::RulesList,
            object: self.client.project().to_owned(),
        };
        let path = format!("/proxy/rules{}", Query::query_string(queries));
        let call = Call::get(operation, path);
        self.client.send(&call, budget)?.decode(&call.operation)
    }
}
