//! Shared by the tests of the store: directories, jobs, and the content of all tables.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::types::Value as Column;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::history::HistoryConfig;
use crate::history::History;
use crate::history::outbox::event::{Event, Subscriptions};
use crate::history::outbox::tables::OutboxConfig;
use crate::history::record::{ListReason, Record};
use crate::history::store::schema;
use crate::history::store::writer::Pauses;
use crate::jobs::pods::exit::Exit;
use crate::jobs::status::Status;
use crate::kube::health::Outcome;
use crate::kube::types::Job;

/// A directory that is removed in the end.
pub(super) struct Dir(pub(super) PathBuf);

impl Dir {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("eks-api-history-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }

    pub(super) fn config(&self) -> HistoryConfig {
        HistoryConfig { dir: self.0.clone(), keep: 90 * Duration::from_hours(24), max_size: 1 << 30, webhooks: None }
    }

    pub(super) fn database(&self) -> PathBuf {
        self.0.join("history.db")
    }

    pub(super) fn connection(&self) -> Connection {
        Connection::open(self.database()).unwrap()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        fs::read(self.database()).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn start(config: HistoryConfig) -> Arc<History> {
    let pause = Duration::from_millis(20);
    History::start_with(config, None, Pauses { open: pause, full: pause, retention: pause })
}

/// The endpoints that want everything.
#[derive(Debug)]
pub(super) struct All(pub(super) &'static [&'static str]);

impl Subscriptions for All {
    fn endpoints(&self, _: &Event<'_>) -> Vec<Arc<str>> {
        self.names()
    }

    fn names(&self) -> Vec<Arc<str>> {
        self.0.iter().map(|name| (*name).into()).collect()
    }
}

pub(super) fn to(endpoints: &'static [&'static str], max_pending: u64) -> OutboxConfig {
    OutboxConfig { subscriptions: Arc::new(All(endpoints)), max_pending }
}

pub(super) fn start_with_outbox(config: HistoryConfig, outbox: OutboxConfig) -> Arc<History> {
    let pause = Duration::from_millis(20);
    History::start_with(config, Some(outbox), Pauses { open: pause, full: pause, retention: pause })
}

/// Waits until the check has an outcome that is right.
pub(super) async fn until(history: &History, is_right: impl Fn(&Outcome) -> bool) {
    let wait = async {
        while !is_right(&history.check()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), wait).await;
    assert!(in_time.is_ok(), "{:?}", history.check());
}

pub(super) async fn until_failed(history: &History, why: &str) {
    until(history, |outcome| matches!(outcome, Outcome::Failed(text) if text.contains(why))).await;
}

pub(super) fn in_memory() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    schema::migrate(&connection).unwrap();
    connection
}

pub(super) fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

pub(super) const IMAGE: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team-data/etl:2026.11.7";

/// The job `a`, which the cluster tells these times of, in seconds after its creation.
pub(super) fn job_with(created: i64, version: u64, metadata: &[(&str, i64)], status: &Value) -> Arc<Status> {
    let time = |seconds: i64| OffsetDateTime::from_unix_timestamp(created + seconds).unwrap().format(&Rfc3339).unwrap();
    let mut job = json!({ "metadata": {
        "name": "etl-a", "namespace": "demo", "uid": "a", "resourceVersion": version.to_string(),
        "creationTimestamp": time(0), "labels": { "team": "data" }, "annotations": { "eks-api/notify": "ops,lab" },
    } });
    for (field, at) in metadata {
        job["metadata"][field] = time(*at).into();
    }
    let conditions = status["conditions"].as_object().into_iter().flatten();
    let conditions = conditions
        .map(|(kind, at)| json!({ "type": kind, "status": "True", "lastTransitionTime": time(at.as_i64().unwrap()) }));
    job["status"] = json!({ "conditions": conditions.collect::<Vec<_>>() });
    for (field, at) in status.as_object().unwrap().iter().filter(|(field, _)| *field != "conditions") {
        job["status"][field] = time(at.as_i64().unwrap()).into();
    }
    Arc::new(Status::new("prod", &serde_json::from_value(job).unwrap()))
}

/// A job that was created at a time, started one second later, and ended after a minute.
pub(super) fn job_at(created: i64, uid: &str, version: u64, state: &str) -> Arc<Status> {
    let job = object(created, uid, version, state);
    Arc::new(Status::new("prod", &job).with_images(&job))
}

/// As [`job_at`], failed, when the exit code is known.
pub(super) fn exited(created: i64, uid: &str, version: u64, code: i32) -> Arc<Status> {
    let job = object(created, uid, version, "failed");
    let exit = Exit { code, message: None };
    Arc::new(Status::with_exit("prod", &job, exit).with_images(&job))
}

fn object(created: i64, uid: &str, version: u64, state: &str) -> Job {
    let time = |seconds: i64| OffsetDateTime::from_unix_timestamp(created + seconds).unwrap().format(&Rfc3339).unwrap();
    let condition = |kind: &str, reason: &str, at: i64| {
        let (at, holds) = (time(at), "True");
        json!([{ "type": kind, "status": holds, "reason": reason, "message": "why", "lastTransitionTime": at }])
    };
    let mut status = match state {
        "pending" => json!({}),
        "running" => json!({ "active": 1 }),
        "suspended" => json!({ "conditions": condition("Suspended", "JobSuspended", 5) }),
        "completed" => json!({
            "succeeded": 1, "completionTime": time(61), "conditions": condition("Complete", "CompletionsReached", 61)
        }),
        _ => json!({ "failed": 3, "conditions": condition("Failed", "BackoffLimitExceeded", 61) }),
    };
    if !["pending", "suspended"].contains(&state) {
        status["startTime"] = time(1).into();
    }
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("etl-{uid}"), "namespace": "demo", "uid": uid, "resourceVersion": version.to_string(),
            "creationTimestamp": time(0),
            "labels": { "app": "eks-api", "job-id": format!("etl-{uid}"), "team": "data" },
            "annotations": { "eks-api/template": "cronjob/etl@7" },
        },
        "spec": {
            "completions": 1, "parallelism": 1, "backoffLimit": 2,
            "template": { "spec": { "containers": [{ "name": "main", "image": IMAGE }] } },
        },
        "status": status,
    }))
    .unwrap()
}

pub(super) fn head(uid: &str) -> Arc<Status> {
    let labels = json!({ "eks-api/batch-head": "true" });
    let metadata = json!({ "name": "head", "namespace": "demo", "uid": uid, "resourceVersion": "1", "labels": labels });
    Arc::new(Status::new("prod", &serde_json::from_value(json!({ "metadata": metadata })).unwrap()))
}

pub(super) fn changed(status: Arc<Status>) -> Record {
    Record::Changed { cluster: "prod".into(), status }
}

pub(super) fn created(status: Arc<Status>, caller: &str) -> Record {
    Record::Created {
        cluster: "prod".into(),
        status,
        caller: caller.into(),
        request_id: format!("request-of-{caller}"),
    }
}

pub(super) fn gone(status: Arc<Status>, time: i64) -> Record {
    Record::Gone { cluster: "prod".into(), status, time }
}

pub(super) fn listed(jobs: Vec<Arc<Status>>, time: i64, reason: ListReason) -> Record {
    let (done, _) = tokio::sync::oneshot::channel();
    Record::Listed { cluster: "prod".into(), jobs, time, reason, done }
}

/// The rows of a query, each as a JSON array.
pub(super) fn rows(connection: &Connection, sql: &str) -> Vec<Value> {
    let mut statement = connection.prepare(sql).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| {
        let column = |index| match row.get_unwrap(index) {
            Column::Null => Value::Null,
            Column::Integer(number) => number.into(),
            Column::Text(text) => text.into(),
            other => panic!("{other:?}"),
        };
        Ok((0..columns).map(column).collect())
    };
    statement.query_map([], row).unwrap().map(Result::unwrap).collect()
}

/// All runs, by their uid, and all transitions.
pub(super) fn content(connection: &Connection) -> Vec<Value> {
    let transitions =
        "SELECT uid, time, t.state, t.reason FROM transitions t JOIN runs ON runs.id = run ORDER BY 1, 2, 3";
    let mut all = rows(connection, "SELECT * FROM runs ORDER BY cluster, uid");
    all.extend(rows(connection, transitions));
    all
}

pub(super) fn integrity(connection: &Connection) {
    assert_eq!(rows(connection, "PRAGMA integrity_check"), [json!(["ok"])]);
    assert!(rows(connection, "PRAGMA foreign_key_check").is_empty());
}
