//! [`Reading`]: decides which log of a job is sent next, and sends it no faster than the caller reads.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use crate::api::jobs::logs::error::LogError;
use crate::api::jobs::logs::source::{Source, Target};
use crate::api::jobs::logs::wanted::Wanted;
use crate::http::response::stream_body::Sink;
use crate::jobs::logs::availability::{self, LogAvailability};
use crate::jobs::logs::{self, JobPods, LogUnavailable, NO_PODS};
use crate::util::backoff::Backoff;

/// The pauses between reads of the job and its pods.
pub(super) const PAUSE: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(2));
/// How long failures of the API server, a kubelet or an image registry are retried. The certificate of a new node takes up
/// to a minute.
pub(super) const RETRY_TIMEOUT: Duration = Duration::from_mins(2);

pub(super) struct Reading<S> {
    pub(super) source: S,
    pub(super) wanted: Wanted,
    pub(super) sink: Sink,
    /// Whether the response has started.
    pub(super) started: watch::Sender<bool>,
    /// The heading of a member of a batch, until the first byte under it is sent.
    pub(super) member: Mutex<Option<String>>,
    /// Whether the last line that was sent has no end yet.
    pub(super) open_line: AtomicBool,
    /// The pod whose log is open.
    pub(super) pod: watch::Sender<Option<String>>,
    /// Whether lines are missing in what was sent.
    pub(super) has_gaps: AtomicBool,
    /// The milliseconds that were spent on retries of logs that are not followed.
    pub(super) waited: AtomicU64,
}

/// The progress with one container of several.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    /// The last run that was sent.
    read: Option<i32>,
    /// Whether the reason for the missing log was sent.
    is_explained: bool,
    is_done: bool,
}

impl<S: Source> Reading<S> {
    pub(super) fn new(source: S, wanted: Wanted, sink: Sink, started: watch::Sender<bool>) -> Self {
        let (open_line, pod, has_gaps) = (AtomicBool::new(false), watch::Sender::default(), AtomicBool::new(false));
        let member = Mutex::default();
        Self { source, wanted, sink, started, member, open_line, pod, has_gaps, waited: AtomicU64::new(0) }
    }

    pub(super) fn has_started(&self) -> bool {
        *self.started.borrow()
    }

    /// Sends the logs. Returns no error only if they are complete.
    pub(super) async fn run(&self, seen: JobPods) -> Result<(), LogError> {
        self.job(seen).await?;
        self.check_gaps()
    }

    /// Sends the logs of the job.
    pub(super) async fn job(&self, seen: JobPods) -> Result<(), LogError> {
        if self.wanted.all { self.all(seen).await } else { self.one(seen).await }
    }

    pub(super) fn check_gaps(&self) -> Result<(), LogError> {
        if self.has_gaps.load(Ordering::Relaxed) {
            return Err(LogError::Incomplete("lines of the log are missing".to_owned()));
        }
        Ok(())
    }

    /// Sends the log of one container of one pod.
    async fn one(&self, mut seen: JobPods) -> Result<(), LogError> {
        let (options, follow) = (self.wanted.options, self.wanted.options.follow);
        let (mut chosen, mut read, mut pause, mut blocked) = (None, None, PAUSE, None);
        loop {
            let target = match (&chosen, seen.pod(self.wanted.pod.as_ref())) {
                (Some(target), _) => Some(Target::clone(target)),
                (None, Ok(pod)) => {
                    let container = logs::container(&seen.job, pod, self.wanted.container.as_ref())?.to_owned();
                    Some(Target { pod: pod.metadata.name.clone(), container })
                }
                (None, Err(missing)) if missing.reason == NO_PODS && follow && !seen.is_over() => None,
                (None, Err(missing)) => return Err(missing.into()),
            };
            if let Some(target) = target {
                let unavailable = |why| target.unavailable(why);
                let availability = availability::log_availability(seen.find(&target.pod), &target.container, read);
                let since = *blocked.get_or_insert_with(Instant::now);
                match availability {
                    LogAvailability::Log { run } => {
                        // The options of the caller apply to the first run only.
                        let options = if read.is_some() { options.whole() } else { options };
                        self.read(&mut seen, &target, run, options, &mut None).await?;
                        if !follow {
                            return Ok(());
                        }
                        (chosen, read, pause, blocked) = (Some(target), Some(run), PAUSE, None);
                        continue;
                    }
                    // Until the container starts, a newer pod may replace this one.
                    LogAvailability::Pending(_) if follow => blocked = None,
                    LogAvailability::Blocked(_) if follow && since.elapsed() < RETRY_TIMEOUT => {}
                    LogAvailability::Finished => return Ok(()),
                    LogAvailability::Gone => return Err(unavailable(LogUnavailable::Gone)),
                    _ if options.previous => return Err(unavailable(LogUnavailable::NoPrevious)),
                    LogAvailability::Pending(waiting)
                    | LogAvailability::Blocked(waiting)
                    | LogAvailability::Never(waiting) => return Err(unavailable(LogUnavailable::Waiting(waiting))),
                }
            }
            sleep(pause.pause()).await;
            seen = self.fetch(&seen).await?;
        }
    }

    /// Sends the logs of all containers, the oldest pod first. If they are followed, later pods come too. A container that
    /// has not started does not delay the others.
    async fn all(&self, mut seen: JobPods) -> Result<(), LogError> {
        let (follow, mut pause) = (self.wanted.options.follow, PAUSE);
        let mut progress = BTreeMap::<Target, Progress>::new();
        loop {
            let (next, is_waiting) = self.next(&seen, &progress);
            let Some((target, availability)) = next else {
                if follow && (is_waiting || !seen.is_over()) {
                    sleep(pause.pause()).await;
                    seen = self.fetch(&seen).await?;
                    continue;
                }
                if progress.is_empty() {
                    // No pod has this container, or there is none. The error lists the containers of the newest pod.
                    logs::container(&seen.job, seen.pod(None)?, self.wanted.container.as_ref())?;
                }
                return Ok(());
            };
            let done = progress.get(&target).copied().unwrap_or_default();
            let done = self.section(&mut seen, &target, availability, done).await?;
            progress.insert(target, done);
            pause = PAUSE;
        }
    }

    /// Returns the next container to send, and whether others may start later.
    fn next(&self, seen: &JobPods, progress: &BTreeMap<Target, Progress>) -> (Option<(Target, LogAvailability)>, bool) {
        let (follow, mut is_waiting) = (self.wanted.options.follow, false);
        for pod in &seen.pods {
            for container in logs::containers(pod, self.wanted.container.as_ref()) {
                let target = Target { pod: pod.metadata.name.clone(), container: container.to_owned() };
                let Progress { read, is_explained, is_done } = progress.get(&target).copied().unwrap_or_default();
                if is_done {
                    continue;
                }
                match availability::log_availability(Some(pod), container, read) {
                    LogAvailability::Pending(_) if follow => is_waiting = true,
                    LogAvailability::Blocked(_) if follow && is_explained => is_waiting = true,
                    availability => return (Some((target, availability)), is_waiting),
                }
            }
        }
        (None, is_waiting)
    }

    /// Sends the log of one container of several under its heading, or the reason why there is none.
    async fn section(
        &self,
        seen: &mut JobPods,
        target: &Target,
        availability: LogAvailability,
        done: Progress,
    ) -> Result<Progress, LogError> {
        let (options, mut heading) = (self.wanted.options, Some(target.heading()));
        let why = match availability {
            LogAvailability::Log { run } => {
                let options = if done.read.is_some() { options.whole() } else { options };
                match self.read(seen, target, run, options, &mut heading).await {
                    Ok(()) => return Ok(Progress { read: Some(run), is_explained: false, is_done: !options.follow }),
                    Err(LogError::LogUnavailable { why, .. }) => why,
                    Err(end) => return Err(end),
                }
            }
            LogAvailability::Finished => return Ok(Progress { is_done: true, ..done }),
            _ if options.previous => LogUnavailable::NoPrevious,
            LogAvailability::Blocked(waiting) if options.follow => {
                self.send_reason(&mut heading, &LogUnavailable::Waiting(waiting)).await?;
                return Ok(Progress { is_explained: true, ..done });
            }
            LogAvailability::Pending(waiting) | LogAvailability::Blocked(waiting) | LogAvailability::Never(waiting) => {
                LogUnavailable::Waiting(waiting)
            }
            LogAvailability::Gone => LogUnavailable::Gone,
        };
        // The log exists but could not be read.
        if matches!(&why, LogUnavailable::Refused(error) if error.may_pass()) {
            self.has_gaps.store(true, Ordering::Relaxed);
        }
        self.send_reason(&mut heading, &why).await?;
        Ok(Progress { is_done: true, ..done })
    }

    /// Reads the job and its pods again. While logs are followed, failures are retried.
    pub(super) async fn fetch(&self, seen: &JobPods) -> Result<JobPods, LogError> {
        let (started, mut pause) = (Instant::now(), PAUSE);
        loop {
            match self.source.fetch().await {
                // The name belongs to another job now.
                Ok(now) if now.job.metadata.uid != seen.job.metadata.uid => {
                    return Err(LogError::JobGone(logs::replaced(&now.job)));
                }
                Ok(now) => return Ok(now),
                Err(error) if error.is_not_found() => return Err(LogError::JobGone(error)),
                Err(error) if !(self.wanted.options.follow && error.may_pass()) => return Err(error.into()),
                Err(error) if started.elapsed() >= RETRY_TIMEOUT => return Err(error.into()),
                Err(_) => sleep(pause.pause()).await,
            }
        }
    }
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
