//! A page of jobs: 100 of the cluster's 10,000.

use crate::bench::{Bench, FLOOR, World, bearer, get, request};
use crate::contest::{Way, contest};
use crate::floor::Floor;
use crate::generator::Target;

const SERVED: &str = "/api/eks-list-jobs?namespace=bench&limit=100";
const ASKED: &str = "/apis/batch/v1/namespaces/bench/jobs?limit=100&labelSelector=app%3Deks-api";

pub(crate) async fn run(bench: &mut Bench) {
    bench.with_world(run_in).await;
}

async fn run_in(bench: &mut Bench, world: &World) {
    let reply = world.service.get(SERVED).await.expect_status(200);
    assert_eq!(reply.json()["jobs"].as_array().map(Vec::len), Some(100));
    let floor = Floor::start(reply.body.len() as u64);
    let token = world.cluster.token().await;
    let proxy = world.cluster.proxy(&token);
    for connections in bench.pace.connections {
        let floor = Way::new(FLOOR, Target::plain(&floor.address), vec![floor.pid()], bench.pace.load(get("/")));
        let through = world.through(bench.pace.load(get(SERVED)));
        let direct = world.direct(bench.pace.load(request("GET", ASKED, &bearer(&token), "")));
        let by_proxy = World::by_proxy(&proxy, bench.pace.load(get(ASKED)));
        let mut ways = [Ok(floor), Ok(through), Ok(direct), by_proxy];
        let rows = contest(&mut bench.generator, bench.pace, ("list 100 of 10,000", ""), *connections, &mut ways);
        bench.report.rows.extend(rows);
    }
}
