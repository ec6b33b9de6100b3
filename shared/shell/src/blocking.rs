//! The crate's only way onto a blocking thread.

/// Runs `work` on tokio's blocking pool and returns what it returned.
///
/// A panic of `work` is resumed in the caller, so it ends the caller's execution as its own would.
/// Work that has begun cannot be interrupted: an outside call made here needs its own time-out, no
/// longer than what is left until the execution's deadline.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The pool cancels work only when the runtime is shutting down; this future is then
            // being dropped as well and must not produce a value.
            Err(_cancelled) => std::future::pending().await,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::blocking;

    #[tokio::test]
    async fn blocking_work_returns_its_value_from_another_thread() {
        let here = std::thread::current().id();
        let there = blocking(|| std::thread::current().id()).await;
        assert_ne!(here, there);
    }

    #[tokio::test]
    async fn panic_of_blocking_work_is_resumed() {
        let joined = tokio::spawn(blocking(|| panic!("from the pool"))).await;
        let panic = joined.unwrap_err().into_panic();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"from the pool"));
    }
}
