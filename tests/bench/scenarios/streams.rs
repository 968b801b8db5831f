//! A thousand who follow one job's events, and how soon all are told of a change: through the service, by watches of
//! their own, and by watches through `kubectl proxy`. Always at the stub, as it alone can be told when.

use serde_json::json;

use super::waits::WATCH;
use crate::bench::{Bench, DIRECT, PROXY, SERVICE, bearer, get, put_jobs, request};
use crate::cluster::Cluster;
use crate::figures::statistics::{Spread, float};
use crate::generator::{Follow, Group, Target, instance_id};
use crate::process;

const JOB: &str = "nightly-report-00000005";
const EVENTS: &str = "/api/eks-watch-jobs?namespace=bench&job_name=nightly-report-00000005";

struct Side {
    name: &'static str,
    group: Group,
    pids: Vec<u32>,
    /// Milliseconds until the middle one and until all were told.
    half: Vec<f64>,
    all: Vec<f64>,
    cpu: f64,
}

pub(crate) async fn run(bench: &mut Bench) {
    let streams = bench.pace.pick(1000, 200);
    let cluster = Cluster::stub().await;
    put_jobs(cluster.controls(), "bench", 10);
    let service = cluster.service(&[]).await;
    let token = cluster.token().await;
    let proxy = cluster.proxy(&token);

    let watch =
        |target: Target, token: &str| follow(target, request("GET", WATCH, &bearer(token), ""), "ADDED", "MODIFIED");
    let through = follow(Target::plain(service.address()), get(EVENTS), "snapshot-end", "event: modified");
    let before = process::resident(service.pid());
    let mut ways = vec![(SERVICE, Ok(through), vec![service.pid()])];
    ways.push((DIRECT, Ok(watch(cluster.target(), &token)), cluster.pids()));
    ways.push(match &proxy {
        Ok(proxy) => (PROXY, Ok(watch(Target::plain(&proxy.address), "")), vec![proxy.pid()]),
        Err(why) => (PROXY, Err(why.clone()), Vec::new()),
    });
    // One way after another: a change is told to all who follow it, and would be told to the other ways' at the same time.
    for (name, follow, pids) in ways {
        let title = format!("a change reaches all of {streams} event streams (stub): {name}");
        let opened = follow.and_then(|follow| bench.generator.follow(Follow { connections: streams, ..follow }));
        let group = match opened {
            Ok(group) => group,
            Err(why) => {
                bench.report.figure(&title, "ms", &[], &why);
                continue;
            }
        };
        let mut side = Side { name, group, pids, half: Vec::new(), all: Vec::new(), cpu: 0.0 };
        let rounds = bench.pace.pick(20, 5);
        let told = (0..rounds).try_for_each(|round| one_change(bench, &cluster, &mut side, round));
        let deliveries = float((rounds * streams) as u64);
        let note = match &told {
            Ok(()) => {
                let half = Spread::of(&side.half).unwrap_or_default().median;
                format!(
                    "the middle one after {half:.1} ms; the server's CPU {:.1} µs each",
                    side.cpu * 1e6 / deliveries
                )
            }
            Err(why) => why.clone(),
        };
        bench.report.figure(&title, "ms", &side.all, &note);
        if side.name == SERVICE {
            let each = float(process::resident(service.pid()).saturating_sub(before)) / float(streams as u64);
            bench.report.figure("memory for each of these streams", "bytes", &[each], "connection included");
        }
        bench.generator.close(side.group);
        cluster.controls().wait_for_watches(1).await;
    }
}

pub(super) fn follow(target: Target, request: String, begun: &str, told: &str) -> Follow {
    Follow { target, connections: 0, request, begun: begun.to_owned(), told: told.to_owned() }
}

fn one_change(bench: &mut Bench, cluster: &Cluster, side: &mut Side, round: usize) -> Result<(), String> {
    let busy = || side.pids.iter().map(|pid| process::cpu(*pid)).sum::<f64>();
    let (before, mut begun) = (busy(), 0);
    let mut times = bench.generator.told(side.group, || {
        begun = instance_id();
        cluster.controls().change_job("bench", JOB, |job| {
            job["metadata"]["labels"]["round"] = json!(format!("{}-{round}", side.name.replace(' ', "-")));
        });
    })?;
    side.cpu += busy() - before;
    times.sort_unstable();
    let after = |time: u64| float(time.saturating_sub(begun)) / 1e6;
    side.half.push(after(times[times.len() / 2]));
    side.all.push(after(times[times.len() - 1]));
    Ok(())
}
