//! Reads one run of a container's log to its end, over cuts and silence.
//!
//! A followed log that ended is whole only if the container has ended too, and a reading that began after that ended well.
//! So after each end and each silence the state of the container is read. If it runs, the log is opened again; if it has
//! ended, the log is read once more. `RunLog` joins the readings.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::api::jobs::logs::End;
use crate::api::jobs::logs::reading::{PATIENCE, Reading};
use crate::api::jobs::logs::run_log::{RunLog, Settled};
use crate::api::jobs::logs::source::{Source, Target};
use crate::jobs::logs::availability::{self, RunState};
use crate::jobs::logs::{JobPods, LogUnavailable};
use crate::kube::error::Error as KubeError;
use crate::kube::url::LogOptions;
use crate::util::backoff::Backoff;

/// A stream without a byte for this long is held against the state of its container.
const SILENCE: Duration = Duration::from_secs(20);
/// Between two readings of a log. It grows while they bring nothing.
const PAUSE: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
/// How long a failure is waited out if the log grows no more, and how long if the kubelet itself says that it has none.
const PATIENCE_ENDED: Duration = Duration::from_secs(30);
const PATIENCE_REFUSED: Duration = Duration::from_secs(3);

/// How a reading ended.
enum Outcome {
    /// As the cluster meant it.
    Ended,
    /// The log has to be opened again; the state of the container was read meanwhile.
    Again,
    Failed(Failure),
}

enum Failure {
    Cluster(KubeError),
    /// The kubelet's sentence in place of a log, or after a part of it.
    Kubelet(String),
}

/// How long readings have brought nothing.
struct Retry {
    pause: Backoff,
    failing_since: Option<Instant>,
}

impl<S: Source> Reading<S> {
    /// Sends one run of a container, of which `options` tell what is wanted.
    pub(super) async fn read(
        &self,
        seen: &mut JobPods,
        target: &Target,
        run: i32,
        options: LogOptions,
        heading: &mut Option<String>,
    ) -> Result<(), End> {
        if !options.follow {
            return self.copy(target, &options, heading).await;
        }
        let state = |seen: &JobPods| availability::run_state(seen.find(&target.pod), &target.container, run);
        let (mut log, mut retry) = (RunLog::new(options), Retry { pause: PAUSE, failing_since: None });
        loop {
            let now = state(seen);
            if matches!(now, RunState::Gone | RunState::Removed) {
                // The runs after it are lost.
                self.is_lossy.fetch_or(now == RunState::Removed, Ordering::Relaxed);
                return self.give_up(target, &log, LogUnavailable::Gone);
            }
            let options = log.options(now);
            let mut outcome = match self.source.open(target, &options).await {
                Ok(stream) => {
                    // The kubelet may still say that it has no log of a container that has ended.
                    if options.follow {
                        self.begin(heading).await?;
                    }
                    self.pod.send_replace(Some(target.pod.clone()));
                    log.reopen();
                    self.follow(seen, stream, options.follow, &mut log, &mut retry, heading).await?
                }
                Err(error) => Outcome::Failed(Failure::Cluster(error)),
            };
            self.is_lossy.fetch_or(log.has_lost_lines(), Ordering::Relaxed);
            if matches!(outcome, Outcome::Ended) {
                outcome = match log.settle() {
                    Settled::CaughtUp if now != RunState::Running => return self.begin(heading).await,
                    Settled::CaughtUp => Outcome::Ended,
                    Settled::MoreNeeded => continue,
                    Settled::CutShort => {
                        Outcome::Failed(Failure::Cluster(KubeError::Broken("the log ended early".to_owned())))
                    }
                };
            }
            match outcome {
                Outcome::Again => {
                    retry.failing_since = None;
                    continue;
                }
                Outcome::Ended => {
                    retry.failing_since = None;
                    *seen = self.look_on(seen, &log).await?;
                    if state(seen) != RunState::Running {
                        continue;
                    }
                }
                Outcome::Failed(failure) => {
                    let time = retry.failing_since.get_or_insert_with(Instant::now).elapsed();
                    if !failure.may_pass() || time >= failure.patience(now) {
                        return self.give_up(target, &log, failure.no_log(&target.pod)?);
                    }
                }
            }
            sleep(retry.pause.pause()).await;
            *seen = self.look_on(seen, &log).await?;
        }
    }

    /// Sends what comes, until the reading ends.
    async fn follow(
        &self,
        seen: &mut JobPods,
        mut stream: S::Stream,
        may_be_silent: bool,
        log: &mut RunLog,
        retry: &mut Retry,
        heading: &mut Option<String>,
    ) -> Result<Outcome, End> {
        loop {
            let (new, outcome) = match timeout(SILENCE, S::next(&mut stream)).await {
                Ok(Ok(Some(bytes))) => (log.read(&bytes), None),
                Ok(Ok(None)) => {
                    let (new, said) = log.finish();
                    (new, Some(said.map_or(Outcome::Ended, |text| Outcome::Failed(Failure::Kubelet(text)))))
                }
                Ok(Err(error)) => return Ok(Outcome::Failed(Failure::Cluster(error))),
                Err(_) if !may_be_silent => return Ok(Outcome::Failed(Failure::Cluster(KubeError::Timeout))),
                Err(_) => {
                    *seen = self.look_on(seen, log).await?;
                    return Ok(Outcome::Again);
                }
            };
            if !new.is_empty() {
                *retry = Retry { pause: PAUSE, failing_since: None };
                self.begin(heading).await?;
                self.send(new.into()).await?;
            }
            match outcome {
                Some(outcome) => return Ok(outcome),
                None if log.has_no_overlap() => {
                    log.settle();
                    return Ok(Outcome::Again);
                }
                None => {}
            }
        }
    }

    /// Looks while a log is read. If the job is gone, its log is whole only if it ended well.
    async fn look_on(&self, seen: &JobPods, log: &RunLog) -> Result<JobPods, End> {
        self.look(seen).await.map_err(|end| match end {
            End::JobGone(error) if self.has_begun() && !log.has_ended => End::NotWhole(error.to_string()),
            end => end,
        })
    }

    /// The log cannot be read any more. A log that ended well before is whole as far as anyone can tell: the kubelet ends it
    /// with its container.
    fn give_up(&self, target: &Target, log: &RunLog, why: LogUnavailable) -> Result<(), End> {
        if log.has_ended
            && matches!(why, LogUnavailable::Gone | LogUnavailable::NodeGone(_) | LogUnavailable::NoPrevious)
        {
            return Ok(());
        }
        self.is_lossy.fetch_or(!log.is_empty(), Ordering::Relaxed);
        Err(target.no_log(why))
    }

    /// Sends a log that is not followed, as it comes.
    async fn copy(&self, target: &Target, options: &LogOptions, heading: &mut Option<String>) -> Result<(), End> {
        let mut pause = PAUSE;
        let mut stream = loop {
            let begun = Instant::now();
            let error = match self.source.open(target, options).await {
                Ok(stream) => break stream,
                Err(error) => error,
            };
            let pause = pause.pause();
            // Opening a log takes time too: it repeats what it may.
            let spent = u64::try_from((begun.elapsed() + pause).as_millis()).unwrap_or(u64::MAX);
            let waited = self.waited.fetch_add(spent, Ordering::Relaxed).saturating_add(spent);
            let has_patience = u128::from(waited) < PATIENCE_ENDED.as_millis();
            if !(self.wanted.all && error.may_pass() && has_patience) {
                return Err(target.no_log(LogUnavailable::from_refusal(error, &target.pod)?));
            }
            sleep(pause).await;
        };
        self.begin(heading).await?;
        self.pod.send_replace(Some(target.pod.clone()));
        while let Some(piece) = S::next(&mut stream).await? {
            self.send(piece).await?;
        }
        Ok(())
    }
}

impl Failure {
    fn may_pass(&self) -> bool {
        match self {
            Self::Cluster(error) => error.may_pass(),
            Self::Kubelet(_) => true,
        }
    }

    fn patience(&self, run: RunState) -> Duration {
        match self {
            _ if run == RunState::Running => PATIENCE,
            Self::Cluster(_) => PATIENCE_ENDED,
            Self::Kubelet(_) => PATIENCE_REFUSED,
        }
    }

    fn no_log(self, pod: &str) -> Result<LogUnavailable, KubeError> {
        match self {
            Self::Cluster(error) => LogUnavailable::from_refusal(error, pod),
            Self::Kubelet(text) => Ok(LogUnavailable::Kubelet(text)),
        }
    }
}
