//! Wiring: what is started in which order, what runs in the background, how it ends; and the one-shot commands.

pub mod check;
pub mod command;
pub mod exec_credential;
mod keep;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::aws::Sdk;
use crate::aws::cluster::Describer;
use crate::aws::token::Tokens;
use crate::config::{Mistakes, Settings};
use crate::http::calls::{Bounds, Calls};
use crate::http::cors::Cors;
use crate::http::handlers::Shared;
use crate::http::pipeline::Pipeline;
use crate::http::server;
use crate::jobs::cache::Cache;
use crate::jobs::policy::Policy;
use crate::kube::cluster::Cluster;
use crate::ops::{self, systemd::Notifier};

/// Why the program ends without having done its work.
#[derive(Debug)]
pub enum Error {
    Arguments(String),
    DotEnv(String),
    Settings(Mistakes),
    Listen(String),
    Start(io::Error),
    Failed(String),
}

impl Error {
    /// 78 is sysexits' `EX_CONFIG`: starting again would not help, and the unit file tells systemd so.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Arguments(_) => ExitCode::from(64),
            Self::DotEnv(_) | Self::Settings(_) => ExitCode::from(78),
            Self::Listen(_) | Self::Start(_) | Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arguments(why) | Self::DotEnv(why) | Self::Listen(why) | Self::Failed(why) => f.write_str(why),
            Self::Settings(mistakes) => mistakes.fmt(f),
            Self::Start(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

/// Everything of the cluster that the settings name, not yet connected, and who describes it.
fn cluster(settings: &Settings, sdk: &Sdk) -> (Arc<Cluster>, Describer) {
    let Settings { cluster, region, .. } = settings;
    let tokens = Tokens::new(cluster, region, sdk.credentials.clone(), SystemTime::now);
    (Arc::new(Cluster::new(cluster, region, tokens)), Describer::new(&sdk.config, cluster))
}

/// Serves until SIGTERM or SIGINT, then drains. Listens before AWS or the cluster are asked anything.
pub async fn serve(settings: Settings) -> Result<(), Error> {
    ops::log::init(settings.log.level, settings.log.json);
    let notifier = Arc::new(Notifier::from_environment());
    let (mut terminate, mut interrupt) = signals()?;
    let listener = TcpListener::bind(settings.listen).await;
    let listen_error = |error| Error::Listen(format!("EKS_API_LISTEN: listening on {}: {error}", settings.listen));
    let listener = listener.map_err(listen_error)?;
    let address = listener.local_addr().map_err(listen_error)?;
    log::info!(address:% = address, version = env!("CARGO_PKG_VERSION"); "listening");
    notifier.ready(&format!("listening on {address}; waiting for AWS and the cluster"));
    warn_of(&settings);

    let sdk = Sdk::load(&settings.region).await;
    let (cluster, describer) = cluster(&settings, &sdk);
    let (drain, draining) = watch::channel(false);
    let cache = Arc::new(Cache::default());
    keep::start(&cluster, &cache, describer, &notifier);
    let shared = Arc::new(Shared {
        cluster,
        cache,
        policy: Policy {
            protected: settings.protected_namespaces,
            allowed: settings.allowed_namespaces,
            auto_create_namespace: settings.auto_create_namespace,
        },
        calls: Calls::new(Bounds {
            requests: settings.max_requests,
            waits: settings.max_waits,
            streams: settings.max_streams,
        }),
        request_timeout: settings.request_timeout,
        draining,
    });
    let pipeline = Arc::new(Pipeline { shared, cors: Cors::new(settings.cors_origins) });
    let serving = tokio::spawn(server::run(listener, pipeline, settings.max_connections));

    let received = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
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
    if drained {
        log::info!("stopped");
    } else {
        log::warn!("stopped with requests still open");
    }
    Ok(())
}

fn signals() -> Result<(Signal, Signal), Error> {
    let listen = |kind| signal(kind).map_err(Error::Start);
    Ok((listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?))
}

fn warn_of(settings: &Settings) {
    if !settings.listen.ip().is_loopback() {
        log::warn!(address:% = settings.listen; "EKS_API_AUTH=none: whoever reaches this address can run containers in the cluster");
    }
    for name in &settings.unknown {
        log::warn!(variable = name.as_str(); "this variable is no setting of eks-api; see eks-api --help");
    }
}

/// Writes to stdout; a reader that went away (`| head`) is no error of ours.
fn print(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}
