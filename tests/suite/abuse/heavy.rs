//! The attacks at their full size on the binary that is shipped: how long a normal caller waits meanwhile, and what memory
//! it takes. Not for the debug build that the other tests use, so it runs on demand, for the binary that
//! `EKS_API_BINARY` names; `EKS_API_ABUSE` names one attack if it is not to be all:
//!
//!     EKS_API_BINARY=/path/to/eks-api cargo test --test suite abuse::heavy -- --ignored --nocapture

#![allow(clippy::print_stdout, reason = "it prints what it measured")]

use std::thread;
use std::time::Duration;

use serde_json::json;
use tokio::sync::oneshot;

use super::attacks::Attack;
use super::site::Site;
use super::{left, normal, open_connections, tells_no_defect};
use crate::given::job;
use crate::support::Lab;
use crate::support::service::PATIENCE;
use crate::tls::Files;
use crate::tls::caller::Caller;

const CALLS: usize = 2000;
const P99_AT_MOST: Duration = Duration::from_millis(100);
const MEMORY_AT_MOST: u64 = 160_000_000;
/// Of these the cluster knows already, so that lists are long.
const JOBS: usize = 500;

fn many(attack: Attack) -> usize {
    match attack {
        Attack::Silent
        | Attack::SlowHeads
        | Attack::IdleAfterRequest
        | Attack::LongHeads
        | Attack::HalfHandshakes
        | Attack::SlowBodies
        | Attack::UnreadReplies => 4096,
        Attack::UnreadPipelines => 1000,
        Attack::UnreadStreams => 2048,
        Attack::WholeBodies => 400,
        Attack::BodiesByteByByte | Attack::HeaderBombs => 32,
        Attack::AbsurdQueries => 16,
        _ => 8,
    }
}

/// Over TLS each connection costs the attacker, this process, too much for as many.
fn many_over_tls(attack: Attack) -> usize {
    if attack == Attack::HalfHandshakes { many(attack) } else { many(attack).min(500) }
}

#[tokio::test]
#[ignore = "measures the binary that EKS_API_BINARY names"]
async fn a_normal_caller_is_served_in_time_and_memory_stays_small_over_plain_http() {
    all(None, &Attack::PLAIN, many).await;
}

#[tokio::test]
#[ignore = "measures the binary that EKS_API_BINARY names"]
async fn a_normal_caller_is_served_in_time_and_memory_stays_small_over_tls() {
    all(Some(&Files::new()), &Attack::TLS, many_over_tls).await;
}

async fn lab(tls: Option<&Files>) -> Lab {
    let binary = std::env::var("EKS_API_BINARY").expect("EKS_API_BINARY must name the binary to measure");
    let settings = tls.map(Files::settings).unwrap_or_default();
    let settings = settings.iter().map(|(name, value)| (*name, value.as_str()));
    let settings: Vec<(&str, &str)> =
        settings.chain([("LOG_LEVEL", "INFO"), ("EKS_API_MAX_CONNECTIONS", "5000")]).collect();
    let lab = Lab::with(&binary, &settings).await;
    let jobs = (0..JOBS).map(|number| {
        let mut job = job(&format!("there-{number}"))["job_manifest"].take();
        job["metadata"]["namespace"] = "default".into();
        job["metadata"]["labels"] = json!({ "app": "eks-api", "job-id": format!("there-{number}") });
        job
    });
    lab.cluster.put_jobs(jobs);
    lab.cluster.wait_for_watches(1).await;
    lab
}

/// Each on a service of its own, as memory is seldom given back to the system.
async fn all(tls: Option<&Files>, attacks: &[Attack], many: fn(Attack) -> usize) {
    let only = std::env::var("EKS_API_ABUSE").ok();
    let mut missed = Vec::new();
    for attack in [None].into_iter().chain(attacks.iter().copied().map(Some)) {
        let name = attack.map_or("None".to_owned(), |attack| format!("{attack:?}"));
        if only.as_ref().is_some_and(|only| *only != name) {
            continue;
        }
        let lab = lab(tls).await;
        let site = Site::of(&lab.service, tls.map(|files| Caller::new(&files.authority)));
        let attackers = match attack {
            Some(attack) => Some(Attackers::begin(attack, site.clone(), many(attack)).await),
            None => None,
        };
        let [p50, p99, most] = measured(&site, &name.to_lowercase()).await;
        let open = open_connections(&site).await;
        drop(attackers);
        let peak = peak(lab.service.pid());
        println!(
            "{name:>18} {:>5}: p50 {p50:>8.2?}, p99 {p99:>8.2?}, longest {most:>8.2?}; {open:>5} connections open, {:>5.1} MB",
            attack.map_or(0, many),
            megabytes(peak)
        );
        if p99 > P99_AT_MOST || peak > MEMORY_AT_MOST {
            missed.push(name);
        }
        left(&lab.service, &site).await;
        tells_no_defect(&lab.service);
    }
    assert!(missed.is_empty(), "over the bar: {missed:?}");
}

/// Median, 99th percentile and the longest of a normal caller's calls, made on a thread of their own.
async fn measured(site: &Site, name: &str) -> [Duration; 3] {
    let (site, name, (tell, told)) = (site.clone(), name.to_owned(), oneshot::channel());
    let caller = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut times = runtime.block_on(normal::calls(&site, &name, CALLS));
        times.sort_unstable();
        let _ = tell.send([times[CALLS / 2], times[CALLS * 99 / 100], times[CALLS - 1]]);
    });
    let measured = told.await;
    if let Err(panic) = caller.join() {
        std::panic::resume_unwind(panic);
    }
    measured.unwrap()
}

/// All attackers, on a thread of their own.
struct Attackers {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Attackers {
    /// Returns when they have begun in earnest.
    async fn begin(attack: Attack, site: Site, many: usize) -> Self {
        let ((stop, stopped), (begun, has_begun)) = (oneshot::channel(), oneshot::channel());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = attack.run(site, many, || begun.send(()).unwrap()) => {}
                    _ = stopped => {}
                }
            });
        });
        let waited = tokio::time::timeout(PATIENCE * 4, has_begun).await;
        waited.unwrap_or_else(|_| panic!("{attack:?} does not begin")).unwrap();
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// The most memory that was resident, in bytes.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
