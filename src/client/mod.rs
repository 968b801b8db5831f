//! `eks-api run`: a thin client of a running service. Submits a manifest, shows the log, and ends as the job does. Knows
//! the service by its calls alone, as any script does: of the other rooms it imports only leaves.

pub mod connection;
pub mod credential;
pub mod end;
pub mod follow;
pub mod job;
pub mod lines;
pub mod manifest;
pub mod options;
pub mod output;
pub mod progress;
pub mod service;

use std::cell::OnceCell;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use credential::Credential;
use end::{End, FAILED, INTERRUPTED, TERMINATED, TIME_UP, UNAVAILABLE};
use job::{Job, Watch};
use manifest::Manifest;
use options::Options;
use progress::Progress;
use service::Service;

/// Between two looks at a job that has not changed.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a job's removal is tried after a signal.
const LAST_CALL: Duration = Duration::from_secs(10);

/// Runs a job to its end. `Ok` is a job that completed.
pub async fn run(options: &Options) -> Result<(), End> {
    let credential = Credential::take(options.key_file.as_deref(), |name| std::env::var(name).ok())?;
    let connections = connection::to(&options.url, options.ca_file.as_deref())?;
    // Until all of stdin is read, a signal ends the program by itself.
    let manifest = Manifest::read(&options.file, options.namespace.as_deref())?;
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let progress = Progress::of_stderr();
    if !options.url.is_tls && !options.url.is_local && credential.header().is_some() {
        progress.note("the key is sent without TLS, for all on the way to read");
    }
    let has_limit = options.timeout.is_some();
    let service = Service { url: &options.url, connections, credential, progress: &progress, has_limit };
    let submitted = OnceCell::new();
    let (code, what) = tokio::select! {
        ended = progress.during(work(&service, options, &manifest, &submitted)) => {
            progress.clear();
            return ended;
        }
        () = time_up(options.timeout) => (TIME_UP, "the time is up"),
        _ = interrupt.recv() => (INTERRUPTED, "interrupted"),
        _ = terminate.recv() => (TERMINATED, "terminated"),
    };
    progress.clear();
    let told = match submitted.get() {
        None => "it is not known whether the job was created".to_owned(),
        Some(job) if options.delete_on_interrupt && code != TIME_UP => tokio::select! {
            deleted = job::delete(&service, job) => match deleted {
                Ok(()) => format!("{job} is being deleted"),
                Err(end) => end.to_string(),
            },
            () = sleep(LAST_CALL) => format!("{job} could not be deleted"),
            // Whoever asks twice means it.
            _ = interrupt.recv() => format!("{job} may not be deleted"),
        },
        Some(job) => format!("{job} goes on"),
    };
    Err(End::new(code, format!("{what}; {told}")))
}

async fn work(
    service: &Service<'_>,
    options: &Options,
    manifest: &Manifest,
    submitted: &OnceCell<Job>,
) -> Result<(), End> {
    let key = options.idempotency_key.clone().unwrap_or_else(new_key);
    service.progress.live("submitting the job");
    let job = job::submit(service, manifest, &key).await?;
    let job = submitted.get_or_init(|| job);
    service.progress.clear();
    service.progress.note(&format!("{job} {}", if job.is_known { "is there already" } else { "is created" }));
    job.warnings.iter().for_each(|warning| service.progress.note(&format!("warning: {warning}")));
    if options.follow {
        service.progress.live(&format!("waiting for the log of {job}"));
        follow::follow(service, job, manifest.container.as_deref()).await?;
    }
    outcome(service, job).await
}

/// Waits for the job's end, telling each change on the way.
async fn outcome(service: &Service<'_>, job: &Job) -> Result<(), End> {
    let mut watch = Watch::default();
    loop {
        let Some(status) = watch.next(service, job).await? else {
            // A service that is shutting down answers at once.
            sleep(PAUSE).await;
            continue;
        };
        match status.state.as_str() {
            "completed" => {
                service.progress.note(&format!("{job} completed"));
                return Ok(());
            }
            "failed" => {
                let code = job.exit_code(service).await;
                let ended = code.map(|code| format!(" (exit code {code})")).unwrap_or_default();
                return Err(End::new(code.unwrap_or(FAILED), format!("{job} failed{ended}{}", status.why())));
            }
            state => service.progress.state(&format!("{job} is {state}")),
        }
    }
}

/// A key that no other run has.
fn new_key() -> String {
    format!("eks-api-run-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}

async fn time_up(timeout: Option<Duration>) {
    match timeout {
        Some(time) => sleep(time).await,
        None => std::future::pending().await,
    }
}

fn listen(kind: SignalKind) -> Result<Signal, End> {
    signal(kind).map_err(|error| End::new(UNAVAILABLE, format!("listening for signals: {error}")))
}
