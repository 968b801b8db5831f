//! Retention deletes some rows of the outbox, and leaves others.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::config::history::HistoryConfig;
use crate::history::outbox::drops::Drops;
use crate::history::outbox::tables::Outbox;
use crate::history::record::{BatchEnd, ListReason, Record};
use crate::history::store::apply::Tables;
use crate::history::store::open::open;
use crate::history::store::retention::{Retention, TooOld};
use crate::history::store::support_tests::{Dir, changed, integrity, job_at, listed, now, rows, to};
use crate::jobs::batches::state::BatchState;

const DAY: i64 = 86400;

fn retention<'c>(connection: &'c Connection, config: &HistoryConfig) -> Retention<'c> {
    let mut retention = Retention::new(connection, config, Duration::ZERO, now()).unwrap();
    retention.subscriptions = Some(to(&["ops", "lab"], 9).subscriptions);
    retention
}

fn work(connection: &Connection, config: &HistoryConfig) -> TooOld {
    let mut retention = retention(connection, config);
    while retention.work(true).unwrap() {}
    retention.too_old()
}

fn ended(uid: &str, time: i64) -> BatchEnd {
    let (namespace, name, json) = ("demo".into(), "night".into(), "{}".into());
    BatchEnd { uid: uid.into(), namespace, name, state: BatchState::Failed, time, labels: vec![], notify: None, json }
}

fn batches(tables: &mut Tables<'_>, batches: Vec<BatchEnd>) {
    let (done, _) = oneshot::channel();
    tables.apply(&Record::BatchesEnded { cluster: "prod".into(), batches, done }).unwrap();
}

fn tables(connection: &Connection) -> Tables<'_> {
    let mut tables = Tables::prepare(connection).unwrap();
    tables.outbox = Some(Outbox::prepare(connection, &to(&["ops", "lab"], 1_000_000)).unwrap());
    tables.apply(&listed(vec![], now(), ListReason::Start)).unwrap();
    batches(&mut tables, vec![]);
    tables
}

fn counts(connection: &Connection) -> Value {
    let sql =
        "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM deliveries), (SELECT count(*) FROM batch_ends)";
    rows(connection, sql).swap_remove(0)
}

#[test]
fn old_events_are_deleted_with_their_deliveries_unless_one_is_pending_for_an_endpoint_of_the_file() {
    let dir = Dir::new();
    let config = HistoryConfig { keep: 10 * Duration::from_hours(24), ..dir.config() };
    let database = open(&config).unwrap();
    let connection = &database.connection;
    let mut tables = tables(connection);
    let (old, young) = (now() - 11 * DAY, now() - 9 * DAY);
    for number in 0..1200 {
        tables.apply(&changed(job_at(young, &number.to_string(), 7, "pending"))).unwrap();
    }
    batches(&mut tables, vec![ended("a", old), ended("b", young)]);
    assert_eq!(counts(connection), json!([1202, 2404, 2]));
    let set = |sql: &str| connection.execute_batch(sql).unwrap();
    set("UPDATE deliveries SET state = 'delivered' WHERE event > 2 OR webhook = 'ops';
        UPDATE deliveries SET webhook = 'former' WHERE event = 2 AND webhook = 'lab'; DELETE FROM runs");
    let older = now() - 400 * DAY;
    let times =
        format!("UPDATE events SET written = CASE id WHEN 1200 THEN {young} WHEN 1 THEN {older} ELSE {old} END * 1000");
    set(&times);
    let too_old = work(connection, &config);
    // Event 1 has a pending delivery, and event 1200 is young. Event 2 has one too, of an endpoint that is gone.
    assert_eq!(rows(connection, "SELECT id FROM events ORDER BY id"), [json!([1]), json!([1200])]);
    assert_eq!(counts(connection), json!([2, 4, 1]));
    // The end that was deleted is not sent again.
    tables.too_old = too_old;
    batches(&mut tables, vec![ended("a", old), ended("b", young)]);
    assert_eq!(counts(connection), json!([2, 4, 1]));
    integrity(connection);
}

#[test]
fn a_full_file_loses_the_oldest_ends_and_events_but_none_that_is_pending() {
    let dir = Dir::new();
    let config = HistoryConfig { max_size: 2 << 20, ..dir.config() };
    let database = open(&config).unwrap();
    let connection = &database.connection;
    let mut tables = tables(connection);
    let start = now() - DAY;
    let is_high = || Retention::new(connection, &config, Duration::ZERO, now()).unwrap().is_high().unwrap();
    let mut number = 0;
    let mut fill = |tables: &mut Tables<'_>| {
        while !is_high() {
            connection.execute_batch("BEGIN").unwrap();
            batches(tables, (number..number + 20).map(|at| ended(&at.to_string(), start + at)).collect());
            connection.execute_batch("COMMIT").unwrap();
            number += 20;
        }
        number
    };
    fill(&mut tables);
    let age = format!(
        "UPDATE deliveries SET state = 'failed' WHERE event > 9;
        UPDATE events SET written = 1000 * ({start} - 1000 + id) WHERE id < 210"
    );
    connection.execute_batch(&age).unwrap();
    let number = fill(&mut tables);
    let events = counts(connection)[0].as_i64().unwrap();
    let too_old = work(connection, &config);
    assert!(!is_high());
    let left = counts(connection);
    assert_eq!((left[0].as_i64(), left[1].as_i64()), (Some(events - 200), Some(2 * (events - 200))));
    assert_eq!(rows(connection, "SELECT count(*) FROM events WHERE id <= 9"), [json!([9])]);
    assert!(left[2].as_i64().unwrap() < number);
    // The ends that were deleted are not sent again.
    tables.too_old = too_old;
    batches(&mut tables, (0..number).map(|at| ended(&at.to_string(), start + at)).collect());
    assert_eq!(counts(connection), left);
    integrity(connection);
}

#[test]
fn a_full_file_without_anything_else_to_delete_drops_the_oldest_pending_deliveries() {
    let dir = Dir::new();
    let config = HistoryConfig { max_size: 2 << 20, ..dir.config() };
    let database = open(&config).unwrap();
    let connection = &database.connection;
    let mut tables = tables(connection);
    let mut number = 0;
    while !retention(connection, &config).is_high().unwrap() {
        connection.execute_batch("BEGIN").unwrap();
        for uid in number..number + 20 {
            tables.apply(&changed(job_at(now(), &uid.to_string(), 7, "pending"))).unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        number += 20;
    }
    connection.execute_batch("UPDATE deliveries SET state = 'failed' WHERE webhook = 'lab' AND event < 9").unwrap();
    let (mut retention, drops) = (retention(connection, &config), Drops::default());
    while retention.work(true).unwrap() {}
    assert!(!retention.is_high().unwrap() && retention.take_deleted_events(&drops));
    let dropped = drops.total("ops");
    assert!(dropped > 0 && dropped % 500 == 0, "{dropped}");
    assert_eq!(drops.total("lab"), dropped - 8);
    let left = rows(connection, "SELECT min(id) - 1, max(id) FROM events");
    assert_eq!(left, [json!([dropped, number])]);
    assert_eq!(rows(connection, "SELECT count(*) FROM runs"), [json!([number])]);
    integrity(connection);
}
