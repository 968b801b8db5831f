//! Creating jobs, and deleting them again. Each round deletes what it has created, so that the cluster does not fill up.

use serde_json::json;

use crate::bench::{Bench, PROXY, SERVICE, World, bearer, create, manifest, request, spec};
use crate::contest::contest;
use crate::generator::{Load, NUMBER};

/// As many clients as scripts that start together.
const SCRIPTS: usize = 8;

/// At the API server, with a label of as many bytes that is not the service's own: else its watch would tell it of these
/// jobs too, and what that costs would slow the direct way down.
fn at_the_api_server(bench: &Bench, token: &str, prefix: &str) -> [Load; 2] {
    let name = format!("{prefix}-{NUMBER}");
    let made = create(token, &manifest("bench", &name, "another").to_string());
    let path = format!("/apis/batch/v1/namespaces/bench/jobs/{name}");
    let options = json!({ "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background" });
    let headers = format!("{}content-type: application/json\n", bearer(token));
    [bench.pace.load(made), undo(request("DELETE", &path, &headers, &options.to_string()))]
}

fn by_the_service(bench: &Bench) -> [Load; 2] {
    let name = format!("made-{NUMBER}");
    let manifest = json!({ "metadata": { "name": name, "labels": { "team": "bench" } }, "spec": spec() });
    let body = json!({ "job_manifest": manifest, "namespace": "bench" }).to_string();
    let made = request("POST", "/api/eks-create-job", "content-type: application/json\n", &body);
    let path = format!("/api/eks-delete-job?namespace=bench&job_name={name}&propagation_policy=Background");
    [bench.pace.load(made), undo(request("DELETE", &path, "", ""))]
}

/// As many as were created, however long it takes.
fn undo(request: String) -> Load {
    Load { request, millis: 60_000, ..Load::default() }
}

pub(crate) async fn run(bench: &mut Bench) {
    bench.with_world(run_in).await;
}

async fn run_in(bench: &mut Bench, world: &World) {
    let token = world.cluster.token().await;
    let proxy = world.cluster.proxy(&token);
    let mut numbers = bench.pace.connections.to_vec();
    numbers.insert(1, SCRIPTS);
    for (place, connections) in (0..).zip(numbers) {
        // Each contest has numbers of its own: what one could not delete is not in the way of the next.
        let with = |[load, undo]: [Load; 2]| (Load { from: place * 1_000_000, ..load }, Some(undo));
        let (load, undo) = with(at_the_api_server(bench, &token, "sent"));
        let direct = crate::contest::Way { undo, ..world.direct(load) };
        let (load, undo) = with(by_the_service(bench));
        let through = crate::contest::Way { undo, ..world.through(load) };
        let (load, undo) = with(at_the_api_server(bench, "", "past"));
        let by_proxy = World::by_proxy(&proxy, load).map(|way| crate::contest::Way { undo, ..way });
        let mut ways = [Ok(direct), Ok(through), by_proxy];
        let rows = contest(&mut bench.generator, bench.pace.patient(), ("create", "delete"), connections, &mut ways);
        bench.report.rows.extend(rows);
    }
    let Some(row) = bench.report.row("create", SCRIPTS) else { return };
    let Some(service) = row.way(SERVICE).cloned() else { return };
    let proxy = row.way(PROXY).map(|proxy| proxy.server_cpu);
    let ratio = service.ratio.median;
    bench.report.bar("create, 8 clients: at least 0.75 of direct", ratio >= 0.75, format!("{ratio:.2}"));
    if let Some(proxy) = proxy {
        let measured = format!("{:.0} of {proxy:.0} µs", service.server_cpu);
        bench.report.bar("create: at most the CPU time of kubectl proxy", service.server_cpu <= proxy, measured);
    }
}
