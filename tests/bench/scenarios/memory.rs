//! Resident memory with more and more idle connections, event streams and jobs, and after work.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::streams::follow;
use crate::bench::{Bench, JOBS, get, metric, put_jobs, status_path};
use crate::cluster::Cluster;
use crate::figures::statistics::float;
use crate::generator::{Follow, Load, NUMBER, Target};
use crate::process;
use crate::support::service::Service;

/// One address may not have so many connections as are opened here from one.
const SETTINGS: [(&str, &str); 4] = [
    ("EKS_API_MAX_CONNECTIONS", "20000"),
    ("EKS_API_MAX_CONNECTIONS_PER_PEER", "20000"),
    ("EKS_API_MAX_STREAMS", "4096"),
    ("EKS_API_MAX_REQUESTS", "4096"),
];

fn megabytes(service: &Service) -> f64 {
    float(process::resident(service.pid())) / 1e6
}

pub(crate) async fn run(bench: &mut Bench) {
    connections(bench).await;
    streams(bench).await;
    followers(bench).await;
    jobs(bench).await;
}

async fn connections(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", 10);
    let service = cluster.service(&SETTINGS).await;
    let target = Target::plain(service.address());
    let load = Load { of: 10, ..bench.pace.load(get(&status_path("bench", &format!("nightly-report-{NUMBER}")))) };
    let mut groups = Vec::new();
    let mut points = Vec::new();
    let mut open = 0;
    for wanted in [1, 10, 100, 1000, bench.pace.pick(5000, 2000), bench.pace.pick(10_000, 3000)] {
        let group = match bench.generator.open(&target, wanted - open) {
            Ok(group) => group,
            Err(why) => {
                bench.report.figure(&format!("resident with {wanted} idle connections"), "MB", &[], &why);
                break;
            }
        };
        groups.push(group);
        open = wanted;
        // Each has been used before it idles.
        let once = Load { once: true, millis: 60_000, ..load.clone() };
        let mut answered = 0;
        for group in &groups {
            answered += bench.generator.run(*group, &once).map_or(0, |outcome| outcome.answered);
        }
        points.push((float(open as u64), megabytes(&service)));
        if open >= 1000 {
            let last = points[points.len() - 1].1;
            let name = format!("resident with {open} idle connections");
            bench.report.figure(&name, "MB", &[last], &format!("{answered} of them answered"));
        }
    }
    for group in groups {
        bench.generator.close(group);
    }
    bench.report.figure("resident after all of these were closed", "MB", &[megabytes(&service)], "");
    let lines = vec![("resident".to_owned(), points)];
    bench.report.series("memory-by-connections", "Memory", ("open connections", "MB resident"), lines);
}

/// So many who follow all jobs.
fn follow_all(service: &Service, connections: usize) -> Follow {
    let request = get("/api/eks-watch-jobs?namespace=bench");
    Follow { connections, ..follow(Target::plain(service.address()), request, "snapshot-end", "event: modified") }
}

async fn streams(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", 10);
    let service = cluster.service(&SETTINGS).await;
    let mut groups = Vec::new();
    let mut points = Vec::new();
    let mut open = 0;
    for wanted in [1, 10, 100, 1000, bench.pace.pick(4000, 2000)] {
        match bench.generator.follow(follow_all(&service, wanted - open)) {
            Ok(group) => groups.push(group),
            Err(why) => {
                bench.report.figure(&format!("resident with {wanted} event streams"), "MB", &[], &why);
                break;
            }
        }
        open = wanted;
        points.push((float(open as u64), megabytes(&service)));
    }
    if let Some((streams, megabytes)) = points.last() {
        bench.report.figure(&format!("resident with {streams} event streams"), "MB", &[*megabytes], "");
    }
    for group in groups {
        bench.generator.close(group);
    }
    let lines = vec![("resident".to_owned(), points)];
    bench.report.series("memory-by-streams", "Memory", ("open event streams", "MB resident"), lines);
}

/// A thousand who wait for a job, and a thousand who follow all.
async fn followers(bench: &mut Bench) {
    const EACH: usize = 1000;
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", 10);
    let service = cluster.service(&SETTINGS).await;
    crate::bench::knows(&service, 10).await;
    let path = status_path("bench", "nightly-report-00000001");
    let known = service.get(&path).await.header("etag").unwrap().to_owned();
    let before = megabytes(&service);
    let mut waits = Vec::new();
    for _ in 0..EACH {
        let mut stream = TcpStream::connect(service.address()).await.unwrap();
        let request = format!("GET {path}&wait=1m HTTP/1.1\r\nhost: localhost\r\nif-none-match: {known}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        waits.push(stream);
    }
    while metric(&service, "eks_api_open_waits", "#").await < float(EACH as u64) {
        tokio::task::yield_now().await;
    }
    let waiting = megabytes(&service);
    let group = bench.generator.follow(follow_all(&service, EACH));
    let more = megabytes(&service) - before;
    match group {
        Ok(group) => bench.generator.close(group),
        Err(why) => return bench.report.figure("memory for 1,000 waits and 1,000 event streams", "MB", &[], &why),
    }
    let note = format!("{:.1} MB of it for the waits", waiting - before);
    bench.report.figure("memory for 1,000 waits and 1,000 event streams", "MB", &[more], &note);
}

/// After many reads with 10,000 jobs, and with 50,000.
async fn jobs(bench: &mut Bench) {
    for jobs in [JOBS, bench.pace.pick(50_000, 20_000)] {
        let cluster = Cluster::stub().await;
        put_jobs(cluster.controls(), "bench", jobs);
        let service = cluster.service(&[]).await;
        crate::bench::knows(&service, jobs).await;
        let full = megabytes(&service);
        let name = format!("nightly-report-{NUMBER}");
        let load = Load { of: jobs, count: Some(100_000), ..bench.pace.load(get(&status_path("bench", &name))) };
        let group = bench.generator.open(&Target::plain(service.address()), 64).unwrap();
        let outcome = bench.generator.run(group, &Load { millis: 10_000, ..load }).unwrap();
        bench.generator.close(group);
        let note = format!("after {} reads at 64 connections", outcome.answered);
        bench.report.figure(&format!("resident with {jobs} jobs in memory"), "MB", &[full], "");
        bench.report.figure(&format!("resident with {jobs} jobs after load"), "MB", &[megabytes(&service)], &note);
        let measured = format!("{full:.1} MB");
        match jobs {
            10_000 => bench.report.bar("resident with 10,000 jobs at most 25 MB", full <= 25.0, measured),
            50_000 => bench.report.bar("resident with 50,000 jobs at most 90 MB", full <= 90.0, measured),
            _ => {}
        }
    }
}
