//! The background tasks of one cluster, supervised: they renew the token, describe the cluster, probe the API server, watch
//! the jobs, and look up exits. They report to health checks, log and systemd.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::aws::eks::{self, Describer};
use crate::aws::{clock, token};
use crate::clusters::status_line::StatusLine;
use crate::clusters::supervisor::supervise;
use crate::jobs::pods::exit_lookup;
use crate::jobs::store::{JobStore, LABEL_SELECTOR};
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::health::{Check, Outcome};
use crate::kube::watcher::{self, Failure, WatchEvent};
use crate::util::backoff::Backoff;

/// A changed CA or endpoint is found within this time, even if no connection fails.
const DESCRIBE_INTERVAL: Duration = Duration::from_mins(10);
/// The shortest time between descriptions that failing connections cause.
const MIN_DESCRIBE_INTERVAL: Duration = Duration::from_secs(30);
const PROBE_INTERVAL: Duration = Duration::from_secs(10);
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// After this many probes without an answer in a row, the watch is opened again.
const MAX_UNANSWERED: u32 = 2;
/// Pauses after failures.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30));

/// The background work of one cluster: one task for each health check.
#[derive(Debug)]
pub(super) struct BackgroundTasks {
    api_server: Arc<ApiServer>,
    store: Arc<JobStore>,
    status_line: Arc<StatusLine>,
    /// Whether the log says already that the service is ready.
    ready_logged: AtomicBool,
    /// Whether the right to watch is missing. The service is ready without it.
    may_not_watch: AtomicBool,
}

impl BackgroundTasks {
    pub(super) fn new(api_server: Arc<ApiServer>, store: Arc<JobStore>, status_line: Arc<StatusLine>) -> Self {
        Self {
            api_server,
            store,
            status_line,
            ready_logged: AtomicBool::new(false),
            may_not_watch: AtomicBool::new(false),
        }
    }

    /// Starts all tasks in the set.
    pub(super) fn start(self, describer: Describer, set: &mut JoinSet<()>) {
        let (tasks, describer) = (Arc::new(self), Arc::new(describer));
        tasks.start_check(set, Check::Credentials, Self::renew_token);
        tasks.start_check(set, Check::Cluster, move |tasks| tasks.describe_cluster(Arc::clone(&describer)));
        tasks.start_check(set, Check::Kubernetes, Self::probe_api_server);
        tasks.start_check(set, Check::Watch, Self::watch_jobs);
    }

    /// Starts the task of a check, supervised. The check fails while the task is down.
    fn start_check<F>(
        self: &Arc<Self>,
        set: &mut JoinSet<()>,
        check: Check,
        task: impl Fn(Arc<Self>) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (tasks, reporter) = (Arc::clone(self), Arc::clone(self));
        let start = move || task(Arc::clone(&tasks));
        set.spawn(supervise(check.name(), start, move || reporter.task_failed(check)));
    }

    fn task_failed(&self, check: Check) {
        if check == Check::Watch {
            // A panic may have left the store half changed.
            self.api_server.metrics.watch.apply_event(&WatchEvent::Disconnected(Failure::Broken(String::new())));
            self.store.clear();
        }
        self.note(check, Err("its background task failed and starts again"), None);
    }

    async fn renew_token(self: Arc<Self>) {
        let report = |outcome: Result<(), token::Error>| {
            let with_cause = outcome.as_ref().err().map(token::Error::with_cause);
            self.note(Check::Credentials, outcome, with_cause);
        };
        self.api_server.tokens.keep_fresh(report).await;
    }

    async fn describe_cluster(self: Arc<Self>, describer: Arc<Describer>) {
        let (mut backoff, mut throttle) = (BACKOFF, Throttle::default());
        loop {
            let (description, date) = describer.describe().await;
            self.note_clock(date);
            let with_cause = description.as_ref().err().map(eks::Error::with_cause);
            let is_new = description.map_err(|error| error.to_string()).and_then(|description| {
                self.api_server.set_description(description).map_err(|error| error.to_string())
            });
            let known = self.api_server.transport().ok();
            if let (Ok(true), Some(transport)) = (&is_new, &known) {
                log::info!(cluster = &*self.api_server.name, endpoint = transport.described.endpoint; "cluster described");
            }
            let failed = is_new.is_err();
            self.api_server.metrics.describe_ended(!failed);
            self.note(Check::Cluster, is_new.map(|_| ()), with_cause);
            if failed {
                sleep(backoff.pause()).await;
                continue;
            }
            backoff = BACKOFF;
            tokio::select! {
                () = sleep(DESCRIBE_INTERVAL) => {}
                () = self.api_server.describe_again.notified() => throttle.wait().await,
            }
        }
    }

    /// Requests the version again and again. The API server answers if address, CA and token are right.
    async fn probe_api_server(self: Arc<Self>) {
        let mut backoff = BACKOFF;
        let mut transport = self.api_server.subscribe();
        let _ = transport.wait_for(Option::is_some).await;
        let mut unanswered = 0;
        loop {
            let outcome = self.probe().await;
            let pause = if outcome.is_ok() {
                backoff = BACKOFF;
                PROBE_INTERVAL
            } else {
                backoff.pause()
            };
            let is_answered = !matches!(outcome, Err(Error::Timeout | Error::Unreachable(_) | Error::Broken(_)));
            unanswered = if is_answered { 0 } else { unanswered + 1 };
            if unanswered == MAX_UNANSWERED {
                // A frozen server keeps its connections open. Without this, the watch would wait for minutes.
                self.api_server.unanswered.notify_one();
            }
            self.note(Check::Kubernetes, outcome, None);
            tokio::select! {
                () = sleep(pause) => {}
                _ = transport.changed() => {}
            }
        }
    }

    async fn probe(&self) -> Result<(), Error> {
        let client = Client::new(Arc::clone(&self.api_server), Instant::now() + PROBE_TIMEOUT);
        self.note_clock(client.server_date().await?);
        Ok(())
    }

    /// Keeps the store in step with the cluster, and looks up the exits of failed jobs.
    async fn watch_jobs(self: Arc<Self>) {
        let report = |event: WatchEvent| {
            let outcome = match &event {
                WatchEvent::Watching => Some(Ok(())),
                WatchEvent::Disconnected(failure) => {
                    let is_forbidden = matches!(failure, Failure::Forbidden(_));
                    if !self.may_not_watch.swap(is_forbidden, Ordering::Relaxed) && is_forbidden {
                        log::warn!(cluster = &*self.api_server.name; "expired batches stay: deleting them needs the right to watch jobs");
                    }
                    Some(Err(failure.to_string()))
                }
                _ => None,
            };
            self.api_server.metrics.watch.apply_event(&event);
            self.store.apply_event(event, std::time::Instant::now());
            if let Some(outcome) = outcome {
                self.note(Check::Watch, outcome, None);
            }
        };
        let watch = watcher::follow(&self.api_server, LABEL_SELECTOR, &self.store.store_was_reset, report);
        // In one task, so that a panic of either shows in the check.
        tokio::join!(watch, exit_lookup::follow(Arc::clone(&self.api_server), Arc::clone(&self.store)));
    }

    /// Checks the clock, if the server has sent its time.
    fn note_clock(&self, date: Option<SystemTime>) {
        let Some(date) = date else { return };
        let differs = clock::difference(date, SystemTime::now());
        self.note(Check::Clock, differs.map_or(Ok(()), Err), None);
    }

    /// Records an outcome. If it changed, reports it to log and systemd. `with_cause` is the text for the log.
    fn note(&self, check: Check, outcome: Result<(), impl ToString>, with_cause: Option<String>) {
        let outcome = outcome.map_or_else(|error| Outcome::Failed(error.to_string()), |()| Outcome::Passed);
        let failed = match &outcome {
            Outcome::Failed(why) => Some(with_cause.unwrap_or_else(|| why.clone())),
            _ => None,
        };
        if !self.api_server.checks.note(check, outcome) {
            return;
        }
        if let Some(why) = failed {
            log::warn!(cluster = &*self.api_server.name, check = check.name(), error = why; "check failed");
        } else {
            log::debug!(cluster = &*self.api_server.name, check = check.name(); "check passed");
        }
        let failing = self.api_server.checks.first_failing();
        let (Ok(transport), true) = (self.api_server.transport(), failing.is_none() || self.api_server.is_ready())
        else {
            self.report(format!("not ready: {}", self.api_server.why_not_ready()));
            return;
        };
        let (name, endpoint) = (&*self.api_server.name, &transport.described.endpoint);
        if let Some((check, why)) = failing {
            let why = format!("{}: {why}", check.name());
            self.report(format!("degraded: {why}"));
            if self.may_not_watch.load(Ordering::Relaxed) && !self.ready_logged.swap(true, Ordering::Relaxed) {
                log::info!(cluster = name, endpoint = endpoint, degraded = why; "ready");
            }
        } else {
            self.ready_logged.store(true, Ordering::Relaxed);
            log::info!(cluster = name, endpoint = endpoint; "ready");
            self.report(format!("ready: cluster {name} at {endpoint}"));
        }
    }

    fn report(&self, state: String) {
        self.status_line.set(&self.api_server.name, state);
    }
}

/// Limits the rate of descriptions. The first is made at once, so that callers' retries can succeed.
#[derive(Debug, Default)]
struct Throttle {
    last: Option<Instant>,
}

impl Throttle {
    /// Waits until the next may be made.
    async fn wait(&mut self) {
        if let Some(last) = self.last {
            tokio::time::sleep_until(last + MIN_DESCRIBE_INTERVAL).await;
        }
        self.last = Some(Instant::now());
    }
}

#[cfg(test)]
#[path = "background_tests.rs"]
mod tests;
