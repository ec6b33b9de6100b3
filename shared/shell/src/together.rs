//! Executions of one task that run in one process, at work together: what they ask of Appwrite at
//! the same time is asked once.
//!
//! Eight agents that end a turn at once would record it in eight requests. The first of them
//! records its own, and takes along what is ready in that moment; what comes while that is under way
//! waits for it, and then goes into one request together. Nobody waits for company: who is alone is
//! as quick as ever. Other tasks' executions are never joined: they have other owners and other
//! traces.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use pipeline::rows::{NewRow, TaskStamp};
use pipeline::{TaskId, UnitKey};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::store::Created;
use crate::trouble::Trouble;

/// How long others wait for one piece of work: longer than Appwrite takes, shorter than a request
/// that is never answered.
const TURN_MAX: Duration = Duration::from_secs(1);

/// Work that is done for many as well as for one: while a piece of it is under way, though no
/// longer than a second, what comes makes up the next.
#[derive(Debug)]
pub struct Together<T, R> {
    waiting: Mutex<Vec<(T, oneshot::Sender<R>)>>,
    turn: tokio::sync::Mutex<()>,
}

impl<T, R> Default for Together<T, R> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<T, R> Together<T, R> {
    /// Has `item` done, with at most `most` in one go: by `perform`, if it is this one's turn, or by
    /// another who takes it along. `perform` answers each item, in their order.
    ///
    /// `None` if nobody answered: whoever took it along was dropped, or answered fewer. What it
    /// did then is not known, so `item` must be one that may be done twice.
    pub async fn join<F: Future<Output = Vec<R>>>(
        &self,
        item: T,
        most: usize,
        perform: impl Fn(Vec<T>) -> F,
    ) -> Option<R> {
        let (answer, mut answered) = oneshot::channel();
        self.lock().push((item, answer));
        loop {
            let turn = tokio::select! {
                biased;
                answer = &mut answered => return answer.ok(),
                turn = self.turn.lock() => turn,
            };
            // What is ready in this very moment goes along.
            tokio::task::yield_now().await;
            let (items, answers): (Vec<_>, Vec<_>) = {
                let mut waiting = self.lock();
                let end = waiting.len().min(most);
                waiting.drain(..end).unzip()
            };
            // Empty where the turn came together with the answer.
            if !items.is_empty() {
                let mut outcomes = pin!(perform(items));
                let outcomes = match timeout(TURN_MAX, outcomes.as_mut()).await {
                    Ok(outcomes) => outcomes,
                    Err(_turn_is_over) => {
                        drop(turn);
                        outcomes.await
                    }
                };
                for (answer, outcome) in answers.into_iter().zip(outcomes) {
                    // Whoever waited for it may be gone.
                    let _ = answer.send(outcome);
                }
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(T, oneshot::Sender<R>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows of one table; `None` for one that is to be created alone.
pub(crate) type Creating = Together<NewRow, Option<Result<Created, Trouble>>>;

/// What the executions of one task in this process do together.
#[derive(Debug, Default)]
pub struct Siblings {
    claims: Creating,
    journal: Creating,
    progress: Creating,
    files: Creating,
    /// Advancing the task, after a unit that has ended.
    pub(crate) advancing: Together<Finished, bool>,
    /// Units whose ends the last advance took into account.
    advanced: Mutex<Vec<UnitKey>>,
}

/// A unit that has ended, and what it last saw of its task's row.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) unit: UnitKey,
    pub(crate) seen: Option<TaskStamp>,
}

impl Siblings {
    /// Rows of this table that are created at the same time; `None` if they are created alone.
    pub(crate) fn creating(&self, table: &str) -> Option<&Creating> {
        match table {
            "claims" => Some(&self.claims),
            "journal" => Some(&self.journal),
            "progress" => Some(&self.progress),
            "files" => Some(&self.files),
            _ => None,
        }
    }

    /// Those of `ended` that no advance has taken into account yet.
    pub(crate) fn not_advanced(&self, ended: Vec<Finished>) -> Vec<Finished> {
        let advanced = self.advanced.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = |ended: &Finished| !advanced.contains(&ended.unit);
        ended.into_iter().filter(is_new).collect()
    }

    /// The task was advanced: the ends of these units were taken into account.
    pub(crate) fn were_advanced(&self, units: Vec<UnitKey>) {
        *self.advanced.lock().unwrap_or_else(PoisonError::into_inner) = units;
    }
}

/// The tasks that executions of this process are at work on.
#[derive(Debug, Default)]
pub struct Tasks {
    at_work: Mutex<HashMap<TaskId, Weak<Siblings>>>,
}

impl Tasks {
    /// What the executions of `task` share.
    pub fn siblings(&self, task: &TaskId) -> Arc<Siblings> {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(siblings) = at_work.get(task).and_then(Weak::upgrade) {
            return siblings;
        }
        at_work.retain(|_, siblings| siblings.strong_count() > 0);
        let siblings = Arc::<Siblings>::default();
        at_work.insert(task.clone(), Arc::downgrade(&siblings));
        siblings
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use futures::future::join_all;
    use futures::poll;
    use tokio::sync::Semaphore;

    use super::*;

    /// Answers each number with itself and how many there were, once it is let.
    struct Work {
        together: Together<u32, (u32, usize)>,
        runs: AtomicUsize,
        let_go: Semaphore,
    }

    impl Work {
        fn held() -> Self {
            Self {
                together: Together::default(),
                runs: AtomicUsize::new(0),
                let_go: Semaphore::new(0),
            }
        }

        async fn join(&self, number: u32, most: usize) -> Option<(u32, usize)> {
            let perform = |numbers: Vec<u32>| async {
                self.runs.fetch_add(1, Ordering::Relaxed);
                self.let_go.acquire().await.unwrap().forget();
                let count = numbers.len();
                numbers.into_iter().map(|number| (number, count)).collect()
            };
            self.together.join(number, most, perform).await
        }

        fn runs(&self) -> usize {
            self.runs.load(Ordering::Relaxed)
        }
    }

    /// Polls until nothing comes of it without others.
    async fn begin<F: Future + Unpin>(work: &mut F) {
        for _ in 0..3 {
            assert!(poll!(&mut *work).is_pending());
        }
    }

    #[tokio::test]
    async fn who_is_alone_does_it_without_waiting() {
        let work = Work::held();
        work.let_go.add_permits(1);
        let mut alone = Box::pin(work.join(7, 100));
        assert!(poll!(alone.as_mut()).is_pending());
        assert_eq!(poll!(alone.as_mut()), Poll::Ready(Some((7, 1))));
        assert!(work.together.lock().is_empty());
    }

    #[tokio::test]
    async fn what_is_ready_at_once_is_done_in_one_go() {
        let work = Work::held();
        work.let_go.add_permits(1);
        let all = join_all((0..9).map(|number| work.join(number, 100))).await;
        let expected = (0..9).map(|number| Some((number, 9)));
        assert_eq!(all, expected.collect::<Vec<_>>());
        assert_eq!(work.runs(), 1);
    }

    #[tokio::test]
    async fn what_comes_while_one_is_under_way_is_done_in_one_go() {
        let work = Work::held();
        let mut first = Box::pin(work.join(0, 100));
        begin(&mut first).await;
        let mut others = Box::pin(join_all((1..9).map(|number| work.join(number, 100))));
        begin(&mut others).await;
        work.let_go.add_permits(2);
        assert_eq!(first.await, Some((0, 1)));
        let expected = (1..9).map(|number| Some((number, 8)));
        assert_eq!(others.await, expected.collect::<Vec<_>>());
        assert_eq!(work.runs(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_long_for_one_that_is_not_answered() {
        let work = Work::held();
        let mut first = Box::pin(work.join(1, 100));
        begin(&mut first).await;
        let mut others = Box::pin(join_all([2, 3].map(|number| work.join(number, 100))));
        begin(&mut others).await;
        assert_eq!(work.runs(), 1);
        let second_run = async {
            while work.runs() < 2 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            _ = &mut first => panic!("nothing was let go"),
            _ = &mut others => panic!("nothing was let go"),
            () = second_run => {}
        }
        work.let_go.add_permits(2);
        assert_eq!(first.await, Some((1, 1)));
        assert_eq!(others.await, [Some((2, 2)), Some((3, 2))]);
    }

    #[tokio::test]
    async fn no_more_than_the_most_go_together_and_nobody_is_left() {
        for most in 1..4 {
            let work = Work::held();
            work.let_go.add_permits(100);
            let answers = join_all((0..8).map(|number| work.join(number, most))).await;
            assert!(answers.into_iter().all(|answer| answer.unwrap().1 <= most));
            assert!(work.together.lock().is_empty());
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_one_who_was_dropped() {
        let work = Work::held();
        let mut first = Box::pin(work.join(1, 100));
        begin(&mut first).await;
        let mut second = Box::pin(work.join(2, 100));
        let mut third = Box::pin(work.join(3, 100));
        begin(&mut second).await;
        begin(&mut third).await;
        // The next in turn takes the third along, and is dropped as well.
        drop(first);
        begin(&mut second).await;
        drop(second);
        assert_eq!(third.await, None);
        assert_eq!(work.runs(), 2);
    }

    #[tokio::test]
    async fn who_was_dropped_while_waiting_is_done_for_all_the_same() {
        let work = Work::held();
        let mut first = Box::pin(work.join(1, 100));
        begin(&mut first).await;
        let mut second = Box::pin(work.join(2, 100));
        begin(&mut second).await;
        drop(second);
        work.let_go.add_permits(2);
        assert_eq!(first.await, Some((1, 1)));
        assert_eq!(work.join(3, 100).await, Some((3, 2)));
    }

    #[test]
    fn a_task_is_shared_while_somebody_is_at_work_on_it() {
        let tasks = Tasks::default();
        let [one, other] = ["one", "other"].map(|seed| TaskId::of_request("owner", seed));
        let siblings = tasks.siblings(&one);
        assert!(Arc::ptr_eq(&siblings, &tasks.siblings(&one)));
        assert!(!Arc::ptr_eq(&siblings, &tasks.siblings(&other)));
        drop(siblings);
        tasks.siblings(&other);
        assert_eq!(tasks.at_work.lock().unwrap().len(), 1);
    }
}
