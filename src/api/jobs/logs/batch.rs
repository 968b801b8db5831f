//! Sends the logs of a batch: those of its members, one after another.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use tokio::time::{Instant, sleep};

use crate::api::jobs::logs::error::LogError;
use crate::api::jobs::logs::reading::{PAUSE, Reading};
use crate::api::jobs::logs::source::{ClusterLogs, Source};
use crate::jobs::logs::{JobPods, LogUnavailable, replaced};
use crate::kube::names::JobName;

/// The members whose logs a call reads.
pub(super) enum Logs {
    Job(Box<JobPods>),
    Batch(Members),
}

/// The members of a batch, by index. Some may be missing.
pub(super) struct Members {
    pub(super) names: Vec<JobName>,
    /// The uid of the head.
    pub(super) head: String,
    /// Until then, missing members may still be submitted.
    pub(super) grows_until: Instant,
}

impl Reading<ClusterLogs> {
    pub(super) async fn run_all(&self, logs: Logs) -> Result<(), LogError> {
        match logs {
            Logs::Job(seen) => self.run(*seen).await,
            // Boxed: most calls are for one job.
            Logs::Batch(members) => Box::pin(self.batch(&members)).await,
        }
    }

    /// Sends each log under the member's name. The reason for a missing log is in its place.
    async fn batch(&self, members: &Members) -> Result<(), LogError> {
        for name in &members.names {
            let heading = format!("==> {name} <==\n");
            *self.member.lock().unwrap_or_else(PoisonError::into_inner) = Some(heading);
            self.source.select(name);
            let reason = match self.member(members).await {
                Ok(()) => None,
                Err(LogError::Missing(missing)) => Some(missing.message),
                Err(LogError::LogUnavailable { why, .. }) => {
                    // The log exists but could not be read.
                    if matches!(&why, LogUnavailable::Refused(error) if error.may_pass()) {
                        self.has_gaps.store(true, Ordering::Relaxed);
                    }
                    Some(why.to_string())
                }
                // The other members may be complete.
                Err(LogError::Incomplete(why)) => {
                    self.has_gaps.store(true, Ordering::Relaxed);
                    Some(why)
                }
                Err(LogError::JobGone(_)) => Some("the job is missing".to_owned()),
                Err(LogError::Kube(error)) if error.may_pass() && self.has_started() => {
                    self.has_gaps.store(true, Ordering::Relaxed);
                    Some(error.to_string())
                }
                Err(error) => return Err(error),
            };
            match reason {
                Some(reason) => self.send_reason(&mut None, &reason).await?,
                None => self.start(&mut None).await?,
            }
        }
        self.check_gaps()
    }

    async fn member(&self, members: &Members) -> Result<(), LogError> {
        let mut pause = PAUSE;
        loop {
            match self.source.fetch().await {
                Ok(seen) if seen.job.metadata.owner_references.iter().any(|owner| owner.uid == members.head) => {
                    return self.job(seen).await;
                }
                Ok(other) => return Err(LogError::JobGone(replaced(&other.job))),
                Err(error) if !error.is_not_found() => return Err(error.into()),
                // The job may still be submitted.
                Err(_) if self.wanted.options.follow && Instant::now() < members.grows_until => {
                    sleep(pause.pause()).await;
                }
                Err(error) => return Err(LogError::JobGone(error)),
            }
        }
    }
}
