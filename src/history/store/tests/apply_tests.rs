//! Each kind of record, in any order, once and twice.

use rusqlite::Connection;
use serde_json::{Value, json};

use super::*;
use crate::history::record::ListReason;
use crate::history::store::support_tests::{
    changed, content, created, gone, head, in_memory, integrity, job_at, listed, rows,
};
use crate::jobs::status::Status;

impl Tables<'_> {
    /// Writes a record as after a list of its cluster.
    pub(in crate::history::store) fn apply(&mut self, record: &Record) -> rusqlite::Result<()> {
        if let Record::Changed { cluster, .. } | Record::Gone { cluster, .. } = record {
            self.listed.insert(Arc::clone(cluster));
        }
        self.write(record, &mut |_| Ok(())).map(drop)
    }
}

const T: i64 = 1_790_000_000;

fn job(uid: &str, version: u64, state: &str) -> Arc<Status> {
    job_at(T, uid, version, state)
}

fn write(connection: &Connection, records: &[Record]) {
    let mut tables = Tables::prepare(connection).unwrap();
    for record in records {
        tables.apply(record).unwrap();
    }
}

fn written(records: &[Record]) -> Connection {
    let connection = in_memory();
    write(&connection, records);
    connection
}

fn states(connection: &Connection) -> Vec<Value> {
    rows(connection, "SELECT uid, version, state, gone, has_gaps FROM runs ORDER BY uid")
}

fn transitions(connection: &Connection) -> Vec<Value> {
    rows(connection, "SELECT time - 1790000000, state, reason FROM transitions ORDER BY time, state")
}

#[test]
fn a_failed_run_has_all_its_fields() {
    let connection = written(&[changed(job("a", 7, "failed"))]);
    let run = rows(
        &connection,
        "SELECT uid, version, namespace, job_name, state, started - created, ended - created, gone, reason, message,
             template, batch_name, caller, queued_s, ran_s, retries, failed, backoff_limit, has_gaps FROM runs",
    );
    let expected = json!([
        "a",
        7,
        "demo",
        "etl-a",
        "failed",
        1,
        61,
        null,
        "BackoffLimitExceeded",
        "why",
        "cronjob/etl",
        null,
        null,
        1,
        60,
        2,
        3,
        2,
        0
    ]);
    assert_eq!(run, [expected]);
    let texts = rows(&connection, "SELECT labels, json_extract(images, '$.main') FROM runs");
    assert_eq!(texts[0][0], r#"{"app":"eks-api","job-id":"etl-a","team":"data"}"#);
    assert!(texts[0][1].as_str().is_some_and(|image| image.ends_with("etl:2026.11.7")));
    let expected =
        [json!([0, "pending", null]), json!([1, "running", null]), json!([61, "failed", "BackoffLimitExceeded"])];
    assert_eq!(transitions(&connection), expected);
}

#[test]
fn a_suspended_run_has_the_time_of_its_condition() {
    let connection = written(&[changed(job("a", 7, "suspended")), changed(job("a", 8, "running"))]);
    let expected = [json!([0, "pending", null]), json!([1, "running", null]), json!([5, "suspended", "JobSuspended"])];
    assert_eq!(transitions(&connection), expected);
}

#[test]
fn an_older_version_changes_nothing_but_completes_the_transitions() {
    let connection = written(&[changed(job("a", 9, "completed")), changed(job("a", 8, "suspended"))]);
    assert_eq!(states(&connection), [json!(["a", 9, "completed", null, 0])]);
    assert_eq!(transitions(&connection).len(), 4);
}

#[test]
fn the_caller_of_a_create_is_kept_before_and_after_a_change() {
    let later =
        [changed(job("a", 9, "running")), created(job("a", 7, "pending"), "ci"), created(job("a", 7, "pending"), "me")];
    let earlier = [created(job("a", 7, "pending"), "ci"), changed(job("a", 9, "running"))];
    for records in [&later[..], &earlier[..]] {
        let run = rows(&written(records), "SELECT version, state, caller, request_id FROM runs");
        assert_eq!(run, [json!([9, "running", "ci", "request-of-ci"])]);
    }
}

#[test]
fn a_run_is_not_gone_before_it_ended_and_a_late_create_does_not_bring_it_back() {
    let records = [
        gone(job("a", 9, "completed"), 5),
        gone(job("a", 9, "completed"), T + 900),
        created(job("a", 7, "pending"), "ci"),
    ];
    let connection = written(&records);
    assert_eq!(states(&connection), [json!(["a", 9, "completed", T + 61, 0])], "our clock was set back");
    assert_eq!(transitions(&connection).last(), Some(&json!([61, "gone", null])));
    write(&connection, &[changed(job("a", 9, "completed"))]);
    assert_eq!(states(&connection), [json!(["a", 9, "completed", null, 0])], "it exists");
    assert_eq!(transitions(&connection).len(), 3);
}

#[test]
fn a_comparison_finds_what_is_new_and_changed_and_gone() {
    let known = || {
        written(&[
            changed(job("changed", 7, "running")),
            changed(job("ended", 7, "completed")),
            changed(job("same", 7, "running")),
            changed(job("unseen", 7, "running")),
        ])
    };
    let jobs = vec![job("changed", 9, "completed"), job("new", 8, "running"), job("same", 7, "running"), head("head")];
    for (reason, gaps) in [(ListReason::Start, 0), (ListReason::Dropped, 1)] {
        let connection = known();
        write(&connection, &[listed(jobs.clone(), T + 99, reason)]);
        let expected = [
            json!(["changed", 9, "completed", null, gaps]),
            json!(["ended", 7, "completed", T + 99, 0]),
            json!(["new", 8, "running", null, gaps]),
            json!(["same", 7, "running", null, 0]),
            json!(["unseen", 7, "running", T + 99, 2]),
        ];
        assert_eq!(states(&connection), expected, "{reason:?}");
    }
    let connection = known();
    let (done, _) = tokio::sync::oneshot::channel();
    let (cluster, reason) = ("lab".into(), ListReason::Dropped);
    write(&connection, &[Record::Listed { cluster, jobs: vec![], time: T, reason, done }]);
    assert!(states(&connection).iter().all(|run| run[3].is_null()), "another cluster has other runs");
}

#[test]
fn a_run_that_a_comparison_missed_loses_the_gaps_when_it_is_seen_again() {
    let missed = [changed(job("a", 7, "running")), listed(vec![], T + 9, ListReason::Start)];
    let connection = written(&missed);
    assert_eq!(states(&connection), [json!(["a", 7, "running", T + 9, 2])]);
    write(&connection, &[listed(vec![job("a", 7, "running")], T + 10, ListReason::Start)]);
    assert_eq!(states(&connection), [json!(["a", 7, "running", null, 0])]);
}

#[test]
fn a_run_that_retention_would_delete_is_not_added() {
    let connection = in_memory();
    let mut tables = Tables::prepare(&connection).unwrap();
    tables.too_old.created_by = T;
    for record in [
        changed(job("a", 7, "completed")),
        gone(job("b", 7, "running"), T),
        listed(vec![job("c", 7, "failed")], T, ListReason::Start),
        created(job("d", 7, "failed"), "ci"),
        changed(job("e", 7, "running")),
        changed(job_at(T + 1, "f", 7, "completed")),
        changed(head("g")),
    ] {
        tables.apply(&record).unwrap();
    }
    drop(tables);
    assert_eq!(rows(&connection, "SELECT uid FROM runs ORDER BY 1"), [json!(["e"]), json!(["f"])]);
}

#[test]
fn an_audit_record_without_a_namespace_has_null() {
    let record = AuditRecord {
        time: 1_790_000_000_123,
        cluster: "prod".to_owned(),
        namespace: String::new(),
        operation: "create_job".to_owned(),
        outcome: "ok".to_owned(),
        caller: "ci".to_owned(),
        json: "{}".to_owned(),
    };
    let connection = written(&[Record::Audit(Box::new(record))]);
    let expected = json!([1_790_000_000_123_i64, "prod", null, "create_job", "ok", "ci", "{}"]);
    let found = rows(&connection, "SELECT time, cluster, namespace, operation, outcome, caller, record FROM audit");
    assert_eq!(found, [expected]);
}

/// A record of one of four runs. The state follows from the version, as in a cluster.
fn random(random: &mut fastrand::Rng) -> Record {
    let status = |random: &mut fastrand::Rng| {
        let version = random.u64(1..=5);
        let state = ["pending", "suspended", "running", "running", "completed"][usize::try_from(version).unwrap() - 1];
        job(["a", "b", "c", "d"][random.usize(..4)], version, state)
    };
    let time = T + random.i64(-100..100);
    match random.u8(..8) {
        0..3 => changed(status(random)),
        3 => created(status(random), ["ci", "me"][random.usize(..2)]),
        4 | 5 => gone(status(random), time),
        reason => {
            let mut jobs: Vec<_> = (0..random.usize(..4)).map(|_| status(random)).collect();
            jobs.sort_by(|a, b| a.uid.cmp(&b.uid));
            jobs.dedup_by(|a, b| a.uid == b.uid);
            listed(jobs, time, if reason == 6 { ListReason::Start } else { ListReason::Dropped })
        }
    }
}

#[test]
fn to_write_twice_is_to_write_once() {
    for seed in 0..300 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let records: Vec<_> = (0..rng.usize(1..14)).map(|_| random(&mut rng)).collect();
        let connection = written(&records);
        let once = content(&connection);
        if !records.iter().any(|record| matches!(record, Record::Listed { .. })) {
            write(&connection, &records);
            assert_eq!(once, content(&connection), "seed {seed}: all again");
        }
        let doubled = in_memory();
        for record in &records {
            write(&doubled, std::slice::from_ref(record));
            write(&doubled, std::slice::from_ref(record));
        }
        assert_eq!(once, content(&doubled), "seed {seed}: each twice");
        assert!(rows(&connection, "SELECT uid FROM runs GROUP BY uid HAVING count(*) > 1").is_empty(), "seed {seed}");
        let unequal = "SELECT uid FROM runs WHERE (gone IS NOT NULL) <>
            (SELECT count(*) FROM transitions WHERE run = runs.id AND state = 'gone' AND time = gone)";
        assert!(rows(&connection, unequal).is_empty(), "seed {seed}");
        integrity(&connection);
    }
}
