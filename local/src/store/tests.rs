use std::sync::Mutex;
use std::sync::mpsc;

use rusqlite::StatementStatus;

use super::*;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS notes (text TEXT NOT NULL UNIQUE)";

struct World {
    store: Store,
    folder: tempfile::TempDir,
}

impl World {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Self::store(&folder);
        Self { store, folder }
    }

    fn store(folder: &tempfile::TempDir) -> Store {
        Store::open(&folder.path().join("a.db"), Durability::Normal, &[SCHEMA]).unwrap()
    }

    async fn notes(&self) -> Vec<String> {
        self.store.read(all).await.unwrap()
    }

    /// Keeps the writer busy until the sender speaks or is dropped: what is sent
    /// meanwhile becomes one group with this job.
    async fn hold(&self) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (entered, inside) = oneshot::channel();
        let store = self.store.clone();
        tokio::spawn(async move {
            let work = move |_: &mut Writer| {
                let _ = entered.send(());
                let _ = held.recv();
                Ok(())
            };
            store.run(work).await
        });
        inside.await.unwrap();
        release
    }
}

fn all(db: &Connection) -> Result<Vec<String>, ApiError> {
    let mut statement = db.prepare("SELECT text FROM notes ORDER BY rowid")?;
    let found = statement.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn add(db: &Connection, text: &str) -> Result<(), ApiError> {
    Ok(db
        .execute("INSERT INTO notes VALUES (?1)", [text])
        .map(drop)?)
}

#[tokio::test]
async fn data_survives_reopening() {
    let mut world = World::open();
    world.store.run(|db| add(db, "x")).await.unwrap();
    world.store.close();
    assert!(world.store.run(|_| Ok(())).await.is_err());
    assert!(world.store.read(|_| Ok(())).await.is_err());
    world.store = World::store(&world.folder);
    assert_eq!(world.notes().await, ["x"]);
}

#[tokio::test]
async fn a_log_that_is_reserved_keeps_its_length_and_is_recovered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let log = folder.path().join("a.db-wal");
    let open = |path: &Path| Store::open(path, Durability::Full, &[SCHEMA]).unwrap();
    let store = open(&path);
    let reserved = std::fs::metadata(&log).unwrap().len();
    assert!(reserved >= u64::from(CHECKPOINT_PAGES) * FRAME_BYTES);
    for number in 0..20 {
        let text = number.to_string();
        store.run(move |db| add(db, &text)).await.unwrap();
    }
    assert_eq!(std::fs::metadata(&log).unwrap().len(), reserved);
    // What a process that is killed leaves behind.
    let left = tempfile::tempdir().unwrap();
    for name in ["a.db", "a.db-wal"] {
        std::fs::copy(folder.path().join(name), left.path().join(name)).unwrap();
    }
    let recovered = open(&left.path().join("a.db"));
    assert_eq!(recovered.read(all).await.unwrap().len(), 20);
    recovered.run(|db| add(db, "more")).await.unwrap();
    recovered.close();
    // A log that was written back is gone, and is reserved anew.
    let again = open(&left.path().join("a.db"));
    assert_eq!(again.read(all).await.unwrap().len(), 21);
    let log = left.path().join("a.db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), reserved);
}

#[tokio::test]
async fn an_error_or_a_panic_undoes_its_own_job_only() {
    let world = World::open();
    let release = world.hold().await;
    let good = world.store.run(|db| add(db, "good"));
    let failing = world.store.run::<(), _>(|db| {
        add(db, "failing")?;
        Err(ApiError::unauthorized())
    });
    let panicking = world.store.run::<(), _>(|db| {
        let tx = db.transaction()?;
        add(&tx, "panicking")?;
        panic!("boom")
    });
    let later = world.store.run(|db| {
        let seen = all(db)?;
        add(db, "later")?;
        Ok(seen)
    });
    let outcomes = async { tokio::join!(biased; good, failing, panicking, later) };
    let released = async {
        // The jobs above are sent when they are polled first, which is before this.
        release.send(()).unwrap();
    };
    let ((good, failing, panicking, later), ()) = tokio::join!(biased; outcomes, released);
    good.unwrap();
    assert_eq!(failing.unwrap_err().kind, "user_unauthorized");
    assert_eq!(panicking.unwrap_err().kind, "general_unknown");
    assert_eq!(later.unwrap(), ["good"]);
    assert_eq!(world.notes().await, ["good", "later"]);
}

#[tokio::test]
async fn a_dropped_inner_transaction_undoes_itself_only() {
    let world = World::open();
    let work = |db: &mut Writer| {
        add(db, "outer")?;
        let tx = db.transaction()?;
        add(&tx, "dropped")?;
        drop(tx);
        let tx = db.transaction()?;
        add(&tx, "kept")?;
        Ok(tx.commit()?)
    };
    world.store.run(work).await.unwrap();
    assert_eq!(world.notes().await, ["outer", "kept"]);
}

#[tokio::test]
async fn nothing_is_told_before_the_commit() {
    let world = World::open();
    let release = world.hold().await;
    // What another connection sees at the time of the telling is what is committed.
    let path = world.folder.path().join("a.db");
    let told = Arc::new(Mutex::new(Vec::new()));
    let job = |text: &'static str, fails: bool| {
        let (path, told) = (path.clone(), Arc::clone(&told));
        world.store.run(move |db| {
            add(db, text)?;
            db.after_commit(move || {
                let seen = all(&Connection::open(path).unwrap()).unwrap();
                told.lock().unwrap().push((text, seen));
            });
            if fails {
                return Err(ApiError::unauthorized());
            }
            Ok(())
        })
    };
    let outcomes = async { tokio::join!(biased; job("a", false), job("b", true), job("c", false)) };
    let released = async { release.send(()).unwrap() };
    let ((a, b, c), ()) = tokio::join!(biased; outcomes, released);
    assert!(a.is_ok() && b.is_err() && c.is_ok());
    let both = vec!["a".to_owned(), "c".to_owned()];
    // Both were in the one commit, and in order.
    let told = told.lock().unwrap();
    assert_eq!(*told, [("a", both.clone()), ("c", both)]);
}

#[tokio::test]
async fn a_failed_commit_fails_the_whole_group_and_tells_nobody() {
    let world = World::open();
    let release = world.hold().await;
    let told = Arc::new(Mutex::new(0));
    let count = Arc::clone(&told);
    let first = world.store.run(move |db| {
        add(db, "lost")?;
        db.after_commit(move || *count.lock().unwrap() += 1);
        Ok(())
    });
    // What SQLite does by itself when the disk is full.
    let second = world.store.run(|db| Ok(db.execute_batch("ROLLBACK")?));
    let outcomes = async { tokio::join!(biased; first, second) };
    let released = async { release.send(()).unwrap() };
    let ((first, second), ()) = tokio::join!(biased; outcomes, released);
    assert!(first.is_err() && second.is_err());
    assert_eq!(*told.lock().unwrap(), 0);
    world.store.run(|db| add(db, "next")).await.unwrap();
    assert_eq!(world.notes().await, ["next"]);
}

#[tokio::test]
async fn readers_see_what_was_answered_and_write_nothing() {
    let world = World::open();
    for number in 0..100 {
        let text = number.to_string();
        world.store.run(move |db| add(db, &text)).await.unwrap();
        assert_eq!(world.notes().await.len(), number + 1);
    }
    assert!(world.store.read(|db| add(db, "x")).await.is_err());
    // A writer at work keeps nobody from reading.
    let release = world.hold().await;
    assert_eq!(world.notes().await.len(), 100);
    drop(release);
}

#[tokio::test]
async fn jobs_run_in_the_order_in_which_they_were_sent() {
    let world = World::open();
    let mut tasks = Vec::new();
    for number in 0..1_000 {
        let store = world.store.clone();
        let mut job = Box::pin(async move {
            store
                .run(move |db| add(db, &format!("{number:04}")))
                .await
                .unwrap();
        });
        // The first poll sends it.
        assert!(futures::poll!(job.as_mut()).is_pending());
        tasks.push(job);
    }
    futures::future::join_all(tasks).await;
    let notes = world.notes().await;
    assert!(notes.is_sorted() && notes.len() == 1_000);
}

#[tokio::test]
async fn a_statement_is_prepared_once_whatever_is_bound() {
    fn prepared_again(db: &Connection) -> Result<i32, ApiError> {
        // A limit, a comparison beside an outer join, and a pattern may each decide a plan.
        let sql = "SELECT a.text FROM notes a LEFT JOIN notes b ON b.text = a.text
                   WHERE a.text = ?1 OR a.text LIKE ?2 LIMIT ?3";
        for (text, pattern, limit) in [("x", "x%", 1), ("y", "%y", 2), ("z", "z_", 25)] {
            let mut statement = db.prepare_cached(sql)?;
            let mut rows = statement.query((text, pattern, limit))?;
            while rows.next()?.is_some() {}
        }
        let statement = db.prepare_cached(sql)?;
        assert_eq!(statement.get_status(StatementStatus::Run), 3);
        Ok(statement.get_status(StatementStatus::RePrepare))
    }
    let world = World::open();
    assert_eq!(world.store.read(prepared_again).await.unwrap(), 0);
    let written = world.store.run(|db| prepared_again(db)).await;
    assert_eq!(written.unwrap(), 0);
}
