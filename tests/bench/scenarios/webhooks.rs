//! The webhooks: deliveries a second to a local receiver; how soon they arrive, and how long reads from memory take,
//! beside a receiver that hangs and one that refuses.

mod site;

use std::sync::Arc;
use std::time::Instant;

use crate::bench::{Bench, status_path};
use crate::figures::statistics::{Spread, float, quantile_of_sorted};
use crate::floor::Floor;
use crate::generator::Target;
use crate::scenarios::ingest;
use site::Site;

/// Deliveries a second.
const RATE: u64 = 500;
const RATE_AT_LEAST: f64 = 500.0;
/// In milliseconds.
const ARRIVAL_AT_MOST: f64 = 1000.0;
const TAIL_AT_MOST: f64 = 1.5;

pub(crate) async fn run(bench: &mut Bench) {
    burst(bench).await;
    beside_the_dead(bench).await;
    reads(bench).await;
}

/// As many at once as there are: the receiver is always behind.
async fn burst(bench: &mut Bench) {
    let count = bench.pace.pick(5000, 500);
    let site = Site::start(false).await;
    let before = site.cpu();
    let begun = Instant::now();
    site.end_jobs(0..count);
    site.arrived(count).await;
    let seconds = begun.elapsed().as_secs_f64();
    let rate = float(count as u64) / seconds;
    let cpu = (site.cpu() - before) / float(count as u64) * 1e6;
    let note = format!("{count} ends of jobs at once; {cpu:.0} µs of CPU each, from the watch to the last write");
    bench.report.figure("deliveries to a local receiver", "/s", &[rate], &note);
    bench.report.bar("500 deliveries a second to a local receiver", rate >= RATE_AT_LEAST, format!("{rate:.0}/s"));
}

/// From the write of a transition to the arrival of its message, at a fixed pace.
async fn beside_the_dead(bench: &mut Bench) {
    let seconds = bench.pace.pick(10, 2);
    let mut tails = Vec::new();
    for has_dead in [false, true] {
        let site = Site::start(has_dead).await;
        let count = site.pace(RATE, seconds, 0).await;
        site.arrived(count).await;
        let mut lags = site.lags();
        lags.sort_by(f64::total_cmp);
        assert_eq!(lags.len(), count);
        let [p50, p99] = [0.5, 0.99].map(|share| quantile_of_sorted(&lags, share).unwrap());
        let beside = if has_dead { ", beside one that hangs and one that refuses" } else { "" };
        let what = format!("from the write of a transition to its arrival{beside}: p99");
        bench.report.figure(&what, "ms", &[p99], &format!("p50 {p50:.1} ms, at {RATE} a second"));
        tails.push(p99);
    }
    let measured = format!("{:.0} ms (alone: {:.0} ms)", tails[1], tails[0]);
    let is_met = tails[1] <= ARRIVAL_AT_MOST;
    bench.report.bar("a message arrives beside dead receivers: p99 below 1 s", is_met, measured);
}

/// Reads from memory at a fixed pace while jobs end, with and without dead receivers. The two take turns.
async fn reads(bench: &mut Bench) {
    const ENDS: u64 = 100;
    let seconds = bench.pace.pick(3, 1);
    let sites = [Arc::new(Site::start(false).await), Arc::new(Site::start(true).await)];
    let group = |bench: &mut Bench, address: &str| bench.generator.open(&Target::plain(address), 4).unwrap();
    let size = sites[0].service.get(&status_path("bench", "nightly-report-00000000")).await.body.len();
    let floor = Floor::start(size as u64);
    let addresses = [sites[0].service.address(), sites[1].service.address(), &floor.address];
    let groups = addresses.map(|address| group(bench, address));
    let (mut tails, mut ratios) = ([Vec::new(), Vec::new(), Vec::new()], Vec::new());
    let mut ended = 0;
    for _ in 0..bench.pace.pick(5, 2) {
        for which in 0..groups.len() {
            // Beside the floor jobs end in the cluster of the first service.
            let busy = Arc::clone(&sites[which % sites.len()]);
            let from = ended + 1_000_000 * which;
            let ending = tokio::spawn(async move { busy.pace(ENDS, seconds, from).await });
            tails[which].push(ingest::read(bench, groups[which], seconds));
            ending.await.unwrap();
        }
        ended += usize::try_from(ENDS * seconds).unwrap();
        ratios.push(tails[1].last().unwrap() / tails[0].last().unwrap());
    }
    for group in groups {
        bench.generator.close(group);
    }
    let note = format!("500 reads a second, {ENDS} ends of jobs a second");
    bench.report.figure("p99 of a paced read from memory, a good receiver", "µs", &tails[0], &note);
    bench.report.figure("the same, with one that hangs and one that refuses", "µs", &tails[1], &note);
    bench.report.figure("p99 of a paced read of the floor", "µs", &tails[2], "a bare hyper server");
    let ratio = Spread::of(&ratios).unwrap_or_default().median;
    let is_met = ratio > 0.0 && ratio <= TAIL_AT_MOST;
    bench.report.bar("reads beside dead receivers: p99 at most 1.5 times without", is_met, format!("{ratio:.2}"));
}
