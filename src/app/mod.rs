//! Starts the service, runs it and drains it: [`serve`].

pub mod auth;
mod clusters;
pub mod error;
#[cfg(feature = "history")]
pub mod history;
mod listen;
mod open_files;
pub mod presets;
mod reload;
mod watchdog;

use std::net::SocketAddr;
use std::sync::Arc;

use aws_sdk_eks::config::SharedHttpClient;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::api::gate::Gate;
use crate::api::repeats::Repeats;
use crate::api::request_log;
use crate::api::service::Service;
use crate::api::state::AppState;
use crate::audit::Audit;
use crate::auth::Auth;
use crate::aws::{Sdk, http_client};
use crate::clusters::registry::Registry;
use crate::clusters::status_line::StatusLine;
use crate::clusters::supervisor::supervise;
use crate::config::clusters::{ClusterConfig, ClusterSource};
use crate::config::tls::TlsFiles;
use crate::config::{Settings, access};
use crate::http::browser::cors::Cors;
use crate::http::browser::origin::HostAllowlist;
use crate::http::limits::concurrency::ConcurrencyLimits;
use crate::http::limits::rate_limit::RateLimits;
use crate::http::listener::{self, ListenerConfig};
use crate::http::metrics::HttpMetrics;
use crate::http::tls::Tls;
use crate::jobs::policy::Policy;
use crate::telemetry;
use crate::telemetry::journal::Journal;
use crate::telemetry::systemd::Notifier;

use clusters::ClusterStarter;
use error::Error;
use reload::Reload;

/// Makes the HTTP client for AWS from the environment.
pub fn aws_http_client() -> Result<SharedHttpClient, Error> {
    http_client::from_environment(|name| std::env::var(name).ok()).map_err(Error::Config)
}

/// Loads the AWS SDK for a command.
pub async fn sdk(cluster: &ClusterConfig) -> Result<Sdk, Error> {
    Ok(Sdk::load(&cluster.region, aws_http_client()?).await)
}

pub fn default_cluster(clusters: &[ClusterConfig]) -> Result<ClusterConfig, Error> {
    let default = clusters.iter().find(|cluster| cluster.is_default).cloned();
    default.ok_or_else(no_default)
}

fn no_default() -> Error {
    Error::Config("no cluster is the default".to_owned())
}

/// Serves until SIGTERM or SIGINT, then drains. Listens before it connects to AWS or the cluster.
pub async fn serve(settings: Settings) -> Result<(), Error> {
    telemetry::log::init(settings.log.level, settings.log.json);
    let notifier = Arc::new(Notifier::from_environment());
    let (mut terminate, mut interrupt, hangup) = signals()?;
    let mut reload = Reload::default();
    let tls = settings.tls.clone().map(Tls::load).transpose().map_err(|error| Error::Config(error.to_string()))?;
    let tls = tls.map(Arc::new);
    if let Some(tls) = tls.clone() {
        reload.add("TLS", move || tls.reload());
    }
    // It makes no connection: the credentials are loaded when a token is signed.
    let configs = settings.clusters.load().map_err(Error::Config)?;
    let names: Vec<_> = configs.iter().map(|config| config.name.clone()).collect();
    let default = default_cluster(&configs)?;
    let sdk = sdk(&default).await?;
    let auth = Arc::new(auth::auth(&settings, &mut reload)?);
    let presets = presets::presets(&settings, &mut reload)?;
    #[cfg(feature = "history")]
    let webhooks = history::webhooks(&settings, &mut reload)?;
    let (listener, address) = listen::listener(&settings).await?;
    log::info!(address:% = address, version = env!("CARGO_PKG_VERSION"); "listening");
    notifier.ready(&format!("listening on {address}; waiting for AWS and the cluster"));
    log_warnings(&settings, address);
    clusters::log_clusters(&settings.clusters, &default.name, &names);

    #[cfg(feature = "history")]
    let history = history::start(settings.history, webhooks.as_ref());
    let (drain, draining) = watch::channel(false);
    let starter = ClusterStarter {
        source: settings.clusters.clone(),
        sdk,
        policy: Policy {
            protected: settings.protected_namespaces,
            allowed: settings.allowed_namespaces.into_iter().collect(),
            auto_create_namespace: settings.auto_create_namespace,
        },
        status_line: Arc::new(StatusLine::new(Arc::clone(&notifier))),
        request_timeout: settings.request_timeout,
        #[cfg(feature = "history")]
        history: history.clone(),
    };
    let clusters = Registry::new(configs.into_iter().map(|config| starter.start(config)));
    watchdog::start(&notifier);
    let traffic = Arc::new(HttpMetrics::new(settings.metrics));
    let limits = open_files::bound_by_open_files(settings.limits);
    let audit = Audit::new(Journal::of_stderr().map_err(Error::Start)?);
    #[cfg(feature = "history")]
    let audit = audit.with_history(history.clone());
    let shared = Arc::new(AppState {
        clusters: clusters.ok_or_else(no_default)?,
        has_clusters_file: matches!(settings.clusters, ClusterSource::File(_)),
        presets,
        auth,
        calls: ConcurrencyLimits::new(open_files::bounds(&limits), &names),
        rates: RateLimits::new(limits.by_peer, limits.by_caller, &names),
        repeats: Repeats::default(),
        audit,
        #[cfg(feature = "history")]
        history,
        #[cfg(feature = "history")]
        webhooks,
        traffic: Arc::clone(&traffic),
        request_timeout: settings.request_timeout,
        metrics_namespaces: settings.metrics_namespaces,
        docs: settings.docs,
        draining: draining.clone(),
    });
    reload_clusters(&mut reload, starter, &shared);
    log_unmatched(&shared);
    tokio::spawn(reload.run(hangup));
    let state = Arc::clone(&shared);
    tokio::spawn(supervise("repeats", move || request_log::report_repeats(Arc::clone(&state)), || ()));
    let service = Arc::new(Service {
        shared: Arc::clone(&shared),
        gate: Gate { hosts: HostAllowlist::new(settings.allowed_hosts), cors: Cors::new(settings.cors_origins) },
    });
    let config = ListenerConfig {
        tls,
        max_connections: limits.connections,
        max_per_peer: limits.connections_per_peer,
        metrics: traffic,
        draining,
    };
    let mut serving = tokio::spawn(listener::run(listener, service, config));

    let received = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        // The socket is closed too, so only a new process can serve.
        _ = &mut serving => return Err(failed(&shared).await),
    };
    log::info!(signal = received; "draining");
    notifier.stopping();
    drain.send_replace(true);
    shared.clusters.current().all().for_each(|cluster| cluster.drain());
    let is_drained = tokio::select! {
        drained = serving => drained.unwrap_or(false),
        // A second signal ends the drain.
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    stopped(&shared, is_drained).await;
    Ok(())
}

fn signals() -> Result<(Signal, Signal, Signal), Error> {
    let listen = |kind| signal(kind).map_err(Error::Start);
    Ok((listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?))
}

fn reload_clusters(reload: &mut Reload, starter: ClusterStarter, state: &Arc<AppState>) {
    if !state.has_clusters_file {
        return;
    }
    let state = Arc::clone(state);
    reload.add("clusters", move || {
        let outcome = starter.reload(&state);
        log_unmatched(&state);
        outcome
    });
}

/// Warns of keys that are for no cluster. The keys are reloaded before the clusters.
fn log_unmatched(state: &AppState) {
    if let Auth::ApiKey(keyring) = &*state.auth {
        for warning in auth::unmatched_clusters(keyring, &state.clusters.current().names()) {
            log::warn!("{warning}");
        }
    }
}

/// Writes the last records of the audit and of the history, and closes the history.
#[cfg_attr(not(feature = "history"), expect(clippy::unused_async, reason = "only the history is waited for"))]
async fn write_last_records(state: &AppState) {
    request_log::report_repeats_now(state);
    #[cfg(feature = "history")]
    if let Some(history) = &state.history {
        history::stop(history, state.webhooks.as_deref()).await;
    }
}

async fn failed(state: &AppState) -> Error {
    write_last_records(state).await;
    Error::Failed("the server failed; see the log above".to_owned())
}

async fn stopped(state: &AppState, is_drained: bool) {
    write_last_records(state).await;
    if is_drained {
        log::info!("stopped");
    } else {
        log::warn!("stopped with requests still open");
    }
}

fn log_warnings(settings: &Settings, address: SocketAddr) {
    if settings.auth == access::Auth::None && !address.ip().to_canonical().is_loopback() {
        let callers = match &settings.tls {
            Some(TlsFiles { client_ca: Some(_), .. }) => "everyone with a certificate of the client CA",
            _ => "everyone who can reach this address",
        };
        log::warn!(address:% = address; "EKS_API_AUTH=none: {callers} can run containers in the cluster");
    }
    if let Some(history) = settings.history.as_ref().filter(|_| !cfg!(feature = "history")) {
        let webhooks = history.webhooks.as_ref().map(|_| "EKS_API_WEBHOOKS_FILE");
        for name in ["EKS_API_STATE_DIR"].into_iter().chain(webhooks) {
            log::warn!("{name} has no effect: this build has no history; use one with the feature history");
        }
    }
    for name in &settings.unknown {
        log::warn!(variable = name.as_str(); "unknown setting; see eks-api --help");
    }
}
