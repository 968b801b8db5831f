//! 2,000 changes a second from the cluster, recorded by the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::runs::{number, open};
use crate::bench::{Bench, metric};
use crate::cluster::Cluster;
use crate::figures::statistics::float;
use crate::process;
use crate::scenarios::ingest::{self, Template};
use crate::support::service::{Folder, Service};

const RATE: u64 = 2000;
const PATIENCE: Duration = Duration::from_secs(30);

/// Each change is written, so the newest version of a job is that of its last change, and no run has gaps.
pub(super) async fn run(bench: &mut Bench, cluster: &Cluster, service: &Service, state: &Folder) {
    let seconds = bench.pace.pick(10, 2);
    let first: u64 = cluster.controls().resource_version().parse().unwrap();
    let tell = |text: String| cluster.controls().send_to_watches(text);
    let before = process::cpu(service.pid());
    let begun = Instant::now();
    let (sent, _) = ingest::send(tell, Arc::new(Template::new()), RATE, seconds, first).await;
    let rate = float(sent) / begun.elapsed().as_secs_f64();
    let (database, last) = (open(state.path()), first + sent);
    let read = |query: &str| number(&database, query);
    let give_up = Instant::now() + PATIENCE;
    while read("SELECT max(version) FROM runs WHERE namespace = 'bench'") < last && Instant::now() < give_up {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let behind = begun.elapsed().as_secs_f64() - float(seconds);
    let cpu = (process::cpu(service.pid()) - before) / begun.elapsed().as_secs_f64();
    let dropped = metric(service, "eks_api_history_records_total", "written").await;
    let gaps = read("SELECT count(*) FROM runs WHERE namespace = 'bench' AND has_gaps = 1");
    let newest = read("SELECT max(version) FROM runs WHERE namespace = 'bench'");
    let note =
        format!("{rate:.0}/s were sent; {:.0} % of a core; the last is written {behind:.2} s after", cpu * 100.0);
    bench.report.figure("changes recorded", "/s", &[rate], &note);
    let is_met = dropped == 0.0 && gaps == 0 && newest == last && rate >= 0.97 * float(RATE);
    let measured = format!("{rate:.0}/s, {dropped:.0} dropped");
    bench.report.bar("2,000 changes a second are recorded without a drop", is_met, measured);
}
