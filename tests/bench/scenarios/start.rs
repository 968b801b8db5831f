//! From the start of the process to the first line that says it listens, and what it then takes.

use std::time::Instant;

use crate::bench::Bench;
use crate::cluster::Cluster;
use crate::figures::statistics::float;
use crate::process;

pub(crate) async fn run(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    let (mut listening, mut ready, mut resident, mut cpu) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bench.pace.pick(21, 7) {
        let started = Instant::now();
        let service = cluster.builder().start().await;
        listening.push(started.elapsed().as_secs_f64() * 1e3);
        service.ready().await;
        ready.push(started.elapsed().as_secs_f64() * 1e3);
        cpu.push(process::cpu(service.pid()) * 1e3);
        resident.push(float(process::resident(service.pid())) / 1e6);
    }
    let report = &mut bench.report;
    report.figure("start to listening", "ms", &listening, "");
    report.figure("start to ready: credentials, description, first exchange", "ms", &ready, "stub on loopback");
    report.figure("CPU time until ready", "ms", &cpu, "");
    report.figure("resident when ready, no jobs", "MB", &resident, "");
    report.figure("size of the binary", "MB", &[float(report.binary_bytes) / 1e6], "");
    let median = |figure: usize| {
        report.figures.iter().rev().nth(figure).and_then(|figure| figure.value).unwrap_or_default().median
    };
    let (listening, resident) = (median(4), median(1));
    report.bar("start to listening at most 20 ms", listening <= 20.0, format!("{listening:.1} ms"));
    report.bar("resident when ready at most 8 MB", resident <= 8.0, format!("{resident:.1} MB"));
    let binary = float(report.binary_bytes) / 1e6;
    report.bar("binary at most 7.0 MB", binary <= 7.0, format!("{binary:.2} MB"));
}
