//! A service with a good receiver and, if it is to have them, two dead ones. Jobs end in its cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rusqlite::{Connection, OpenFlags};
use serde_json::json;
use tokio::time::interval;

use crate::bench::{finished, knows, put_jobs};
use crate::cluster::Cluster;
use crate::figures::statistics::float;
use crate::process;
use crate::scenarios::ingest;
use crate::support::receiver::{Answer, Receiver};
use crate::support::service::{Folder, Service};

const TICK: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_mins(2);

pub(super) struct Site {
    // The service goes first, so that it does not complain about the others' end.
    pub(super) service: Service,
    pub(super) good: Receiver,
    cluster: Cluster,
    _dead: Vec<Receiver>,
    state: Folder,
    _files: Folder,
}

impl Site {
    /// Returns when the service has compared its history with the cluster: what happens from then on is sent.
    pub(super) async fn start(has_dead: bool) -> Self {
        let (state, files) = (Folder::new(), Folder::new());
        let good = Receiver::start();
        let dead = if has_dead { vec![Receiver::start(), Receiver::start()] } else { Vec::new() };
        if let [hangs, refuses] = &dead[..] {
            hangs.answers(Answer::Hang);
            refuses.stop().await;
        }
        let mut text = String::new();
        for (number, receiver) in std::iter::once(&good).chain(&dead).enumerate() {
            let secret = put(&files, &format!("{number}.key"), &receiver.secret());
            writeln!(text, "hook-{number} url={} secret_file={secret}", receiver.url()).unwrap();
        }
        let webhooks = put(&files, "webhooks", &text);
        let cluster = Cluster::stub().await;
        put_jobs(cluster.controls(), "bench", ingest::JOBS);
        let settings =
            [("EKS_API_STATE_DIR", state.path().to_str().unwrap()), ("EKS_API_WEBHOOKS_FILE", webhooks.as_str())];
        let service = cluster.service(&settings).await;
        knows(&service, ingest::JOBS).await;
        let first = "/api/eks-list-history?limit=1&namespace=bench";
        while !service.get(first).await.text().contains("\"job_name\"") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { service, good, cluster, _dead: dead, state, _files: files }
    }

    pub(super) fn cpu(&self) -> f64 {
        process::cpu(self.service.pid())
    }

    /// Puts jobs that have ended, with these numbers.
    pub(super) fn end_jobs(&self, numbers: std::ops::Range<usize>) {
        if numbers.is_empty() {
            return;
        }
        let first = finished("bench", 0);
        self.cluster.controls().put_jobs(numbers.map(|number| {
            let (mut job, name) = (first.clone(), format!("ended-{number:08}"));
            job["metadata"]["uid"] = json!(format!("8947fa7d-9237-4749-84e3-{number:012x}"));
            job["metadata"]["labels"]["job-id"] = json!(name);
            job["metadata"]["name"] = json!(name);
            job
        }));
    }

    /// Ends so many jobs a second. Returns how many.
    pub(super) async fn pace(&self, rate: u64, seconds: u64, from: usize) -> usize {
        let mut ticks = interval(TICK);
        let begun = ticks.tick().await;
        let (total, mut done) = (usize::try_from(rate * seconds).unwrap(), 0);
        while done < total {
            let now = ticks.tick().await;
            let due = u64::try_from((now - begun).as_millis()).unwrap() * rate / 1000;
            let due = usize::try_from(due).unwrap().min(total);
            self.end_jobs(from + done..from + due);
            done = due;
        }
        total
    }

    /// Waits until so many messages came.
    pub(super) async fn arrived(&self, count: usize) {
        let give_up = Instant::now() + PATIENCE;
        while self.good.count() < count {
            assert!(Instant::now() < give_up, "{} of {count} messages came", self.good.count());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The milliseconds from the write of each transition to the arrival of its message.
    pub(super) fn lags(&self) -> Vec<f64> {
        let path = self.state.path().join("history.db");
        let database = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let mut written = database.prepare("SELECT message_id, written FROM events").unwrap();
        let rows = written
            .query_map([], |row| Ok((row.get::<_, String>(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap())))
            .unwrap();
        let written: BTreeMap<_, _> = rows.map(Result::unwrap).collect();
        let messages = self.good.messages();
        let arrived = messages.iter().map(|message| {
            let arrived = message.arrived.duration_since(UNIX_EPOCH).unwrap().as_micros();
            float(u64::try_from(arrived).unwrap()) / 1e3 - float(written[&message.id])
        });
        arrived.map(|lag| lag.max(0.0)).collect()
    }
}

/// Writes a file that others cannot read, and returns its path.
fn put(files: &Folder, name: &str, text: &str) -> String {
    files.write(name, text);
    let path = files.path().join(name);
    set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}
