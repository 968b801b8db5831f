//! The commands that use a running service. [`run`] submits a manifest, shows the log and exits as the job does. [`command`]
//! has the others. They use the service by HTTP only, as any script does.

pub mod batch;
pub mod command;
pub mod connection;
pub mod credential;
pub mod exit;
mod futures;
pub mod history;
pub mod job;
pub mod log;
pub mod manifest;
pub mod options;
pub mod output;
pub mod problem;
pub mod progress;
pub mod service;
pub mod session;
pub mod template;

use std::cell::OnceCell;
use std::time::Duration;

use tokio::signal::unix::SignalKind;
use tokio::time::{sleep, timeout};

use self::log::container::only_container;
use self::log::follow::follow;
use self::log::pods::follow_pods;
use self::log::{LogEnd, Until};
use exit::{Exit, INTERRUPTED, TERMINATED, TIMED_OUT};
use job::state::RunState;
use job::{Job, outcome};
use manifest::Manifest;
use options::{JobSource, LogQuery, Options};
use output::LogWriter;
use service::Service;
use session::{listen, new_key};

/// The limit for the deletion after a signal, and for the last lines of the log.
const LAST_CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// The limit for the details, which are requested when the time is up.
const DETAILS_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a job to its end. `Ok` means that the job completed.
pub async fn run(options: &Options) -> Result<(), Exit> {
    session::with_service(&options.connection, options.quiet, async |service| Box::pin(run_at(service, options)).await)
        .await
}

async fn run_at(service: &Service<'_>, options: &Options) -> Result<(), Exit> {
    let progress = service.progress;
    // While stdin is read, signals still have their default action.
    let (namespace, notify) = (options.namespace.as_deref(), &options.notify[..]);
    let manifest = match &options.source {
        JobSource::File(file) => Manifest::read(file, namespace, notify)?,
        JobSource::Template(job) => job.manifest(namespace, notify)?,
    };
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let (state, submitted) = (RunState::default(), OnceCell::new());
    let (code, what) = tokio::select! {
        ended = progress.during(work(service, options, &manifest, &submitted, &state)) => {
            progress.clear();
            if let (Err(_), Some(job), true) = (&ended, submitted.get(), options.quiet && !options.follow) {
                show_last_lines(service, job, manifest.container.as_deref()).await;
            }
            return ended;
        }
        () = sleep(options.connection.timeout.unwrap_or(Duration::MAX)) => (TIMED_OUT, "the time is up"),
        _ = interrupt.recv() => (INTERRUPTED, "interrupted"),
        _ = terminate.recv() => (TERMINATED, "terminated"),
    };
    progress.clear();
    let consequence = match submitted.get() {
        None if code == TIMED_OUT
            && let Some(exit) = service.unreached() =>
        {
            return Err(exit);
        }
        None => "it is not known whether the job was created".to_owned(),
        Some(job) if code == TIMED_OUT => {
            if let Some(outcome) = state.outcome() {
                progress.note("the log is not whole: the time is up");
                return outcome::report(service, job, &outcome).await;
            }
            if let Ok(Ok(status)) = timeout(DETAILS_TIMEOUT, job.details(service)).await {
                state.explain(&status);
            }
            let waits = state.reason().map(|reason| format!(" and waits: {reason}")).unwrap_or_default();
            format!("{job} goes on{waits}")
        }
        Some(job) if options.delete_on_interrupt => tokio::select! {
            deleted = job::delete(service, job) => match deleted {
                Ok(()) => format!("{job} is being deleted"),
                Err(exit) => exit.text,
            },
            () = sleep(LAST_CALL_TIMEOUT) => format!("{job} could not be deleted"),
            // A second Ctrl-C ends the run.
            _ = interrupt.recv() => format!("{job} may not have been deleted"),
        },
        Some(job) => format!("{job} goes on"),
    };
    Err(Exit::new(code, format!("{what}; {consequence}")))
}

async fn work(
    service: &Service<'_>,
    options: &Options,
    manifest: &Manifest,
    submitted: &OnceCell<Job>,
    state: &RunState,
) -> Result<(), Exit> {
    let key = options.idempotency_key.clone().unwrap_or_else(new_key);
    service.progress.live("submitting the job");
    let job = job::submit(service, manifest, &key).await?;
    let job = submitted.get_or_init(|| job);
    service.progress.clear();
    service.progress.note(&format!("{job} {}", if job.existed { "already exists" } else { "is created" }));
    job.warnings.iter().for_each(|warning| service.progress.warn(&format!("warning: {warning}")));
    state.progressed();
    let log = async {
        if options.follow {
            service.progress.live(&format!("waiting for the log of {job}"));
            let container = match &manifest.container {
                Some(name) => Some(name.clone()),
                None => only_container(service, job, state).await,
            };
            let query = LogQuery { container, follow: true, all: true, ..LogQuery::default() };
            let output = output::stdout();
            let end = if options.prefix {
                follow_pods(service, job, state, &query, &output, Until::JobEnd).await?
            } else {
                follow(service, job, state, &query, LogWriter::new(&output, None), Until::JobEnd).await?
            };
            if let LogEnd::Incomplete(exit) = end {
                service.progress.note(&exit.text);
            }
        }
        Ok(())
    };
    let to_the_end = async { tokio::try_join!(outcome::wait(service, job, state, options.follow), log) };
    let ask = async || job.details(service).await.ok();
    let note = |reason: &str| service.progress.note(&format!("{job} waits: {reason}"));
    tokio::select! {
        ended = to_the_end => drop(ended?),
        never = state.keep_explaining(ask, note) => match never {},
    }
    match state.outcome() {
        Some(outcome) => outcome::report(service, job, &outcome).await,
        None => Ok(()),
    }
}

/// Shows the last lines of the log of a job that failed.
async fn show_last_lines(service: &Service<'_>, job: &Job, container: Option<&str>) {
    const LINES: &str = "50";
    let request = job.last_lines(container, LINES);
    if let Ok(Ok(response)) = timeout(LAST_CALL_TIMEOUT, service.call(&request)).await {
        service.progress.show_log(&String::from_utf8_lossy(response.body()));
    }
}
