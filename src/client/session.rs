//! Begins and ends a command: [`with_service`], [`within`] for the timeout, [`listen`] for signals. [`new_key`] makes the
//! key of its request.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Duration, sleep};

use crate::client::connection;
use crate::client::credential::Credential;
use crate::client::exit::{Exit, TIMED_OUT, UNAVAILABLE};
use crate::client::options::Connection;
use crate::client::progress::Progress;
use crate::client::service::Service;

/// Does the work of a command with a connection to the service.
pub async fn with_service(
    options: &Connection,
    is_quiet: bool,
    work: impl AsyncFnOnce(&Service<'_>) -> Result<(), Exit>,
) -> Result<(), Exit> {
    let credential = Credential::read(options.key_file.as_deref(), |name| std::env::var(name).ok())?;
    let connections = connection::connect(&options.url, options.ca_file.as_deref(), options.certificate.as_ref())?;
    let progress = Progress::of_stderr(is_quiet);
    if !options.url.is_tls && !options.url.is_local && credential.header().is_some() {
        progress.warn("the key is sent without TLS, so others on the network can read it");
    }
    let service = Service::new(options, connections, credential, &progress);
    let ended = work(&service).await;
    progress.clear();
    ended.map_err(|exit| {
        progress.end_line();
        exit.in_colour(progress.has_colours)
    })
}

/// Does the work until the time is up. `consequence` says what is open then.
pub async fn within(
    service: &Service<'_>,
    time: Option<Duration>,
    consequence: &str,
    work: impl Future<Output = Result<(), Exit>>,
) -> Result<(), Exit> {
    tokio::select! {
        ended = service.progress.during(work) => ended,
        () = sleep(time.unwrap_or(Duration::MAX)) => Err(service
            .unreached()
            .unwrap_or_else(|| Exit::new(TIMED_OUT, format!("the time is up{consequence}")))),
    }
}

pub fn listen(kind: SignalKind) -> Result<Signal, Exit> {
    signal(kind).map_err(|error| Exit::new(UNAVAILABLE, format!("listening for signals: {error}")))
}

/// Makes an idempotency key that no other run has.
pub fn new_key() -> String {
    format!("eks-api-run-{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..))
}
