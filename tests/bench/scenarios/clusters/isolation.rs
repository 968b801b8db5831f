//! What broken clusters do to the callers of another one.
//!
//! The stubs are in this process, which shares the cores with the service. So a bare hyper server is measured beside the
//! same changes: what slows it down too is the machine, and not the service.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::sleep;

use super::{builder, create, start};
use crate::bench::{Bench, knows, request, status_path};
use crate::figures::statistics::{Spread, float};
use crate::floor::Floor;
use crate::generator::connection::{Connection, Connector};
use crate::generator::{Group, Load, Target};
use crate::process;
use crate::scenarios::ingest::{JOBS, Template, read, send};
use crate::support::clusters::Clusters;
use crate::support::service::Service;

const CHANGES: u64 = 5000;
/// So many callers read from each cluster that does not answer, and so many write.
const CALLERS: usize = 32;

/// A service with four clusters, and what was measured of `healthy`, round by round.
struct Side {
    // The service goes first, so that it does not complain about the others' end.
    service: Service,
    clusters: Arc<Clusters>,
    reads: Group,
    writes: Group,
    /// The p99, and that of the floor.
    tails: [Vec<f64>; 3],
    made: u64,
    failed: u64,
}

impl Side {
    async fn start(bench: &mut Bench) -> Self {
        let names = ["healthy", "silent", "refusing", "changing"].map(str::to_owned);
        let clusters = Arc::new(start(&names, JOBS).await);
        let service = builder(&clusters).start().await;
        knows(&service, JOBS * 4).await;
        let target = Target::plain(service.address());
        let [reads, writes] = [4, 8].map(|connections| bench.generator.open(&target, connections).unwrap());
        Self { service, clusters, reads, writes, tails: Default::default(), made: 0, failed: 0 }
    }

    /// One stub accepts connections and never answers, and another refuses them. Callers go on asking for both.
    async fn break_clusters(&self) {
        let [silent, refusing] = ["silent", "refusing"].map(|name| self.clusters.stub(name));
        refusing.stop().await;
        silent.stop().await;
        let listener = TcpListener::bind(silent.endpoint().trim_start_matches("https://")).await.unwrap();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                open.push(connection);
            }
        });
        for name in ["silent", "refusing"] {
            let path = status_path("bench", "nightly-report-00000001") + "&cluster=" + name;
            let read = request("GET", &path, "cache-control: no-cache\n", "");
            for request in [read, create(name)] {
                let target = Target::plain(self.service.address());
                (0..CALLERS).for_each(|_| drop(tokio::spawn(call(target.clone(), request.clone()))));
            }
        }
    }

    fn write(&mut self, bench: &mut Bench, seconds: u64) -> f64 {
        let load = Load { request: create("healthy"), rate: Some(100), millis: seconds * 1000, ..Load::default() };
        let outcome = bench.generator.run(self.writes, &load).unwrap();
        self.made += outcome.answered;
        self.failed += outcome.failed.values().sum::<u64>();
        outcome.p99
    }
}

/// A caller who does not give up. The service may close the connection.
async fn call(target: Target, request: String) {
    let connector = Connector::new(&target).unwrap();
    while let Ok(mut connection) = Connection::open(&connector).await {
        let _ = connection.exchange(request.as_bytes()).await;
        sleep(Duration::from_secs(1)).await;
    }
}

pub(super) async fn run(bench: &mut Bench) {
    let mut sides = [Side::start(bench).await, Side::start(bench).await];
    let size = sides[0].service.get(&status_path("bench", "nightly-report-00000000")).await.body.len();
    let floor = Floor::start(size as u64);
    let floor_group = bench.generator.open(&Target::plain(&floor.address), 4).unwrap();
    sides[1].break_clusters().await;
    let template = Arc::new(Template::new());
    let seconds = bench.pace.pick(2, 1);
    let mut version: u64 = sides[1].clusters.stub("changing").resource_version().parse().unwrap();
    let (mut sent, mut busy) = (0, 0.0);
    for round in 0..=bench.pace.rounds {
        // Each goes first as often as the other.
        for place in 0..2 {
            let which = (round + place) % 2;
            let side = &mut sides[which];
            for kind in 0..3 {
                let before = process::cpu(side.service.pid());
                let changes = (which == 1).then(|| {
                    let clusters = Arc::clone(&side.clusters);
                    let tell = move |text: String| clusters.stub("changing").send_to_watches(text);
                    tokio::spawn(send(tell, Arc::clone(&template), CHANGES, seconds, version))
                });
                let tail = match kind {
                    0 => read(bench, side.reads, seconds),
                    1 => side.write(bench, seconds),
                    _ => read(bench, floor_group, seconds),
                };
                if let Some(changes) = changes {
                    let made = changes.await.unwrap().0;
                    version += made + 1;
                    if kind == 0 {
                        sent += made;
                        busy += process::cpu(side.service.pid()) - before;
                    }
                }
                // The first round warms up.
                if round > 0 {
                    side.tails[kind].push(tail);
                }
            }
        }
    }
    let time = float((bench.pace.rounds as u64 + 1) * seconds);
    let note = format!("{:.0} changes/s; {:.0} % of a core", float(sent) / time, busy / time * 100.0);
    report_isolation(bench, &sides, &note);
    for group in sides.iter().flat_map(|side| [side.reads, side.writes]).chain([floor_group]) {
        bench.generator.close(group);
    }
}

fn report_isolation(bench: &mut Bench, sides: &[Side; 2], note: &str) {
    let [quiet, broken] = sides;
    let whats =
        ["a paced read of one of 4 clusters", "a paced create in one of 4 clusters", "a paced read of the floor"];
    let mut ratios = [0.0; 3];
    for (kind, what) in whats.iter().enumerate() {
        bench.report.figure(&format!("p99 of {what}"), "µs", &quiet.tails[kind], "the others are healthy");
        let title = format!("p99 of {what}, beside the broken ones");
        bench.report.figure(&title, "µs", &broken.tails[kind], if kind == 0 { note } else { "" });
        ratios[kind] = Spread::of_ratios(&broken.tails[kind], &quiet.tails[kind]).unwrap_or_default().median;
    }
    let [read, create, floor] = ratios;
    let measured = format!("{read:.2}; a bare hyper server {floor:.2}, a create {create:.2}");
    bench.report.bar(
        "one cluster silent, one refusing, one changing: p99 of a read at most 2 times",
        read <= 2.0,
        measured,
    );
    let measured = format!("{} of {} failed", broken.failed, broken.made + broken.failed);
    bench.report.bar(
        "beside them, no create in another cluster fails",
        broken.failed == 0 && broken.made > 0,
        measured,
    );
}
