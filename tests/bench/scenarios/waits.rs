//! How soon somebody who waits for a job's change is told, from the moment the cluster tells of it: through the service,
//! and by a watch of one's own. Always at the stub, as it alone can be told when. There is no load, so the connections
//! are this process's own.

use std::time::Instant;

use serde_json::json;

use crate::bench::{Bench, DIRECT, PROXY, SERVICE, bearer, get, put_jobs, request, status_path};
use crate::cluster::Cluster;
use crate::figures::statistics::{Spread, quantile_of_sorted};
use crate::generator::Target;
use crate::generator::connection::{Connection, Connector};
use crate::support::service::Service;

const JOB: &str = "nightly-report-00000005";
pub(super) const WATCH: &str =
    "/apis/batch/v1/namespaces/bench/jobs?watch=true&labelSelector=job-id%3Dnightly-report-00000005";

pub(crate) async fn run(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", 10);
    let service = cluster.service(&[]).await;
    let target = Target::plain(service.address());
    let (mut waiting, mut other) = (open(&target).await.unwrap(), open(&target).await.unwrap());
    let token = cluster.token().await;
    let proxy = cluster.proxy(&token);
    let by_proxy = match &proxy {
        Ok(proxy) => watch(&Target::plain(&proxy.address), "").await,
        Err(why) => Err(why.clone()),
    };
    let mut watches = [watch(&cluster.target(), &token).await, by_proxy];

    let mut times: [Vec<f64>; 3] = Default::default();
    for number in 0..bench.pace.pick(300, 60) {
        // One is timed after another, so that none waits for another's turn.
        for which in 0..3 {
            if which == 0 {
                wait(&service, &mut waiting, &mut other).await;
            }
            let begun = Instant::now();
            let value = format!("{number}-{which}");
            cluster.controls().change_job("bench", JOB, |job| job["metadata"]["labels"]["round"] = json!(value));
            let reader = match which {
                0 => Some(&mut waiting),
                _ => watches[which - 1].as_mut().ok(),
            };
            let wanted: &[u8] = if which == 0 { b"200 OK" } else { b"MODIFIED" };
            if let Some(connection) = reader {
                connection.read_until(wanted).await.unwrap();
                times[which].push(begun.elapsed().as_secs_f64() * 1e6);
            }
            for (place, watch) in watches.iter_mut().enumerate() {
                if let (Ok(watch), true) = (watch, place + 1 != which) {
                    watch.read_until(b"MODIFIED").await.unwrap();
                }
            }
        }
    }
    for (way, times) in [SERVICE, DIRECT, PROXY].into_iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        let tail = quantile_of_sorted(times, 0.99);
        let note = tail.map_or_else(|| "not there".to_owned(), |tail| format!("p99 {tail:.0} µs"));
        bench.report.figure(&format!("a change reaches who waits for it (stub): {way}"), "µs", times, &note);
    }
    let median = Spread::of(&times[0]).unwrap_or_default().median;
    let measured = format!("{:.2} ms", median / 1e3);
    bench.report.bar("a change reaches a waiting caller within 2 ms", median > 0.0 && median <= 2000.0, measured);
}

/// Begins to wait, and returns when the service does so.
async fn wait(service: &Service, waiting: &mut Connection, other: &mut Connection) {
    let known = service.get(&status_path("bench", JOB)).await.expect_status(200);
    let known = format!("if-none-match: {}\n", known.header("etag").unwrap());
    let path = status_path("bench", JOB) + "&wait=1m";
    waiting.send(request("GET", &path, &known, "").as_bytes()).await.unwrap();
    // Answered after the wait has begun: the service takes them in order.
    for _ in 0..3 {
        other.exchange(get("/livez").as_bytes()).await.unwrap();
    }
}

async fn open(target: &Target) -> Result<Connection, String> {
    Connection::open(&Connector::new(target)?).await
}

async fn watch(target: &Target, token: &str) -> Result<Connection, String> {
    let mut connection = open(target).await?;
    connection.send(request("GET", WATCH, &bearer(token), "").as_bytes()).await?;
    connection.read_until(b"ADDED").await?;
    Ok(connection)
}
