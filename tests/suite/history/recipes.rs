//! Runs the SQL of docs/HISTORY.md on a database with known rows, and holds what each query finds against what it says.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

const SCHEMA: &str = include_str!("../../../src/history/store/schema_1.sql");
const DAY: i64 = 86_400;
/// 2026-11-23, a Monday.
const MONDAY: i64 = 1_795_392_000;

/// The SQL blocks of the page, each with the line before it.
fn recipes() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/HISTORY.md")).unwrap();
    let parts: Vec<&str> = page.split("\n```").collect();
    let pairs = parts.chunks_exact(2).filter_map(|pair| Some((pair[0], pair[1].strip_prefix("sql\n")?)));
    pairs.map(|(text, sql)| (text.trim_end().lines().last().unwrap().to_owned(), sql.to_owned())).collect()
}

/// A run of a template. It was created at this time, and ran for so long if it ended.
fn run(database: &Connection, cluster: i64, template: Option<&str>, created: i64, state: &str, ran: Option<i64>) {
    let row = "INSERT INTO runs (cluster, uid, version, namespace, job_name, state, created, started, ended, template, \
        labels, queued_s, ran_s, retries, active, succeeded, failed) VALUES (?1, hex(randomblob(16)), 1, 'demo', ?2, ?3, \
        ?4, ?4, ?4 + ?5, ?6, '{}', 0, ?5, 0, 0, 0, 0)";
    let name = format!("job-{created}");
    database.execute(row, params![cluster, name, state, created, ran, template]).unwrap();
}

fn audit(database: &Connection, time: i64, operation: &str, outcome: &str, caller: Option<&str>) {
    let row = "INSERT INTO audit (time, cluster, namespace, operation, outcome, caller, record) \
        VALUES (?1, 'prod', 'demo', ?2, ?3, ?4, ?5)";
    let record = json!({ "operation": operation, "job": format!("job-{time}") }).to_string();
    database.execute(row, params![time, operation, outcome, caller, record]).unwrap();
}

fn database() -> Connection {
    let database = Connection::open_in_memory().unwrap();
    database.execute_batch(SCHEMA).unwrap();
    database.execute_batch("INSERT INTO clusters (id, name) VALUES (1, 'lab'), (2, 'prod')").unwrap();
    // One week has 40 runs of 1 to 40 seconds, from its first to its last second; the next week has one.
    for second in 1..=39 {
        run(&database, 1, Some("cronjob/etl"), MONDAY + second - 1, "completed", Some(second));
    }
    run(&database, 1, Some("cronjob/etl"), MONDAY + 7 * DAY - 1, "completed", Some(40));
    run(&database, 1, Some("cronjob/etl"), MONDAY + 7 * DAY, "completed", Some(7));
    run(&database, 1, Some("cronjob/etl"), MONDAY, "running", None);
    run(&database, 2, Some("cronjob/etl"), MONDAY, "completed", Some(99));
    run(&database, 1, None, MONDAY, "completed", Some(1000));
    // Nights of a template in one cluster: f is a failure, c a success, b is both. The other cluster has the other nights.
    for (night, states) in ["f", "ff", "f", "c", "f", "b", "f", "f", "c"].into_iter().enumerate() {
        let created = MONDAY + i64::try_from(night).unwrap() * DAY + 3 * 3600;
        for (second, state) in states.replace('b', "fc").chars().enumerate() {
            let state = if state == 'f' { "failed" } else { "completed" };
            run(&database, 2, Some("job/report"), created + i64::try_from(second).unwrap(), state, None);
        }
        if states == "c" {
            run(&database, 1, Some("job/report"), created, "failed", None);
        }
    }
    audit(&database, 1_795_392_000_956, "delete_job", "success", Some("ci"));
    audit(&database, 1_795_392_001_000, "delete_batch", "success", None);
    audit(&database, 1_795_392_002_000, "delete_job", "refused", Some("ci"));
    audit(&database, 1_795_392_003_000, "create_job", "success", Some("ci"));
    database
}

fn rows(database: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut query = database.prepare(sql).unwrap_or_else(|error| panic!("{error}: {sql}"));
    let columns = query.column_count();
    let cell = |value: ValueRef<'_>| match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => json!(number),
        ValueRef::Real(number) => json!(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => json!(std::str::from_utf8(text).unwrap()),
    };
    let found = query.query_map([], |row| (0..columns).map(|column| Ok(cell(row.get_ref(column)?))).collect());
    found.unwrap().map(Result::unwrap).collect()
}

#[test]
fn each_query_of_the_page_finds_what_it_says() {
    let expected = [
        (
            "The 95th percentile",
            json!([
                ["lab", "demo", "cronjob/etl", "2026-11-23", 40, 38],
                ["lab", "demo", "cronjob/etl", "2026-11-30", 1, 7],
                ["prod", "demo", "cronjob/etl", "2026-11-23", 1, 99]
            ]),
        ),
        ("Templates that failed three nights", json!([["prod", "demo", "job/report", "2026-11-23", 3]])),
        (
            "Calls that deleted",
            json!([
                ["2026-11-23 00:00:01", null, "prod", "demo", "delete_batch", "job-1795392001000"],
                ["2026-11-23 00:00:00", "ci", "prod", "demo", "delete_job", "job-1795392000956"]
            ]),
        ),
    ];
    let (database, recipes) = (database(), recipes());
    assert_eq!(recipes.len(), expected.len());
    for ((title, sql), (start, wanted)) in recipes.iter().zip(expected) {
        assert!(title.starts_with(start), "{title}");
        assert_eq!(json!(rows(&database, sql)), wanted, "{title}");
    }
}
