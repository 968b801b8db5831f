//! `eks-api wait`: [`wait`].

use crate::client::command::failures::Failures;
use crate::client::command::list;
use crate::client::command::print::print_jobs;
use crate::client::exit::{Exit, REFUSED};
use crate::client::futures::Futures;
use crate::client::job::state::RunState;
use crate::client::job::status::Status;
use crate::client::job::{Job, JobStatus, find, outcome};
use crate::client::options::Command;
use crate::client::service::{Error, Service};

/// The number of jobs that are watched at a time.
const MAX_WATCHED: usize = 16;

/// Waits until all jobs have ended, and reports each.
pub(super) async fn wait(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let (mut jobs, mut ended, mut failures) = (Vec::new(), Vec::new(), Failures::default());
    for name in &command.jobs {
        match find(service, name, command.namespace.as_deref(), false).await {
            Ok(status) => jobs.push(status),
            Err(Error::Exit(exit)) => return Err(exit),
            Err(error) => failures.add(error.into_exit(&format!("job {name}")), service.progress),
        }
    }
    if command.selector.is_some() {
        jobs = list::jobs(service, command, false).await?;
        if jobs.is_empty() {
            return Err(Exit::new(REFUSED, "no job matches"));
        }
    }
    let (total, mut jobs, mut watched) = (jobs.len(), jobs.into_iter(), Futures::default());
    for left in (1..=total).rev() {
        while watched.len() < MAX_WATCHED
            && let Some(status) = jobs.next()
        {
            watched.push(end(service, status, total > 1));
        }
        if total > 1 {
            service.progress.live(&format!("{} of {total} jobs have ended", total - left));
        }
        let (last, result) = watched.next().await?;
        ended.extend(last);
        if let Err(exit) = result {
            failures.add(exit, service.progress);
        }
    }
    if !ended.is_empty() {
        print_jobs(service, command, &ended).await?;
    }
    failures.end()
}

/// Returns the last status of a job when it has ended, and the end of a run of this job.
async fn end(
    service: &Service<'_>,
    status: Status,
    is_one_of_many: bool,
) -> Result<(Option<Status>, Result<(), Exit>), Exit> {
    let (job, state) = (Job::from(&status), RunState::default());
    let outcome = match status {
        status if status.gone => JobStatus::Deleted { last: Some(status), why: String::new() },
        status if status.is_final() => JobStatus::Found(status),
        status => {
            outcome::wait(service, &job, &state, is_one_of_many).await?;
            state.outcome().unwrap_or(JobStatus::Found(status))
        }
    };
    let result = outcome::report(service, &job, &outcome).await;
    let last = match outcome {
        JobStatus::Found(status) => Some(status),
        JobStatus::Deleted { last, .. } => last,
    };
    Ok((last, result))
}
