//! Pages of rows: queries, permissions, order and cursor in one SQL statement.

use rusqlite::Connection;
use rusqlite::types::Value as Sql;
use serde_json::{Value, json};

use super::access::Access;
use super::row::{Row, columns_sql, find};
use crate::auth::Caller;
use crate::error::ApiError;
use crate::permissions::Action;
use crate::queries::sql::{Attribute, Conditions};
use crate::queries::{Cursor, Filter, LIMIT_DEFAULT, Op, Queries, invalid};
use crate::schema::storage::{rows_table, sql_name};
use crate::schema::{Kind, Table, TextFormat};

/// The page of a list request: `{"total","rows"}`. The total counts what the
/// caller may read, whatever the page.
pub(super) fn page(
    db: &Connection,
    table: &Table,
    caller: &Caller,
    queries: &Queries,
) -> Result<Value, ApiError> {
    let access = Access::of(table, caller, Action::Read);
    access.require_any()?;
    check_select(table, &queries.select)?;
    let mut conditions = Conditions::default();
    for filter in &queries.filters {
        require_fulltext(table, filter)?;
        conditions.add(filter, &|name| attribute(table, name))?;
    }
    readable(&mut conditions, table, &access);
    let total = count(db, table, &conditions)?;
    let orders = orders(table, queries)?;
    let backwards = matches!(queries.cursor, Some(Cursor::Before(_)));
    if let Some(Cursor::After(id) | Cursor::Before(id)) = &queries.cursor {
        add_cursor(db, table, &mut conditions, &orders, id, backwards)?;
    }
    let mut rows = select(
        db,
        table,
        conditions,
        &order_sql(&orders, queries.random, backwards),
        queries,
        LIMIT_DEFAULT,
    )?;
    if backwards {
        rows.reverse();
    }
    let rows: Vec<Value> = rows
        .iter()
        .map(|row| row.json(table, &queries.select))
        .collect();
    Ok(json!({"total": total, "rows": rows}))
}

/// All rows that the queries choose, without a limit unless they name one; for
/// bulk changes, which are for keys.
pub(super) fn matching(
    db: &Connection,
    table: &Table,
    queries: &Queries,
) -> Result<Vec<Row>, ApiError> {
    let mut conditions = Conditions::default();
    for filter in &queries.filters {
        require_fulltext(table, filter)?;
        conditions.add(filter, &|name| attribute(table, name))?;
    }
    let order = order_sql(&orders(table, queries)?, false, false);
    // SQLite takes -1 for "all".
    select(db, table, conditions, &order, queries, -1)
}

/// Refuses a search where no full-text index is (Appwrite 1.9.6, source).
fn require_fulltext(table: &Table, filter: &Filter) -> Result<(), ApiError> {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts
            .iter()
            .try_for_each(|part| require_fulltext(table, part)),
        Filter::Compare {
            attribute,
            op: Op::Search | Op::NotSearch,
            ..
        } => {
            let mut indexes = table.config.indexes.iter();
            let is_it =
                indexes.any(|it| it.kind == "fulltext" && it.columns == [attribute.as_str()]);
            if is_it || table.column(attribute).is_none() {
                return Ok(());
            }
            Err(invalid(format!(
                "Searching by attribute \"{attribute}\" requires a fulltext index."
            )))
        }
        Filter::Compare { .. } => Ok(()),
    }
}

fn attribute(table: &Table, name: &str) -> Option<Attribute> {
    const ID: Kind = Kind::Text {
        chars: 36,
        format: TextFormat::Plain,
    };
    const SEQUENCE: Kind = Kind::Integer {
        min: 0,
        max: i64::MAX,
    };
    let sql = sql_name(table, name)?;
    let (kind, array) = match name {
        "$id" => (ID, false),
        "$sequence" => (SEQUENCE, false),
        "$createdAt" | "$updatedAt" => (Kind::Datetime, false),
        key => table
            .column(key)
            .map(|(column, kind)| (kind, column.array))?,
    };
    Some(Attribute { sql, kind, array })
}

fn check_select(table: &Table, select: &[String]) -> Result<(), ApiError> {
    let known = |key: &str| key == "*" || key.starts_with('$') || table.column(key).is_some();
    match select.iter().find(|key| !known(key)) {
        Some(key) => Err(invalid(format!(
            "Invalid query: Attribute not found in schema: {key}"
        ))),
        None => Ok(()),
    }
}

fn readable(conditions: &mut Conditions, table: &Table, access: &Access) {
    let Access::Rows { action, roles } = access else {
        return;
    };
    let rows = rows_table(table.number);
    let marks = vec!["?"; roles.len()].join(", ");
    conditions.parts.push(format!(
        "EXISTS (SELECT 1 FROM row_permissions p WHERE p.table_number = ? AND p.sequence = {rows}._sequence \
         AND p.action = ? AND p.role IN ({marks}))"
    ));
    conditions.params.push(Sql::Integer(table.number));
    conditions.params.push(Sql::Text(action.word().to_owned()));
    conditions
        .params
        .extend(roles.iter().cloned().map(Sql::Text));
}

fn count(db: &Connection, table: &Table, conditions: &Conditions) -> Result<i64, ApiError> {
    let sql = format!(
        "SELECT count(*) FROM {}{}",
        rows_table(table.number),
        conditions.clause()
    );
    let params = rusqlite::params_from_iter(&conditions.params);
    Ok(db
        .prepare_cached(&sql)?
        .query_row(params, |row| row.get(0))?)
}

/// SQL expressions with their direction; the last one is always the sequence,
/// so that the order is total.
fn orders(table: &Table, queries: &Queries) -> Result<Vec<(String, bool)>, ApiError> {
    let mut orders = Vec::with_capacity(queries.orders.len() + 1);
    for order in &queries.orders {
        let unknown = || {
            invalid(format!(
                "Invalid query: Attribute not found in schema: {}",
                order.attribute
            ))
        };
        orders.push((
            sql_name(table, &order.attribute).ok_or_else(unknown)?,
            order.descending,
        ));
    }
    if !orders.iter().any(|(sql, _)| sql == "_sequence") {
        orders.push(("_sequence".to_owned(), false));
    }
    Ok(orders)
}

fn order_sql(orders: &[(String, bool)], random: bool, backwards: bool) -> String {
    if random {
        return " ORDER BY random()".to_owned();
    }
    let direction = |descending: bool| {
        if descending == backwards {
            "ASC"
        } else {
            "DESC"
        }
    };
    let parts: Vec<String> = orders
        .iter()
        .map(|(sql, descending)| format!("{sql} {}", direction(*descending)))
        .collect();
    format!(" ORDER BY {}", parts.join(", "))
}

/// Adds "behind the row `id`" as (a > A) OR (a = A AND b > B) OR …; empty
/// values come first in an ascending order.
fn add_cursor(
    db: &Connection,
    table: &Table,
    conditions: &mut Conditions,
    orders: &[(String, bool)],
    id: &str,
    backwards: bool,
) -> Result<(), ApiError> {
    let gone = || {
        ApiError::bad_request(
            "general_cursor_not_found",
            format!("Row '{id}' for the 'cursor' value not found."),
        )
    };
    let row = find(db, table, id)?.ok_or_else(gone)?;
    let names: Vec<&str> = orders.iter().map(|(sql, _)| sql.as_str()).collect();
    let sql = format!(
        "SELECT {} FROM {} WHERE _sequence = ?1",
        names.join(", "),
        rows_table(table.number)
    );
    let at: Vec<Sql> = db.prepare_cached(&sql)?.query_row([row.sequence], |row| {
        (0..orders.len())
            .map(|index| row.get(index))
            .collect::<Result<_, _>>()
    })?;
    if at.contains(&Sql::Null) {
        return Err(ApiError::bad_request(
            "database_query_order_null",
            "An order column of the cursor's row has no value. Cursor pagination needs one.",
        ));
    }
    let mut ways = Vec::with_capacity(orders.len());
    for (index, ((sql, descending), value)) in orders.iter().zip(&at).enumerate() {
        let mut parts = Vec::with_capacity(index + 1);
        for ((sql, _), value) in orders.iter().zip(&at).take(index) {
            parts.push(format!("{sql} IS ?"));
            conditions.params.push(value.clone());
        }
        let upwards = *descending == backwards;
        parts.push(if upwards {
            format!("{sql} > ?")
        } else {
            format!("({sql} < ? OR {sql} IS NULL)")
        });
        conditions.params.push(value.clone());
        ways.push(format!("({})", parts.join(" AND ")));
    }
    conditions.parts.push(format!("({})", ways.join(" OR ")));
    Ok(())
}

fn select(
    db: &Connection,
    table: &Table,
    mut conditions: Conditions,
    order: &str,
    queries: &Queries,
    limit: i64,
) -> Result<Vec<Row>, ApiError> {
    let (columns, rows) = (columns_sql(table), rows_table(table.number));
    let sql = format!(
        "SELECT {columns} FROM {rows}{}{order} LIMIT ? OFFSET ?",
        conditions.clause()
    );
    conditions
        .params
        .push(Sql::Integer(queries.limit.unwrap_or(limit)));
    conditions
        .params
        .push(Sql::Integer(queries.offset.unwrap_or(0)));
    let mut statement = db.prepare_cached(&sql)?;
    let found = statement.query_map(rusqlite::params_from_iter(&conditions.params), |row| {
        Row::from_sql(row, table)
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
