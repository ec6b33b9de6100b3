//! Tables, rows, queries, transactions.

use anyhow::Result;
use appwrite::Client;
use appwrite::enums::TablesDBIndexType;
use appwrite::models::Row;
use appwrite::query::Query;
use appwrite::services::TablesDB;
use serde_json::{Value, json};

use crate::{call, refused, same, until};

const DATABASE: &str = "shop";
const TABLE: &str = "orders";
const NO_ROW: (u16, &str) = (404, "row_not_found");

fn column(row: &Row, name: &str) -> Value {
    row.data.get(name).cloned().unwrap_or_default()
}

pub async fn schema(client: &Client) -> Result<()> {
    let tables = TablesDB::new(client);
    let database = tables.create(DATABASE, "Shop", None, None, None, None, None);
    same("database", call("database", database).await?.name.as_str(), "Shop")?;
    let table = tables.create_table(DATABASE, TABLE, "Orders", None, Some(true), None, None, None, None);
    let table = call("table", table).await?;
    same("table", (table.id.as_str(), table.row_security), (TABLE, true))?;
    let title = tables.create_varchar_column(DATABASE, TABLE, "title", 64, true, None, None, None, None);
    same("column", call("column", title).await?.key.as_str(), "title")?;
    let count = tables.create_integer_column(DATABASE, TABLE, "count", false, Some(0), Some(100), Some(1), None, None);
    same("column", call("column", count).await?.default, Some(1))?;
    until("columns are available", async || {
        let table = call("table", tables.get_table(DATABASE, TABLE)).await?;
        let available = |column: &Value| column["status"] == "available";
        Ok((table.columns.len() == 2 && table.columns.iter().all(available)).then_some(()))
    })
    .await?;
    let index = tables.create_index(
        DATABASE,
        TABLE,
        "byTitle",
        TablesDBIndexType::Unique,
        ["title"],
        None,
        None,
        None,
    );
    call("index", index).await?;
    until("the index is available", async || {
        let index = call("index", tables.get_index(DATABASE, TABLE, "byTitle")).await?;
        Ok((json!(index.status) == "available").then_some(()))
    })
    .await
}

pub async fn rows(client: &Client) -> Result<()> {
    let tables = TablesDB::new(client);
    let create = |id: &'static str, data| tables.create_row(DATABASE, TABLE, id, data, None, None);
    let tea = call("row", create("tea", json!({"title": "Tea", "count": 3}))).await?;
    same("row", (tea.id.as_str(), column(&tea, "count")), ("tea", json!(3)))?;
    let taken = (409, "row_already_exists");
    refused(
        "a second row of one id",
        create("tea", json!({"title": "Other"})),
        taken,
    )
    .await?;
    let wrong = create("big", json!({"title": "Big", "count": 101}));
    refused("a number out of bounds", wrong, (400, "row_invalid_structure")).await?;
    let many = vec![
        json!({"$id": "jam", "title": "Jam"}),
        json!({"$id": "nut", "title": "Nut", "count": 9}),
    ];
    let many = call("rows", tables.create_rows(DATABASE, TABLE, many, None)).await?;
    same(
        "rows",
        many.rows.iter().map(|row| column(row, "count")).collect::<Vec<_>>(),
        vec![json!(1), json!(9)],
    )?;
    let patch = tables.update_row(DATABASE, TABLE, "jam", Some(json!({"count": 2})), None, None);
    same("patched row", column(&call("patch", patch).await?, "count"), json!(2))?;
    let egg = Some(json!({"title": "Egg", "count": 12}));
    let egg = tables.upsert_row(DATABASE, TABLE, "egg", egg, None, None);
    same("upserted row", column(&call("upsert", egg).await?, "count"), json!(12))?;
    let more = tables.increment_row_column(DATABASE, TABLE, "egg", "count", Some(5.0), None, None);
    same(
        "incremented row",
        column(&call("increment", more).await?, "count"),
        json!(17),
    )?;
    let nut = call("one row", tables.get_row(DATABASE, TABLE, "nut", None, None)).await?;
    same("one row", column(&nut, "title"), json!("Nut"))?;
    refused(
        "a missing row",
        tables.get_row(DATABASE, TABLE, "none", None, None),
        NO_ROW,
    )
    .await
}

pub async fn queries(client: &Client) -> Result<()> {
    let tables = TablesDB::new(client);
    let list = async |queries: Vec<Query>| {
        let queries = queries.iter().map(Query::to_string).collect();
        let found = tables.list_rows(DATABASE, TABLE, Some(queries), None, None, None);
        let found = call("list", found).await?;
        anyhow::Ok(found.rows.into_iter().map(|row| row.id).collect::<Vec<_>>())
    };
    let all = call("all", tables.list_rows(DATABASE, TABLE, None, None, None, None)).await?;
    same("all", all.total, 4)?;
    let equal = vec![Query::equal("title", json!(["Tea", "Egg"])), Query::order_asc("title")];
    same("equal", list(equal).await?, ["egg", "tea"])?;
    let range = vec![Query::greater_than("count", 2), Query::order_desc("count")];
    same("range", list(range).await?, ["egg", "nut", "tea"])?;
    let page = vec![Query::order_asc("title"), Query::limit(2), Query::cursor_after("jam")];
    same("page", list(page).await?, ["nut", "tea"])?;
    let wrong = Some(vec![Query::equal("nothing", 1).to_string()]);
    let wrong = tables.list_rows(DATABASE, TABLE, wrong, None, None, None);
    refused("a query of no column", wrong, (400, "general_query_invalid")).await?;
    let gone = Some(vec![Query::equal("$id", "nut").to_string()]);
    let gone = call("deletion", tables.delete_rows(DATABASE, TABLE, gone, None)).await?;
    same("deleted rows", gone.total, 1)
}

pub async fn transactions(client: &Client) -> Result<()> {
    let tables = TablesDB::new(client);
    let transaction = call("transaction", tables.create_transaction(Some(120))).await?.id;
    let rye = json!({"action": "create", "databaseId": DATABASE, "tableId": TABLE, "rowId": "rye",
                     "data": {"title": "Rye"}});
    let staged = tables.create_operations(transaction.as_str(), Some(vec![rye]));
    same("staged operations", call("operations", staged).await?.operations, 1)?;
    let data = Some(json!({"count": 4}));
    call(
        "staged patch",
        tables.update_row(DATABASE, TABLE, "tea", data, None, Some(&transaction)),
    )
    .await?;
    refused(
        "a staged row",
        tables.get_row(DATABASE, TABLE, "rye", None, None),
        NO_ROW,
    )
    .await?;
    let inside = tables.get_row(DATABASE, TABLE, "rye", None, Some(&transaction));
    same("a staged row inside", call("inside", inside).await?.id.as_str(), "rye")?;
    let commit = tables.update_transaction(transaction.as_str(), Some(true), None);
    same(
        "commit",
        json!(call("commit", commit).await?.status),
        json!("committed"),
    )?;
    let tea = call("a committed row", tables.get_row(DATABASE, TABLE, "tea", None, None)).await?;
    same("a committed row", column(&tea, "count"), json!(4))?;
    let other = call("transaction", tables.create_transaction(None)).await?.id;
    call(
        "staged deletion",
        tables.delete_row(DATABASE, TABLE, "tea", Some(&other)),
    )
    .await?;
    call("rollback", tables.update_transaction(other.as_str(), None, Some(true))).await?;
    let tea = call("a kept row", tables.get_row(DATABASE, TABLE, "tea", None, None)).await?;
    same("a row whose deletion was rolled back", tea.id.as_str(), "tea")
}
