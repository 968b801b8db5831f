//! What runs in the background: the token kept fresh, the cluster described again and again, the API server asked
//! for its version, the jobs followed, systemd told. Each task is supervised.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use crate::aws::eks::Describer;
use crate::aws::{clock, token};
use crate::jobs::pods::exit_lookup;
use crate::jobs::store::{JobStore, LABEL_SELECTOR};
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::health::{Check, Outcome};
use crate::kube::watcher::{self, Failure, WatchEvent};
use crate::telemetry::systemd::{Notifier, watchdog_interval};
use crate::util::backoff::Backoff;

use crate::clusters::supervisor::{Task, supervise};

/// A changed CA or endpoint is found within this time even if nothing fails.
const DESCRIBE_EVERY: Duration = Duration::from_mins(10);
/// Failing connections cause no more descriptions than this.
const DESCRIBE_AT_MOST_EVERY: Duration = Duration::from_secs(30);
const PROBE_EVERY: Duration = Duration::from_secs(10);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// So many probes in a row without an answer, and what the watch told is no longer taken for live.
const UNANSWERED: u32 = 2;
/// First and longest pause after a failure.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// Starts all of it; it ends with the runtime.
pub fn start(cluster: &Arc<ApiServer>, cache: &Arc<JobStore>, describer: Describer, notifier: &Arc<Notifier>) {
    let keeper = BackgroundTasks {
        cluster: Arc::clone(cluster),
        notifier: Arc::clone(notifier),
        announced: Arc::default(),
        may_not_watch: Arc::default(),
    };
    let (cache, describer) = (Arc::clone(cache), Arc::new(describer));
    keeper.supervised(Check::Credentials, |keeper| Box::pin(keeper.token()), || ());
    keeper.supervised(Check::Cluster, move |keeper| Box::pin(keeper.description(Arc::clone(&describer))), || ());
    keeper.supervised(Check::Kubernetes, |keeper| Box::pin(keeper.kubernetes()), || ());
    let (failed, asked) = (Arc::clone(&cache), Arc::clone(cluster));
    let lookups = move || -> Task { Box::pin(exit_lookup::follow(Arc::clone(&asked), Arc::clone(&failed))) };
    tokio::spawn(supervise("exits", lookups, || ()));
    let (followed, watched) = (Arc::clone(&cache), Arc::clone(cluster));
    keeper.supervised(
        Check::Watch,
        move |keeper| Box::pin(keeper.jobs(Arc::clone(&followed))),
        // A panic may have left the cache half changed.
        move || {
            watched.traffic.watch.apply_event(&WatchEvent::Disconnected(Failure::Broken(String::new())));
            cache.clear();
        },
    );
    if let Some(interval) = watchdog_interval() {
        let notifier = Arc::clone(notifier);
        let task = move || -> Task { Box::pin(watchdog(Arc::clone(&notifier), interval)) };
        tokio::spawn(supervise("watchdog", task, || ()));
    }
}

#[derive(Clone)]
struct BackgroundTasks {
    cluster: Arc<ApiServer>,
    notifier: Arc<Notifier>,
    /// Whether it was said once that the service is ready.
    announced: Arc<AtomicBool>,
    /// Whether the right to watch is missing. That can last, and the service serves all the same.
    may_not_watch: Arc<AtomicBool>,
}

impl BackgroundTasks {
    /// Runs the task that finds out how this check stands. While it is down, the check fails.
    fn supervised(
        &self,
        check: Check,
        task: impl Fn(Self) -> Task + Send + 'static,
        failed: impl Fn() + Send + 'static,
    ) {
        let (keeper, reporter) = (self.clone(), self.clone());
        let failed = move || {
            failed();
            reporter.note(check, Err("its background task failed and starts again"), None);
        };
        tokio::spawn(supervise(check.name(), move || task(keeper.clone()), failed));
    }

    async fn token(self) {
        let tell = |outcome: Result<(), token::Error>| {
            let in_full = outcome.as_ref().err().map(token::Error::told_in_full);
            self.note(Check::Credentials, outcome, in_full);
        };
        self.cluster.tokens.keep_fresh(tell).await;
    }

    async fn description(self, describer: Arc<Describer>) {
        let (mut backoff, mut prompted) = (BACKOFF, Throttle::default());
        loop {
            let (answer, date) = describer.describe().await;
            self.note_clock(date);
            let taken = answer
                .map_err(|error| error.to_string())
                .and_then(|description| self.cluster.take_up(description).map_err(|error| error.to_string()));
            let known = self.cluster.transport().ok();
            if let (Ok(true), Some(transport)) = (&taken, &known) {
                log::info!(cluster = self.cluster.name, endpoint = transport.described.endpoint; "cluster described");
            }
            let failed = taken.is_err();
            self.cluster.traffic.describe_ended(!failed);
            self.note(Check::Cluster, taken.map(|_| ()), None);
            if failed {
                sleep(backoff.pause()).await;
                continue;
            }
            backoff = BACKOFF;
            tokio::select! {
                () = sleep(DESCRIBE_EVERY) => {}
                () = self.cluster.describe_again.notified() => prompted.again().await,
            }
        }
    }

    /// Asks the API server something harmless, with the token: it answers only if address, CA and token are right.
    async fn kubernetes(self) {
        let mut backoff = BACKOFF;
        // Before the first description there is nobody to ask.
        let mut described = self.cluster.described();
        described.first().await;
        let mut unanswered = 0;
        loop {
            let outcome = self.probe().await;
            let pause = if outcome.is_ok() {
                backoff = BACKOFF;
                PROBE_EVERY
            } else {
                backoff.pause()
            };
            let is_answered = !matches!(outcome, Err(Error::Timeout | Error::Unreachable(_) | Error::Broken(_)));
            unanswered = if is_answered { 0 } else { unanswered + 1 };
            if unanswered == UNANSWERED {
                // A frozen server keeps its connections, and the watch on one of them would wait for minutes.
                self.cluster.unanswered.notify_one();
            }
            self.note(Check::Kubernetes, outcome, None);
            tokio::select! {
                () = sleep(pause) => {}
                () = described.anew() => {}
            }
        }
    }

    async fn probe(&self) -> Result<(), Error> {
        let session = Client::new(Arc::clone(&self.cluster), Instant::now() + PROBE_TIMEOUT);
        self.note_clock(session.server_date().await?);
        Ok(())
    }

    /// Keeps the cache as the cluster is.
    async fn jobs(self, cache: Arc<JobStore>) {
        let tell = |news: WatchEvent| {
            let outcome = match &news {
                WatchEvent::Watching => Some(Ok(())),
                WatchEvent::Disconnected(failure) => {
                    self.may_not_watch.store(matches!(failure, Failure::Forbidden(_)), Ordering::Relaxed);
                    Some(Err(failure.to_string()))
                }
                _ => None,
            };
            self.cluster.traffic.watch.apply_event(&news);
            cache.apply_event(news, std::time::Instant::now());
            if let Some(outcome) = outcome {
                self.note(Check::Watch, outcome, None);
            }
        };
        watcher::follow(&self.cluster, LABEL_SELECTOR, &cache.store_was_reset, tell).await;
    }

    /// Notes whether the clock is right, if the server has said its time.
    fn note_clock(&self, date: Option<SystemTime>) {
        let Some(date) = date else { return };
        let differs = clock::difference(date, SystemTime::now());
        self.note(Check::Clock, differs.map_or(Ok(()), Err), None);
    }

    /// Notes an outcome, and tells the operator if it is news: in full, where that is not for everyone.
    fn note(&self, check: Check, outcome: Result<(), impl ToString>, in_full: Option<String>) {
        let outcome = outcome.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Passed);
        let failed = match &outcome {
            Outcome::Failed(why) => Some(in_full.unwrap_or_else(|| why.clone())),
            _ => None,
        };
        if !self.cluster.checks.note(check, outcome) {
            return;
        }
        if let Some(why) = failed {
            log::warn!(check = check.name(), error = why; "check failed");
        } else {
            log::debug!(check = check.name(); "check passed");
        }
        let failing = self.cluster.checks.first_failing();
        let (Ok(transport), true) = (self.cluster.transport(), failing.is_none() || self.cluster.is_ready()) else {
            self.notifier.status(&format!("not ready: {}", self.cluster.why_not_ready()));
            return;
        };
        let (name, endpoint) = (&self.cluster.name, &transport.described.endpoint);
        if let Some((check, why)) = failing {
            let why = format!("{}: {why}", check.name());
            self.notifier.status(&format!("degraded: {why}"));
            if self.may_not_watch.load(Ordering::Relaxed) && !self.announced.swap(true, Ordering::Relaxed) {
                log::info!(cluster = name, endpoint = endpoint, degraded = why; "ready");
            }
        } else {
            self.announced.store(true, Ordering::Relaxed);
            log::info!(cluster = name, endpoint = endpoint; "ready");
            self.notifier.status(&format!("ready: cluster {name} at {endpoint}"));
        }
    }
}

/// Paces the descriptions that failing connections ask for. The first is made at once, for callers' own retries.
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
}

impl Throttle {
    /// Returns when the next may be made.
    async fn again(&mut self) {
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + DESCRIBE_AT_MOST_EVERY).await;
        }
        self.last = Some(Instant::now());
    }
}

async fn watchdog(notifier: Arc<Notifier>, interval: Duration) {
    loop {
        notifier.watchdog();
        sleep(interval).await;
    }
}

#[cfg(test)]
#[path = "background_tests.rs"]
mod tests;
