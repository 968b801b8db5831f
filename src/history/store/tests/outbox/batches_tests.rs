//! The events of the ends of batches.

use serde_json::json;
use tokio::sync::oneshot;

use super::deliveries_tests::tables;
use crate::history::record::{BatchEnd, Record};
use crate::history::store::apply::Tables;
use crate::history::store::support_tests::{in_memory, integrity, rows, to};
use crate::jobs::batches::state::BatchState::{self, Completed, Failed, Incomplete, Running};

const T: i64 = 1_790_000_000;

fn ended(uid: &str, state: BatchState, time: i64) -> BatchEnd {
    let text = |text: &str| text.into();
    let (namespace, name) = (text("demo"), text("night"));
    let labels = vec![(text("team"), text("data"))];
    BatchEnd {
        uid: uid.into(),
        namespace,
        name,
        state,
        time: T + time,
        labels,
        notify: None,
        json: text(r#"{"a": 1}"#),
    }
}

fn batches(tables: &mut Tables<'_>, batches: Vec<BatchEnd>) {
    let (done, _) = oneshot::channel();
    tables.apply(&Record::BatchesEnded { cluster: "prod".into(), batches, done }).unwrap();
}

#[test]
fn batches_that_ended_while_there_were_no_webhooks_make_no_events() {
    let connection = in_memory();
    let outbox = to(&["ops"], 9);
    let record = |uid: &str| {
        let mut tables = Tables::with_outbox(&connection, Some(&outbox)).unwrap();
        batches(&mut tables, vec![ended(uid, Failed, 1)]);
        batches(&mut tables, vec![]);
        rows(&connection, "SELECT count(*) FROM events")[0][0].as_i64().unwrap()
    };
    assert_eq!(["a", "b", "c"].map(record), [0, 1, 2]);
    drop(Tables::with_outbox(&connection, None).unwrap());
    assert_eq!(["d", "e"].map(record), [2, 3]);
}

#[test]
fn the_end_of_a_batch_is_an_event_once_after_the_first_list_of_the_cluster() {
    let connection = in_memory();
    let mut tables = tables(&connection, 99);
    batches(&mut tables, vec![ended("old", Completed, 1)]);
    batches(&mut tables, vec![ended("second", Failed, 1)]);
    batches(&mut tables, vec![]);
    tables.too_old.created_by = T + 2;
    let unreadable = BatchEnd { json: "{".into(), ..ended("bad", Failed, 9) };
    for _ in 0..2 {
        let all =
            [("old", Completed, 1), ("late", Failed, 2), ("a", Completed, 7), ("b", Incomplete, 8), ("c", Running, 9)];
        let all = all.map(|(uid, state, time)| ended(uid, state, time));
        batches(&mut tables, [vec![unreadable.clone()], all.to_vec()].concat());
    }
    // Members are deleted after the end. `b` gets new ones.
    batches(&mut tables, vec![ended("a", Incomplete, 9), ended("b", Incomplete, 5), ended("b", Failed, 9)]);
    batches(&mut tables, vec![ended("b", Incomplete, 10), ended("a", Completed, 11)]);
    let found = rows(
        &connection,
        "SELECT type, namespace, object, time - 1790000000 FROM events
         JOIN deliveries ON event = events.id WHERE webhook = 'ops' ORDER BY events.id",
    );
    let expected = [("completed", 7), ("incomplete", 8), ("failed", 9), ("completed", 11)];
    assert_eq!(found, expected.map(|(state, time)| json!([format!("batch.{state}"), "demo", "night", time])));
    let first = rows(&connection, "SELECT message_id, body FROM events").swap_remove(0);
    assert_eq!(first[0], "msg_729c916cc9dfedce0093b2f024623231");
    assert_eq!(first[1], r#"{"type":"batch.completed","timestamp":"2026-09-21T14:13:27+00:00","data":{"a": 1}}"#);
    integrity(&connection);
}
