//! Attempts, and what has become of their deliveries meanwhile.

use serde_json::json;

use super::deliveries_tests::{add, attempt, made, redeliver, since, states, tables, write};
use crate::history::outbox::requests::{Attempt, Next, Scope};
use crate::history::store::support_tests::{in_memory, rows};

#[test]
fn an_attempt_changes_its_delivery_once() {
    let connection = in_memory();
    let mut tables = tables(&connection, 9);
    add(&mut tables, 0..1);
    let of = |sql: &str| rows(&connection, &format!("SELECT {sql} FROM deliveries WHERE id = 1")).swap_remove(0);
    let first = of("next_attempt")[0].as_i64().unwrap();
    let columns = "state, attempts, next_attempt, last_attempt, last_status, last_error";
    let refused = made(&connection, 1, 50, None, Next::Retry(99));
    for _ in 0..2 {
        write(&mut tables, &refused);
        assert_eq!(of(columns), json!(["pending", 1, 99, 50, null, "refused"]));
    }
    attempt(&connection, &mut tables, 1, 60, Some(410), Next::Keep);
    assert_eq!(of(columns), json!(["pending", 1, 99, 60, 410, "refused"]));
    attempt(&connection, &mut tables, 1, 70, Some(200), Next::Delivered);
    assert_eq!(of(columns), json!(["delivered", 2, null, 70, 200, null]));
    attempt(&connection, &mut tables, 2, 80, Some(500), Next::Failed);
    attempt(&connection, &mut tables, 77, 90, Some(200), Next::Delivered);
    assert_eq!(states(&connection, "lab"), ["failed"]);
    assert!(first > 99);
    let noted = rows(&connection, "SELECT * FROM webhooks ORDER BY name");
    assert_eq!(noted, [json!(["lab", 80, 500, null]), json!(["ops", 70, 200, 70])]);
}

#[test]
fn an_attempt_that_is_written_late_does_not_set_the_notes_of_the_endpoint_back() {
    let connection = in_memory();
    let mut tables = tables(&connection, 9);
    add(&mut tables, 0..4);
    let noted = || rows(&connection, "SELECT last_attempt, last_status, last_success FROM webhooks").swap_remove(0);
    attempt(&connection, &mut tables, 1, 50, Some(200), Next::Delivered);
    attempt(&connection, &mut tables, 3, 40, Some(500), Next::Failed);
    assert_eq!(noted(), json!([50, 200, 50]));
    attempt(&connection, &mut tables, 5, 90, Some(503), Next::Failed);
    attempt(&connection, &mut tables, 7, 80, Some(204), Next::Delivered);
    assert_eq!(noted(), json!([90, 503, 80]));
}

#[test]
fn an_attempt_that_was_made_before_a_redelivery_changes_nothing_unless_it_has_delivered() {
    let connection = in_memory();
    let mut tables = tables(&connection, 9);
    add(&mut tables, 0..1);
    let row = |id: i64| {
        let sql = format!("SELECT state, attempts, next_attempt < 9e15 FROM deliveries WHERE id = {id}");
        rows(&connection, &sql).swap_remove(0)
    };
    for delivery in [1, 2] {
        attempt(&connection, &mut tables, delivery, 50, Some(500), Next::Retry(i64::MAX));
    }
    let late = |delivery, status, next| made(&connection, delivery, 60, Some(status), next);
    let failed = [late(1, 500, Next::Retry(i64::MAX)), late(1, 500, Next::Failed), late(1, 410, Next::Keep)];
    let (lost, delivered) = (late(2, 500, Next::Failed), late(2, 200, Next::Delivered));
    for webhook in ["ops", "lab"] {
        assert_eq!(redeliver(&mut tables, since(webhook, 0), Scope::default()), Ok(1));
    }
    for attempt in &failed {
        write(&mut tables, attempt);
        assert_eq!(row(1), json!(["pending", 0, 1]), "{attempt:?}");
    }
    write(&mut tables, &lost);
    assert_eq!(row(2), json!(["pending", 0, 1]));
    write(&mut tables, &delivered);
    assert_eq!(row(2)[0], "delivered");
}

#[test]
fn an_attempt_of_another_file_changes_no_delivery_that_has_its_id() {
    let connection = in_memory();
    let mut tables = tables(&connection, 9);
    add(&mut tables, 0..1);
    let of_other = Attempt { message_id: "msg_0".to_owned(), ..made(&connection, 1, 50, Some(200), Next::Delivered) };
    write(&mut tables, &of_other);
    assert_eq!(states(&connection, "ops"), ["pending"]);
    assert_eq!(rows(&connection, "SELECT count(*) FROM webhooks"), [json!([0])]);
}

#[test]
fn what_was_dropped_while_it_was_sent_stays_so_unless_it_was_delivered() {
    let connection = in_memory();
    let mut tables = tables(&connection, 1);
    add(&mut tables, 0..2);
    attempt(&connection, &mut tables, 1, 50, Some(500), Next::Retry(99));
    attempt(&connection, &mut tables, 2, 50, Some(200), Next::Delivered);
    assert_eq!(states(&connection, "ops"), ["failed", "pending"]);
    assert_eq!(states(&connection, "lab"), ["delivered", "pending"]);
    // The one that is pending still counts.
    add(&mut tables, 2..3);
    assert_eq!(states(&connection, "lab"), ["delivered", "failed", "pending"]);
}
