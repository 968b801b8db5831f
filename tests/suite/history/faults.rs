//! A history that cannot be used. The service does all else as usual, says what to do, and leaves the file alone.

pub(crate) mod disk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::site::{Site, at, completed, old_job, running, with_state};
use crate::calls::{BINARY, create, manifest, problem};
use crate::job_events::reader::Reader;
use crate::live::{until, until_status};
use crate::support::service::{Builder, Folder, Reply, Service};
use crate::support::{Lab, builder, surroundings};

/// Much longer than a reply takes, and much shorter than any time-out of the service.
const PROMPT: Duration = Duration::from_secs(5);
/// The setting that each remedy for a directory names.
const DIRECTORY: &str = "EKS_API_STATE_DIR";
const HISTORY: [&str; 4] = [
    "/api/eks-list-history",
    "/api/eks-get-job-history?job_name=hello&namespace=default",
    "/api/eks-get-job-stats?group_by=day",
    "/api/eks-list-audit",
];

/// Waits until the check `history` has this status, and returns its detail.
pub(crate) async fn until_check(service: &Service, status: &str) -> String {
    let check = |reply: &Reply| reply.json()["checks"]["history"].clone();
    let health = until(async || service.get("/health").await, |reply| check(reply)["status"] == status).await;
    check(&health)["detail"].as_str().unwrap_or_default().to_owned()
}

/// Creates, reads, lists, follows and deletes jobs. Each reply must be prompt.
async fn does_all_else(lab: &Lab, prefix: &str) {
    let service = &lab.service;
    let name = format!("{prefix}-job");
    let work = async {
        let mut reader = Reader::open(service, "namespace=default").await;
        reader.snapshot().await;
        create(service, &manifest(&name)).await.expect_status(201);
        reader.until(&name).await;
        lab.cluster.set_job_status("default", &name, running(&at(1)));
        until_status(service, &name, |reply| reply.json()["state"] == "running").await;
        let list = service.get("/api/eks-list-jobs?namespace=default&state=running").await.expect_status(200);
        assert!(list.text().contains(&name), "{}", list.text());
        lab.cluster.set_job_status("default", &name, completed(&at(1), &at(2)));
        let waiting = format!("/api/eks-get-job-status?job_name={name}&wait=1m");
        assert_eq!(service.get(&waiting).await.expect_status(200).json()["state"], "completed");
        let path = format!("/api/eks-delete-job?job_name={name}&propagation_policy=Background");
        service.delete(&path).await.expect_status(200);
        let status = format!("/api/eks-get-job-status?job_name={name}");
        let gone = until(async || service.get(&status).await, |reply| reply.status == 404).await;
        assert_eq!(gone.json()["last_known"]["state"], "completed", "memory has it");
        let unknown = service.get("/api/eks-get-job-status?job_name=unknown").await;
        problem(&unknown, 404, "NotFound");
    };
    timeout(PROMPT, work).await.unwrap_or_else(|_| panic!("{prefix}: it waits\n{}", service.logs().join("\n")));
}

/// A service does without its history: for one of these reasons, and with this in what it says.
async fn does_without(lab: &mut Lab, what: &str, words: &[&str]) {
    let detail = until_check(&lab.service, "failed").await;
    for word in words {
        assert!(detail.contains(word), "{what}: {detail}");
    }
    assert_eq!(lab.service.get("/health").await.json()["status"], "degraded", "{what}");
    does_all_else(lab, what).await;
    for path in HISTORY {
        let reply = timeout(PROMPT, lab.service.get(path)).await.unwrap_or_else(|_| panic!("{what}: {path} waits"));
        let told = problem(&reply, 503, "history_unavailable")["detail"].to_string();
        assert!(words.iter().any(|word| told.contains(word)), "{what}: {path}: {told}");
    }
    lab.service.get("/livez").await.expect_status(200);
    lab.service.get("/readyz").await.expect_status(200);
    lab.service.signal("TERM").await;
    assert_eq!(lab.service.exit_status().await.code(), Some(0), "{what}");
}

async fn lab_with(state: &Folder) -> Lab {
    lab_of(|builder| with_state(builder, state)).await
}

async fn lab_of(prepare: impl FnOnce(Builder) -> Builder) -> Lab {
    let (cluster, aws) = surroundings().await;
    let service = prepare(builder(BINARY, &aws)).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// The files that a service has left behind, with 60 runs in them.
async fn recorded() -> Folder {
    let mut site = Site::start().await;
    site.lab.cluster.put_jobs((0..60).map(|number| old_job(&format!("job-{number}"), &completed(&at(1), &at(2)))));
    site.until_runs("", |runs| runs.len() == 60).await;
    site.stop("TERM").await;
    // The last records may be in the log of the database.
    let database = Connection::open(site.database()).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    site.state
}

/// Changes the bytes of the database.
fn change(state: &Folder, change: impl FnOnce(&mut Vec<u8>)) {
    let path = state.path().join("history.db");
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Fails unless a service with this state does without a history and leaves the file as it is.
async fn leaves_alone(state: &Folder, what: &str, words: &[&str]) {
    let path = state.path().join("history.db");
    let before = fs::read(&path).unwrap();
    let mut lab = lab_with(state).await;
    does_without(&mut lab, what, words).await;
    assert!(fs::read(&path).unwrap() == before, "{what}: the file has changed");
}

#[tokio::test]
async fn a_corrupt_file_is_left_alone() {
    let header = recorded().await;
    change(&header, |bytes| bytes[..16].copy_from_slice(b"no database here"));
    leaves_alone(&header, "header", &["history.db"]).await;

    let page = recorded().await;
    change(&page, |bytes| {
        let size = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        let pages = bytes.len() / size;
        assert!(pages > 20, "{pages} pages of {size} bytes");
        bytes[pages / 2 * size..][..size].fill(0xa5);
    });
    leaves_alone(&page, "page", &["history.db"]).await;

    let half = recorded().await;
    change(&half, |bytes| bytes.truncate(bytes.len() / 2));
    leaves_alone(&half, "half", &["history.db"]).await;
}

#[tokio::test]
async fn a_file_of_something_else_is_left_alone() {
    let text = Folder::new();
    text.write("history.db", "The diary of somebody else, which is long enough to look like a database.\n");
    leaves_alone(&text, "text", &["history.db"]).await;

    let foreign = Folder::new();
    let database = Connection::open(foreign.path().join("history.db")).unwrap();
    database.execute_batch("PRAGMA application_id = 7; CREATE TABLE runs (id INTEGER PRIMARY KEY);").unwrap();
    drop(database);
    leaves_alone(&foreign, "foreign", &["history.db"]).await;

    let folder = Folder::new();
    fs::create_dir(folder.path().join("history.db")).unwrap();
    let mut lab = lab_with(&folder).await;
    does_without(&mut lab, "folder", &["history"]).await;
}

#[tokio::test]
async fn a_file_of_a_newer_service_is_left_alone() {
    let state = recorded().await;
    let database = Connection::open(state.path().join("history.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    leaves_alone(&state, "newer", &["newer"]).await;
}

#[tokio::test]
async fn a_directory_that_is_missing_is_not_made() {
    let folder = Folder::new();
    let missing = folder.path().join("missing");
    let set = |builder: Builder| builder.env("EKS_API_STATE_DIR", missing.to_str().unwrap());
    let mut lab = lab_of(set).await;
    does_without(&mut lab, "missing", &[DIRECTORY]).await;
    assert!(!missing.exists());
}

#[tokio::test]
async fn a_second_service_on_the_same_files_does_without() {
    let site = Site::start().await;
    site.put("hello", &running(&at(1)));
    site.until_state("hello", "running").await;
    let mut second = lab_with(&site.state).await;
    does_without(&mut second, "second", &["another process"]).await;
    // The first goes on.
    until_check(&site.lab.service, "passed").await;
    site.set_status("hello", completed(&at(1), &at(2)));
    site.until_state("hello", "completed").await;
}

#[tokio::test]
async fn the_files_of_a_service_that_was_killed_are_free_for_the_next() {
    let mut site = Site::start().await;
    site.put("hello", &running(&at(1)));
    site.until_state("hello", "running").await;
    site.stop("KILL").await;
    site.resume().await;
    until_check(&site.lab.service, "passed").await;
    site.until_state("hello", "running").await;
}

#[tokio::test]
async fn only_the_service_can_read_its_files() {
    let site = Site::start().await;
    site.put("hello", &json!({}));
    site.until_state("hello", "pending").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let files: Vec<_> = fs::read_dir(site.state.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.contains(&site.database()), "{files:?}");
    for file in &files {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_wrong_setting_ends_the_service_and_names_it() {
    let (_cluster, aws) = surroundings().await;
    for (settings, named) in [
        (&[("EKS_API_STATE_DIR", "relative")][..], "EKS_API_STATE_DIR"),
        (&[("EKS_API_STATE_DIR", "/var/lib/x"), ("EKS_API_HISTORY_KEEP", "5")], "EKS_API_HISTORY_KEEP"),
        (&[("EKS_API_HISTORY_MAX_SIZE", "1GiB")], "EKS_API_STATE_DIR"),
    ] {
        let mut service = builder(BINARY, &aws).envs(settings).spawn();
        assert_eq!(service.exit_status().await.code(), Some(78), "{settings:?}");
        assert!(service.logs().join("\n").contains(named), "{settings:?}: {:?}", service.logs());
    }
}

/// Without the setting nothing is written, and the calls say what the operator can do.
#[tokio::test]
async fn a_service_without_the_setting_has_no_history() {
    let lab = crate::calls::lab().await;
    for path in HISTORY {
        let told = problem(&lab.service.get(path).await, 501, "no_history")["detail"].to_string();
        assert!(told.contains("EKS_API_STATE_DIR"), "{told}");
    }
    assert_eq!(lab.service.get("/health").await.json()["checks"].get("history"), None::<&Value>);
    does_all_else(&lab, "none").await;
    assert_eq!(fs::read_dir(lab.service.folder()).unwrap().count(), 0);
}
