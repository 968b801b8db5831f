//! How the job ends: waited for, and reported with the exit code that it gives.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::client::exit::{Exit, FAILED};
use crate::client::job::known::Known;
use crate::client::job::status::Status;
use crate::client::job::{Job, Seen, Watch};
use crate::client::service::Service;

/// Between two looks at a job that has not changed.
const PAUSE: Duration = Duration::from_millis(250);
/// How long the exit code of a job that failed is asked for.
const LAST_QUESTION: Duration = Duration::from_secs(10);

/// Waits for the job's end. Says each change of its state, if the log does not tell enough.
pub async fn wait(service: &Service<'_>, job: &Job, known: &Known, is_followed: bool) -> Result<(), Exit> {
    let (mut watch, mut was_deleted) = (Watch::default(), false);
    loop {
        let Some(seen) = watch.next(service, job).await? else {
            // A service that is shutting down answers at once.
            sleep(PAUSE).await;
            continue;
        };
        match seen {
            Seen::Status(status) if !status.is_final() => {
                known.changed(&status);
                if !is_followed {
                    service.progress.state(&format!("{job} is {}", status.state));
                }
                let is_deleted = status.deletion_timestamp.is_some();
                if is_deleted && !was_deleted {
                    service.progress.note(&format!("{job} is being deleted"));
                }
                was_deleted = is_deleted;
            }
            seen => {
                known.end(seen);
                return Ok(());
            }
        }
    }
}

/// The end of the run. `Ok` is a job that completed.
pub async fn report(service: &Service<'_>, job: &Job, seen: &Seen) -> Result<(), Exit> {
    let (status, was_deleted) = match seen {
        Seen::Status(status) => (status, ""),
        Seen::Gone { last: Some(status), .. } => (status, " before it was deleted"),
        Seen::Gone { last: None, why } => {
            let text = format!("{job} was deleted, and it is not known whether it had ended: {why}");
            return Err(Exit::new(FAILED, text));
        }
    };
    match status.state.as_str() {
        "completed" => {
            service.progress.note(&format!("{job} completed{was_deleted}"));
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
    timeout(LAST_QUESTION, job.details(service)).await.ok()??.exit_code()
}
