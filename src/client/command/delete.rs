//! `eks-api delete`: [`delete`].

use serde::Deserialize;

use crate::client::command::failures::Failures;
use crate::client::command::list;
use crate::client::command::print::print;
use crate::client::exit::Exit;
use crate::client::job::not_ours;
use crate::client::options::Command;
use crate::client::service::{Error, Service, ServiceRequest};

#[derive(Deserialize)]
struct Reply {
    message: String,
}

/// Deletes the jobs one after another, and goes on after a failure.
pub(super) async fn delete(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let named = |name: &String| [("job_name", Some(name.clone())), ("namespace", command.namespace.clone())].to_vec();
    let mut targets: Vec<Vec<_>> = command.jobs.iter().map(named).collect();
    if command.selector.is_some() {
        for job in list::jobs(service, command, false).await? {
            // The UID keeps a later job of that name.
            let query = [("job_name", job.job_name), ("namespace", job.namespace), ("uid", job.uid)];
            targets.push(query.map(|(name, value)| (name, Some(value))).to_vec());
        }
        if targets.is_empty() {
            service.progress.note("no job matches");
        }
    }
    let mut failures = Failures::default();
    for target in &targets {
        let query = target.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let name = target[0].1.as_deref().unwrap_or_default();
        let reply = service.call(&ServiceRequest::delete("delete-job", query)).await;
        let reply = reply.and_then(|response| text(command, response.body()).map_err(Error::Exit));
        match reply {
            Ok(text) => print(service, text).await?,
            // An earlier attempt, or someone else, has deleted the job.
            Err(Error::Problem(problem))
                if problem.is_not_found() && (command.selector.is_some() || service.was_repeated.get()) =>
            {
                service.progress.note(&format!("job {name} is already deleted"));
            }
            Err(Error::Exit(exit)) => {
                failures.add(exit, service.progress);
                break;
            }
            Err(error) => failures.add(error.into_exit(&format!("job {name} is not deleted")), service.progress),
        }
    }
    failures.end()
}

/// Returns what is printed of the reply.
fn text(command: &Command, reply: &[u8]) -> Result<Vec<u8>, Exit> {
    let Reply { message } = serde_json::from_slice(reply).map_err(not_ours)?;
    let text = if command.json { reply } else { message.as_bytes() };
    Ok([text, b"\n"].concat())
}
