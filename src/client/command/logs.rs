//! `eks-api logs`: [`show`].

use std::future::pending;

use crate::client::command::status::existing;
use crate::client::exit::Exit;
use crate::client::job::state::RunState;
use crate::client::job::{Job, outcome};
use crate::client::log::follow::follow;
use crate::client::log::pods::follow_pods;
use crate::client::log::{LogEnd, Until};
use crate::client::options::Command;
use crate::client::output::{self, LogWriter};
use crate::client::service::Service;

/// Shows the log. Meanwhile the status says whether the service is there and the job has ended, as in a run.
pub(super) async fn show(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let (mut query, name) = (command.log.clone(), command.jobs.first().map_or("", String::as_str));
    let status = existing(service, command, name, true).await;
    let status = status.map_err(|error| error.into_exit("no log was shown"))?;
    let (job, state, output) = (Job::from(&status), RunState::default(), output::stdout());
    if !command.prefix && !query.all && query.pod.is_none() {
        // The newest pod. A log that is opened again must be of the same pod.
        query.pod = status.pods.last().map(|pod| pod.name.clone());
    }
    let log = async {
        if command.prefix {
            return follow_pods(service, &job, &state, &query, &output, Until::LogEnd).await;
        }
        follow(service, &job, &state, &query, LogWriter::new(&output, None), Until::LogEnd).await
    };
    let outcome = async {
        outcome::wait(service, &job, &state, true).await?;
        pending().await
    };
    let end = tokio::select! {
        end = log => end?,
        exit = outcome => return exit,
    };
    if let LogEnd::Incomplete(exit) = end { Err(exit) } else { Ok(()) }
}
