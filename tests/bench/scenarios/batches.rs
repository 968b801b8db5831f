//! Batches: 500 members against the same 500 bodies sent by 16 clients, the status of 1,000 from memory, and a wait.

use std::time::Instant;

use serde_json::{Value, json};

use crate::bench::{Bench, World, bearer, create, get, request, spec};
use crate::cluster::Cluster;
use crate::figures::statistics::{Spread, float};
use crate::generator::connection::{Connection, Connector};
use crate::generator::{Load, NUMBER, Target};
use crate::process;
use crate::support::service::{Reply, Service};

const SIZE: u64 = 500;
/// As many requests as the service has on the way at a time.
const CLIENTS: usize = 16;
const LARGE: u64 = 1000;

pub(crate) async fn run(bench: &mut Bench) {
    bench.with_world(submissions).await;
    status_and_wait(bench).await;
}

/// The two ways take turns, so that both see the same machine.
async fn submissions(bench: &mut Bench, world: &World) {
    let token = world.cluster.token().await;
    let (mut rates, mut ratios) = ([Vec::new(), Vec::new()], Vec::new());
    for round in 0..bench.pace.pick(9, 3) {
        let batch = format!("batch-{round}");
        let begun = Instant::now();
        submit(&world.service, "bench", &batch, SIZE).await.expect_status(201);
        let by_batch = float(SIZE) / begun.elapsed().as_secs_f64();
        delete(&world.service, "bench", &batch).await;

        // A member as the service sends it, and the label that its watch follows.
        let group = bench.generator.open(&world.cluster.target(), CLIENTS).unwrap();
        let body = member(&format!("direct-{round}-{NUMBER}")).to_string();
        let load = Load { request: create(&token, &body), count: Some(SIZE), millis: 60_000, ..Load::default() };
        let sent = bench.generator.run(group, &load).unwrap();
        assert_eq!(sent.answered, SIZE, "{sent:?}");
        undo(bench, group, &token, round);
        bench.generator.close(group);
        rates[0].push(by_batch);
        rates[1].push(sent.rate());
        ratios.push(by_batch / sent.rate());
    }
    bench.report.figure("members of a batch of 500", "/s", &rates[0], "one create-batch");
    bench.report.figure("the same 500 bodies, sent directly", "/s", &rates[1], "16 clients, while the service follows");
    let ratio = Spread::of(&ratios).unwrap_or_default().median;
    bench.report.bar("a batch of 500: at least 0.75 of 16 clients", ratio >= 0.75, format!("{ratio:.2}"));
}

/// Deletes what the clients have created.
fn undo(bench: &mut Bench, group: crate::generator::Group, token: &str, round: usize) {
    let path = format!("/apis/batch/v1/namespaces/bench/jobs/direct-{round}-{NUMBER}");
    let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
    let headers = format!("{}content-type: application/json\n", bearer(token));
    let request = request("DELETE", &path, &headers, &options.to_string());
    bench.generator.run(group, &Load { request, count: Some(SIZE), millis: 60_000, ..Load::default() }).unwrap();
}

/// The status of a large batch, and a wait for its end. The stub alone can end its last member at a known moment.
async fn status_and_wait(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    let service = cluster.service(&[]).await;
    submit(&service, "bench", "large", LARGE).await.expect_status(201);
    let path = "/api/eks-get-batch-status?namespace=bench&batch_name=large";
    assert_eq!(service.get(path).await.expect_status(200).header("x-cache"), Some("hit"));
    let target = Target::plain(service.address());
    let group = bench.generator.open(&target, 1).unwrap();
    let before = process::cpu(service.pid());
    let read = bench.generator.run(group, &bench.pace.load(get(path))).unwrap();
    let each = (process::cpu(service.pid()) - before) * 1e3 / float(read.answered.max(1));
    bench.generator.close(group);
    bench.report.figure("status of a batch of 1,000: CPU time of the service", "ms", &[each], "from memory");
    bench.report.bar("status of a batch of 1,000: at most 1 ms of CPU", each <= 1.0, format!("{each:.2} ms"));

    let end = |index: u64, status: Value| {
        cluster.controls().set_job_status("bench", &format!("large-{index:04}"), status);
    };
    (1..LARGE).for_each(|index| end(index, ended()));
    let connector = Connector::new(&target).unwrap();
    let mut times = Vec::new();
    for _ in 0..bench.pace.pick(100, 20) {
        end(0, json!({ "active": 1 }));
        while service.get(path).await.json()["state"] != "running" {}
        let mut waiting = Connection::open(&connector).await.unwrap();
        waiting.send(get(&format!("{path}&wait=1m")).as_bytes()).await.unwrap();
        // Answered after the wait has begun.
        for _ in 0..3 {
            service.get("/livez").await;
        }
        let begun = Instant::now();
        end(0, ended());
        waiting.read_until(b"200 OK").await.unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    bench.report.figure("the end of a batch of 1,000 reaches who waits for it (stub)", "ms", &times, "");
    let median = Spread::of(&times).unwrap_or_default().median;
    let measured = format!("{median:.2} ms");
    bench.report.bar("a wait for a batch ends within 5 ms of its last member", median <= 5.0, measured);
}

fn ended() -> Value {
    let time = "2026-01-20T10:30:00Z";
    let condition = json!({ "type": "Complete", "status": "True", "lastTransitionTime": time });
    json!({ "startTime": time, "completionTime": time, "succeeded": 1, "conditions": [condition] })
}

async fn submit(service: &Service, namespace: &str, batch: &str, size: u64) -> Reply {
    let jobs: Vec<Value> =
        (0..size).map(|index| json!({ "overrides": { "env": { "N": index.to_string() } } })).collect();
    let body = json!({ "namespace": namespace, "batch_name": batch, "job_manifest": { "spec": spec() }, "jobs": jobs });
    service.post("/api/eks-create-batch", &body).await
}

/// Deletes a batch and waits until its jobs are gone. Only a garbage collector deletes them.
async fn delete(service: &Service, namespace: &str, batch: &str) {
    let path = format!("/api/eks-delete-batch?namespace={namespace}&batch_name={batch}&propagation_policy=Background");
    service.delete(&path).await.expect_status(200);
}

/// The manifest of a member as the service sends it, of a head that is not there.
fn member(name: &str) -> Value {
    let mut member = crate::bench::manifest("bench", name, "eks-api");
    let metadata = &mut member["metadata"];
    metadata["labels"]["eks-api/batch"] = json!("direct");
    metadata["annotations"]["eks-api/batch-index"] = json!("0");
    metadata["annotations"]["eks-api/idempotency"] = json!("0123456789abcdef.0123456789abcdef");
    let variables = member["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().unwrap();
    for (name, value) in [("N", "0"), ("EKS_API_BATCH_INDEX", "0")] {
        variables.push(json!({ "name": name, "value": value }));
    }
    member
}
