//! Wiring: what is started in which order, what runs in the background, how it ends; and the one-shot commands.

mod listen;
mod reload;
mod watchdog;

use std::fmt;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

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
use crate::auth::access_review_cache::AccessReviewCache;
use crate::auth::keyring::Keyring;
use crate::aws::eks::Describer;
use crate::aws::token::Tokens;
use crate::aws::{Sdk, http_client};
use crate::client::exit::Exit;
use crate::clusters::cluster::Cluster;
use crate::clusters::registry::Registry;
use crate::config::tls::TlsFiles;
use crate::config::{Settings, SettingsErrors, access};
use crate::http::browser::cors::Cors;
use crate::http::browser::origin::HostAllowlist;
use crate::http::limits::concurrency::{Bounds, ConcurrencyLimits};
use crate::http::limits::rate_limit::RateLimits;
use crate::http::listener::{self, ListenerConfig};
use crate::http::metrics::HttpMetrics;
use crate::http::tls::Tls;
use crate::jobs::policy::Policy;
use crate::kube::api_server::ApiServer;
use crate::telemetry;
use crate::telemetry::journal::Journal;
use crate::telemetry::systemd::Notifier;

use reload::Reload;

/// Why the program ends without having done its work.
#[derive(Debug)]
pub enum Error {
    Arguments(String),
    DotEnv(String),
    Settings(SettingsErrors),
    /// What the settings name is there and is not what it must be: a file, or the socket that was passed.
    Unfit(String),
    Listen(String),
    Start(io::Error),
    Failed(String),
    /// The end of `eks-api run`, which has exit codes of its own.
    Run(Exit),
}

impl Error {
    /// 78 is sysexits' `EX_CONFIG`: starting again would not help, and the unit file tells systemd so.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Arguments(_) => ExitCode::from(64),
            Self::DotEnv(_) | Self::Settings(_) | Self::Unfit(_) => ExitCode::from(78),
            Self::Run(end) => ExitCode::from(end.code),
            Self::Listen(_) | Self::Start(_) | Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(why) | Self::DotEnv(why) | Self::Unfit(why) | Self::Listen(why) | Self::Failed(why) => {
                f.write_str(why)
            }
            Self::Settings(mistakes) => mistakes.fmt(f),
            Self::Start(error) => error.fmt(f),
            Self::Run(end) => end.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// The client for AWS, as the environment says. What is wrong with it is as a wrong setting.
fn aws_http_client() -> Result<SharedHttpClient, Error> {
    http_client::from_environment(|name| std::env::var(name).ok()).map_err(Error::Unfit)
}

/// The SDK for a command.
pub(crate) async fn sdk(settings: &Settings) -> Result<Sdk, Error> {
    Ok(Sdk::load(&settings.region, aws_http_client()?).await)
}

/// Everything of the cluster that the settings name, not yet connected, and who describes it.
pub(crate) fn cluster(settings: &Settings, sdk: &Sdk) -> (Arc<ApiServer>, Describer) {
    let Settings { cluster, region, .. } = settings;
    let tokens = Tokens::new(cluster, region, sdk.credentials.clone(), SystemTime::now);
    (Arc::new(ApiServer::new(cluster, region, tokens)), Describer::new(&sdk.config, cluster))
}

/// The keys, if callers are known by them. Read before anything is begun: what is wrong with them is as a wrong setting.
fn keyring(settings: &Settings) -> Result<Option<Arc<Keyring>>, Error> {
    let access::Auth::ApiKey { keys } = &settings.auth else { return Ok(None) };
    let keyring = Keyring::open(keys)
        .map_err(|error| Error::Unfit(format!("EKS_API_KEYS_FILE is {}: {error}", keys.display())))?;
    Ok(Some(Arc::new(keyring)))
}

/// Who may call, as the settings say it.
fn auth(settings: &Settings, keyring: Option<Arc<Keyring>>, cluster: &Arc<ApiServer>) -> Result<Auth, Error> {
    match (&settings.auth, keyring) {
        (access::Auth::Kubernetes, _) => {
            let reviews = AccessReviewCache::new(Arc::clone(cluster), settings.request_timeout);
            let reviews = reviews.ok_or_else(|| Error::Failed("the system gives no randomness".to_owned()))?;
            Ok(Auth::Kubernetes(Box::new(reviews)))
        }
        (_, Some(keyring)) => Ok(Auth::ApiKey(keyring)),
        (_, None) => Ok(Auth::None),
    }
}

/// Serves until SIGTERM or SIGINT, then drains. Listens before AWS or the cluster are asked anything.
pub async fn serve(settings: Settings) -> Result<(), Error> {
    telemetry::log::init(settings.log.level, settings.log.json);
    let notifier = Arc::new(Notifier::from_environment());
    let (mut terminate, mut interrupt, hangup) = signals()?;
    let mut reload = Reload::default();
    let tls = settings.tls.clone().map(Tls::load).transpose().map_err(|error| Error::Unfit(error.to_string()))?;
    let tls = tls.map(Arc::new);
    if let Some(tls) = tls.clone() {
        reload.add("TLS", move || tls.reload());
    }
    let http = aws_http_client()?;
    let keyring = keyring(&settings)?;
    if let Some(keyring) = keyring.clone() {
        reload.add("keys", move || keyring.reload());
    }
    let (listener, address) = listen::listener(&settings).await?;
    log::info!(address:% = address, version = env!("CARGO_PKG_VERSION"); "listening");
    notifier.ready(&format!("listening on {address}; waiting for AWS and the cluster"));
    warn_of(&settings, address);
    tokio::spawn(reload.run(hangup));

    let sdk = Sdk::load(&settings.region, http).await;
    let (api_server, describer) = cluster(&settings, &sdk);
    let auth = Arc::new(auth(&settings, keyring, &api_server)?);
    let (drain, draining) = watch::channel(false);
    let cluster = Cluster::new(api_server);
    cluster.start(describer, &notifier);
    watchdog::start(&notifier);
    let traffic = Arc::new(HttpMetrics::new(settings.metrics));
    let limits = listen::bound_by_open_files(settings.limits);
    let shared = Arc::new(AppState {
        clusters: Registry::new(cluster),
        auth,
        policy: Policy {
            protected: settings.protected_namespaces,
            allowed: settings.allowed_namespaces,
            auto_create_namespace: settings.auto_create_namespace,
        },
        calls: ConcurrencyLimits::new(Bounds {
            requests: limits.requests,
            waits: limits.waits,
            streams: limits.streams,
            writes: limits.writes,
        }),
        rates: RateLimits::new(limits.by_peer, limits.by_caller),
        repeats: Repeats::default(),
        audit: Audit::new(Journal::of_stderr().map_err(Error::Start)?, &settings.cluster),
        traffic: Arc::clone(&traffic),
        request_timeout: settings.request_timeout,
        docs: settings.docs,
        draining: draining.clone(),
    });
    tokio::spawn(request_log::report_repeats(Arc::clone(&shared)));
    let pipeline = Arc::new(Service {
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
    let mut serving = tokio::spawn(listener::run(listener, pipeline, config));

    let received = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
        // The socket went with it, so only a new process can serve.
        _ = &mut serving => return Err(Error::Failed("the server failed; see the lines before".to_owned())),
    };
    log::info!(signal = received; "draining");
    notifier.stopping();
    drain.send_replace(true);
    let drained = tokio::select! {
        drained = serving => drained.unwrap_or(false),
        // Whoever asks twice means it.
        _ = terminate.recv() => false,
        _ = interrupt.recv() => false,
    };
    request_log::report_repeats_now(&shared);
    if drained {
        log::info!("stopped");
    } else {
        log::warn!("stopped with requests still open");
    }
    Ok(())
}

fn signals() -> Result<(Signal, Signal, Signal), Error> {
    let listen = |kind| signal(kind).map_err(Error::Start);
    Ok((listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?))
}

fn warn_of(settings: &Settings, address: SocketAddr) {
    if settings.auth == access::Auth::None && !address.ip().to_canonical().is_loopback() {
        let whoever = match &settings.tls {
            Some(TlsFiles { client_ca: Some(_), .. }) => "whoever has a certificate of the client CA",
            _ => "whoever reaches this address",
        };
        log::warn!(address:% = address; "EKS_API_AUTH=none: {whoever} can run containers in the cluster");
    }
    for name in &settings.unknown {
        log::warn!(variable = name.as_str(); "this variable is no setting of eks-api; see eks-api --help");
    }
}

/// A long option and the value behind its equals sign; anything else as it is.
pub(crate) fn split_option(argument: String) -> (String, Option<String>) {
    match argument.split_once('=') {
        Some((option, value)) if argument.starts_with("--") => (option.to_owned(), Some(value.to_owned())),
        _ => (argument, None),
    }
}

/// Writes to stdout; a reader that went away (`| head`) is no error of ours.
pub(crate) fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
