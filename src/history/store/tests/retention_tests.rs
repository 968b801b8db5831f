//! Tests of the deletion by age and by size.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::history::record::{AuditRecord, Record};
use crate::history::store::apply::Tables;
use crate::history::store::open::open;
use crate::history::store::support_tests::{Dir, changed, gone, integrity, job_at, now, rows};

const DAY: i64 = 86400;

fn audit(time: i64) -> Record {
    let text = String::new;
    let (namespace, caller, outcome) = (text(), text(), text());
    let (cluster, operation) = ("prod".to_owned(), "list_jobs".to_owned());
    let json = "x".repeat(1000);
    Record::Audit(Box::new(AuditRecord { time: time * 1000, cluster, namespace, operation, outcome, caller, json }))
}

fn work(connection: &Connection, config: &HistoryConfig) -> i64 {
    let mut retention = Retention::new(connection, config, Duration::ZERO).unwrap();
    while retention.work(true).unwrap() {}
    retention.too_old()
}

#[test]
fn what_is_older_than_keep_is_deleted_unless_it_may_still_run() {
    let dir = Dir::new();
    let database = open(&dir.config()).unwrap();
    let mut tables = Tables::prepare(&database.connection).unwrap();
    let (old, young) = (now() - 91 * DAY, now() - 89 * DAY);
    for run in 0..1200 {
        tables.apply(&changed(job_at(old, &format!("old-{run}"), 7, "completed"))).unwrap();
    }
    for (uid, time) in [("running-old", old), ("running-young", young)] {
        tables.apply(&changed(job_at(time, uid, 7, "running"))).unwrap();
    }
    tables.apply(&changed(job_at(young, "young", 7, "completed"))).unwrap();
    tables.apply(&gone(job_at(old, "gone", 7, "running"), old + 9)).unwrap();
    (0..1200).for_each(|_| tables.apply(&audit(old)).unwrap());
    tables.apply(&audit(young)).unwrap();
    drop(tables);
    let too_old = work(&database.connection, &dir.config());
    let left = rows(&database.connection, "SELECT uid FROM runs ORDER BY 1");
    assert_eq!(left, [json!(["running-old"]), json!(["running-young"]), json!(["young"])]);
    assert_eq!(rows(&database.connection, "SELECT count(*) FROM audit"), [json!([1])]);
    assert_eq!(rows(&database.connection, "SELECT count(DISTINCT run) FROM transitions"), [json!([3])]);
    assert!((old..young).contains(&too_old));
    let free = rows(
        &database.connection,
        "SELECT freelist_count * 10 <= page_count FROM pragma_freelist_count, pragma_page_count",
    );
    assert_eq!(free, [json!([1])], "the pages are given back");
    integrity(&database.connection);
}

#[test]
fn the_oldest_are_deleted_when_the_size_is_reached() {
    let dir = Dir::new();
    let config = HistoryConfig { max_size: 2 << 20, ..dir.config() };
    let database = open(&config).unwrap();
    let mut tables = Tables::prepare(&database.connection).unwrap();
    let start = now() - DAY;
    let write = |tables: &mut Tables<'_>, range: std::ops::Range<i64>| -> rusqlite::Result<()> {
        let transaction = database.connection.unchecked_transaction()?;
        for run in range {
            let state = if run < 5 { "running" } else { "completed" };
            let status = job_at(start + run, &format!("uid-{run}"), 7, state);
            let cluster: Arc<str> = ["prod", "lab"][usize::from(run % 10 == 0)].into();
            tables.apply(&Record::Changed { cluster, status })?;
            tables.apply(&audit(start + run))?;
        }
        transaction.commit()
    };
    // Some pieces are audit records.
    let (mut written, mut too_old) = (0, 0);
    while too_old < start {
        assert!(written < 50_000, "no run is deleted");
        while !Retention::new(&database.connection, &config, Duration::ZERO).unwrap().is_high().unwrap() {
            write(&mut tables, written..written + 20).unwrap();
            written += 20;
        }
        too_old = work(&database.connection, &config);
    }
    assert!(too_old > start && too_old < start + written, "{too_old}");
    let run = |sql: &str| rows(&database.connection, sql);
    assert_eq!(run("SELECT value FROM facts WHERE name = 'kept_since'"), [json!([too_old])]);
    assert_eq!(run("SELECT count(*) FROM runs WHERE state = 'running'"), [json!([5])]);
    let left = run("SELECT min(created) FROM runs WHERE state = 'completed'")[0][0].as_i64().unwrap();
    assert!(left > start + 5);
    // A large write fails as a whole. The rest of the file is not hurt.
    let full = write(&mut tables, written..written + 4000).unwrap_err();
    assert_eq!(full.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    drop(tables);
    let newest = run("SELECT max(created) FROM runs")[0][0].as_i64().unwrap();
    assert_eq!(newest, start + written - 1);
    integrity(&database.connection);
}
