//! Shows the logs of all pods at the same time, each line after its pod and container: [`follow_pods`].

use std::collections::{BTreeSet, VecDeque};
use std::mem::replace;
use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::client::exit::{Exit, REFUSED};
use crate::client::futures::Futures;
use crate::client::job::state::RunState;
use crate::client::job::status::Status;
use crate::client::job::{Job, JobStatus};
use crate::client::log::follow::follow;
use crate::client::log::{LogEnd, Until};
use crate::client::options::LogQuery;
use crate::client::output::{LogWriter, Output};
use crate::client::service::Service;

/// The number of logs that are open at a time. The others wait.
const MAX_OPEN: usize = 16;
/// The shortest and the longest time between two looks at the pods. A change of the job brings the next look forward.
const MIN_INTERVAL: Duration = Duration::from_secs(1);
const MAX_INTERVAL: Duration = Duration::from_secs(10);
/// How often the pods are requested once no more can come.
const LAST_LOOKS: usize = 5;

/// Returns when the logs of all pods were shown. Without `follow` it shows the pods that there are now.
pub async fn follow_pods(
    service: &Service<'_>,
    job: &Job,
    state: &RunState,
    query: &LogQuery,
    output: &Output,
    until: Until,
) -> Result<LogEnd, Exit> {
    let (mut known, mut waiting, mut open) = (BTreeSet::new(), VecDeque::new(), Futures::default());
    let (mut outcome, mut failed_looks, mut end) = (state.subscribe(), 0, LogEnd::Whole);
    let (mut has_looked, mut is_done) = (false, false);
    loop {
        let is_first = !has_looked;
        let mut next_look = pin!(async {
            if !is_first {
                pause(state, &mut outcome, query.follow).await;
            }
            // If the job has ended, it gets no further pods.
            let is_last = !query.follow || outcome.borrow().is_some();
            (is_last, job.details(service).await)
        });
        let (is_last, look) = loop {
            while open.len() < MAX_OPEN
                && let Some(target) = waiting.pop_front()
            {
                open.push(show(service, job, state, query, target, output));
            }
            if is_done && open.len() == 0 {
                let is_empty = known.is_empty() && until == Until::LogEnd;
                return Ok(if is_empty && matches!(end, LogEnd::Whole) {
                    LogEnd::Incomplete(nothing(query))
                } else {
                    end
                });
            }
            if !waiting.is_empty() && state.is_new_note("waiting") {
                let text = format!("{MAX_OPEN} logs are open; the other containers wait until one of them ends");
                service.progress.note(&text);
            }
            tokio::select! {
                shown = open.next() => match shown? {
                    LogEnd::Whole => {}
                    LogEnd::Closed => return Ok(LogEnd::Closed),
                    LogEnd::Incomplete(exit) => {
                        if let LogEnd::Incomplete(before) = replace(&mut end, LogEnd::Incomplete(exit)) {
                            service.progress.note(&before.text);
                        }
                    }
                },
                look = &mut next_look, if !is_done => break look,
            }
        };
        has_looked = true;
        match look {
            Ok(status) => {
                waiting.extend(targets(&status, query).into_iter().filter(|target| known.insert(target.clone())));
                is_done = is_last;
            }
            Err(error) if is_last && failed_looks == LAST_LOOKS => {
                end = LogEnd::Incomplete(error.into_exit("the log is not whole: the pods are not known"));
                is_done = true;
            }
            Err(_) => failed_looks += usize::from(is_last),
        }
    }
}

/// Pauses before the next look at the pods.
pub(super) async fn pause(state: &RunState, outcome: &mut watch::Receiver<Option<JobStatus>>, follow: bool) {
    let has_ended = outcome.borrow().is_some();
    let interval = if has_ended || !follow { Duration::ZERO } else { MAX_INTERVAL };
    let changed = async {
        sleep(MIN_INTERVAL).await;
        let _ = timeout(interval, state.next_change()).await;
    };
    tokio::select! {
        () = changed => {}
        _ = outcome.wait_for(Option::is_some), if !has_ended => {}
    }
}

/// The end of a command that has no log to show.
fn nothing(query: &LogQuery) -> Exit {
    let is_named = query.pod.is_some() || query.container.is_some();
    let what = if is_named { "pod or container of this name" } else { "container" };
    Exit::new(REFUSED, format!("no log was shown: no {what} has a log"))
}

/// Returns the pods and containers that have a log.
fn targets(status: &Status, query: &LogQuery) -> Vec<(String, String)> {
    let is_wanted = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
    let pods = status.pods.iter().filter(|pod| is_wanted(&query.pod, &pod.name));
    let containers = pods.flat_map(|pod| pod.containers.iter().map(|container| (&pod.name, container)));
    containers
        .filter(|(_, container)| is_wanted(&query.container, &container.name) && container.has_log())
        .map(|(pod, container)| (pod.clone(), container.name.clone()))
        .collect()
}

async fn show(
    service: &Service<'_>,
    job: &Job,
    state: &RunState,
    query: &LogQuery,
    (pod, container): (String, String),
    output: &Output,
) -> Result<LogEnd, Exit> {
    let name = format!("{pod}/{container}");
    let query = LogQuery { pod: Some(pod), container: Some(container), all: false, ..query.clone() };
    let writer = LogWriter::new(output, Some(name.clone()));
    let end = follow(service, job, state, &query, writer, Until::LogEnd).await?;
    Ok(match end {
        LogEnd::Incomplete(exit) => LogEnd::Incomplete(Exit::new(exit.code, format!("{name}: {}", exit.text))),
        end => end,
    })
}
