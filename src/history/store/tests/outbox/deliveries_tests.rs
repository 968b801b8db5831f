//! The limit, and redeliveries.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::config::pattern::Patterns;
use crate::history::outbox::requests::{Attempt, Next, RedeliverError, Redelivery, Scope, Which};
use crate::history::outbox::tables::Outbox;
use crate::history::record::{ListReason, Record};
use crate::history::store::apply::{Outcome, Tables};
use crate::history::store::support_tests::{changed, in_memory, job_at, listed, rows, to};

const T: i64 = 1_790_000_000;

/// Tables with at most this number of pending deliveries for an endpoint.
fn prepare(connection: &Connection, max_pending: u64) -> Tables<'_> {
    let mut tables = Tables::prepare(connection).unwrap();
    tables.outbox = Some(Outbox::prepare(connection, &to(&["ops", "lab"], max_pending)).unwrap());
    tables
}

/// As [`prepare`], after the first comparison.
pub(super) fn tables(connection: &Connection, max_pending: u64) -> Tables<'_> {
    let mut tables = prepare(connection, max_pending);
    tables.apply(&listed(vec![], T, ListReason::Start)).unwrap();
    tables
}

/// Adds an event for each number.
pub(super) fn add(tables: &mut Tables<'_>, numbers: std::ops::Range<i64>) {
    for number in numbers {
        tables.apply(&changed(job_at(T, &number.to_string(), 7, "pending"))).unwrap();
    }
}

/// Returns the attempt, as a worker makes it that reads the delivery now.
pub(super) fn made(connection: &Connection, delivery: i64, time: i64, status: Option<u16>, next: Next) -> Attempt {
    let sql = "SELECT message_id, attempts FROM deliveries JOIN events ON events.id = event WHERE deliveries.id = ?1";
    let read = connection.query_row(sql, [delivery], |row| Ok((row.get(0)?, row.get(1)?)));
    let (message_id, attempts) = read.optional().unwrap().unwrap_or_default();
    let error = status.is_none_or(|status| status > 299).then(|| "refused".to_owned());
    Attempt { delivery, message_id, attempts, time, status, error, next }
}

pub(super) fn write(tables: &mut Tables<'_>, attempt: &Attempt) {
    let (attempt, (done, _)) = (Box::new(attempt.clone()), oneshot::channel());
    tables.apply(&Record::Attempt { attempt, done }).unwrap();
}

pub(super) fn attempt(
    connection: &Connection,
    tables: &mut Tables<'_>,
    delivery: i64,
    time: i64,
    status: Option<u16>,
    next: Next,
) {
    write(tables, &made(connection, delivery, time, status, next));
}

pub(super) fn redeliver(tables: &mut Tables<'_>, which: Which, scope: Scope) -> Result<u64, RedeliverError> {
    let redelivery = Box::new(Redelivery { which, scope, endpoints: vec!["ops".to_owned(), "lab".to_owned()] });
    let (done, _) = oneshot::channel();
    match tables.write(&Record::Redelivery { redelivery, done }, &mut |_| Ok(())).unwrap() {
        Outcome::Redelivered(redelivered) => redelivered,
        other => panic!("{other:?}"),
    }
}

pub(super) fn since(webhook: &str, time: i64) -> Which {
    Which::Since { webhook: webhook.to_owned(), time }
}

pub(super) fn states(connection: &Connection, webhook: &str) -> Vec<Value> {
    let sql = format!("SELECT state FROM deliveries WHERE webhook = '{webhook}' ORDER BY id");
    rows(connection, &sql).into_iter().map(|mut row| row[0].take()).collect()
}

#[test]
fn beyond_the_limit_the_oldest_fails_and_is_counted_also_after_a_rollback() {
    let connection = in_memory();
    let mut tables = tables(&connection, 3);
    add(&mut tables, 0..2);
    assert!(tables.take_changes().dropped.is_empty());
    connection.execute_batch("BEGIN").unwrap();
    add(&mut tables, 2..7);
    connection.execute_batch("ROLLBACK").unwrap();
    tables.forget();
    let changes = tables.take_changes();
    assert!(!changes.is_due && changes.dropped.is_empty());
    add(&mut tables, 7..9);
    for webhook in ["ops", "lab"] {
        assert_eq!(states(&connection, webhook), ["failed", "pending", "pending", "pending"]);
    }
    let changes = tables.take_changes();
    assert!(changes.is_due);
    assert_eq!(changes.dropped, BTreeMap::from([("ops".into(), 1), ("lab".into(), 1)]));
    let failed = rows(&connection, "SELECT last_error, next_attempt FROM deliveries WHERE state = 'failed'");
    assert_eq!(failed[0], json!(["dropped: 3 newer deliveries were pending", null]));
    // A delivery that has ended makes room.
    attempt(&connection, &mut tables, 3, 1, Some(200), Next::Delivered);
    add(&mut tables, 9..10);
    assert_eq!(states(&connection, "ops"), ["failed", "delivered", "pending", "pending", "pending"]);
    assert_eq!(tables.take_changes().dropped, BTreeMap::from([("lab".into(), 1)]));
    // A new writer counts the same.
    drop(tables);
    let mut tables = prepare(&connection, 3);
    add(&mut tables, 10..11);
    assert_eq!(states(&connection, "ops")[2..], ["failed", "pending", "pending", "pending"]);
}

#[test]
fn a_redelivery_makes_deliveries_due_with_all_their_tries() {
    let connection = in_memory();
    let mut tables = tables(&connection, 9);
    add(&mut tables, 0..3);
    connection.execute("UPDATE deliveries SET written = 100 * event", []).unwrap();
    attempt(&connection, &mut tables, 1, 50, Some(200), Next::Delivered);
    attempt(&connection, &mut tables, 3, 50, Some(500), Next::Failed);
    attempt(&connection, &mut tables, 5, 50, Some(500), Next::Retry(i64::MAX));
    tables.take_changes();
    let ids = rows(&connection, "SELECT message_id FROM events ORDER BY id");
    assert_eq!(redeliver(&mut tables, since("ops", 200), Scope::default()), Ok(2));
    assert!(tables.take_changes().is_due);
    let due = rows(&connection, "SELECT id FROM deliveries WHERE attempts = 0 AND next_attempt < 9e15 ORDER BY id");
    assert_eq!(due, [2, 3, 4, 5, 6].map(|id| json!([id])));
    assert_eq!(states(&connection, "ops"), ["delivered", "pending", "pending"]);

    let id = rows(&connection, "SELECT message_id FROM events WHERE id = 1")[0][0].as_str().unwrap().to_owned();
    let message = |webhook: Option<&str>| Which::Message { id: id.clone(), webhook: webhook.map(str::to_owned) };
    assert_eq!(redeliver(&mut tables, message(None), Scope::default()), Ok(2));
    assert_eq!(redeliver(&mut tables, message(Some("ops")), Scope::default()), Ok(1));
    assert_eq!(redeliver(&mut tables, message(Some("other")), Scope::default()), Ok(0));
    let unknown = Which::Message { id: "msg_0".to_owned(), webhook: None };
    assert_eq!(redeliver(&mut tables, unknown, Scope::default()), Ok(0));
    assert_eq!(rows(&connection, "SELECT message_id FROM events ORDER BY id"), ids, "the webhook-id stays");
    let errors = "SELECT count(*) FROM deliveries WHERE last_error IS NOT NULL AND state = 'pending'";
    assert_eq!(rows(&connection, errors), [json!([0])], "a new start");
    let scope = |cluster: &str, namespaces: &str| Scope {
        clusters: Some(vec![cluster.to_owned()]),
        namespaces: vec![Patterns::parse(namespaces).unwrap()],
    };
    let of_scope = [scope("prod", "demo"), scope("lab", "demo"), scope("prod", "team-*")];
    assert_eq!(of_scope.map(|scope| redeliver(&mut tables, since("ops", 0), scope)), [Ok(3), Ok(0), Ok(0)]);
    connection.execute("UPDATE deliveries SET webhook = 'former' WHERE webhook = 'ops'", []).unwrap();
    assert_eq!(redeliver(&mut tables, since("former", 0), Scope::default()), Ok(0));
    assert_eq!(redeliver(&mut tables, message(None), Scope::default()), Ok(1));
}

#[test]
fn a_redelivery_that_has_no_room_changes_nothing() {
    let connection = in_memory();
    let mut tables = tables(&connection, 3);
    add(&mut tables, 0..3);
    for delivery in [1, 3] {
        attempt(&connection, &mut tables, delivery, 50, Some(200), Next::Delivered);
    }
    add(&mut tables, 3..4);
    let refused = redeliver(&mut tables, since("ops", 0), Scope::default());
    assert_eq!(refused, Err(RedeliverError::TooMany { matching: 2, room: 1 }));
    assert_eq!(states(&connection, "ops"), ["delivered", "delivered", "pending", "pending"]);
    attempt(&connection, &mut tables, 5, 60, Some(200), Next::Delivered);
    attempt(&connection, &mut tables, 7, 60, Some(200), Next::Delivered);
    connection.execute("UPDATE deliveries SET written = event", []).unwrap();
    assert_eq!(redeliver(&mut tables, since("ops", 2), Scope::default()), Ok(3));
    assert_eq!(redeliver(&mut tables, since("ops", 2), Scope::default()), Ok(3), "they are pending");
    add(&mut tables, 4..5);
    assert_eq!(states(&connection, "ops"), ["delivered", "failed", "pending", "pending", "pending"]);
}

#[test]
fn a_redelivery_of_too_many_rows_is_refused_and_not_done_in_part() {
    let connection = in_memory();
    let mut tables = tables(&connection, 1);
    for number in 0..10 {
        add(&mut tables, number..number + 1);
        attempt(&connection, &mut tables, 2 * number + 1, 50, Some(200), Next::Delivered);
    }
    connection.execute("UPDATE deliveries SET written = event", []).unwrap();
    let nothing = Scope { clusters: Some(vec![]), ..Scope::default() };
    assert_eq!(redeliver(&mut tables, since("ops", 2), nothing.clone()), Ok(0));
    let refused = Err(RedeliverError::TooMany { matching: 10, room: 1 });
    assert_eq!(redeliver(&mut tables, since("ops", 1), nothing), refused);
}
