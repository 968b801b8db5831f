//! `eks-api status`: [`status`].

use crate::client::command::failures::Failures;
use crate::client::command::print::print_jobs;
use crate::client::exit::{Exit, REFUSED};
use crate::client::job::status::Status;
use crate::client::job::{Job, find};
use crate::client::options::Command;
use crate::client::service::{Error, Service};

pub(super) async fn status(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let (mut jobs, mut failures) = (Vec::new(), Failures::default());
    for name in &command.jobs {
        match existing(service, command, name, false).await {
            Ok(status) => jobs.push(status),
            Err(Error::Exit(exit)) if exit.code != REFUSED => {
                failures.add(exit, service.progress);
                break;
            }
            Err(error) => failures.add(error.into_exit("the status is not known"), service.progress),
        }
    }
    if !jobs.is_empty() {
        print_jobs(service, command, &jobs).await?;
    }
    failures.end()
}

/// Returns the status of a job that is not deleted.
pub(super) async fn existing(
    service: &Service<'_>,
    command: &Command,
    name: &str,
    details: bool,
) -> Result<Status, Error> {
    let status = find(service, name, command.namespace.as_deref(), details).await?;
    if status.gone {
        let text = format!("{} is deleted; its last state was {}", Job::from(&status), status.state);
        return Err(Exit::new(REFUSED, text).into());
    }
    Ok(status)
}
