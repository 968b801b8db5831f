//! What a status and a page of a list cost with ten jobs in memory, and with a hundred thousand. Always at the stub.

use crate::bench::{Bench, get, knows, put_jobs, status_path};
use crate::cluster::Cluster;
use crate::contest::{Way, contest};
use crate::figures::statistics::float;
use crate::generator::{Load, NUMBER, Target};
use crate::process;
use crate::support::service::Service;

const SIZES: [(&str, u64); 4] =
    [("10 jobs", 10), ("1,000 jobs", 1000), ("10,000 jobs", 10_000), ("100,000 jobs", 100_000)];
const CONNECTIONS: usize = 16;

pub(crate) async fn run(bench: &mut Bench) {
    let tried = &SIZES[..bench.pace.pick(4, 3)];
    let mut sides: Vec<(&str, u64, Service, Cluster)> = Vec::new();
    for (name, jobs) in tried {
        let cluster = Cluster::stub().await;
        put_jobs(cluster.controls(), "bench", *jobs);
        let service = cluster.service(&[]).await;
        knows(&service, *jobs).await;
        sides.push((name, *jobs, service, cluster));
    }
    let memory =
        |(_, jobs, service, _): &(_, u64, Service, _)| (float(*jobs), float(process::resident(service.pid())) / 1e6);
    let memory: Vec<(f64, f64)> = sides.iter().map(memory).collect();
    for (jobs, megabytes) in &memory {
        bench.report.figure(&format!("resident with {jobs} jobs"), "MB", &[*megabytes], "just read from the cluster");
    }

    let name = format!("nightly-report-{NUMBER}");
    let status = |jobs| Load { of: jobs, ..bench.pace.load(get(&status_path("bench", &name))) };
    let list = |_| bench.pace.load(get("/api/eks-list-jobs?namespace=bench&limit=10"));
    let kinds: [(&str, &dyn Fn(u64) -> Load); 2] = [("status (stub)", &status), ("list of 10 (stub)", &list)];
    let mut lines = Vec::new();
    let mut all = Vec::new();
    for (kind, load) in kinds {
        let way = |(name, jobs, service, _): &(&'static str, u64, Service, _)| {
            Ok(Way::new(name, Target::plain(service.address()), vec![service.pid()], load(*jobs)))
        };
        let mut ways: Vec<_> = sides.iter().map(way).collect();
        let rows = contest(
            &mut bench.generator,
            bench.pace,
            (&format!("{kind}, by jobs in memory"), ""),
            CONNECTIONS,
            &mut ways,
        );
        let points = rows[0].cells.iter().zip(tried).map(|(cell, (_, jobs))| (float(*jobs), cell.server_cpu));
        lines.push((kind.to_owned(), points.collect()));
        all.extend(rows);
    }
    bench.report.rows.extend(all);
    bench.report.series("reads-by-jobs", "CPU time of a read", ("jobs in memory", "µs of CPU"), lines);
    bench.report.series(
        "memory-by-jobs",
        "Memory",
        ("jobs in memory", "MB resident"),
        vec![("resident".to_owned(), memory)],
    );
}
