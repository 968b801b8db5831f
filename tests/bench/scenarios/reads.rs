//! One job's status: from the service's memory, and from the cluster itself.

use crate::bench::{Bench, DIRECT, FLOOR, JOBS, SERVICE, World, bearer, get, metric, request, status_path};
use crate::contest::{Way, contest};
use crate::floor::Floor;
use crate::generator::{Load, NUMBER, Target};

const CACHED: &str = "status from the cache";
const UNCACHED: &str = "status from the cluster";
const ASKED: &str = "eks_api_upstream_requests_total{";

fn name() -> String {
    format!("nightly-report-{NUMBER}")
}

/// The same read at the API server, with a token or without.
fn at_the_api_server(bench: &Bench, token: &str) -> Load {
    let path = format!("/apis/batch/v1/namespaces/bench/jobs/{}", name());
    Load { of: JOBS, ..bench.pace.load(request("GET", &path, &bearer(token), "")) }
}

pub(crate) async fn cached(bench: &mut Bench) {
    bench.with_world(cached_in).await;
}

async fn cached_in(bench: &mut Bench, world: &World) {
    let load = Load { of: JOBS, ..bench.pace.load(get(&status_path("bench", &name()))) };
    let first = status_path("bench", "nightly-report-00000000");
    let size = world.service.get(&first).await.expect_status(200).body.len();
    let floor = Floor::start(size as u64);
    let token = world.cluster.token().await;
    let proxy = world.cluster.proxy(&token);
    let asked = metric(&world.service, ASKED, "version").await;
    for connections in bench.pace.connections {
        let floor = Way::new(FLOOR, Target::plain(&floor.address), vec![floor.pid()], bench.pace.load(get("/")));
        let direct = world.direct(at_the_api_server(bench, &token));
        let by_proxy = World::by_proxy(&proxy, at_the_api_server(bench, ""));
        let mut ways = [Ok(floor), Ok(world.through(load.clone())), Ok(direct), by_proxy];
        let rows = contest(&mut bench.generator, bench.pace, (CACHED, ""), *connections, &mut ways);
        bench.report.rows.extend(rows);
    }
    let asked = metric(&world.service, ASKED, "version").await - asked;
    bench.report.figure("requests to the API server for all of these reads", "", &[asked], "");
    bench.report.bar("reads from the cache cost the API server nothing", asked == 0.0, format!("{asked} requests"));
    for connections in [16, 64] {
        let Some(row) = bench.report.row(CACHED, connections) else { continue };
        let Some(service) = row.way(SERVICE).cloned() else { continue };
        let direct = row.way(DIRECT).map_or(f64::INFINITY, |direct| direct.rate.median);
        let (to_floor, to_direct) = (service.ratio.median, service.rate.median / direct);
        let at = |bar: &str| format!("cached status, {connections} connections: at least {bar}");
        bench.report.bar(&at("0.5 of a bare hyper server"), to_floor >= 0.5, format!("{to_floor:.2}"));
        bench.report.bar(&at("12 times the API server"), to_direct >= 12.0, format!("{to_direct:.1}"));
    }
}

pub(crate) async fn direct(bench: &mut Bench) {
    bench.with_world(direct_in).await;
}

async fn direct_in(bench: &mut Bench, world: &World) {
    let path = status_path("bench", &name());
    let load = Load { of: JOBS, ..bench.pace.load(request("GET", &path, "cache-control: no-cache\n", "")) };
    let token = world.cluster.token().await;
    let proxy = world.cluster.proxy(&token);
    for connections in bench.pace.connections {
        let direct = world.direct(at_the_api_server(bench, &token));
        let by_proxy = World::by_proxy(&proxy, at_the_api_server(bench, ""));
        let mut ways = [Ok(direct), Ok(world.through(load.clone())), by_proxy];
        let rows = contest(&mut bench.generator, bench.pace.patient(), (UNCACHED, ""), *connections, &mut ways);
        bench.report.rows.extend(rows);
    }
}
