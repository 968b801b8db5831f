//! A job's log of some megabytes, from the cluster through the service. Always by the stub, as there is no kubelet here.

use serde_json::json;

use crate::bench::{Bench, DIRECT, SERVICE, World, bearer, get, request};
use crate::cluster::Cluster;
use crate::contest::{Pace, Way, contest};
use crate::generator::Target;

const SERVED: &str = "/api/eks-get-job-logs?namespace=bench&job_name=hello";
const ASKED: &str = "/api/v1/namespaces/bench/pods/hello-a/log?container=c";
/// 100 bytes each.
const LINES: usize = 80_000;

pub(crate) async fn run(bench: &mut Bench) {
    let cluster = Cluster::stub().await;
    let stub = cluster.controls();
    let done = json!({ "conditions": [{ "type": "Complete", "status": "True" }] });
    let metadata = json!({ "name": "hello", "namespace": "bench" });
    stub.put_job(
        json!({ "metadata": metadata, "spec": { "selector": { "matchLabels": { "of": "hello" } } }, "status": done }),
    );
    let ended = json!({ "name": "c", "restartCount": 0, "state": { "terminated": { "exitCode": 0 } } });
    stub.put_pod(json!({
        "metadata": { "name": "hello-a", "namespace": "bench", "labels": { "of": "hello" } },
        "spec": { "nodeName": "lab-node", "restartPolicy": "Never", "containers": [{ "name": "c" }] },
        "status": { "phase": "Succeeded", "containerStatuses": [ended] },
    }));
    let log = format!("{}\n", "x".repeat(99)).repeat(LINES);
    stub.put_log("bench", "hello-a", "c", &log);
    stub.end_log("bench", "hello-a", "c");
    let service = cluster.service(&[]).await;
    assert_eq!(service.get(SERVED).await.expect_status(200).body.len(), log.len());

    let token = cluster.token().await;
    let proxy = cluster.proxy(&token);
    let pace = Pace { millis: bench.pace.millis * 2, ..bench.pace };
    for connections in [1, 16] {
        let direct = pace.load(request("GET", ASKED, &bearer(&token), ""));
        let direct = Way::new(DIRECT, cluster.target(), cluster.pids(), direct);
        let load = pace.load(get(SERVED));
        let through = Way::new(SERVICE, Target::plain(service.address()), vec![service.pid()], load);
        let by_proxy = World::by_proxy(&proxy, pace.load(get(ASKED)));
        let mut ways = [Ok(direct), Ok(through), by_proxy];
        let rows = contest(&mut bench.generator, pace, ("a log of 8 MB (stub)", ""), connections, &mut ways);
        bench.report.rows.extend(rows);
    }
}
