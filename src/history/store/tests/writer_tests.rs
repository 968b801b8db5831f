//! The queue and the thread: order, failures, and what follows them.

use std::fs;
use std::time::Duration;

use super::*;
use crate::history::record::ListReason;
use crate::history::store::support_tests::{
    Dir, changed, content, created, integrity, job_at, listed, now, start, until, until_failed,
};
use crate::history::store::{History, ReadError};
use crate::kube::health::Outcome;

const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
const MINUTE: Duration = Duration::from_mins(1);

fn passed(outcome: &Outcome) -> bool {
    *outcome == Outcome::Passed
}

fn count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0))
}

#[tokio::test]
async fn records_are_written_in_order_and_can_be_read() {
    let dir = Dir::new();
    let history = start(dir.config());
    for version in 1..=2000 {
        assert!(history.record(created(job_at(now(), "a", version, "running"), "ci")));
    }
    history.flush().await;
    assert_eq!(history.check(), Outcome::Passed);
    let version = |connection: &Connection| connection.query_row("SELECT version FROM runs", [], |row| row.get(0));
    assert_eq!(history.read::<i64>(MINUTE, version).await.unwrap(), 2000);
    let metrics = &history.metrics;
    assert_eq!((metrics.written.value(), metrics.dropped.value(), metrics.queued.value()), (2000, 0, 0));
    assert!(metrics.size.value() > 0);
}

#[tokio::test]
async fn the_end_of_the_handle_writes_what_is_queued() {
    let dir = Dir::new();
    let history = start(dir.config());
    until(&history, passed).await;
    for run in 0..3000 {
        assert!(history.record(created(job_at(now(), &format!("uid-{run}"), 7, "running"), "ci")));
    }
    let History { queue, thread, .. } = Arc::into_inner(history).unwrap();
    drop(queue);
    thread.unwrap().join().unwrap();
    assert_eq!(count(&dir.connection()), Ok(3000));
    assert!(!dir.0.join("history.db-wal").exists());
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_closes_the_file() {
    let dir = Dir::new();
    let history = start(dir.config());
    for run in 0..3000 {
        assert!(history.record(created(job_at(now(), &format!("uid-{run}"), 7, "running"), "ci")));
    }
    history.close().await;
    assert!(!dir.0.join("history.db-wal").exists());
    assert_eq!(count(&dir.connection()), Ok(3000));
    assert_eq!((history.metrics.written.value(), history.metrics.queued.value()), (3000, 0));
    // Later records are lost, and nothing waits for them.
    assert!(!history.record(changed(job_at(now(), "late", 7, "running"))));
    history.flush().await;
    history.close().await;
}

#[tokio::test]
async fn closing_does_not_wait_for_a_directory_that_is_missing() {
    let dir = Dir::new();
    let config = HistoryConfig { dir: dir.0.join("missing"), ..dir.config() };
    let pause = Duration::from_hours(1);
    let history = History::start_with(config, None, Pauses { open: pause, full: pause, retention: pause });
    until_failed(&history, "is not a directory").await;
    tokio::time::timeout(MINUTE, history.close()).await.unwrap();
}

#[tokio::test]
async fn a_full_queue_drops_and_notifies_when_it_has_room() {
    let dir = Dir::new();
    let history = start(dir.config());
    until(&history, passed).await;
    let mut drops = history.drops();
    // Another program writes. So the writer waits.
    let other = dir.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let status = job_at(now(), "a", 7, "running");
    let mut sent = 0;
    while history.record(created(Arc::clone(&status), "ci")) {
        sent += 1;
    }
    assert!((8192..=8192 + 512).contains(&sent), "{sent}");
    assert!(!drops.has_changed().unwrap());
    other.execute_batch("ROLLBACK").unwrap();
    drops.changed().await.unwrap();
    history.flush().await;
    assert_eq!((history.metrics.written.value(), history.metrics.dropped.value()), (sent, 1));
    assert!(!drops.has_changed().unwrap(), "once is enough");
}

#[tokio::test]
async fn a_directory_that_appears_is_used_and_what_was_lost_is_compared() {
    let dir = Dir::new();
    let config = HistoryConfig { dir: dir.0.join("later"), ..dir.config() };
    let history = start(config.clone());
    let mut drops = history.drops();
    until_failed(&history, "is not a directory").await;
    history.record(created(job_at(now(), "a", 7, "running"), "ci"));
    history.flush().await;
    assert_eq!((history.metrics.dropped.value(), history.metrics.queued.value()), (1, 0));
    let unavailable = history.read(MINUTE, count).await.unwrap_err();
    assert!(matches!(&unavailable, ReadError::Unavailable(why) if why.contains("create it")), "{unavailable:?}");
    fs::create_dir(&config.dir).unwrap();
    drops.changed().await.unwrap();
    until(&history, passed).await;
    history.record(created(job_at(now(), "a", 8, "running"), "ci"));
    history.flush().await;
    assert_eq!(history.read(MINUTE, count).await.unwrap(), 1);
}

#[tokio::test]
async fn a_second_handle_waits_until_the_first_ends() {
    let dir = Dir::new();
    let first = start(dir.config());
    until(&first, passed).await;
    let second = start(dir.config());
    until_failed(&second, "another process uses the history").await;
    assert_eq!(first.check(), Outcome::Passed);
    drop(first);
    until(&second, passed).await;
}

#[tokio::test]
async fn a_history_that_is_full_can_be_read_and_goes_on_when_there_is_room() {
    let dir = Dir::new();
    let history = start(HistoryConfig { max_size: 3 << 20, ..dir.config() });
    let mut drops = history.drops();
    until(&history, passed).await;
    // The cluster is watched, so its runs may still exist.
    assert!(history.record(listed(vec![], now(), ListReason::Start)));
    let mut run = 0;
    while history.metrics.dropped.value() == 0 {
        for _ in 0..200 {
            run += 1;
            history.record(created(job_at(now(), &format!("uid-{run}"), 7, "running"), "ci"));
        }
        history.flush().await;
    }
    until_failed(&history, "raise EKS_API_HISTORY_MAX_SIZE").await;
    let kept = history.read(MINUTE, count).await.unwrap();
    assert!(kept > 0);
    assert_eq!(history.metrics.written.value() + history.metrics.dropped.value(), run + 1);
    // The operator makes room.
    let other = dir.connection();
    other.busy_timeout(MINUTE).unwrap();
    other.execute("DELETE FROM runs WHERE id % 4 > 0", []).unwrap();
    drop(other);
    drops.changed().await.unwrap();
    until(&history, passed).await;
    history.record(created(job_at(now(), "late", 7, "running"), "ci"));
    history.flush().await;
    assert_eq!(history.read(MINUTE, count).await.unwrap(), kept / 4 + 1);
    history
        .read(MINUTE, |connection| {
            integrity(connection);
            Ok(())
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn a_file_that_is_damaged_while_it_is_open_is_left_alone() {
    let dir = Dir::new();
    let history = start(dir.config());
    for run in 0..2000 {
        history.record(created(job_at(now(), &format!("uid-{run}"), 7, "completed"), "ci"));
    }
    history.flush().await;
    let checkpoint = |connection: &Connection| connection.pragma(None, "wal_checkpoint", "TRUNCATE", |_| Ok(()));
    checkpoint(&dir.connection()).unwrap();
    let mut bytes = dir.bytes();
    bytes[4096..].fill(0x5a);
    fs::write(dir.database(), &bytes).unwrap();
    let read = |connection: &Connection| connection.query_row("SELECT max(message) FROM runs", [], |_| Ok(()));
    let why = history.read(MINUTE, read).await.unwrap_err();
    assert!(matches!(&why, ReadError::Unavailable(why) if why.contains("is damaged")), "{why:?}");
    until_failed(&history, "is damaged").await;
    history.record(created(job_at(now(), "late", 7, "completed"), "ci"));
    history.flush().await;
    assert!(history.metrics.dropped.value() > 0);
    assert!(dir.bytes() == bytes, "the file is not touched");
}

#[tokio::test]
async fn a_long_query_is_interrupted_when_its_time_is_up_and_when_nobody_waits() {
    let dir = Dir::new();
    let history = start(dir.config());
    until(&history, passed).await;
    let long = |connection: &Connection| connection.query_row(LONG, [], |row| row.get::<_, i64>(0));
    let short = Duration::from_millis(50);
    assert!(matches!(history.read(short, long).await, Err(ReadError::Timeout)));
    // Two run, the third finds no room. Then both are dropped.
    let full = async {
        let busy = async {
            tokio::task::yield_now().await;
            history.read(short, long).await
        };
        tokio::select! {
            _ = history.read(MINUTE, long) => None,
            _ = history.read(MINUTE, long) => None,
            outcome = busy => Some(outcome),
        }
    };
    assert!(matches!(full.await, Some(Err(ReadError::Busy))));
    assert_eq!(history.read(MINUTE, count).await.unwrap(), 0, "the others have ended");
}

#[tokio::test]
async fn a_random_load_leaves_the_same_tables_as_one_thread() {
    let dir = Dir::new();
    let history = start(dir.config());
    let direct = crate::history::store::support_tests::in_memory();
    let mut tables = Tables::prepare(&direct).unwrap();
    let (mut rng, time) = (fastrand::Rng::with_seed(21), now());
    history.record(listed(vec![], time, ListReason::Start));
    for version in 1..3000 {
        let state = ["pending", "running", "suspended", "completed", "failed"][rng.usize(..5)];
        let status = || job_at(time, &format!("uid-{}", version % 400), version, state);
        tables.apply(&changed(status())).unwrap();
        assert!(history.record(changed(status())));
    }
    history.flush().await;
    let expected = content(&direct);
    let same = history.read(MINUTE, move |connection| {
        integrity(connection);
        Ok(content(connection) == expected)
    });
    assert!(same.await.unwrap());
}

#[path = "list_tests.rs"]
mod lists;
