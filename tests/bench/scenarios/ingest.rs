//! More and more changes a second from the cluster: how long each takes until somebody who follows the service's events
//! has it, and whether those who read meanwhile notice. The changes are written beforehand, in the stub's name, so that
//! making them does not compete with taking them in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, interval};

use crate::bench::{Bench, finished, get, knows, put_jobs, status_path};
use crate::cluster::Cluster;
use crate::figures::statistics::{float, quantile_of_sorted};
use crate::floor::Floor;
use crate::generator::connection::{Connection, Connector};
use crate::generator::{Group, Load, NUMBER, Target, instance_id};
use crate::process;

pub(super) const JOBS: u64 = 1000;
const RATES: [u64; 7] = [100, 1000, 10_000, 20_000, 30_000, 40_000, 60_000];
const LAG: f64 = 100.0;
const READS: u64 = 500;
/// As short as the runtime's clock has it: the API server tells of each change when it happens, and not in bursts.
const TICK: Duration = Duration::from_millis(1);
const SENTINEL: &str = "/api/eks-watch-jobs?namespace=bench&job_name=nightly-report-00000000";

/// A change of any job: its text, cut where the job's name, its uid's end, the version and the time are put in.
pub(super) struct Template(Vec<String>);

impl Template {
    pub(super) fn new() -> Self {
        let mut job = finished("bench", 0);
        job["metadata"]["resourceVersion"] = json!("@version@");
        job["metadata"]["labels"]["sent"] = json!("@sent@");
        // In the order of the API server, whose reader is spared to keep the object until it knows the type.
        let text = format!("{{\"type\":\"MODIFIED\",\"object\":{job}}}\n");
        let text = text.replace("nightly-report-00000000", "nightly-report-@number@");
        let text = text.replace("84e2-000000000000", "84e2-@uid@");
        Self(text.split('@').map(str::to_owned).collect())
    }

    fn write(&self, into: &mut String, number: u64, version: u64, sent: u64) {
        use std::fmt::Write;
        for part in &self.0 {
            let _ = match part.as_str() {
                "number" => write!(into, "{number:08}"),
                "uid" => write!(into, "{number:012x}"),
                "version" => write!(into, "{version}"),
                "sent" => write!(into, "{sent}"),
                text => into.write_str(text),
            };
        }
    }
}

/// What has been seen of the changes by somebody who follows.
#[derive(Default)]
struct Seen {
    /// When the last change was sent that was seen.
    newest: AtomicU64,
    lags: std::sync::Mutex<Vec<f64>>,
    over: AtomicBool,
}

pub(crate) async fn run(bench: &mut Bench) {
    let cluster = Arc::new(Cluster::stub().await);
    put_jobs(cluster.controls(), "bench", JOBS);
    let service = cluster.service(&[]).await;
    knows(&service, JOBS).await;
    let target = Target::plain(service.address());
    let seen = Arc::new(Seen::default());
    let follower = tokio::spawn(follow(target.clone(), Arc::clone(&seen)));
    let group = bench.generator.open(&target, 4).unwrap();
    let size = service.get(&status_path("bench", "nightly-report-00000000")).await.body.len();
    let floor = Floor::start(size as u64);
    let floor_group = bench.generator.open(&Target::plain(&floor.address), 4).unwrap();

    let template = Arc::new(Template::new());
    let seconds = bench.pace.pick(3, 1);
    let start_sending = |rate, version| {
        let (cluster, template) = (Arc::clone(&cluster), Arc::clone(&template));
        let tell = move |text: String| cluster.controls().send_to_watches(text);
        tokio::spawn(send(tell, template, rate, seconds, version))
    };
    let quiet = read(bench, group, seconds);
    bench.report.figure("p99 of a paced read, no changes", "µs", &[quiet], "500 reads a second on 4 connections");
    let mut version: u64 = cluster.controls().resource_version().parse().unwrap();
    let (mut best, mut lags, mut tails, mut busy) = (0, Vec::new(), Vec::new(), Vec::new());
    let rates = &RATES[..bench.pace.pick(7, 4)];
    for rate in rates {
        seen.lags.lock().unwrap().clear();
        let before = process::cpu(service.pid());
        let begun = Instant::now();
        let sender = start_sending(*rate, version);
        let tail = read(bench, group, seconds);
        let (sent, last) = sender.await.unwrap();
        let sending = begun.elapsed().as_secs_f64();
        let give_up = Instant::now() + Duration::from_secs(20);
        while seen.newest.load(Ordering::Relaxed) < last && Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        version += sent + 1;
        let cpu = (process::cpu(service.pid()) - before) / begun.elapsed().as_secs_f64();
        let mut all = seen.lags.lock().unwrap().clone();
        all.sort_by(f64::total_cmp);
        let lag = quantile_of_sorted(&all, 0.99).unwrap_or(f64::INFINITY);
        let achieved = float(sent) / sending;
        let note =
            format!("{achieved:.0}/s were sent; {:.0} % of a core; p99 of a paced read {tail:.0} µs", cpu * 100.0);
        bench.report.figure(&format!("lag (p99) at {rate} changes a second"), "ms", &[lag], &note);
        lags.push((float(*rate), lag));
        tails.push((float(*rate), tail / 1e3));
        busy.push((float(*rate), cpu * 100.0));
        if lag > LAG || seen.newest.load(Ordering::Relaxed) < last {
            break;
        }
        if achieved >= 0.97 * float(*rate) {
            best = *rate;
        }
        if *rate == 20_000 {
            let sender = start_sending(*rate, version);
            let beside = read(bench, floor_group, seconds);
            version += sender.await.unwrap().0 + 1;
            let why = "a bare hyper server: what the cores' being shared does to a reply";
            bench.report.figure("p99 of a paced read of the floor, beside the same", "µs", &[beside], why);
        }
    }
    seen.over.store(true, Ordering::Relaxed);
    follower.abort();
    bench.generator.close(group);
    bench.generator.close(floor_group);
    bench.report.figure("most changes a second with a lag below 100 ms, of those tried", "/s", &[float(best)], "");
    let named = |name: &str, points| (name.to_owned(), points);
    let lines = vec![named("lag, p99", lags), named("a paced read, p99", tails)];
    bench.report.series("lag-by-changes", "Changes from the cluster", ("changes a second", "ms"), lines);
    let lines = vec![named("the service", busy)];
    bench.report.series("cpu-by-changes", "Changes from the cluster", ("changes a second", "% of a core"), lines);
}

/// The p99 of reads at a fixed pace.
pub(super) fn read(bench: &mut Bench, group: Group, seconds: u64) -> f64 {
    let request = get(&status_path("bench", &format!("nightly-report-{NUMBER}")));
    let load = Load { request, of: JOBS, rate: Some(READS), millis: seconds * 1000, ..Load::default() };
    bench.generator.run(group, &load).unwrap().p99
}

/// Sends so many changes a second, and tells how many they were and the time in the last of them.
pub(super) async fn send(
    tell: impl Fn(String),
    template: Arc<Template>,
    rate: u64,
    seconds: u64,
    version: u64,
) -> (u64, u64) {
    let (mut sent, mut last) = (0, 0);
    let mut ticks = interval(TICK);
    let begun = ticks.tick().await;
    let end = begun + Duration::from_secs(seconds);
    while Instant::now() < end {
        let now = ticks.tick().await;
        let due = u64::try_from((now - begun).as_micros()).unwrap() * rate / 1_000_000;
        if due <= sent {
            continue;
        }
        let mut text = String::new();
        while sent < due {
            sent += 1;
            let sentinel = sent == due;
            last = instance_id();
            let number = if sentinel { 0 } else { 1 + sent % (JOBS - 1) };
            template.write(&mut text, number, version + sent, last);
        }
        tell(text);
    }
    (sent, last)
}

/// Notes how old each change is that it is told of.
async fn follow(target: Target, seen: Arc<Seen>) {
    const MARK: &str = "\"sent\":\"";
    let mut connection = Connection::open(&Connector::new(&target).unwrap()).await.unwrap();
    connection.send(get(SENTINEL).as_bytes()).await.unwrap();
    let mut text = String::new();
    while !seen.over.load(Ordering::Relaxed) {
        let Ok(piece) = connection.piece().await else { return };
        text.push_str(&String::from_utf8_lossy(piece));
        while let Some(end) = text.find("\n\n") {
            let event: String = text.drain(..end + 2).collect();
            let Some((_, sent)) =
                event.replace(": \"", ":\"").split_once(MARK).map(|(a, b)| (a.to_owned(), b.to_owned()))
            else {
                continue;
            };
            let Some(sent) = sent.split('"').next().and_then(|sent| sent.parse::<u64>().ok()) else { continue };
            seen.lags.lock().unwrap().push(float(instance_id().saturating_sub(sent)) / 1e6);
            seen.newest.fetch_max(sent, Ordering::Relaxed);
        }
    }
}
