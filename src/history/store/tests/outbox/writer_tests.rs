//! The writer's part: answers after the commit, restarts, a full disk, and retention.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::config::history::HistoryConfig;
use crate::history::History;
use crate::history::outbox::query::due;
use crate::history::outbox::requests::{Attempt, Next, RedeliverError, Redelivery, Scope, Which};
use crate::history::record::ListReason::{Dropped, Start};
use crate::history::record::{BatchEnd, Record};
use crate::history::store::support_tests::{
    Dir, changed, created, integrity, job_at, listed, now, rows, start, start_with_outbox, to, until, until_failed,
};
use crate::jobs::batches::state::BatchState;
use crate::kube::health::Outcome;

const MINUTE: Duration = Duration::from_mins(1);

async fn read(history: &History, sql: &'static str) -> Vec<Value> {
    history.flush().await;
    history.read_outbox(MINUTE, |connection| Ok(rows(connection, sql))).await.unwrap()
}

fn delivered(delivery: i64, message_id: &str) -> Attempt {
    let (message_id, attempts) = (message_id.to_owned(), 0);
    Attempt { delivery, message_id, attempts, time: 1, status: Some(204), error: None, next: Next::Delivered }
}

fn redelivery() -> Redelivery {
    let which = Which::Since { webhook: "ops".to_owned(), time: 0 };
    Redelivery { which, scope: Scope::default(), endpoints: vec!["ops".to_owned()] }
}

fn batch(time: i64) -> BatchEnd {
    let (uid, namespace, name, json) = ("uid".into(), "demo".into(), "night".into(), "{}".into());
    BatchEnd { uid, namespace, name, state: BatchState::Failed, time, labels: vec![], notify: None, json }
}

#[tokio::test]
async fn attempts_batches_and_redeliveries_are_answered_when_they_are_written() {
    let dir = Dir::new();
    let history = start_with_outbox(dir.config(), to(&["ops"], 2));
    let mut changes = history.outbox_changes();
    history.record(listed(vec![], now(), Start));
    history.record(changed(job_at(now(), "a", 7, "running")));
    changes.changed().await.unwrap();
    let due = history.read_outbox(MINUTE, |connection| due(connection, "ops", i64::MAX, &[], 9)).await.unwrap();
    assert_eq!(due.deliveries.len(), 2);
    assert!(history.record_attempt(delivered(due.deliveries[0].id, &due.deliveries[0].message_id)).await);
    assert_eq!(
        read(&history, "SELECT state FROM deliveries ORDER BY id").await,
        [json!(["delivered"]), json!(["pending"])]
    );
    assert!(!changes.has_changed().unwrap(), "nothing is new");
    assert_eq!(history.redeliver(redelivery()).await, Ok(2));
    changes.changed().await.unwrap();
    history.record(changed(job_at(now(), "b", 7, "pending")));
    let too_many = Err(RedeliverError::TooMany { matching: 1, room: 0 });
    assert_eq!(history.redeliver(redelivery()).await, too_many);
    assert_eq!(history.outbox_dropped("ops"), 1);
    for batches in [vec![batch(now() + 1)], vec![], vec![batch(now() + 2)]] {
        let (done, is_done) = oneshot::channel();
        history.record(Record::BatchesEnded { cluster: "prod".into(), batches, done });
        is_done.await.unwrap();
    }
    assert_eq!(read(&history, "SELECT count(*) FROM events WHERE type = 'batch.failed'").await, [json!([1])]);
    assert_eq!(history.metrics.dropped.value(), 0);
}

#[tokio::test]
async fn without_webhooks_nothing_is_written_or_answered() {
    let dir = Dir::new();
    let history = start(dir.config());
    history.record(listed(vec![], now(), Start));
    history.record(changed(job_at(now(), "a", 7, "running")));
    assert!(!history.record_attempt(delivered(1, "msg_0")).await);
    assert_eq!(history.redeliver(redelivery()).await, Err(RedeliverError::Unavailable));
    assert_eq!(read(&history, "SELECT * FROM events").await, [] as [Value; 0]);
}

#[tokio::test]
async fn after_a_restart_the_ids_are_the_same_and_what_ended_meanwhile_is_written() {
    let dir = Dir::new();
    let time = now();
    let ids = "SELECT message_id, count(*) FROM events JOIN deliveries ON event = events.id GROUP BY 1 ORDER BY 1";
    let history = start_with_outbox(dir.config(), to(&["ops"], 99));
    history.record(listed(vec![], time, Start));
    history.record(changed(job_at(time, "a", 7, "running")));
    let before = read(&history, ids).await;
    assert_eq!(before.len(), 2);
    history.close().await;

    let history = start_with_outbox(dir.config(), to(&["ops"], 99));
    history.record(listed(vec![job_at(time, "a", 7, "running")], time, Start));
    assert_eq!(read(&history, ids).await, before);
    history.close().await;

    let history = start_with_outbox(dir.config(), to(&["ops"], 99));
    history.record(listed(vec![job_at(time, "a", 9, "completed")], time, Start));
    history.record(changed(job_at(time, "a", 9, "completed")));
    let after = read(&history, "SELECT type FROM events ORDER BY id").await;
    assert_eq!(after, ["created", "started", "completed"].map(|name| json!([format!("job.{name}")])));
    history.close().await;

    // Another file is that of another service. It has the same ids.
    let other = Dir::new();
    let history = start_with_outbox(other.config(), to(&["ops"], 99));
    history.record(listed(vec![], time, Start));
    history.record(changed(job_at(time, "a", 7, "running")));
    assert_eq!(read(&history, ids).await, before);
}

#[tokio::test]
async fn what_a_full_disk_has_lost_is_found_by_the_next_comparison() {
    let dir = Dir::new();
    let history = start_with_outbox(HistoryConfig { max_size: 3 << 20, ..dir.config() }, to(&["ops"], 10_000));
    let mut drops = history.drops();
    until(&history, |outcome| *outcome == Outcome::Passed).await;
    let job = |version, state| job_at(1_790_000_000, "x", version, state);
    history.record(listed(vec![], now(), Start));
    history.record(changed(job(7, "running")));
    let mut number = 0;
    while history.metrics.dropped.value() == 0 {
        for _ in 0..100 {
            number += 1;
            history.record(created(job_at(now(), &format!("uid-{number}"), 7, "running"), "ci"));
        }
        history.flush().await;
    }
    until_failed(&history, "raise EKS_API_HISTORY_MAX_SIZE").await;
    history.record(changed(job(9, "completed")));
    assert!(history.outbox_dropped("ops") > 0, "what is pending goes first");
    history.flush().await;
    let dropped = history.metrics.dropped.value();
    assert!(!history.record_attempt(delivered(1, "msg_0")).await);
    assert_eq!(history.redeliver(redelivery()).await, Err(RedeliverError::Unavailable));
    assert_eq!(history.metrics.dropped.value(), dropped, "their senders write them again");
    let of_x = "SELECT type, deliveries.id, message_id, state FROM events JOIN deliveries ON event = events.id
        WHERE object = 'etl-x'";
    assert_eq!(read(&history, of_x).await, [] as [Value; 0], "they were the oldest");
    let halves = "SELECT (SELECT count(*) FROM runs) - (SELECT count(DISTINCT run) FROM transitions),
        (SELECT count(*) FROM events) - (SELECT count(*) FROM deliveries)";
    assert_eq!(read(&history, halves).await, [json!([0, 0])]);
    let other = dir.connection();
    other.busy_timeout(MINUTE).unwrap();
    other.pragma_update(None, "foreign_keys", true).unwrap();
    other.execute_batch("DELETE FROM runs WHERE uid <> 'x'; DELETE FROM events WHERE object <> 'etl-x'").unwrap();
    drop(other);
    drops.changed().await.unwrap();
    for _ in 0..2 {
        history.record(listed(vec![job(9, "completed")], now(), Dropped));
    }
    let found = read(&history, of_x).await;
    assert_eq!((found.len(), &found[0][0]), (1, &json!("job.completed")));
    let (id, message_id) = (found[0][1].as_i64().unwrap(), found[0][2].as_str().unwrap());
    assert!(history.record_attempt(delivered(id, message_id)).await);
    assert_eq!(read(&history, of_x).await[0][3], "delivered");
    integrity(&dir.connection());
}

/// `cargo test --release` writes more than ten times as many.
#[tokio::test]
#[ignore = "it measures"]
async fn changes_with_events_a_second() {
    let dir = Dir::new();
    let history = start_with_outbox(dir.config(), to(&["ops"], 10_000));
    history.record(listed(vec![], now(), Start));
    history.flush().await;
    let jobs: Vec<_> = (0..3000).map(|run| job_at(now(), &format!("uid-{run}"), 7, "pending")).collect();
    let begin = std::time::Instant::now();
    for status in &jobs {
        history.record(changed(Arc::clone(status)));
    }
    history.flush().await;
    println!("{:.0} a second", 3000.0 / begin.elapsed().as_secs_f64());
    assert_eq!(read(&history, "SELECT count(*) FROM deliveries").await, [json!([3000])]);
}
