//! What the history must have after kills, judged by the cluster and by the file itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rusqlite::Connection;
use serde_json::Value;

use crate::live::until;
use crate::support::service::{Folder, Reply, Service};
use crate::support::stub::StubCluster;

const DATABASE: &str = "history.db";

/// The state of a job, by its object alone.
fn state(job: &Value) -> &'static str {
    let holds = |kind: &str| job["status"]["conditions"][0]["type"] == kind;
    match job["status"]["active"] == 1 {
        true => "running",
        false if holds("Complete") => "completed",
        false if holds("Failed") => "failed",
        false => "pending",
    }
}

/// The state of each job that exists, by its uid.
fn existing(cluster: &StubCluster) -> BTreeMap<String, String> {
    let jobs = cluster.jobs("default");
    let pair = |job: &Value| (job["metadata"]["uid"].as_str().unwrap().to_owned(), state(job).to_owned());
    jobs.iter().map(pair).collect()
}

/// Waits until the runs that are not gone are the jobs of the cluster, with their states. All pages have each run once.
pub(super) async fn until_equal(service: &Service, cluster: &StubCluster, seed: u64) {
    let expected = existing(cluster);
    let mut found = BTreeMap::new();
    let mut next = String::new();
    let agrees = async || {
        let reply = service.get(&format!("/api/eks-list-history?limit=100{next}")).await;
        if reply.status != 200 {
            return reply;
        }
        let document = reply.json();
        if next.is_empty() {
            found.clear();
        }
        for run in document["runs"].as_array().unwrap() {
            let text = |name: &str| run[name].as_str().unwrap_or_default().to_owned();
            let exists = run["gone_time"].is_null().then(|| text("state"));
            assert!(found.insert(text("uid"), exists).is_none(), "seed {seed}: {run} is there twice");
        }
        next = document["continue"].as_str().map(|token| format!("&continue={token}")).unwrap_or_default();
        let is_last = next.is_empty();
        let there: BTreeMap<_, _> = found.iter().filter_map(|(uid, state)| Some((uid, state.as_ref()?))).collect();
        let agrees = is_last && there.into_iter().eq(&expected);
        if agrees { reply } else { Reply { status: hyper::StatusCode::ACCEPTED, ..reply } }
    };
    until(agrees, |reply| reply.status == 200).await;
}

/// Fails unless a copy of the file passes `PRAGMA integrity_check`. No service may use the file.
pub(super) fn is_whole(state: &Folder, seed: u64) {
    let copy = Folder::new();
    // A life may end before the file is there.
    for name in [DATABASE, "history.db-wal"] {
        let from = state.path().join(name);
        if from.exists() {
            fs::copy(from, copy.path().join(name)).unwrap();
        }
    }
    if !copy.path().join(DATABASE).exists() {
        return;
    }
    let database = Connection::open(copy.path().join(DATABASE)).unwrap();
    let told: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(told, "ok", "seed {seed}");
}

/// A row of the file: its state, whether it is gone, and its transitions.
struct Row {
    state: String,
    created: i64,
    gone: Option<i64>,
    transitions: Vec<String>,
}

fn rows(database: &Connection, seed: u64) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    let mut statement = database.prepare("SELECT id, uid, state, created, gone FROM runs").unwrap();
    let mut found = statement.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        let id: i64 = row.get(0).unwrap();
        let uid: String = row.get(1).unwrap();
        let mut transitions = database.prepare("SELECT state FROM transitions WHERE run = ?").unwrap();
        let transitions = transitions.query_map([id], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let row =
            Row { state: row.get(2).unwrap(), created: row.get(3).unwrap(), gone: row.get(4).unwrap(), transitions };
        assert!(rows.insert(uid.clone(), row).is_none(), "seed {seed}: {uid} is there twice");
    }
    rows
}

/// Fails unless each job that exists is there with its state and each of its transitions once, and all others are gone.
pub(super) fn check(state: &Folder, cluster: &StubCluster, removed: &BTreeSet<String>, seed: u64) {
    let database = Connection::open(state.path().join(DATABASE)).unwrap();
    let rows = rows(&database, seed);
    let existing = existing(cluster);
    assert!(existing.len() > 5 && rows.len() > existing.len(), "seed {seed}: {} of {}", existing.len(), rows.len());
    for (uid, state) in &existing {
        let row = rows.get(uid).unwrap_or_else(|| panic!("seed {seed}: {uid} ({state}) is lost"));
        assert_eq!((&row.state, row.gone), (state, None), "seed {seed}: {uid}");
        let mut expected = vec!["pending"];
        match state.as_str() {
            "pending" => {}
            "running" => expected.push("running"),
            end => expected.extend(["running", end]),
        }
        let mut found: Vec<&str> = row.transitions.iter().map(String::as_str).collect();
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "seed {seed}: {uid}");
    }
    for (uid, row) in rows.iter().filter(|(uid, _)| !existing.contains_key(*uid)) {
        assert!(removed.contains(uid), "seed {seed}: {uid} was never in the cluster");
        assert!(row.gone.is_some_and(|gone| gone >= row.created), "seed {seed}: {uid} is gone, and has no time");
        assert_eq!(row.transitions.iter().filter(|state| *state == "gone").count(), 1, "seed {seed}: {uid}");
    }
    let orphans = "SELECT count(*) FROM transitions WHERE run NOT IN (SELECT id FROM runs)";
    assert_eq!(database.query_row(orphans, [], |row| row.get::<_, i64>(0)), Ok(0), "seed {seed}");
}
