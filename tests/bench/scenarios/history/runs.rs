//! The runs of the history: made from the statuses of jobs, and written by the writer of the service.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use eks_api::config::history::HistoryConfig;
use eks_api::history::History;
use eks_api::history::record::Record;
use eks_api::jobs::status::Status;
use eks_api::kube::types::Job;
use rusqlite::Connection;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::generator::NUMBER;

/// The name of the service's cluster.
const CLUSTER: &str = "lab";
const DAYS: u64 = 90;
const NAMESPACES: u64 = 20;
const TEMPLATES: u64 = 50;
const CALLERS: u64 = 30;
/// One run in ten is of a batch.
const BATCH: u64 = 500;
/// The runs of a name. A name is used again once its job is gone.
const PER_NAME: u64 = 100;

/// How many runs there are. All else follows from the number of a run.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) runs: u64,
}

impl Shape {
    /// The columns that pages are asked by: a value with a number, and how many numbers there are.
    pub(super) fn columns(self) -> [(&'static str, String, u64); 6] {
        [
            ("namespace", format!("team-{NUMBER}"), NAMESPACES),
            ("job_name", format!("nightly-{NUMBER}"), self.runs / PER_NAME),
            ("template", format!("cronjob/etl-{NUMBER}"), TEMPLATES),
            ("caller", format!("caller-{NUMBER}"), CALLERS),
            ("batch_name", format!("batch-{NUMBER}"), self.batches()),
            ("state", "failed".to_owned(), 1),
        ]
    }

    fn batches(self) -> u64 {
        (self.runs / 10 / BATCH).max(2)
    }

    /// The job of this number, and its caller. The numbers are mixed, so that no column tells another.
    fn job(self, number: u64, now: u64) -> (Job, String) {
        let of = |many: u64, salt: u64| mixed(number ^ (salt << 40)) % many;
        let age = DAYS * 86_400 - number * DAYS * 86_400 / self.runs;
        let created = now - age;
        let (start, end) = (created + of(5, 1), created + 5 + of(600, 2));
        let time = |seconds: u64| {
            let time = OffsetDateTime::from_unix_timestamp(i64::try_from(seconds).unwrap()).unwrap();
            time.format(&Rfc3339).unwrap()
        };
        let batch = (of(10, 5) == 0).then(|| format!("batch-{:08}", of(self.batches(), 6)));
        let name = match &batch {
            Some(batch) => format!("{batch}-{:04}", of(BATCH, 10)),
            None => format!("nightly-{:08}", of(self.runs / PER_NAME, 3)),
        };
        let mut labels = json!({ "app": "eks-api", "job-id": name, "team": format!("t{}", of(12, 4)) });
        let mut owners = json!([]);
        if let Some(batch) = batch {
            owners = json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": batch, "uid": batch }]);
            labels["eks-api/batch"] = json!(batch);
        }
        let template = format!("cronjob/etl-{:08}@7", of(TEMPLATES, 7));
        let (kind, reason) =
            if of(20, 8) == 0 { ("Failed", "BackoffLimitExceeded") } else { ("Complete", "CompletionsReached") };
        let condition = json!({ "type": kind, "status": "True", "reason": reason, "lastTransitionTime": time(end),
            "message": "Reached expected number of succeeded pods" });
        let failed = u64::from(kind == "Failed");
        let mut status = json!({ "startTime": time(start), "succeeded": 1 - failed, "failed": failed,
            "conditions": [condition] });
        if failed == 0 {
            status["completionTime"] = json!(time(end));
        }
        let container = json!({ "name": "main", "image": "registry.example.com/team/etl:2026.11.20" });
        let job = json!({
            "metadata": { "name": name, "namespace": format!("team-{:08}", of(NAMESPACES, 9)), "labels": labels,
                "uid": format!("8947fa7d-9237-4749-94e2-{number:012x}"), "resourceVersion": (number + 1).to_string(),
                "creationTimestamp": time(created), "ownerReferences": owners,
                "annotations": { "eks-api/template": template } },
            "spec": { "backoffLimit": 0, "completions": 1, "parallelism": 1,
                "template": { "spec": { "containers": [container] } } },
            "status": status,
        });
        let job = serde_json::from_value(job).unwrap();
        (job, format!("caller-{:08}", of(CALLERS, 11)))
    }
}

/// A number that tells nothing of this one (the finalizer of splitmix64).
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Records all runs.
pub(super) async fn record(dir: &Path, shape: Shape) {
    let config =
        HistoryConfig { dir: dir.to_owned(), keep: Duration::from_hours(24 * 3650), max_size: 8 << 30, webhooks: None };
    let history = History::start(config, None);
    let (cluster, now) = (Arc::<str>::from(CLUSTER), SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    history.flush().await;
    for number in 0..shape.runs {
        let (job, caller) = shape.job(number, now);
        let status = Arc::new(Status::new(CLUSTER, &job).with_images(&job));
        let record = || Record::Created {
            cluster: Arc::clone(&cluster),
            status: Arc::clone(&status),
            caller: caller.as_str().into(),
            request_id: format!("{number:032x}"),
        };
        // The queue is full now and then: this is faster than the disk.
        while !history.record(record()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    history.flush().await;
    drop(history);
    let database = open(dir);
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    assert_eq!(number(&database, "SELECT count(*) FROM runs"), shape.runs);
    assert_eq!(number(&database, "SELECT count(*) FROM transitions"), shape.runs * 3);
}

/// Marks all runs as gone, so that a service does not find that out at its start. Their size is measured before.
pub(super) fn end(dir: &Path) {
    let database = open(dir);
    database.execute("UPDATE runs SET gone = ended + 60, has_gaps = 0", []).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
}

/// The one number that a query returns.
pub(super) fn number(database: &Connection, query: &str) -> u64 {
    let number: i64 = database.query_row(query, [], |row| row.get(0)).unwrap();
    number.try_into().unwrap()
}

pub(super) fn open(dir: &Path) -> Connection {
    let database = Connection::open(dir.join("history.db")).unwrap();
    database.busy_timeout(Duration::from_secs(30)).unwrap();
    database
}
