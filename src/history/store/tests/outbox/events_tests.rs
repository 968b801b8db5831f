//! The events of transitions: their ids, and that each is written once.

use std::cell::RefCell;
use std::sync::Arc;

use rusqlite::{Connection, Error};
use serde_json::{Value, json};

use crate::history::outbox::event::{Event, Subscriptions};
use crate::history::outbox::tables::{Outbox, OutboxConfig};
use crate::history::record::ListReason::{Dropped, Start};
use crate::history::record::Record;
use crate::history::store::apply::Tables;
use crate::history::store::support_tests::{
    changed, created, exited, gone, head, in_memory, integrity, job_at, job_with, listed, rows, to,
};
use crate::jobs::status::Status;

const T: i64 = 1_790_000_000;

fn job(uid: &str, version: u64, state: &str) -> Arc<Status> {
    job_at(T, uid, version, state)
}

/// Writes with one endpoint, which wants everything.
fn write(connection: &Connection, records: &[Record]) {
    let mut tables = Tables::prepare(connection).unwrap();
    tables.outbox = Some(Outbox::prepare(connection, &to(&["ops"], 1000)).unwrap());
    for record in records {
        tables.apply(record).unwrap();
    }
}

/// The records after the first comparison of an empty cluster.
fn written(records: &[Record]) -> Connection {
    let connection = in_memory();
    write(&connection, &[listed(vec![], T, Start)]);
    write(&connection, records);
    connection
}

fn types(connection: &Connection) -> Vec<Value> {
    let sql = "SELECT object, type, time - 1790000000, webhook FROM events JOIN deliveries ON event = events.id
        WHERE state = 'pending' AND next_attempt = events.written + iif(type = 'job.failed', 500, 0)
            AND deliveries.written = events.written
        ORDER BY events.id";
    rows(connection, sql)
}

fn ids(connection: &Connection) -> Vec<String> {
    let ids = rows(connection, "SELECT message_id FROM events ORDER BY id");
    ids.iter().map(|row| row[0].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_transition_has_an_event_with_the_id_of_its_time_and_the_status() {
    let status = job("a", 7, "completed");
    let connection = written(&[changed(Arc::clone(&status))]);
    let expected = [("job.created", 0), ("job.started", 1), ("job.completed", 61)];
    assert_eq!(types(&connection), expected.map(|(name, time)| json!(["etl-a", name, time, "ops"])));
    // printf 'prod\0a\0job.created\0002026-09-21T14:13:20Z' | sha256sum, and so on
    let expected = [
        "msg_16d30970a56b15560ee34c46ec925280",
        "msg_60d94ac48a7298a461d8def4ec269385",
        "msg_c737d013a95fb39971862458e80ea35a",
    ];
    assert_eq!(ids(&connection), expected);
    let body: Value =
        serde_json::from_str(rows(&connection, "SELECT body FROM events")[2][0].as_str().unwrap()).unwrap();
    let data: Value = serde_json::from_slice(&status.json()).unwrap();
    let expected = json!({ "type": "job.completed", "timestamp": "2026-09-21T14:14:21+00:00", "data": data });
    assert_eq!((&body, &body["data"]["cluster"]), (&expected, &json!("prod")));
}

#[test]
fn a_failed_job_waits_for_its_exit_code_which_changes_nothing_that_was_sent() {
    let connection = written(&[changed(job("a", 7, "failed")), changed(job("b", 7, "failed"))]);
    let later = "UPDATE deliveries SET next_attempt = next_attempt + 1000000;
        UPDATE deliveries SET last_attempt = 1 WHERE event IN (SELECT id FROM events WHERE object = 'etl-b')";
    connection.execute_batch(later).unwrap();
    write(&connection, &["a", "b"].map(|uid| changed(exited(T, uid, 7, 3))));
    let sql = "SELECT body ->> '$.data.exit_code', next_attempt - events.written < 1000000
        FROM events JOIN deliveries ON event = events.id WHERE type = 'job.failed' ORDER BY events.id";
    assert_eq!(rows(&connection, sql), [json!([3, 1]), json!([null, 0])]);
    // The first comparison of a cluster makes no event, and so does the exit code after it.
    let connection = in_memory();
    write(&connection, &[listed(vec![job("a", 7, "failed")], T, Start), changed(exited(T, "a", 7, 3))]);
    assert!(types(&connection).is_empty());
}

#[test]
fn a_repeated_transition_adds_nothing_and_a_late_older_status_adds_its_own() {
    let records = || {
        [
            changed(job("a", 9, "completed")),
            changed(job("a", 9, "completed")),
            created(job("a", 7, "pending"), "ci"),
            listed(vec![job("a", 9, "completed"), head("h")], T, Dropped),
            changed(job("a", 10, "completed")),
        ]
    };
    let connection = written(&records());
    write(&connection, &records());
    assert_eq!(types(&connection).len(), 3);
    write(&connection, &[changed(job("a", 8, "suspended"))]);
    assert_eq!(types(&connection)[3], json!(["etl-a", "job.suspended", 5, "ops"]));
    // Retention has deleted the events, and the transitions are known still.
    connection.execute("DELETE FROM events", []).unwrap();
    write(&connection, &records());
    assert!(types(&connection).is_empty());
    integrity(&connection);
}

#[test]
fn a_second_suspension_has_another_id() {
    let suspended = |version, at| changed(job_with(T, version, &[], &json!({ "conditions": { "Suspended": at } })));
    let resumed = changed(job_with(T, 8, &[], &json!({ "startTime": 50 })));
    let connection = written(&[suspended(7, 5), resumed, suspended(9, 90)]);
    let expected = ["msg_8aee2c640afa1510b4504efc1520d218", "msg_6096014f7a0643549de270020e9ff9d1"];
    assert_eq!(ids(&connection)[1..], expected);
}

#[test]
fn the_condition_identifies_an_end_even_if_the_completion_has_another_time() {
    let status = json!({ "completionTime": 61, "conditions": { "Complete": 60 } });
    let connection = written(&[changed(job_with(T, 7, &[], &status))]);
    assert_eq!(ids(&connection)[1], "msg_ae33af361d11a24fb8638fb4fe98bb88");
    assert_eq!(types(&connection)[1], json!(["etl-a", "job.completed", 60, "ops"]));
}

#[test]
fn a_deletion_has_the_same_id_whether_it_is_seen_or_found_missing() {
    let deleting = || job_with(T, 8, &[("deletionTimestamp", 70)], &json!({}));
    let expected = "msg_684f76ee635cdb5e170d12c49821559a";
    for end in [gone(deleting(), T + 99), listed(vec![], T + 99, Start), listed(vec![], T + 99, Dropped)] {
        let connection = written(&[changed(deleting()), end]);
        assert_eq!(ids(&connection)[1..], [expected]);
        assert_eq!(types(&connection)[1], json!(["etl-a", "job.deleted", 70, "ops"]));
    }
    let running = || job_with(T, 7, &[], &json!({}));
    for end in [gone(running(), T + 99), listed(vec![], T + 98, Start)] {
        let connection = written(&[changed(running()), end, listed(vec![], T + 99, Start)]);
        assert_eq!(ids(&connection)[1..], ["msg_2b4b92191e716f7c30b4c5aaa11d7f17"]);
    }
    // The end itself is the first to show the deletion.
    let connection = written(&[changed(running()), gone(deleting(), T + 99)]);
    assert_eq!(ids(&connection)[1..], [expected]);
}

#[test]
fn a_job_that_is_found_missing_is_described_by_its_last_known_status() {
    let connection = written(&[changed(job("a", 7, "failed")), listed(vec![], T + 99, Start)]);
    let found = rows(&connection, "SELECT body FROM events WHERE type = 'job.deleted'");
    let body: Value = serde_json::from_str(found[0][0].as_str().unwrap()).unwrap();
    let data = &body["data"];
    assert_eq!(body["timestamp"], "2026-09-21T14:14:59+00:00");
    assert_eq!([&data["cluster"], &data["job_name"], &data["state"], &data["uid"]], ["prod", "etl-a", "failed", "a"]);
    assert_eq!((&data["gone"], &data["labels"]["team"]), (&json!(true), &json!("data")));
}

#[test]
fn a_run_whose_row_is_damaged_has_no_event_and_the_comparison_goes_on() {
    let connection = written(&["a", "b", "c", "d"].map(|uid| changed(job(uid, 7, "running"))));
    let damage = "UPDATE runs SET labels = '{' WHERE uid = 'a';
        UPDATE runs SET images = '{' WHERE uid = 'b';
        UPDATE runs SET message = CAST(x'ff' AS TEXT), uid = CAST(x'fe' AS TEXT) WHERE uid = 'c'";
    connection.execute_batch(damage).unwrap();
    write(&connection, &[listed(vec![], T + 99, Start)]);
    let deleted = rows(&connection, "SELECT object FROM events WHERE type = 'job.deleted' ORDER BY 1");
    assert_eq!(deleted.last(), Some(&json!(["etl-d"])));
    assert!(!deleted.contains(&json!(["etl-a"])) && !deleted.contains(&json!(["etl-c"])), "{deleted:?}");
    assert_eq!(rows(&connection, "SELECT count(*) FROM runs WHERE gone IS NULL"), [json!([0])]);
}

#[test]
fn the_first_comparison_of_a_cluster_is_silent_about_jobs_that_are_new() {
    let connection = in_memory();
    write(&connection, &[created(job("c", 5, "pending"), "ci")]);
    let jobs = || vec![job("a", 7, "completed"), job("b", 7, "running"), job("c", 7, "completed")];
    write(&connection, &[listed(jobs(), T, Start), listed(jobs(), T, Start)]);
    let of = |object: &str| -> Vec<String> {
        let of_object = types(&connection).into_iter().filter(|row| row[0] == *object);
        of_object.map(|row| row[1].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(of("etl-c"), ["job.created", "job.started", "job.completed"]);
    assert_eq!(types(&connection).len(), 3);
    let list = listed(vec![job("e", 9, "pending")], T, Start);
    write(&connection, &[changed(job("b", 8, "completed")), changed(job("d", 8, "pending")), list]);
    assert_eq!(of("etl-b"), ["job.completed", "job.deleted"]);
    assert_eq!(of("etl-d"), ["job.created", "job.deleted"]);
    assert_eq!(of("etl-e"), ["job.created"]);
}

#[test]
fn a_first_comparison_that_breaks_off_stays_silent_when_it_is_repeated() {
    let connection = in_memory();
    let jobs = || (0..600).map(|number| job(&format!("j{number}"), 7, "completed")).collect::<Vec<_>>();
    let mut tables = Tables::prepare(&connection).unwrap();
    tables.outbox = Some(Outbox::prepare(&connection, &to(&["ops"], 1000)).unwrap());
    tables.write(&listed(jobs(), T, Start), &mut |_| Err(Error::InvalidQuery)).unwrap_err();
    tables.forget();
    assert_eq!(rows(&connection, "SELECT count(*) FROM runs"), [json!([512])]);
    tables.apply(&listed(jobs(), T, Start)).unwrap();
    assert_eq!(rows(&connection, "SELECT count(*) FROM runs"), [json!([600])]);
    assert!(types(&connection).is_empty());
}

/// Notes what it is asked. Wants failures only.
#[derive(Debug, Default)]
struct Failures(std::sync::Mutex<RefCell<Vec<String>>>);

impl Subscriptions for Failures {
    fn endpoints(&self, event: &Event<'_>) -> Vec<Arc<str>> {
        let asked = format!("{} {} {:?} {:?}", event.cluster, event.namespace, event.labels, event.notify);
        self.0.lock().unwrap().borrow_mut().push(asked);
        if event.event_type.name() == "job.failed" { self.names() } else { vec![] }
    }

    fn names(&self) -> Vec<Arc<str>> {
        vec!["b".into(), "a".into()]
    }
}

#[test]
fn an_event_has_a_row_only_if_it_is_wanted_and_a_delivery_for_each_endpoint() {
    let connection = in_memory();
    let subscriptions = Arc::new(Failures::default());
    let config = OutboxConfig { subscriptions: Arc::clone(&subscriptions) as Arc<dyn Subscriptions>, max_pending: 9 };
    let mut tables = Tables::prepare(&connection).unwrap();
    tables.outbox = Some(Outbox::prepare(&connection, &config).unwrap());
    tables.apply(&listed(vec![], T, Start)).unwrap();
    let failed = job_with(T, 7, &[], &json!({ "conditions": { "Failed": 60 } }));
    for record in [changed(job("b", 7, "completed")), changed(failed)] {
        tables.apply(&record).unwrap();
    }
    let found =
        rows(&connection, "SELECT object, type, webhook FROM events JOIN deliveries ON event = events.id ORDER BY 3");
    assert_eq!(found, [json!(["etl-a", "job.failed", "a"]), json!(["etl-a", "job.failed", "b"])]);
    assert_eq!(rows(&connection, "SELECT count(*) FROM events"), [json!([1])]);
    let asked = subscriptions.0.lock().unwrap().borrow().last().cloned();
    assert_eq!(asked.as_deref(), Some(r#"prod demo [("team", "data")] Some("ops,lab")"#));
}
