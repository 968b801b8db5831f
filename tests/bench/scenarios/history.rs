//! The history: the size of a million runs, pages and statistics of them, reads from memory meanwhile, and 2,000 changes
//! a second.

mod changes;
mod runs;

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::bench::{Bench, get, knows, put_jobs, status_path};
use crate::cluster::Cluster;
use crate::figures::statistics::{Spread, float};
use crate::floor::Floor;
use crate::generator::{Generator, Group, Load, NUMBER, Target};
use crate::scenarios::ingest;
use crate::support::service::{Folder, Service};
use runs::Shape;

const RUNS: u64 = 1_000_000;
const SIZE_AT_MOST: u64 = 1_200_000_000;
const PAGE_AT_MOST: f64 = 20.0;
const STATS_AT_MOST: f64 = 300.0;
const TAIL_AT_MOST: f64 = 1.5;
const STATS: &str = "/api/eks-get-job-stats?since=30d&group_by=day,namespace";

pub(crate) async fn run(bench: &mut Bench) {
    let state = Folder::new();
    let shape = Shape { runs: bench.pace.pick(RUNS, RUNS / 20) };
    make(bench, &state, shape).await;
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", ingest::JOBS);
    let service = start(bench, &cluster, &state).await;
    knows(&service, ingest::JOBS).await;
    pages(bench, &service, shape);
    statistics(bench, &service);
    reads(bench, &service).await;
    changes::run(bench, &cluster, &service, &state).await;
}

/// The settings of a service with this history.
async fn start(bench: &mut Bench, cluster: &Cluster, state: &Folder) -> Service {
    let begun = Instant::now();
    let settings = [
        ("EKS_API_STATE_DIR", state.path().to_str().unwrap()),
        ("EKS_API_HISTORY_KEEP", "3650d"),
        ("EKS_API_HISTORY_MAX_SIZE", "8GiB"),
    ];
    let service = cluster.service(&settings).await;
    let give_up = begun + Duration::from_mins(2);
    while service.get("/api/eks-list-history?limit=1").await.status != 200 {
        assert!(Instant::now() < give_up, "the history does not open");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bench.report.figure("from the start to the first page", "s", &[begun.elapsed().as_secs_f64()], "it is checked");
    service
}

async fn make(bench: &mut Bench, state: &Folder, shape: Shape) {
    let begun = Instant::now();
    runs::record(state.path(), shape).await;
    let rate = float(shape.runs) / begun.elapsed().as_secs_f64();
    bench.report.figure("runs recorded, as fast as can be", "/s", &[rate], "from their statuses, by the writer alone");
    let size = std::fs::metadata(state.path().join("history.db")).unwrap().len();
    let each = float(size) / float(shape.runs);
    bench.report.figure("a run with 3 transitions", "bytes", &[each], &format!("{} runs", shape.runs));
    // A quick run has fewer.
    let whole = each * float(RUNS);
    let measured = format!("{:.2} GB", whole / 1e9);
    bench.report.bar("1 million runs: at most 1.2 GB", whole <= float(SIZE_AT_MOST), measured);
    runs::end(state.path());
}

/// Pages by each column, and by each pair of columns. The first value of a pair is another one each time.
fn pages(bench: &mut Bench, service: &Service, shape: Shape) {
    let group = bench.generator.open(&Target::plain(service.address()), 1).unwrap();
    let columns = shape.columns();
    let mut worst: (f64, String) = (0.0, String::new());
    for (index, (name, varied, of)) in columns.iter().enumerate() {
        let others = columns[index + 1..].iter().map(|(other, value, _)| (*other, value.replace(NUMBER, "00000001")));
        for (other, fixed) in std::iter::once(("", String::new())).chain(others) {
            let (what, more) = match other {
                "" => ((*name).to_owned(), String::new()),
                _ => (format!("{name} and {other}"), format!("&{other}={fixed}")),
            };
            let request = get(&format!("/api/eks-list-history?limit=100&{name}={varied}{more}"));
            let count = Some(bench.pace.pick(500, 50));
            let load = Load { request, of: *of, count, millis: 60_000, ..Load::default() };
            let outcome = bench.generator.run(group, &load).unwrap();
            assert_eq!((Some(outcome.answered), outcome.failed.len()), (count, 0), "{what}: {outcome:?}");
            let (p50, p99) = (outcome.p50 / 1e3, outcome.p99 / 1e3);
            bench.report.figure(&format!("a page by {what}: p99"), "ms", &[p99], &format!("p50 {p50:.2} ms"));
            if p99 > worst.0 {
                worst = (p99, what);
            }
        }
    }
    bench.generator.close(group);
    let (p99, what) = worst;
    bench.report.bar("a page of 100 runs: p99 at most 20 ms", p99 <= PAGE_AT_MOST, format!("{p99:.1} ms, by {what}"));
}

fn statistics(bench: &mut Bench, service: &Service) {
    let group = bench.generator.open(&Target::plain(service.address()), 1).unwrap();
    let load = Load { request: get(STATS), count: Some(bench.pace.pick(30, 5)), millis: 60_000, ..Load::default() };
    let outcome = bench.generator.run(group, &load).unwrap();
    assert!(outcome.failed.is_empty(), "{outcome:?}");
    bench.generator.close(group);
    let (p50, most) = (outcome.p50 / 1e3, outcome.max / 1e3);
    let note = format!("longest {most:.0} ms, {} bytes", outcome.bytes / outcome.answered.max(1));
    bench.report.figure("statistics of 30 days by day and namespace", "ms", &[p50], &note);
    bench.report.bar("statistics of 30 days: at most 300 ms", p50 <= STATS_AT_MOST, format!("{p50:.0} ms"));
}

/// Repeats a request on one connection, by a generator of its own.
fn repeat(service: &Service, path: &str, seconds: u64) -> JoinHandle<u64> {
    let (target, request) = (Target::plain(service.address()), get(path));
    tokio::spawn(async move {
        let mut generator = Generator::start();
        let group = generator.open(&target, 1).unwrap();
        let load = Load { request, millis: seconds * 1000, ..Load::default() };
        let outcome = generator.run(group, &load).unwrap();
        assert!(outcome.failed.is_empty(), "{outcome:?}");
        outcome.answered
    })
}

/// Reads from memory at a fixed pace, with and without queries in two loops. The two take turns. A floor beside the same
/// queries shows what the shared cores do to a reply.
async fn reads(bench: &mut Bench, service: &Service) {
    let seconds = bench.pace.pick(3, 1);
    let size = service.get(&status_path("bench", "nightly-report-00000000")).await.body.len();
    let floor = Floor::start(size as u64);
    let group = bench.generator.open(&Target::plain(service.address()), 4).unwrap();
    let beside = bench.generator.open(&Target::plain(&floor.address), 4).unwrap();
    let mut ratios = [Vec::new(), Vec::new()];
    let (mut tails, mut queries) = ([Vec::new(), Vec::new()], 0);
    for _ in 0..bench.pace.pick(5, 2) {
        for (which, group) in [group, beside].into_iter().enumerate() {
            let quiet = ingest::read(bench, group, seconds);
            let loops = [STATS, "/api/eks-list-history?limit=100&state=failed&namespace=team-00000001"];
            // They begin before the reads, and end after them.
            let loops = loops.map(|path| repeat(service, path, seconds + 1));
            tokio::time::sleep(Duration::from_millis(500)).await;
            let busy = ingest::read(bench, group, seconds);
            for one in loops {
                queries += one.await.unwrap();
            }
            ratios[which].push(busy / quiet);
            if which == 0 {
                tails[0].push(quiet);
                tails[1].push(busy);
            }
        }
    }
    close(bench, [group, beside]);
    bench.report.figure("p99 of a paced read from memory, no queries", "µs", &tails[0], "500 reads a second");
    bench.report.figure("the same, with queries in two loops", "µs", &tails[1], &format!("{queries} queries"));
    let median = |ratios: &[f64]| Spread::of(ratios).unwrap_or_default().median;
    let [own, floors] = ratios.each_ref().map(|ratios| median(ratios));
    bench.report.figure("that ratio for a bare hyper server beside the same queries", "", &ratios[1], "");
    let measured = format!("{own:.2} (a bare server: {floors:.2})");
    bench.report.bar("reads during queries: p99 at most 1.5 times quiet", own <= TAIL_AT_MOST, measured);
}

fn close(bench: &mut Bench, groups: [Group; 2]) {
    for group in groups {
        bench.generator.close(group);
    }
}
