//! Follows a batch to its end: [`follow`].

use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::time::sleep;

use crate::client::batch::status::{Batch, BatchStatus, Member};
use crate::client::command::print::{print, table};
use crate::client::exit::{Exit, FAILED};
use crate::client::job::not_ours;
use crate::client::job::poll::Poll;
use crate::client::service::{Error, Service};
use crate::util::text::printable;

/// The pause between two requests for the status. Many jobs may change in that time.
const PAUSE: Duration = Duration::from_millis(250);
const HEADINGS: [&str; 6] = ["INDEX", "ID", "JOB", "STATE", "EXIT", "REASON"];

/// Shows the progress until the batch has ended. `Ok` means that all jobs completed.
pub async fn follow(service: &Service<'_>, batch: &Batch) -> Result<(), Exit> {
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
                if status.is_final() {
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
        service.progress.success(&format!("{batch} completed ({} jobs)", status.size));
        return Ok(());
    }
    service.progress.clear();
    match batch.details(service).await {
        Ok(status) => print(service, table(HEADINGS, status.unsuccessful().map(row)).into_bytes()).await?,
        Err(error) => service.progress.note(&error.into_exit("the jobs that failed are not listed").text),
    }
    Err(Exit::new(FAILED, format!("{batch} {}: {}", how(&status.state), status.progress())))
}

fn how(state: &str) -> &str {
    if state == "incomplete" { "is incomplete" } else { state }
}

fn row(job: &Member) -> [String; 6] {
    let text = |text: Option<&str>| printable(text.unwrap_or("-"));
    let code = job.exit_code.map_or_else(|| "-".to_owned(), |code| code.to_string());
    let [id, reason] = [&job.id, &job.reason].map(|value| text(value.as_deref()));
    [job.index.to_string(), id, printable(&job.job_name), printable(&job.state), code, reason]
}
