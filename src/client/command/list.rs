//! `eks-api list`, and the jobs that a selector matches: [`list`] and [`jobs`].

use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::client::command::print::{print, print_jobs};
use crate::client::exit::Exit;
use crate::client::job::not_ours;
use crate::client::job::status::Status;
use crate::client::options::Command;
use crate::client::service::{Service, ServiceRequest};

/// The largest page of the service.
const LIMIT: &str = "500";

#[derive(Deserialize)]
struct Page<'a> {
    #[serde(borrow)]
    jobs: Vec<&'a RawValue>,
    r#continue: Option<String>,
}

pub(super) async fn list(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let jobs = jobs(service, command, command.json).await?;
    if command.json { Ok(()) } else { print_jobs(service, command, &jobs).await }
}

/// Returns the jobs that the command selects. With `prints` each page is printed instead.
pub(super) async fn jobs(service: &Service<'_>, command: &Command, prints: bool) -> Result<Vec<Status>, Exit> {
    let (mut jobs, mut next) = (Vec::new(), None::<String>);
    loop {
        let Command { namespace, state, selector, .. } = command;
        let filters = [("namespace", namespace), ("state", state), ("label_selector", selector), ("continue", &next)];
        let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?)));
        let request = ServiceRequest::get("list-jobs", [("limit", LIMIT)].into_iter().chain(filters));
        let reply = service.call(&request).await.map_err(|error| error.into_exit("the jobs are not listed"))?;
        let page: Page<'_> = serde_json::from_slice(reply.body()).map_err(not_ours)?;
        if prints {
            print(service, [reply.body(), &b"\n"[..]].concat()).await?;
        } else {
            let page = page.jobs.iter().map(|job| Status::parse(Bytes::copy_from_slice(job.get().as_bytes())));
            jobs.extend(page.collect::<Result<Vec<_>, _>>().map_err(not_ours)?);
        }
        if page.r#continue.is_none() {
            return Ok(jobs);
        }
        next = page.r#continue;
    }
}
