//! The end of the job: [`wait`] for it, also step by step with [`JobWatch`], and [`report`] it with its exit code.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::client::exit::{Exit, FAILED};
use crate::client::job::state::RunState;
use crate::client::job::status::Status;
use crate::client::job::{Job, JobStatus, StatusWatch};
use crate::client::service::Service;

/// The pause between two requests for a status that has not changed.
const PAUSE: Duration = Duration::from_millis(250);
/// The limit for the request of a failed job's exit code.
const DETAILS_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the end of the job. If the log is not followed, notes each change of the state.
pub async fn wait(service: &Service<'_>, job: &Job, state: &RunState, is_followed: bool) -> Result<(), Exit> {
    let mut watch = JobWatch::default();
    while state.outcome().is_none() {
        watch.next(service, job, state, is_followed).await?;
    }
    Ok(())
}

/// Waits for the changes of a job.
#[derive(Debug, Default)]
pub struct JobWatch {
    changes: StatusWatch,
    /// The last state.
    pub state: String,
    was_deleted: bool,
}

impl JobWatch {
    /// Begins with this status.
    pub fn of(status: &Status) -> Self {
        Self { state: status.state.clone(), ..Self::default() }
    }

    /// Waits for a change for a while, and stores it in the state of the run.
    pub async fn next(
        &mut self,
        service: &Service<'_>,
        job: &Job,
        state: &RunState,
        is_followed: bool,
    ) -> Result<(), Exit> {
        match self.changes.next(service, job).await? {
            // A service that shuts down answers immediately.
            None => sleep(PAUSE).await,
            Some(JobStatus::Found(status)) if !status.is_final() => {
                state.changed(&status);
                if !is_followed {
                    service.progress.state(&format!("{job} is {}", status.state), &status.pod_counts());
                }
                let is_deleted = status.deletion_timestamp.is_some();
                if is_deleted && !self.was_deleted {
                    service.progress.note(&format!("{job} is being deleted"));
                }
                self.was_deleted = is_deleted;
                self.state = status.state;
            }
            Some(outcome) => state.end(outcome),
        }
        Ok(())
    }
}

/// Reports the outcome. `Ok` means that the job completed.
pub async fn report(service: &Service<'_>, job: &Job, outcome: &JobStatus) -> Result<(), Exit> {
    let (status, was_deleted) = match outcome {
        JobStatus::Found(status) => (status, ""),
        JobStatus::Deleted { last: Some(status), .. } => (status, " before it was deleted"),
        JobStatus::Deleted { last: None, why } => {
            let text = format!("{job} was deleted, and it is not known whether it had ended: {why}");
            return Err(Exit::new(FAILED, text));
        }
    };
    match status.state.as_str() {
        "completed" => {
            service.progress.success(&format!("{job} completed{was_deleted}"));
            Ok(())
        }
        "failed" => {
            let code = exit_code(service, job, status).await;
            let ended = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
            let text = format!("{job} failed{was_deleted}{ended}{}", status.why());
            Err(Exit::new(code.unwrap_or(FAILED), text))
        }
        state => Err(Exit::new(FAILED, format!("{job} was deleted while it was {state}"))),
    }
}

async fn exit_code(service: &Service<'_>, job: &Job, status: &Status) -> Option<u8> {
    if let Some(code) = status.exit_code() {
        return Some(code);
    }
    timeout(DETAILS_TIMEOUT, job.details(service)).await.ok()?.ok()?.exit_code()
}
