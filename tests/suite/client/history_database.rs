//! `eks-api history backup` and `export`: they read the database itself, without the service.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use rusqlite::{Connection, params};
use serde_json::Value;

use super::run::{Ended, Run};
use crate::calls::BINARY;
use crate::support::service::Folder;

/// The database of a service that runs. It is open as long as the connection.
fn database() -> (Folder, Connection) {
    let folder = Folder::new();
    let connection = Connection::open(folder.path().join("history.db")).unwrap();
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA auto_vacuum = INCREMENTAL;").unwrap();
    connection.execute_batch(include_str!("../../../src/history/store/schema_1.sql")).unwrap();
    connection.execute_batch("PRAGMA application_id = 0x656b7368; PRAGMA user_version = 1;").unwrap();
    connection.execute_batch("INSERT INTO clusters (id, name) VALUES (1, 'prod'), (2, 'test')").unwrap();
    (folder, connection)
}

/// Adds runs that were created one second after another, each in the other cluster. The latest comes first.
fn add_runs(connection: &Connection, count: i64) {
    let mut statement = connection
        .prepare(
            "INSERT INTO runs (cluster, uid, version, namespace, job_name, state, created, ended, labels, retries,
             active, succeeded, failed) VALUES (?1, ?2, 1, 'demo', ?2, 'failed', ?3, ?4, '{\"a\":\"b\"}', 0, 0, 0, 0)",
        )
        .unwrap();
    for number in (0..count).rev() {
        let (created, uid) = (1_800_000_000 + number, format!("run-{number}"));
        statement.execute(params![number % 2 + 1, uid, created, created + 5]).unwrap();
    }
}

fn history(folder: &Path, arguments: &[&str]) -> Run {
    Run::program(BINARY, "", &[&["history"], arguments].concat()).env("EKS_API_STATE_DIR", folder.to_str().unwrap())
}

async fn call(folder: &Path, arguments: &[&str]) -> Ended {
    history(folder, arguments).ended().await
}

fn names(ended: &Ended) -> Vec<String> {
    let lines = ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.map(|run| run["job_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_backup_is_complete_and_only_for_its_owner_while_the_service_writes() {
    let (folder, connection) = database();
    add_runs(&connection, 2000);
    // A change that is not complete is not in the copy.
    connection.execute_batch("BEGIN IMMEDIATE; DELETE FROM runs").unwrap();
    let copies = Folder::new();
    let file = copies.path().join("copy.db");
    let ended = call(folder.path(), &["backup", file.to_str().unwrap()]).await;
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let copy = Connection::open(&file).unwrap();
    let number = |query: &str| copy.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT count(*) FROM runs"), 2000);
    assert_eq!([number("PRAGMA application_id"), number("PRAGMA user_version")], [0x656b_7368, 1]);
    let check: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    assert_eq!(copies.path().read_dir().unwrap().count(), 1, "nothing else is left");
}

#[tokio::test]
async fn the_name_of_a_backup_is_not_a_uri_and_its_folder_may_have_any_name() {
    let (folder, _connection) = database();
    let copies = Folder::new();
    let odd = copies.path().join(OsStr::from_bytes(b"\xff"));
    std::fs::create_dir(&odd).unwrap();
    let script = r#"cd "$1"/* && exec "$0" history backup "file:a?mode=memory""#;
    let run = Run::program("/bin/sh", "", &["-c", script, BINARY, copies.path().to_str().unwrap()]);
    run.env("EKS_API_STATE_DIR", folder.path().to_str().unwrap()).ended().await.expect(0, "");
    assert!(odd.join("file:a?mode=memory").metadata().unwrap().len() > 4096);
    assert_eq!([odd.read_dir().unwrap().count(), copies.path().read_dir().unwrap().count()], [1, 1]);
}

#[tokio::test]
async fn a_backup_does_not_replace_a_file_or_a_link() {
    let (folder, _connection) = database();
    let copies = Folder::new();
    copies.write("file", "kept");
    symlink("nowhere", copies.path().join("link")).unwrap();
    for name in ["file", "link"] {
        let file = copies.path().join(name);
        let ended = call(folder.path(), &["backup", file.to_str().unwrap()]).await;
        ended.expect(73, &format!("{} exists already: ", file.display()));
    }
    assert_eq!(std::fs::read_to_string(copies.path().join("file")).unwrap(), "kept");
    let ended = call(folder.path(), &["backup", "no/folder"]).await;
    ended.expect(73, ".part cannot be written: No such file or directory");
}

#[tokio::test]
async fn a_backup_without_room_leaves_nothing() {
    let (folder, connection) = database();
    add_runs(&connection, 2000);
    let copies = Folder::new();
    let file = copies.path().join("copy.db");
    // Files have at most 64 KiB. Without the trap, the process would be killed.
    let script = r#"trap '' XFSZ; ulimit -f 128; exec "$0" history backup "$1""#;
    let run = Run::program("/bin/sh", "", &["-c", script, BINARY, file.to_str().unwrap()]);
    let ended = run.env("EKS_API_STATE_DIR", folder.path().to_str().unwrap()).ended().await;
    ended.expect(73, ".part cannot be written: ");
    assert_eq!(copies.path().read_dir().unwrap().count(), 0, "{ended:?}");
}

#[tokio::test]
async fn an_export_has_the_runs_of_all_clusters_the_oldest_first() {
    let (folder, connection) = database();
    add_runs(&connection, 1200);
    let ended = call(folder.path(), &["export"]).await;
    ended.expect(0, "");
    assert_eq!(names(&ended), (0..1200).map(|number| format!("run-{number}")).collect::<Vec<_>>());
    let first: Value = serde_json::from_str(ended.stdout.lines().next().unwrap()).unwrap();
    let expected = serde_json::json!({
        "cluster": "prod", "job_name": "run-0", "namespace": "demo", "uid": "run-0", "state": "failed",
        "reason": null, "message": null, "exit_code": null, "termination_message": null, "images": null,
        "template": null, "batch_name": null, "labels": { "a": "b" }, "creation_timestamp": "2027-01-15T08:00:00+00:00",
        "start_time": null, "completion_time": "2027-01-15T08:00:05+00:00", "gone_time": null, "queued_ms": null,
        "ran_ms": null, "retries": 0, "caller": null, "request_id": null, "has_gaps": false,
    });
    assert_eq!(first, expected);
    let times = ["export", "--since", "2027-01-15T08:00:01Z", "--until", "2027-01-15T08:00:03Z"];
    assert_eq!(names(&call(folder.path(), &times).await), ["run-1", "run-2"]);
    // They are of the future.
    assert_eq!(call(folder.path(), &["export", "--until", "0s"]).await.stdout, "");
}

#[tokio::test]
async fn an_export_ends_when_its_reader_leaves_and_with_74_if_stdout_cannot_be_written() {
    let (folder, connection) = database();
    add_runs(&connection, 1200);
    let mut run = history(folder.path(), &["export"]).start().await;
    assert!(run.line().await.contains("\"run-0\""));
    run.leave();
    let ended = run.ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let run = Run::program("/bin/sh", "", &["-c", r#"exec "$0" history export >/dev/full"#, BINARY]);
    let ended = run.env("EKS_API_STATE_DIR", folder.path().to_str().unwrap()).ended().await;
    ended.expect(74, "stdout cannot be written: No space left on device");
}

#[tokio::test]
async fn the_directory_is_read_from_dotenv_and_must_have_a_history() {
    let (folder, connection) = database();
    add_runs(&connection, 1);
    let shown = folder.path().to_str().unwrap();
    // The last line counts, and no other variable is taken. With this one, a new process could not load its libraries.
    let dotenv = format!("EKS_API_STATE_DIR=/nowhere\nEKS_API_STATE_DIR={shown}\nLD_PRELOAD=/nowhere/marked.so\n");
    let export = || Run::program(BINARY, "", &["history", "export"]);
    let ended = export().file(".env", &dotenv).ended().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(names(&ended), ["run-0"]);
    export().file(".env", "damaged\n").ended().await.expect(78, ".env, line 1: it must be NAME=value");
    let ended = export().file(".env", "damaged\n").env("EKS_API_STATE_DIR", shown).ended().await;
    assert_eq!(names(&ended), ["run-0"], "{ended:?}");
    export().ended().await.expect(78, "set EKS_API_STATE_DIR to the absolute path of the service's directory");
    export().env("EKS_API_STATE_DIR", "relative").ended().await.expect(78, "set EKS_API_STATE_DIR to the absolute");
    let other = Folder::new();
    call(other.path(), &["export"]).await.expect(66, "there is no file ");
    other.write("history.db", &"not SQLite ".repeat(100));
    call(other.path(), &["export"]).await.expect(66, "is damaged (file is not a database): ");
    let ended = call(&other.path().join("history.db"), &["export"]).await;
    ended.expect(66, "history.db/history.db cannot be read: Not a directory");
    assert!(!ended.stderr.contains("user of the service"), "{ended:?}");
    connection.execute_batch("PRAGMA user_version = 2").unwrap();
    for arguments in [&["export"][..], &["backup", "copy.db"]] {
        call(folder.path(), arguments).await.expect(66, "has schema 2, not 1: use the eks-api that the service runs");
    }
    connection.execute_batch("PRAGMA application_id = 1").unwrap();
    call(folder.path(), &["export"]).await.expect(66, "is not a history of eks-api");
}

#[tokio::test]
async fn a_damaged_database_is_66_and_leaves_no_copy() {
    let (folder, connection) = database();
    add_runs(&connection, 2000);
    connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    drop(connection);
    let file = folder.path().join("history.db");
    let mut bytes = std::fs::read(&file).unwrap();
    // The header and the schema are whole.
    let half = bytes.len() / 2;
    bytes[half..].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    let copies = Folder::new();
    let copy = copies.path().join("copy.db");
    for arguments in [&["export"][..], &["backup", copy.to_str().unwrap()]] {
        let ended = call(folder.path(), arguments).await;
        ended.expect(66, "history.db is damaged (database disk image is malformed): stop the service, then restore");
    }
    assert_eq!(copies.path().read_dir().unwrap().count(), 0);
}
