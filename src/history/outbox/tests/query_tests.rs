//! The queries, their order, and the indexes that they use.

use std::time::Instant;

use rusqlite::Connection;
use serde_json::json;

use super::*;
use crate::config::pattern::Patterns;
use crate::history::query::MAX_ROWS;

/// Six deliveries of each of three endpoints, by event. Event n is written at n seconds.
fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("../../store/schema_1.sql")).unwrap();
    connection
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 6)
             INSERT INTO events SELECT i, 'msg_' || i, iif(i = 6, 'batch.failed', 'job.failed'),
                iif(i % 2, 'prod', 'lab'),
                iif(i > 3, 'team-a', 'demo'), 'object-' || i, 1000 + i, 1000 * i, '{' || i || '}' FROM n;
             WITH states(webhook, state) AS (VALUES ('ops', 'pending'), ('bad', 'failed'), ('ok', 'delivered'))
             INSERT INTO deliveries (event, webhook, state, written, next_attempt)
             SELECT events.id, webhook, state, written, iif(state = 'pending', 100 - events.id, NULL)
             FROM events CROSS JOIN states ORDER BY events.id, webhook",
        )
        .unwrap();
    connection
}

#[test]
fn the_longest_due_comes_first_and_the_next_one_is_told() {
    let connection = database();
    let due = |now, except: &[i64], limit| {
        let due = due(&connection, "ops", now, except, limit).unwrap();
        (due.deliveries.iter().map(|due| due.message_id.clone()).collect::<Vec<_>>(), due.next)
    };
    let names = |events: &[i64]| events.iter().map(|event| format!("msg_{event}")).collect::<Vec<_>>();
    assert_eq!(due(93, &[], 9), (names(&[]), Some(94)));
    assert_eq!(due(96, &[], 9), (names(&[6, 5, 4]), Some(97)));
    assert_eq!(due(96, &[], 2), (names(&[6, 5]), Some(96)));
    let six =
        connection.query_row("SELECT id FROM deliveries WHERE event = 6 AND webhook = 'ops'", [], |row| row.get(0));
    assert_eq!(due(96, &[six.unwrap(), 99], 2), (names(&[5, 4]), Some(97)));
    assert_eq!(due(999, &[], 9), (names(&[6, 5, 4, 3, 2, 1]), None));
    assert!(super::due(&connection, "ok", 999, &[], 9).unwrap().deliveries.is_empty());
    let first = super::due(&connection, "ops", 999, &[], 1).unwrap().deliveries.swap_remove(0);
    assert_eq!((first.body.as_str(), first.attempts), ("{6}", 0));
}

#[test]
fn a_summary_counts_what_the_caller_may_see() {
    let connection = database();
    let of = |webhook: &str, scope: &Scope| summary(&connection, webhook, scope).unwrap();
    let all = Scope::default();
    let expected = Summary { pending: 6, oldest_pending: Some(Timestamp(1)), ..Summary::default() };
    assert_eq!(of("ops", &all), expected);
    assert_eq!(of("ok", &all), Summary::default());
    let lab = Scope { clusters: Some(vec!["lab".to_owned()]), namespaces: vec![] };
    let expected = Summary { pending: 3, oldest_pending: Some(Timestamp(2)), ..Summary::default() };
    assert_eq!(of("ops", &lab), expected);
    let team = Scope { namespaces: vec![Patterns::parse("team-*").unwrap()], ..lab.clone() };
    assert_eq!((of("ops", &team).pending, of("ops", &team).oldest_pending), (2, Some(Timestamp(4))));
    let set = |sql: &str| connection.execute_batch(sql).unwrap();
    set("INSERT INTO webhooks VALUES ('ops', 9000, 502, 7000)");
    let last = of("ops", &all);
    assert_eq!((last.has_last_failed, last.last_status, last.last_success), (true, Some(502), Some(Timestamp(7))));
    set("UPDATE webhooks SET last_success = 9000, last_status = 200");
    assert!(!of("ops", &all).has_last_failed, "the last attempt was a success");
    set("UPDATE webhooks SET last_success = NULL, last_status = NULL");
    assert!(of("ops", &all).has_last_failed, "there was no reply");
}

#[test]
fn a_list_has_the_newest_first_in_pages() {
    let connection = database();
    let named = |webhook: &str, state: Option<&str>| DeliveryFilter {
        webhook: Some(webhook.to_owned()),
        state: state.map(str::to_owned),
        ..DeliveryFilter::default()
    };
    let all = |filter: &DeliveryFilter| {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = list(&connection, filter, after, 4).unwrap();
            found.extend(page.rows.iter().map(|row| [row.delivery_id.clone(), row.webhook.clone()].join(" ")));
            after = page.next;
            if after.is_none() {
                return found;
            }
        }
    };
    let of = |webhook: &str| [6, 5, 4, 3, 2, 1].map(|event| format!("msg_{event} {webhook}"));
    for (webhook, state) in [("ops", "pending"), ("bad", "failed"), ("ok", "delivered")] {
        assert_eq!(all(&named(webhook, Some(state))), of(webhook));
        assert_eq!(all(&named(webhook, None)), of(webhook));
        assert_eq!(all(&DeliveryFilter { webhook: None, ..named("", Some(state)) }), of(webhook));
    }
    assert!(all(&named("ok", Some("failed"))).is_empty());
    let mut every = all(&DeliveryFilter::default());
    assert_eq!((every.len(), every[0].starts_with("msg_6 ")), (18, true));
    every.sort();
    every.dedup();
    assert_eq!(every.len(), 18);
    assert_eq!(all(&DeliveryFilter { since: Some(5000), ..named("ok", None) }), of("ok")[..2]);
    let scope = Scope { clusters: Some(vec!["lab".to_owned()]), namespaces: vec![Patterns::parse("demo").unwrap()] };
    assert_eq!(all(&DeliveryFilter { scope, ..named("ok", None) }), ["msg_2 ok"]);
    let bounds = Bounds { limit: 9, max_rows: 2 };
    let page = list_bounded(&connection, &named("ok", Some("none")), None, bounds).unwrap();
    assert_eq!((page.rows.len(), page.next.map(|next| next.time)), (0, Some(5000)));
}

#[test]
fn a_delivery_is_shown_with_its_event() {
    let connection = database();
    let attempt =
        "UPDATE deliveries SET attempts = 2, last_attempt = 8000, last_status = 502, last_error = 'bad gateway'";
    connection.execute_batch(attempt).unwrap();
    let filter = DeliveryFilter { webhook: Some("ops".to_owned()), ..DeliveryFilter::default() };
    let page = serde_json::to_value(list(&connection, &filter, None, 2).unwrap().rows).unwrap();
    let mut expected = json!({
        "delivery_id": "msg_6", "webhook": "ops", "type": "batch.failed", "cluster": "lab", "namespace": "team-a",
        "job_name": null, "batch_name": "object-6", "state": "pending", "attempts": 2,
        "timestamp": "1970-01-01T00:16:46+00:00", "created_time": "1970-01-01T00:00:06+00:00",
        "last_attempt": "1970-01-01T00:00:08+00:00", "next_attempt": "1970-01-01T00:00:00+00:00", "last_status": 502,
        "last_error": "bad gateway",
    });
    assert_eq!(page[0], expected);
    expected["job_name"] = json!("object-5");
    assert_eq!((&page[1]["job_name"], &page[1]["batch_name"]), (&expected["job_name"], &json!(null)));
}

#[test]
fn no_query_sorts_or_reads_a_whole_table() {
    let connection = database();
    let filters = [(Some("ops"), None), (Some("ops"), Some("pending")), (Some("ops"), Some("failed")), (None, None)];
    let lists = filters.map(|(webhook, state): (Option<&str>, Option<&str>)| {
        let (webhook, state) = (webhook.map(str::to_owned), state.map(str::to_owned));
        DeliveryFilter { webhook, state, ..DeliveryFilter::default() }.sql()
    });
    for sql in lists.iter().map(String::as_str).chain([DUE, PENDING, PENDING_OF_SCOPE]) {
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let count = plan.parameter_count();
        let lines = plan.query_map(rusqlite::params_from_iter(vec![1; count]), |row| row.get::<_, String>(3)).unwrap();
        let lines = lines.collect::<Result<Vec<_>, _>>().unwrap();
        let is_cheap =
            |line: &String| line.starts_with("SEARCH") && (line.contains("INDEX") || line.contains("PRIMARY KEY"));
        // The step of `SELECT EXISTS` around its query.
        let mut steps = lines.iter().filter(|line| !line.starts_with("SCA") || line.contains("deliveries"));
        assert!(steps.all(is_cheap), "{sql}: {lines:?}");
    }
}

#[test]
#[ignore = "it measures"]
fn due_and_summary_of_a_large_outbox_take_milliseconds() {
    let connection = database();
    connection
        .execute_batch(
            "DELETE FROM events; DELETE FROM deliveries; BEGIN;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1010000)
             INSERT INTO events SELECT i, i, 'job.failed', 'prod', 'demo', 'etl', i, i, hex(zeroblob(400)) FROM n;
             INSERT INTO deliveries (event, webhook, state, written, next_attempt)
             SELECT id, 'ops', iif(id % 101, 'delivered', 'pending'), written, iif(id % 101, NULL, id) FROM events;
             COMMIT",
        )
        .unwrap();
    let took = |name: &str, query: &dyn Fn() -> u64| {
        let begin = Instant::now();
        println!("{name}: {} in {:?}", query(), begin.elapsed());
    };
    let filter = DeliveryFilter { webhook: Some("ops".to_owned()), ..DeliveryFilter::default() };
    let failed = DeliveryFilter { state: Some("failed".to_owned()), webhook: None, ..DeliveryFilter::default() };
    let scope = Scope { clusters: Some(vec!["prod".to_owned()]), namespaces: vec![] };
    took("due", &|| due(&connection, "ops", i64::MAX, &[], 4).unwrap().deliveries.len() as u64);
    took("summary", &|| summary(&connection, "ops", &Scope::default()).unwrap().pending);
    took("summary of a scope", &|| summary(&connection, "ops", &scope).unwrap().pending);
    took("list", &|| list(&connection, &filter, None, 500).unwrap().rows.len() as u64);
    took("list of none", &|| list(&connection, &failed, None, 500).unwrap().rows.len() as u64 + MAX_ROWS as u64);
}
