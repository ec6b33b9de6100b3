//! Variables of sites and functions.

use serde::Deserialize;
use serde_json::json;

use crate::call::{self, Call, Repeat};
use crate::error::Error;
use crate::function::Functions;
use crate::kind::Kind;
use crate::owner::Owner;
use crate::retry::Budget;
use crate::site::Sites;

/// A variable of a site or function.
///
/// Source: Appwrite 1.9.6 REST, variables (measured). Fixture: `variables.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Variable {
    /// The id.
    #[serde(rename = "$id")]
    pub id: String,
    /// The name, as builds and executions see it.
    pub key: String,
    /// The value; empty for a secret one.
    pub value: String,
    /// Whether the value is never shown again. A secret variable stays secret.
    pub secret: bool,
}

/// The variables of a site or function.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct VariableList {
    /// How many there are.
    pub total: u64,
    /// All of them.
    pub variables: Vec<Variable>,
}

/// A variable to be created or changed. Its `Debug` hides the value.
#[derive(Clone, PartialEq, Eq)]
pub struct NewVariable {
    /// The chosen id.
    pub id: String,
    /// The name, at most 255 characters.
    pub key: String,
    /// The value, at most 8,192 characters.
    pub value: String,
    /// Whether the value is never shown again.
    pub secret: bool,
}

impl std::fmt::Debug for NewVariable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewVariable")
            .field("id", &self.id)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Owner<'_> {
    fn list_variables(&self, budget: &mut Budget) -> Result<VariableList, Error> {
        let operation = call::operation(Kind::VariablesList, &[self.id])?;
        let call = Call::get(operation, self.path("variables"));
        self.client.send(&call, budget)?.decode(&call.operation)
    }

    fn create_variable(&self, new: &NewVariable) -> Result<Variable, Error> {
        let operation = call::operation(Kind::VariablesCreate, &[self.id, &new.id])?;
        let body = json!({
            "variableId": new.id, "key": new.key, "value": new.value, "secret": new.secret,
        });
        let call =
            Call::post(operation, self.path("variables"), Repeat::AfterLookUp).json(&body)?;
        self.client.create(
            &call,
            |answer| answer.decode(&call.operation),
            |budget| {
                let all = self.list_variables(budget)?.variables;
                Ok(all.into_iter().find(|variable| variable.id == new.id))
            },
            // A secret value cannot be compared.
            |found: &Variable| {
                found.key == new.key
                    && found.secret == new.secret
                    && (found.secret || found.value == new.value)
            },
        )
    }

    fn update_variable(&self, new: &NewVariable) -> Result<Variable, Error> {
        let operation = call::operation(Kind::VariablesUpdate, &[self.id, &new.id])?;
        let body = json!({ "key": new.key, "value": new.value, "secret": new.secret });
        let path = format!("{}/{}", self.path("variables"), new.id);
        let call = Call::put(operation, path).json(&body)?;
        self.client.fetch(&call)?.decode(&call.operation)
    }

    fn delete_variable(&self, variable_id: &str) -> Result<(), Error> {
        let operation = call::operation(Kind::VariablesDelete, &[self.id, variable_id])?;
        let path = format!("{}/{variable_id}", self.path("variables"));
        self.client.remove(&Call::delete(operation, path))
    }
}

macro_rules! variables {
    ($of:ident) => {
        impl $of<'_> {
            /// Reads all variables, secret ones without their values.
            ///
            /// # Errors
            /// [`ErrorType::SiteNotFound`](crate::ErrorType) or
            /// [`ErrorType::FunctionNotFound`](crate::ErrorType). Repeated: it is a read.
            pub fn list_variables(&self, id: &str) -> Result<VariableList, Error> {
                self.owner(id).list_variables(&mut self.client.budget())
            }

            /// Creates a variable: for a function from its next execution on, for a build from the
            /// next one on.
            ///
            /// # Errors
            /// [`ErrorType::VariableAlreadyExists`](crate::ErrorType) if its id or name is taken;
            /// [`Error::Conflict`] if an answer was lost and the variable differs, as far as it
            /// can be seen; [`Error::OutcomeUnknown`] if the look-up failed too.
            ///
            /// # Idempotency
            /// Repeated after a lost answer only if a look-up finds no variable.
            pub fn create_variable(&self, id: &str, new: &NewVariable) -> Result<Variable, Error> {
                self.owner(id).create_variable(new)
            }

            /// Sets a variable's name and value. A secret variable cannot become a plain one.
            ///
            /// # Errors
            /// [`ErrorType::VariableNotFound`](crate::ErrorType).
            ///
            /// # Idempotency
            /// Repeated: it sets all values.
            pub fn update_variable(&self, id: &str, new: &NewVariable) -> Result<Variable, Error> {
                self.owner(id).update_variable(new)
            }

            /// Deletes a variable.
            ///
            /// # Errors
            /// [`ErrorType::VariableNotFound`](crate::ErrorType) if there was none.
            ///
            /// # Idempotency
            /// Repeated; "not found" after a lost answer counts as done.
            pub fn delete_variable(&self, id: &str, variable_id: &str) -> Result<(), Error> {
                self.owner(id).delete_variable(variable_id)
            }
        }
    };
}

variables!(Sites);
variables!(Functions);
