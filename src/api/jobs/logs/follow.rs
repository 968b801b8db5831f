//! Follows the log of one run of a container to its end, through broken and silent streams.
//!
//! A followed log is complete only if a stream that was opened after the container's end ends regularly. So the state of
//! the container is read after each end and each silence. If it runs, the log is opened again; if it ended, the log is
//! read once more. `RunLog` joins the streams.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::api::jobs::logs::error::LogError;
use crate::api::jobs::logs::reading::{RETRY_TIMEOUT, Reading};
use crate::api::jobs::logs::run_log::{RunLog, Settled};
use crate::api::jobs::logs::source::{Source, Target};
use crate::jobs::logs::availability::{self, RunState};
use crate::jobs::logs::{JobPods, LogUnavailable};
use crate::kube::error::Error as KubeError;
use crate::kube::url::LogOptions;
use crate::util::backoff::Backoff;

/// After this long without a byte, the state of the container is read.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The pauses between two streams. They grow while the streams bring nothing.
const PAUSE: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(5));
/// How long failures are retried after the container's end, and if the kubelet says that it has no log.
const RETRY_TIMEOUT_ENDED: Duration = Duration::from_secs(30);
const RETRY_TIMEOUT_MESSAGE: Duration = Duration::from_secs(3);

/// How a stream ended.
enum Outcome {
    /// Regularly.
    Ended,
    /// The log has to be opened again. The state of the container was read already.
    Reopen,
    Failed(KubeError),
    /// With this message of the kubelet in place of the log or of the rest of it.
    Message(String),
}

/// The pauses, and the time since when all streams failed.
struct Retry {
    pause: Backoff,
    failing_since: Option<Instant>,
}

impl<S: Source> Reading<S> {
    /// Sends the log of one run of a container.
    pub(super) async fn read(
        &self,
        seen: &mut JobPods,
        target: &Target,
        run: i32,
        options: LogOptions,
        heading: &mut Option<String>,
    ) -> Result<(), LogError> {
        if !options.follow {
            return self.copy(target, &options, heading).await;
        }
        let state = |seen: &JobPods| availability::run_state(seen.find(&target.pod), &target.container, run);
        let (mut log, mut retry) = (RunLog::new(options), Retry { pause: PAUSE, failing_since: None });
        loop {
            let now = state(seen);
            if matches!(now, RunState::Gone | RunState::Removed) {
                // The logs of later runs are lost.
                self.has_gaps.fetch_or(now == RunState::Removed, Ordering::Relaxed);
                return self.give_up(target, &log, LogUnavailable::Gone);
            }
            let options = log.options(now);
            let mut outcome = match self.source.open(target, &options).await {
                Ok(stream) => {
                    // After the container's end the kubelet may still answer that it has no log.
                    if options.follow {
                        self.start(heading).await?;
                    }
                    self.pod.send_replace(Some(target.pod.clone()));
                    log.reopen();
                    self.follow(seen, stream, options.follow, &mut log, &mut retry, heading).await?
                }
                Err(error) => Outcome::Failed(error),
            };
            self.has_gaps.fetch_or(log.has_lost_lines(), Ordering::Relaxed);
            if matches!(outcome, Outcome::Ended) {
                outcome = match log.settle() {
                    Settled::CaughtUp if now != RunState::Running => return self.start(heading).await,
                    Settled::CaughtUp => Outcome::Ended,
                    Settled::MoreNeeded => continue,
                    Settled::Shorter => Outcome::Failed(KubeError::Broken("the log ended early".to_owned())),
                };
            }
            match outcome {
                Outcome::Reopen => {
                    retry.failing_since = None;
                    continue;
                }
                Outcome::Ended => {
                    retry.failing_since = None;
                    *seen = self.look_again(seen, &log).await?;
                    if state(seen) != RunState::Running {
                        continue;
                    }
                }
                Outcome::Failed(error) => {
                    if !error.may_pass() || retry.is_over(now, RETRY_TIMEOUT_ENDED) {
                        return self.give_up(target, &log, LogUnavailable::from_refusal(error, &target.pod)?);
                    }
                }
                Outcome::Message(text) => {
                    if retry.is_over(now, RETRY_TIMEOUT_MESSAGE) {
                        return self.give_up(target, &log, LogUnavailable::Kubelet(text));
                    }
                }
            }
            sleep(retry.pause.pause()).await;
            *seen = self.look_again(seen, &log).await?;
        }
    }

    /// Sends the new bytes of one stream.
    async fn follow(
        &self,
        seen: &mut JobPods,
        mut stream: S::Stream,
        may_be_silent: bool,
        log: &mut RunLog,
        retry: &mut Retry,
        heading: &mut Option<String>,
    ) -> Result<Outcome, LogError> {
        loop {
            let (new, outcome) = match timeout(IDLE_TIMEOUT, S::next(&mut stream)).await {
                Ok(Ok(Some(bytes))) => (log.read(&bytes), None),
                Ok(Ok(None)) => {
                    let (new, message) = log.finish();
                    (new, Some(message.map_or(Outcome::Ended, Outcome::Message)))
                }
                Ok(Err(error)) => return Ok(Outcome::Failed(error)),
                Err(_) if !may_be_silent => return Ok(Outcome::Failed(KubeError::Timeout)),
                Err(_) => {
                    *seen = self.look_again(seen, log).await?;
                    return Ok(Outcome::Reopen);
                }
            };
            if !new.is_empty() {
                *retry = Retry { pause: PAUSE, failing_since: None };
                self.start(heading).await?;
                self.send(new.into()).await?;
            }
            match outcome {
                Some(outcome) => return Ok(outcome),
                None if log.has_no_overlap() => {
                    log.settle();
                    return Ok(Outcome::Reopen);
                }
                None => {}
            }
        }
    }

    /// Reads job and pods again. If the job is gone, its log is complete only if it ended regularly.
    async fn look_again(&self, seen: &JobPods, log: &RunLog) -> Result<JobPods, LogError> {
        self.fetch(seen).await.map_err(|error| match error {
            LogError::JobGone(error) if self.has_started() && !log.has_ended => LogError::Incomplete(error.to_string()),
            error => error,
        })
    }

    /// Ends the reading of a log that is unavailable. If the log ended regularly before, it counts as complete: the kubelet
    /// ends it with its container.
    fn give_up(&self, target: &Target, log: &RunLog, why: LogUnavailable) -> Result<(), LogError> {
        if log.has_ended
            && matches!(why, LogUnavailable::Gone | LogUnavailable::NodeGone(_) | LogUnavailable::NoPrevious)
        {
            return Ok(());
        }
        self.has_gaps.fetch_or(!log.is_empty(), Ordering::Relaxed);
        Err(target.unavailable(why))
    }

    /// Sends a log that is not followed.
    async fn copy(&self, target: &Target, options: &LogOptions, heading: &mut Option<String>) -> Result<(), LogError> {
        let mut pause = PAUSE;
        let mut stream = loop {
            let started = Instant::now();
            let error = match self.source.open(target, options).await {
                Ok(stream) => break stream,
                Err(error) => error,
            };
            let pause = pause.pause();
            // The time counts too: opening a log includes retries.
            let spent = u64::try_from((started.elapsed() + pause).as_millis()).unwrap_or(u64::MAX);
            let waited = self.waited.fetch_add(spent, Ordering::Relaxed).saturating_add(spent);
            let has_time = u128::from(waited) < RETRY_TIMEOUT_ENDED.as_millis();
            if !(self.wanted.all && error.may_pass() && has_time) {
                return Err(target.unavailable(LogUnavailable::from_refusal(error, &target.pod)?));
            }
            sleep(pause).await;
        };
        self.start(heading).await?;
        self.pod.send_replace(Some(target.pod.clone()));
        while let Some(piece) = S::next(&mut stream).await? {
            self.send(piece).await?;
        }
        Ok(())
    }
}

impl Retry {
    /// Returns whether the streams have failed for too long. While the container runs, the limit is longer.
    fn is_over(&mut self, run: RunState, limit: Duration) -> bool {
        let limit = if run == RunState::Running { RETRY_TIMEOUT } else { limit };
        self.failing_since.get_or_insert_with(Instant::now).elapsed() >= limit
    }
}
