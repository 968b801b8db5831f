//! Comparisons with all jobs of a cluster: after lost records, after a restored backup, and in pieces.

use serde_json::{Value, json};

use super::*;
use crate::history::follow::follow;
use crate::history::record::ListReason::{Dropped, Start};
use crate::history::store::support_tests::{in_memory, rows};
use crate::jobs::store::JobStore;
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent::{self, Apply, Init, InitApply, InitDone, Watching};

/// The version, the state and the gaps of a run.
async fn run(history: &History, uid: &'static str) -> Vec<Value> {
    let sql = format!("SELECT version, state, has_gaps FROM runs WHERE uid = '{uid}'");
    history.flush().await;
    history.read(MINUTE, move |connection| Ok(rows(connection, &sql))).await.unwrap()
}

fn job(version: u64) -> Job {
    let metadata = json!({ "name": "x", "namespace": "demo", "uid": "x", "resourceVersion": version.to_string() });
    serde_json::from_value(json!({ "metadata": metadata })).unwrap()
}

#[tokio::test]
async fn a_change_after_a_full_queue_does_not_hide_that_others_are_missing() {
    let dir = Dir::new();
    let history = start(dir.config());
    let store = Arc::new(JobStore::new("prod"));
    let apply = |event: WatchEvent| store.apply_event(event, Instant::now());
    let following = tokio::spawn(follow(Arc::clone(&history), "prod".into(), Arc::clone(&store)));
    for event in [Init(10), InitApply(vec![job(10)]), InitDone, Watching] {
        apply(event);
    }
    until(&history, passed).await;
    let until_run = async |expected: Value| {
        while run(&history, "x").await != [expected.clone()] {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(MINUTE, until_run(json!([10, "pending", 0]))).await.unwrap();

    // Another program writes. So the writer waits, with one record.
    let other = dir.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let status = job_at(now(), "a", 7, "running");
    assert!(history.record(created(Arc::clone(&status), "ci")));
    while history.metrics.queued.value() > 0 {
        tokio::task::yield_now().await;
    }
    while history.record(created(Arc::clone(&status), "ci")) {}
    for version in [11, 12] {
        apply(Apply(job(version)));
    }
    while history.metrics.dropped.value() < 2 {
        tokio::task::yield_now().await;
    }
    other.execute_batch("ROLLBACK").unwrap();
    apply(Apply(job(13)));
    tokio::time::timeout(MINUTE, until_run(json!([13, "pending", 1]))).await.unwrap();
    assert_eq!(history.metrics.dropped.value(), 2, "nothing is offered after the first change that is dropped");
    apply(Apply(job(14)));
    tokio::time::timeout(MINUTE, until_run(json!([14, "pending", 1]))).await.unwrap();
    following.abort();
}

#[tokio::test]
async fn after_a_full_disk_changes_are_not_written_before_the_next_list() {
    let dir = Dir::new();
    let history = start(HistoryConfig { max_size: 3 << 20, ..dir.config() });
    let mut drops = history.drops();
    until(&history, passed).await;
    let change = |version| changed(job_at(1_790_000_000, "x", version, "running"));
    history.record(change(9));
    assert!(run(&history, "x").await.is_empty(), "nothing is listed");
    history.record(listed(vec![job_at(1_790_000_000, "x", 10, "running")], now(), Start));
    let mut number = 0;
    while history.metrics.dropped.value() == 0 {
        for _ in 0..200 {
            number += 1;
            history.record(created(job_at(now(), &format!("uid-{number}"), 7, "running"), "ci"));
        }
        history.flush().await;
    }
    until_failed(&history, "raise EKS_API_HISTORY_MAX_SIZE").await;
    history.record(change(11));
    assert_eq!(run(&history, "x").await, [json!([10, "running", 0])]);
    let other = dir.connection();
    other.busy_timeout(MINUTE).unwrap();
    other.execute("DELETE FROM runs WHERE uid <> 'x'", []).unwrap();
    drop(other);
    drops.changed().await.unwrap();

    let counts = || (history.metrics.written.value(), history.metrics.dropped.value());
    let before = counts();
    history.record(change(12));
    history.record(created(job_at(now(), "created", 7, "running"), "ci"));
    assert_eq!(run(&history, "x").await, [json!([10, "running", 0])]);
    assert_eq!(run(&history, "created").await.len(), 1);
    assert_eq!(counts(), (before.0 + 1, before.1));
    history.record(listed(vec![job_at(1_790_000_000, "x", 12, "running")], now(), Dropped));
    history.record(change(13));
    assert_eq!(run(&history, "x").await, [json!([13, "running", 1])]);
}

#[test]
fn a_list_with_lower_versions_is_of_a_cluster_that_was_restored() {
    for (reason, gaps) in [(Start, 0), (Dropped, 1)] {
        let connection = in_memory();
        let mut tables = Tables::prepare(&connection).unwrap();
        let status = |version, state| job_at(1_790_000_000, "x", version, state);
        tables.apply(&changed(status(9, "completed"))).unwrap();
        for _ in 0..2 {
            tables.apply(&listed(vec![status(7, "running")], 1_790_000_099, reason)).unwrap();
            tables.apply(&changed(status(6, "suspended"))).unwrap();
        }
        let found = rows(&connection, "SELECT version, state, ended, has_gaps FROM runs");
        assert_eq!(found, [json!([7, "running", null, gaps])]);
        tables.apply(&listed(vec![], 1_790_000_099, reason)).unwrap();
        tables.apply(&listed(vec![status(5, "running")], 1_790_000_100, reason)).unwrap();
        assert_eq!(rows(&connection, "SELECT version, gone FROM runs"), [json!([5, null])]);
    }
}

#[test]
fn a_large_list_is_written_in_pieces() {
    let connection = in_memory();
    let mut tables = Tables::prepare(&connection).unwrap();
    let jobs = |name: &str, count: usize| -> Vec<_> {
        (0..count).map(|number| job_at(1_790_000_000, &format!("{name}-{number}"), 7, "running")).collect()
    };
    let mut pieces = Vec::new();
    for list in [jobs("old", 600), jobs("new", 1100)] {
        tables
            .write(&listed(list, 1_790_000_099, Start), &mut |_| {
                pieces.push(rows(&connection, "SELECT count(*), count(gone) FROM runs").swap_remove(0));
                Ok(())
            })
            .unwrap();
    }
    let expected =
        [[512, 0], [600, 0], [1112, 0], [1624, 0], [1700, 0], [1700, 512], [1700, 600]].map(|piece| json!(piece));
    assert_eq!(pieces, expected);
}

#[tokio::test]
async fn a_list_that_is_larger_than_the_room_takes_that_of_the_oldest() {
    let dir = Dir::new();
    let history = start(HistoryConfig { max_size: 3 << 20, ..dir.config() });
    until(&history, passed).await;
    let job =
        |name: &str, number: i64, state: &str| job_at(now() - 9000 + number, &format!("{name}-{number}"), 7, state);
    for number in 0..6000 {
        history.record(created(job("old", number, "completed"), "ci"));
        if number % 200 == 0 {
            history.flush().await;
        }
    }
    history.flush().await;
    let count = |sql: &'static str| history.read(MINUTE, |c| c.query_row::<i64, _, _>(sql, [], |row| row.get(0)));
    let kept = count("SELECT count(*) FROM runs").await.unwrap();
    assert!((1000..6000).contains(&kept), "{kept}");
    let lost = history.metrics.dropped.value();
    let listed = listed((0..1500).map(|number| job("new", number, "running")).collect(), now(), Start);
    history.record(listed);
    history.flush().await;
    assert_eq!(history.metrics.dropped.value(), lost);
    assert_eq!(count("SELECT count(*) FROM runs WHERE state = 'running' AND gone IS NULL").await.unwrap(), 1500);
    assert!(count("SELECT count(*) FROM runs WHERE state = 'completed'").await.unwrap() < kept);
}

#[test]
fn a_job_whose_pods_do_not_run_yet_is_not_running_at_its_start() {
    let connection = in_memory();
    let mut tables = Tables::prepare(&connection).unwrap();
    let mut job = job(7);
    job.status = serde_json::from_value(json!({ "startTime": "2026-11-01T10:00:00Z" })).unwrap();
    job.metadata.creation_timestamp = serde_json::from_value(json!("2026-11-01T10:00:00Z")).unwrap();
    tables.apply(&changed(Arc::new(crate::jobs::status::Status::new("prod", &job)))).unwrap();
    assert_eq!(rows(&connection, "SELECT state FROM transitions"), [json!(["pending"])]);
}
