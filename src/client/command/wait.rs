//! `eks-api wait`: [`wait`].

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::timeout;

use crate::client::command::list;
use crate::client::command::print::print_jobs;
use crate::client::exit::{Exit, REFUSED, TIMED_OUT};
use crate::client::futures::Futures;
use crate::client::job::outcome::{self, JobWatch};
use crate::client::job::state::RunState;
use crate::client::job::status::Status;
use crate::client::job::{Job, JobStatus, find};
use crate::client::options::Command;
use crate::client::service::{Error, Service};
use crate::client::session::within;

/// The number of jobs that are watched at a time.
const MAX_WATCHED: usize = 16;
/// The limit for the table.
const PRINT_TIMEOUT: Duration = Duration::from_secs(10);

/// The jobs of the command, and how they ended.
#[derive(Default)]
struct Jobs {
    /// The last states of the jobs that have not ended.
    open: BTreeMap<String, String>,
    ended: Vec<Status>,
    failed: usize,
    /// The highest code of the failures.
    code: u8,
}

/// A job whose end is awaited.
struct Target {
    job: Job,
    state: RunState,
    watch: JobWatch,
}

/// Waits until all jobs have ended, and reports each.
pub(super) async fn wait(service: &Service<'_>, command: &Command) -> Result<(), Exit> {
    let jobs = RefCell::default();
    let work = wait_for_all(service, command, &jobs);
    let result = within(service, command.connection.timeout, "; not all jobs have ended", work).await;
    let Jobs { open, ended, .. } = jobs.into_inner();
    if !ended.is_empty() {
        timeout(PRINT_TIMEOUT, print_jobs(service, command, &ended)).await.unwrap_or(Ok(()))?;
    }
    result.map_err(|exit| {
        if exit.code != TIMED_OUT || open.is_empty() {
            return exit;
        }
        let open: Vec<String> = open.iter().map(|(name, state)| format!("{name} ({state})")).collect();
        Exit::new(TIMED_OUT, format!("the time is up; these jobs have not ended: {}", open.join(", ")))
    })
}

async fn wait_for_all(service: &Service<'_>, command: &Command, jobs: &RefCell<Jobs>) -> Result<(), Exit> {
    let mut queue = VecDeque::new();
    let mut total = command.jobs.len();
    let mut stopped = None;
    jobs.borrow_mut().open = command.jobs.iter().map(|name| (name.clone(), "unknown".to_owned())).collect();
    for name in &command.jobs {
        let found = find(service, name, command.namespace.as_deref(), false).await;
        let mut jobs = jobs.borrow_mut();
        match found {
            Ok(status) => {
                jobs.open.remove(name);
                queue.push_back(status);
            }
            Err(Error::Exit(exit)) => {
                // The jobs that have ended are reported nevertheless.
                queue.retain(|status: &Status| status.gone || status.is_final());
                stopped = Some(exit);
                break;
            }
            Err(error) => {
                jobs.open.remove(name);
                jobs.failed(service, error.into_exit(&format!("job {name}")), total)?;
            }
        }
    }
    if command.selector.is_some() {
        queue = list::jobs(service, command, false).await?.into();
        total = queue.len();
        if queue.is_empty() {
            return Err(Exit::new(REFUSED, "no job matches"));
        }
    }
    let mut queue: VecDeque<Target> = queue.into_iter().map(Target::new).collect();
    jobs.borrow_mut().open.extend(queue.iter().map(Target::entry));
    let mut watched = Futures::default();
    loop {
        while watched.len() < MAX_WATCHED
            && let Some(target) = queue.pop_front()
        {
            watched.push(target.next(service, total > 1));
        }
        if watched.len() == 0 {
            break;
        }
        if total > 1 {
            let ended = jobs.borrow().ended.len();
            service.progress.live(&format!("{ended} of {total} jobs have ended"));
        }
        let (target, result) = watched.next().await?;
        let mut jobs = jobs.borrow_mut();
        let Some(result) = result else {
            jobs.open.extend([target.entry()]);
            // The others come first.
            queue.push_back(target);
            continue;
        };
        jobs.open.remove(&target.entry().0);
        jobs.ended.extend(target.state.outcome().and_then(JobStatus::status));
        if let Err(exit) = result {
            jobs.failed(service, exit, total)?;
        }
    }
    if let Some(exit) = stopped {
        return Err(exit);
    }
    let Jobs { failed, code, .. } = *jobs.borrow();
    if failed == 0 { Ok(()) } else { Err(Exit::new(code, format!("{failed} of {total} jobs did not complete"))) }
}

impl Jobs {
    /// Reports a failure. That of the only job ends the command.
    fn failed(&mut self, service: &Service<'_>, exit: Exit, total: usize) -> Result<(), Exit> {
        if total == 1 {
            return Err(exit);
        }
        service.progress.note(&exit.text);
        self.failed += 1;
        self.code = self.code.max(exit.code);
        Ok(())
    }
}

impl Target {
    fn new(status: Status) -> Self {
        let (job, state, watch) = (Job::from(&status), RunState::default(), JobWatch::of(&status));
        if status.gone {
            state.end(JobStatus::Deleted { last: Some(status), why: String::new() });
        } else if status.is_final() {
            state.end(JobStatus::Found(status));
        }
        Self { job, state, watch }
    }

    /// Returns the name of the job and its last state.
    fn entry(&self) -> (String, String) {
        (format!("{}/{}", self.job.namespace, self.job.job_name), self.watch.state.clone())
    }

    /// Waits for a change, at most 15 seconds. If the job has ended, it returns the end of a run of this job too.
    async fn next(
        mut self,
        service: &Service<'_>,
        is_one_of_many: bool,
    ) -> Result<(Self, Option<Result<(), Exit>>), Exit> {
        if self.state.outcome().is_none() {
            self.watch.next(service, &self.job, &self.state, is_one_of_many).await?;
        }
        let Some(outcome) = self.state.outcome() else { return Ok((self, None)) };
        let result = outcome::report(service, &self.job, &outcome).await;
        Ok((self, Some(result)))
    }
}
