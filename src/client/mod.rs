//! `eks-api run`: a thin client of a running service. Submits a manifest, shows the log, and ends as the job does. Knows
//! the service by its calls alone, as any script does: of the other rooms it imports only leaves.

pub mod connection;
pub mod credential;
pub mod exit;
pub mod job;
pub mod log;
pub mod manifest;
pub mod options;
pub mod output;
pub mod pause;
pub mod problem;
pub mod progress;
pub mod service;

use std::cell::OnceCell;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use self::log::follow;
use credential::Credential;
use exit::{Exit, INTERRUPTED, TERMINATED, TIME_UP, UNAVAILABLE};
use job::Job;
use job::known::Known;
use job::outcome;
use manifest::Manifest;
use options::Options;
use progress::Progress;
use service::Service;

/// How long a job's removal is tried after a signal, and its log is read after its end.
const LAST_CALL: Duration = Duration::from_secs(10);
/// How long it is asked, at the time-out, why the job waits.
const LAST_QUESTION: Duration = Duration::from_secs(3);

/// Runs a job to its end. `Ok` is a job that completed.
pub async fn run(options: &Options) -> Result<(), Exit> {
    let credential = Credential::take(options.key_file.as_deref(), |name| std::env::var(name).ok())?;
    let connections = connection::to(&options.url, options.ca_file.as_deref())?;
    // Until all of stdin is read, a signal ends the program by itself.
    let manifest = Manifest::read(&options.file, options.namespace.as_deref())?;
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let progress = Progress::of_stderr(options.quiet);
    if !options.url.is_tls && !options.url.is_local && credential.header().is_some() {
        progress.note("the key is sent without TLS, for all on the way to read");
    }
    let mut service = Service::new(&options.url, connections, credential, &progress);
    service.has_limit = options.timeout.is_some();
    let (known, submitted) = (Known::default(), OnceCell::new());
    let (code, what) = tokio::select! {
        ended = progress.during(work(&service, options, &manifest, &submitted, &known)) => {
            progress.clear();
            if let (Err(_), Some(job), true) = (&ended, submitted.get(), options.quiet && !options.follow) {
                show_last_lines(&service, job, manifest.container.as_deref()).await;
            }
            return ended;
        }
        () = time_up(options.timeout) => (TIME_UP, "the time is up"),
        _ = interrupt.recv() => (INTERRUPTED, "interrupted"),
        _ = terminate.recv() => (TERMINATED, "terminated"),
    };
    progress.clear();
    let told = match submitted.get() {
        None if code == TIME_UP && !service.was_sent() => {
            let why = service.setback.take();
            let text = format!("the time is up; {} was not reached, and nothing was sent: {why}", options.url.as_str());
            return Err(Exit::new(UNAVAILABLE, text));
        }
        None => "it is not known whether the job was created".to_owned(),
        Some(job) if code == TIME_UP => {
            if let Some(seen) = known.outcome.get() {
                progress.note("the log is not whole: the time is up");
                return outcome::report(&service, job, seen).await;
            }
            // The details may be newer than what is known.
            if let Ok(Some(status)) = timeout(LAST_QUESTION, job.details(&service)).await {
                known.explain(&status);
            }
            let waits = known.reason().map(|reason| format!(" and waits: {reason}")).unwrap_or_default();
            format!("{job} goes on{waits}")
        }
        Some(job) if options.delete_on_interrupt => tokio::select! {
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
    Err(Exit::new(code, format!("{what}; {told}")))
}

async fn work(
    service: &Service<'_>,
    options: &Options,
    manifest: &Manifest,
    submitted: &OnceCell<Job>,
    known: &Known,
) -> Result<(), Exit> {
    let key = options.idempotency_key.clone().unwrap_or_else(new_key);
    service.progress.live("submitting the job");
    let job = job::submit(service, manifest, &key).await?;
    let job = submitted.get_or_init(|| job);
    service.progress.clear();
    service.progress.note(&format!("{job} {}", if job.is_known { "is there already" } else { "is created" }));
    job.warnings.iter().for_each(|warning| service.progress.note(&format!("warning: {warning}")));
    known.progressed();
    let log = async {
        if options.follow {
            service.progress.live(&format!("waiting for the log of {job}"));
            follow::follow(service, job, known, manifest.container.as_deref(), output::stdout()).await?;
        }
        Ok(())
    };
    let both = async { tokio::try_join!(outcome::wait(service, job, known, options.follow), log) };
    let ask = async || job.details(service).await;
    let say = |reason: &str| service.progress.note(&format!("{job} waits: {reason}"));
    tokio::select! {
        ended = both => drop(ended?),
        never = known.keep_explaining(ask, say) => match never {},
    }
    match known.outcome.get() {
        Some(seen) => outcome::report(service, job, seen).await,
        None => Ok(()),
    }
}

/// What a quiet run shows of the log of a job that failed.
async fn show_last_lines(service: &Service<'_>, job: &Job, container: Option<&str>) {
    const LINES: &str = "50";
    let ask = job.last_lines(container, LINES);
    if let Ok(Ok(answer)) = timeout(LAST_CALL, service.call(&ask)).await {
        service.progress.show_log(&String::from_utf8_lossy(&answer.body));
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

fn listen(kind: SignalKind) -> Result<Signal, Exit> {
    signal(kind).map_err(|error| Exit::new(UNAVAILABLE, format!("listening for signals: {error}")))
}
