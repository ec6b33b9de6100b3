//! Executions asked for at a later time (`scheduledAt`): kept in the store until they are due.

use std::sync::Arc;

use axum::body::Bytes;
use http::Method;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::Functions;
use super::executions::{Execution, Status, Trigger};
use super::run::Input;
use crate::error::ApiError;
use crate::kernel::Kernel;
use crate::store::Writer;

/// What is left of a delayed execution once its function is known.
struct Delayed {
    function_id: String,
    execution: Execution,
    input: Input,
}

impl Functions {
    /// Records an execution as scheduled.
    pub(super) async fn delay(
        &self,
        kernel: &Kernel,
        execution: Execution,
        input: Input,
    ) -> Result<(), ApiError> {
        kernel
            .store
            .run(move |db| insert(db, &execution, &input))
            .await?;
        self.changed.notify_one();
        Ok(())
    }

    /// Queues what is due and returns when the next one is. Each is taken out of the store before
    /// it is queued, so that none runs twice.
    pub(crate) async fn start_delayed(
        self: &Arc<Self>,
        kernel: &Arc<Kernel>,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, ApiError> {
        let now_ms = now.as_millisecond();
        let (due, next_ms) = kernel.store.run(move |db| take(db, now_ms)).await?;
        for mut delayed in due {
            // The function may have gone in the meantime; then the record stays as it is.
            if let Ok(function) = self.get(&delayed.function_id) {
                delayed
                    .execution
                    .deployment_id
                    .clone_from(&function.deployment_id);
                let Delayed {
                    execution, input, ..
                } = delayed;
                self.start_recorded(kernel, &function, execution, input)
                    .await?;
            }
        }
        Ok(next_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
    }
}

fn insert(db: &mut Writer, execution: &Execution, input: &Input) -> Result<(), ApiError> {
    execution.save(db)?;
    db.execute(
        "INSERT INTO delayed_executions VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        (
            &execution.id,
            &execution.function_id,
            &execution.user_id,
            execution.created_ms,
            execution.scheduled_ms,
            input.method.as_str(),
            &input.path,
            serde_json::to_string(&input.headers)?,
            input.body.as_ref(),
        ),
    )?;
    Ok(())
}

fn take(db: &mut Writer, now_ms: i64) -> Result<(Vec<Delayed>, Option<i64>), ApiError> {
    let next = |db: &Connection| {
        let sql = "SELECT at_ms FROM delayed_executions ORDER BY at_ms LIMIT 1";
        db.prepare_cached(sql)?
            .query_row([], |row| row.get::<_, i64>(0))
            .optional()
    };
    // Looked at often and nearly always empty.
    if next(db)?.is_none_or(|at_ms| at_ms > now_ms) {
        return Ok((Vec::new(), next(db)?));
    }
    let due = db
        .prepare_cached("DELETE FROM delayed_executions WHERE at_ms <= ?1 RETURNING *")?
        .query_map([now_ms], read)?
        .collect::<Result<Vec<_>, _>>()?;
    Ok((due, next(db)?))
}

fn read(row: &Row<'_>) -> rusqlite::Result<Delayed> {
    let (method, headers): (String, String) = (row.get("method")?, row.get("headers")?);
    let function_id: String = row.get("function_id")?;
    let mut execution = Execution::new(&function_id, "", Trigger::Schedule);
    execution.id = row.get("id")?;
    execution.user_id = row.get("user_id")?;
    execution.created_ms = row.get("created_ms")?;
    execution.scheduled_ms = Some(row.get("at_ms")?);
    execution.status = Status::Waiting;
    execution.path = row.get("path")?;
    execution.method.clone_from(&method);
    let input = Input {
        method: Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST),
        path: execution.path.clone(),
        headers: serde_json::from_str(&headers).unwrap_or_default(),
        body: Bytes::from(row.get::<_, Vec<u8>>("body")?),
        event: Some(String::new()),
    };
    Ok(Delayed {
        function_id,
        execution,
        input,
    })
}
