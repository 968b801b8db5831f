//! Follows a batch to its end: [`follow`].

use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::sleep;

use crate::client::batch::status::{Batch, BatchStatus, Member, jobs};
use crate::client::command::print::{print, table};
use crate::client::exit::{Exit, FAILED};
use crate::client::job::not_ours;
use crate::client::job::poll::Poll;
use crate::client::service::{Error, Service};
use crate::util::text::printable;

/// The pause between two requests for the status. Many jobs may change in that time.
const PAUSE: Duration = Duration::from_millis(250);
const HEADINGS: [&str; 6] = ["INDEX", "ID", "JOB", "STATE", "EXIT", "REASON"];

/// The time in which the pods of a job that failed are known. They have its exit code.
const LATE_CODES: Duration = Duration::from_secs(1);

/// Shows the progress until the batch has ended. `Ok` means that all jobs completed. `existing` is the number of jobs that
/// exist, if no others will be created.
pub async fn follow(service: &Service<'_>, batch: &Batch, existing: Option<usize>) -> Result<(), Exit> {
    let (mut poll, mut uid, mut was_deleted) = (Poll::default(), None, false);
    let ask = async |query: &[(&str, &str)], etag: Option<&HeaderValue>, retry: bool| {
        batch.status(service, query, etag, retry).await
    };
    let unknown = format!("the outcome of {batch} is not known");
    let gone = |why: &str| Exit::new(FAILED, format!("{batch} was deleted before it ended: {why}"));
    loop {
        match poll.next(ask).await {
            Ok(None) => {}
            Ok(Some(reply)) => {
                let status: BatchStatus = serde_json::from_slice(&reply).map_err(not_ours)?;
                if *uid.get_or_insert_with(|| status.uid.clone()) != status.uid {
                    return Err(gone("another batch has its name"));
                }
                let is_whole = existing.is_some_and(|existing| status.ended() >= existing);
                if status.is_final() || (is_whole && status.state == "running") {
                    return report(service, batch, &status).await;
                }
                let live = format!("{} {}", batch.name, status.bar());
                service.progress.step(&live, &format!("{batch}: {}", status.progress()));
                let is_deleted = status.state == "deleting";
                if is_deleted && !was_deleted {
                    service.progress.note(&format!("{batch} is being deleted"));
                }
                was_deleted = is_deleted;
            }
            Err(Error::Problem(problem)) if problem.is_not_found() => return Err(gone(&problem.text)),
            Err(Error::Problem(problem)) => return Err(problem.into_late_exit(&unknown)),
            Err(error) => return Err(error.into_exit(&unknown)),
        }
        sleep(PAUSE).await;
    }
}

/// Prints the jobs that failed or are missing.
async fn report(service: &Service<'_>, batch: &Batch, status: &BatchStatus) -> Result<(), Exit> {
    if status.state == "completed" {
        service.progress.success(&format!("{batch} completed ({})", jobs(status.size)));
        return Ok(());
    }
    service.progress.clear();
    let mut details = batch.details(service).await;
    if details.as_ref().is_ok_and(|status| status.failed().any(|job| job.exit_code.is_none())) {
        sleep(LATE_CODES).await;
        details = batch.details(service).await;
    }
    let mut hint = String::new();
    match details {
        Ok(status) => {
            print(service, table(HEADINGS, status.unsuccessful().map(row)).into_bytes()).await?;
            if let Some(job) = status.failed().next() {
                hint = format!("; to see a log: {}", logs(service, batch, job));
            }
        }
        Err(error) => service.progress.note(&error.into_exit("the jobs that failed are not listed").text),
    }
    let how = if status.state == "failed" { "failed" } else { "is incomplete" };
    Err(Exit::new(FAILED, format!("{batch} {how}: {}{hint}", status.progress())))
}

/// Returns the command that prints the log of this job.
fn logs(service: &Service<'_>, batch: &Batch, job: &Member) -> String {
    let cluster = service.options.cluster.as_deref().map(|cluster| format!(" --cluster {cluster}"));
    let namespace = batch.namespace.as_deref().unwrap_or("default");
    format!("eks-api logs{} -n {namespace} {}", cluster.unwrap_or_default(), job.job_name)
}

fn row(job: &Member) -> [String; 6] {
    let text = |text: Option<&str>| printable(text.unwrap_or("-"));
    let code = job.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let [id, reason] = [&job.id, &job.reason].map(|value| text(value.as_deref()));
    [job.index.to_string(), id, printable(&job.job_name), printable(&job.state), code, reason]
}
