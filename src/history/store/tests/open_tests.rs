//! Files that can be used, and files that are left as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::history::store::apply::Tables;
use crate::history::store::support_tests::{Dir, changed, content, integrity, job_at, rows};

fn refused(dir: &Dir) -> String {
    let before = dir.bytes();
    let why = open(&dir.config()).unwrap_err().to_string();
    assert!(dir.bytes() == before, "the file is not touched");
    assert!(!why.contains(&*dir.0.to_string_lossy()), "{why}");
    why
}

/// A history with some runs, closed.
fn filled() -> Dir {
    let dir = Dir::new();
    let database = open(&dir.config()).unwrap();
    let mut tables = Tables::prepare(&database.connection).unwrap();
    for run in 0..300 {
        tables.apply(&changed(job_at(1_790_000_000 + run, &format!("uid-{run}"), 7, "completed"))).unwrap();
    }
    drop(tables);
    drop(database);
    dir
}

#[test]
fn a_new_file_is_for_its_owner_only_and_has_the_newest_schema() {
    let dir = filled();
    for file in ["history.db", "history.lock"] {
        let mode = fs::metadata(dir.0.join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    assert!(!dir.0.join("history.db-wal").exists(), "a checkpoint was made");
    let database = open(&dir.config()).unwrap();
    let pragma = |name: &str| rows(&database.connection, &format!("PRAGMA {name}"))[0][0].clone();
    assert_eq!((pragma("user_version"), pragma("application_id")), (1.into(), 0x656b_7368.into()));
    assert_eq!((pragma("journal_mode"), pragma("auto_vacuum")), ("wal".into(), 2.into()));
    assert_eq!(pragma("max_page_count"), 262_144);
    integrity(&database.connection);
}

#[test]
fn a_newer_schema_is_refused() {
    let dir = filled();
    dir.connection().execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(refused(&dir).starts_with("history.db has schema 2, and this version of eks-api knows 1: install"));
}

#[test]
fn a_negative_schema_is_refused() {
    let dir = filled();
    dir.connection().execute_batch("PRAGMA user_version = -1").unwrap();
    assert_eq!(refused(&dir), "history.db is not a history of eks-api: move it away");
}

#[test]
fn a_newer_schema_in_the_log_is_refused() {
    let dir = filled();
    let other = dir.connection();
    other.execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(refused(&dir).starts_with("history.db has schema 2"));
}

#[test]
fn the_file_of_another_program_is_refused() {
    let dir = Dir::new();
    dir.connection().execute_batch("CREATE TABLE theirs (a)").unwrap();
    assert_eq!(refused(&dir), "history.db is not a history of eks-api: move it away");
    for text in ["not a database", "SQLite format 3\0", &"x".repeat(5000)] {
        fs::write(dir.database(), text).unwrap();
        assert!(refused(&dir).starts_with("history.db is not a history"), "{text:.20}");
    }
}

#[test]
fn a_damaged_file_is_refused_and_its_log_is_kept() {
    let dir = filled();
    let mut bytes = dir.bytes();
    let pages = bytes.len() / 4096;
    for page in [2, pages / 2, pages - 1] {
        bytes[page * 4096..][..4096].fill(0x5a);
    }
    fs::write(dir.database(), &bytes).unwrap();
    assert!(refused(&dir).starts_with("history.db is damaged: stop the service, and move"));
    let truncated = &filled().bytes()[..4096 * 3];
    fs::write(dir.database(), truncated).unwrap();
    assert!(refused(&dir).starts_with("history.db is damaged"));
}

#[test]
fn a_second_service_is_refused_until_the_first_ends() {
    let dir = Dir::new();
    let first = open(&dir.config()).unwrap();
    assert!(refused(&dir).starts_with("another process uses the history"));
    drop(first);
    assert!(open(&dir.config()).is_ok());
}

#[test]
fn a_directory_that_is_missing_or_cannot_be_written_is_refused() {
    let dir = Dir::new();
    let missing = HistoryConfig { dir: dir.0.join("missing"), ..dir.config() };
    assert!(open(&missing).unwrap_err().to_string().starts_with("EKS_API_STATE_DIR is not a directory"));
    // Also the superuser cannot create a file there.
    let proc = HistoryConfig { dir: "/proc/self".into(), ..dir.config() };
    assert!(open(&proc).unwrap_err().to_string().starts_with("the history cannot be written"));
    fs::create_dir(dir.database()).unwrap();
    assert!(open(&dir.config()).unwrap_err().to_string().starts_with("history.db is not a history of eks-api"));
}

#[test]
fn what_was_committed_survives_a_kill() {
    let (dir, copy) = (Dir::new(), Dir::new());
    let database = open(&dir.config()).unwrap();
    let mut tables = Tables::prepare(&database.connection).unwrap();
    for run in 0..300 {
        tables.apply(&changed(job_at(1_790_000_000, &format!("uid-{run}"), 7, "failed"))).unwrap();
    }
    for file in ["history.db", "history.db-wal"] {
        fs::copy(dir.0.join(file), copy.0.join(file)).unwrap();
    }
    let after = open(&copy.config()).unwrap();
    assert!(content(&after.connection) == content(&database.connection));
    integrity(&after.connection);
}

#[test]
fn an_empty_file_is_a_new_one() {
    let dir = Dir::new();
    fs::write(dir.database(), "").unwrap();
    integrity(&open(&dir.config()).unwrap().connection);
}
