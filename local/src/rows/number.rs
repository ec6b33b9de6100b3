//! Increments and decrements of one column.

use rusqlite::types::Value as Sql;

use super::access::Access;
use super::row::{Row, find};
use super::update::{Changes, apply};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::schema::{Kind, Table};
use crate::server::Params;
use crate::store::Transaction;

/// A checked request.
pub(super) struct Step {
    by: f64,
    bound: Option<f64>,
    down: bool,
}

impl Step {
    /// `value` (default 1) and, going up, `max`, or, going down, `min`.
    pub(super) fn read(mut params: Params, down: bool) -> Result<Self, ApiError> {
        let by = number(&mut params, "value")?.unwrap_or(1.0);
        let bound = number(&mut params, if down { "min" } else { "max" })?;
        if by <= 0.0 {
            return Err(ApiError::argument(
                "Invalid `value` param: Value must be greater than zero",
            ));
        }
        Ok(Self { by, bound, down })
    }

    fn signed(&self) -> f64 {
        if self.down { -self.by } else { self.by }
    }

    fn within(&self, value: f64) -> bool {
        self.bound.is_none_or(|bound| {
            if self.down {
                value >= bound
            } else {
                value <= bound
            }
        })
    }
}

fn number(params: &mut Params, name: &str) -> Result<Option<f64>, ApiError> {
    let Some(value) = params.take(name) else {
        return Ok(None);
    };
    let invalid = || {
        ApiError::argument(format!(
            "Invalid `{name}` param: Value must be a valid number"
        ))
    };
    // A text of digits is a number to the measured server's check.
    let text = || value.as_str().and_then(|text| text.trim().parse().ok());
    let number = value.as_f64().or_else(text);
    let number = number.filter(|number: &f64| number.is_finite());
    number.map(Some).ok_or_else(invalid)
}

/// Changes the number. The returned row carries the `$updatedAt` from before, as
/// measured; the stored one has moved on.
pub(super) fn run(
    tx: &Transaction<'_>,
    table: &Table,
    caller: &Caller,
    place: (&str, &str),
    step: &Step,
) -> Result<Row, ApiError> {
    let (id, key) = place;
    // The type is the measured server's: it takes the row for a column here.
    let gone = || {
        ApiError::not_found(
            "column_not_found",
            "Column with the requested key '%s' could not be found.",
        )
    };
    let row = find(tx, table, id)?.ok_or_else(gone)?;
    let position = table
        .config
        .columns
        .iter()
        .position(|column| column.key == key);
    let no_column = || {
        ApiError::not_found(
            "column_not_found",
            format!("Column with the requested key '{key}' could not be found."),
        )
    };
    let position = position.ok_or_else(no_column)?;
    let kind = table.kinds.get(position).copied().ok_or_else(no_column)?;
    let next = next(kind, row.values.get(position), step, key)?;
    Access::of(table, caller, Action::Update).require(&row.permissions)?;
    let before = row.updated_ms;
    let mut row = apply(tx, table, row, Changes::of_value(position, next))?;
    row.updated_ms = before;
    Ok(row)
}

fn next(kind: Kind, now: Option<&Sql>, step: &Step, key: &str) -> Result<Sql, ApiError> {
    let next = match (kind, now) {
        (Kind::Integer { min, max }, Some(Sql::Integer(now))) => integer(*now, min, max, step),
        (Kind::Integer { min, max }, _) => integer(0, min, max, step),
        (Kind::Double { min, max }, Some(Sql::Real(now))) => double(*now, min, max, step),
        (Kind::Double { min, max }, _) => double(0.0, min, max, step),
        (Kind::Text { .. } | Kind::Boolean | Kind::Datetime | Kind::Shape(_), _) => {
            let message = format!("tablesDB \"{key}\" is not a number");
            return Err(ApiError::bad_request("attribute_type_invalid", message));
        }
    };
    next.ok_or_else(|| {
        let bound = if step.down { "minimum" } else { "maximum" };
        let message = format!("Column \"{key}\" has reached its {bound} value.");
        ApiError::bad_request("column_limit_exceeded", message)
    })
}

/// The next whole number, or none where it passes a bound or is not whole.
fn integer(now: i64, min: i64, max: i64, step: &Step) -> Option<Sql> {
    let by = step.signed();
    if by.fract() != 0.0 {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the step is whole; an overflow is refused here"
    )]
    let next = now
        .checked_add(by as i64)
        .filter(|next| *next >= min && *next <= max)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "compared with a bound that is a double itself"
    )]
    step.within(next as f64).then_some(Sql::Integer(next))
}

/// The next number, or none where it passes a bound.
fn double(now: f64, min: f64, max: f64, step: &Step) -> Option<Sql> {
    let next = now + step.signed();
    (step.within(next) && next >= min && next <= max).then_some(Sql::Real(next))
}
