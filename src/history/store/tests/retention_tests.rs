//! Tests of the deletion by age and by size.

use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::history::record::{AuditRecord, ListReason, Record};
use crate::history::store::apply::Tables;
use crate::history::store::open::open;
use crate::history::store::support_tests::{Dir, changed, gone, in_memory, integrity, job_at, listed, now, rows};
use crate::jobs::status::Status;

const DAY: i64 = 86400;

fn audit(time: i64) -> Record {
    let text = String::new;
    let (namespace, caller, outcome) = (text(), text(), text());
    let (cluster, operation) = ("prod".to_owned(), "list_jobs".to_owned());
    let json = "x".repeat(1000);
    Record::Audit(Box::new(AuditRecord { time: time * 1000, cluster, namespace, operation, outcome, caller, json }))
}

/// The retention of a service that has just started.
fn retention<'c>(connection: &'c Connection, config: &HistoryConfig) -> Retention<'c> {
    Retention::new(connection, config, Duration::ZERO, now()).unwrap()
}

fn work(connection: &Connection, config: &HistoryConfig) -> TooOld {
    let mut retention = retention(connection, config);
    while retention.work(true).unwrap() {}
    retention.too_old()
}

fn of(cluster: &str, status: Arc<Status>) -> Record {
    Record::Changed { cluster: cluster.into(), status }
}

fn set_compared(connection: &Connection, cluster: &str, time: i64) {
    let set = "UPDATE clusters SET compared = ?2 WHERE name = ?1";
    assert_eq!(connection.execute(set, (cluster, time)).unwrap(), 1);
}

/// Writes in one transaction.
fn write(connection: &Connection, records: impl IntoIterator<Item = Record>) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut tables = Tables::prepare(connection)?;
    records.into_iter().try_for_each(|record| tables.apply(&record))?;
    drop(tables);
    transaction.commit()
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
    set_compared(&database.connection, "prod", now());
    let too_old = work(&database.connection, &dir.config());
    let left = rows(&database.connection, "SELECT uid FROM runs ORDER BY 1");
    assert_eq!(left, [json!(["running-old"]), json!(["running-young"]), json!(["young"])]);
    assert_eq!(rows(&database.connection, "SELECT count(*) FROM audit"), [json!([1])]);
    assert_eq!(rows(&database.connection, "SELECT count(DISTINCT run) FROM transitions"), [json!([3])]);
    assert!(too_old.includes(old, Some(old + 61)) && !too_old.includes(young, Some(young + 61)));
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
    let connection = &database.connection;
    let start = now() - DAY;
    let record = |run: i64| {
        let state = if run < 5 { "running" } else { "completed" };
        let cluster = ["prod", "lab"][usize::from(run % 10 == 0)];
        [of(cluster, job_at(start + run, &format!("uid-{run}"), 7, state)), audit(start + run)]
    };
    write(connection, (0..10).flat_map(record)).unwrap();
    for cluster in ["prod", "lab"] {
        set_compared(connection, cluster, now());
    }
    // Some pieces are audit records.
    let (mut written, mut too_old) = (10, 0);
    while too_old < start {
        assert!(written < 50_000, "no run is deleted");
        while !retention(connection, &config).is_high().unwrap() {
            write(connection, (written..written + 20).flat_map(record)).unwrap();
            written += 20;
        }
        too_old = work(connection, &config).created_by;
    }
    assert!(too_old > start && too_old < start + written, "{too_old}");
    let run = |sql: &str| rows(connection, sql);
    assert_eq!(run("SELECT value FROM facts WHERE name = 'kept_since'"), [json!([too_old])]);
    assert_eq!(run("SELECT count(*) FROM runs WHERE state = 'running'"), [json!([5])]);
    let left = run("SELECT min(created) FROM runs WHERE state = 'completed'")[0][0].as_i64().unwrap();
    assert!(left > start + 5);
    // A large write fails as a whole. The rest of the file is not hurt.
    let full = write(connection, (written..written + 4000).flat_map(record)).unwrap_err();
    assert_eq!(full.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull));
    let newest = run("SELECT max(created) FROM runs")[0][0].as_i64().unwrap();
    assert_eq!(newest, start + written - 1);
    integrity(connection);
}

#[test]
fn a_piece_has_the_oldest_of_all_clusters_and_of_the_audit() {
    let connection = in_memory();
    // The lab has a run a day. Prod, and the audit, have 5,000 in 50 days.
    let start = now() - 300 * DAY;
    let lab = (0..300).map(|run| of("lab", job_at(start + run * DAY, &format!("lab-{run}"), 7, "completed")));
    let time = |run: i64| start + 250 * DAY + run * 864;
    let prod = (0..5000).map(|run| of("prod", job_at(time(run), &format!("prod-{run}"), 7, "completed")));
    write(&connection, lab.chain(prod).chain((0..5000).map(|run| audit(time(run))))).unwrap();
    let all = "SELECT created AS time FROM runs UNION ALL SELECT time / 1000 FROM audit";
    let mut expected = rows(&connection, &format!("{all} ORDER BY 1"));
    let dir = Dir::new();
    let mut retention = retention(&connection, &dir.config());
    for _ in 0..8 {
        let deleted: Vec<_> = expected.drain(..500).map(|row| row[0].as_i64().unwrap()).collect();
        assert!(retention.delete_by_size().unwrap());
        assert_eq!(rows(&connection, &format!("{all} ORDER BY 1")), expected);
        let kept_since = retention.too_old().created_by;
        assert!(deleted.contains(&kept_since) && deleted[490] <= kept_since, "{kept_since}");
        assert_eq!(rows(&connection, "SELECT value FROM facts"), [json!([kept_since])]);
    }
    let lab = "SELECT count(*) FROM runs WHERE uid LIKE 'lab-%'";
    assert!(rows(&connection, lab)[0][0].as_i64().unwrap() > 25);
}

#[test]
fn the_oldest_are_found_by_the_indexes() {
    let connection = in_memory();
    let plan = format!("EXPLAIN QUERY PLAN {}", OLDEST.replace("?1", "1").replace("?2", "1").replace("?3", "1"));
    let plan: Vec<_> =
        rows(&connection, &plan.replace("?4", "1").replace("?5", "1")).iter().map(|row| row[3].to_string()).collect();
    for step in ["runs_by_created (cluster=? AND created<?)", "audit_by_time (time<?)", "PRIMARY KEY (rowid=?)"] {
        assert!(plan.iter().any(|line| line.contains(step)), "{step}: {plan:#?}");
    }
    assert!(!plan.iter().any(|line| line.contains("SCAN runs") || line.contains("SCAN audit")), "{plan:#?}");
}

#[test]
fn the_age_of_a_run_counts_from_its_end() {
    let connection = in_memory();
    let (old, young) = (now() - 91 * DAY, now() - 89 * DAY);
    let long = |uid| job_at(old, uid, 7, "running");
    let records = [
        changed(job_at(old, "ended", 7, "failed")),
        gone(long("gone"), old + 9),
        gone(long("long"), young),
        gone(job_at(old, "kept-long", 7, "completed"), young),
        changed(job_at(now() - 90 * DAY - 30, "young-end", 7, "completed")),
    ];
    write(&connection, records).unwrap();
    set_compared(&connection, "prod", now());
    let dir = Dir::new();
    let too_old = work(&connection, &dir.config());
    let left = rows(&connection, "SELECT uid FROM runs ORDER BY 1");
    assert_eq!(left, [json!(["kept-long"]), json!(["long"]), json!(["young-end"])]);
    assert!(!too_old.includes(old, Some(young)) && !too_old.includes(old, None));
    assert!(too_old.includes(old, Some(old + 61)) && too_old.includes(old, Some(old - 9)));
    // The clock of the cluster may be ahead when it notes the end.
    assert!(!too_old.includes(young, Some(old)));
}

#[test]
fn open_runs_of_clusters_that_are_not_compared_any_more_are_deleted() {
    let (old, young) = (now() - 91 * DAY, now() - 89 * DAY);
    let filled = || {
        let connection = in_memory();
        let clusters = ["former", "never", "prod", "recent"];
        let open = |cluster| {
            [("old", old), ("young", young)]
                .map(|(age, time)| of(cluster, job_at(time, &format!("{cluster}-{age}"), 7, "running")))
        };
        write(&connection, clusters.into_iter().flat_map(open)).unwrap();
        for (cluster, time) in [("former", old), ("prod", now()), ("recent", young)] {
            set_compared(&connection, cluster, time);
        }
        connection
    };
    let dir = Dir::new();
    let left = |connection: &Connection, pattern: &str| {
        let sql = format!("SELECT uid FROM runs WHERE uid LIKE '{pattern}' ORDER BY 1");
        rows(connection, &sql).iter().map(|row| row[0].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let connection = filled();
    work(&connection, &dir.config());
    let expected = ["former-young", "never-young", "prod-old", "prod-young", "recent-old", "recent-young"];
    assert_eq!(left(&connection, "%"), expected);

    let connection = filled();
    while retention(&connection, &dir.config()).delete_by_size().unwrap() {}
    assert_eq!(left(&connection, "%"), ["prod-old", "prod-young", "recent-old", "recent-young"]);

    // This service has run for long, and watches the cluster without a new list.
    let connection = filled();
    let mut retention = Retention::new(&connection, &dir.config(), Duration::ZERO, old).unwrap();
    while retention.work(true).unwrap() {}
    assert_eq!(left(&connection, "former-%"), ["former-old", "former-young"]);
    assert_eq!(left(&connection, "never-%"), ["never-young"]);
}

#[test]
fn a_comparison_is_noted_with_its_time() {
    let connection = in_memory();
    write(&connection, [changed(job_at(now(), "a", 7, "running"))]).unwrap();
    assert_eq!(rows(&connection, "SELECT compared FROM clusters"), [json!([null])]);
    write(&connection, [listed(vec![], 1_790_000_000, ListReason::Start)]).unwrap();
    assert_eq!(rows(&connection, "SELECT compared FROM clusters"), [json!([1_790_000_000])]);
}
