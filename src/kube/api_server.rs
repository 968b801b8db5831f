//! One cluster's API server: [`ApiServer`] holds its name, token, connections, health and metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Notify, watch};

use crate::aws::eks::Description;
use crate::aws::token::Tokens;
use crate::kube::client::transport::{SetupError, Transport};
use crate::kube::error::Error;
use crate::kube::health::{Check, HealthChecks, Outcome};
use crate::kube::metrics::ClientMetrics;

/// The [`ApiServer::id`] of the next value.
static NEXT_ID: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub struct ApiServer {
    /// Differs for every value of this type, also for two of the same name.
    pub id: u64,
    /// The name that callers use.
    pub name: Arc<str>,
    pub region: String,
    pub tokens: Tokens,
    pub checks: HealthChecks,
    pub metrics: ClientMetrics,
    transport: watch::Sender<Option<Arc<Transport>>>,
    /// Notified when no connection can be made. The endpoint or the CA may have changed.
    pub describe_again: Notify,
    /// Notified when the API server does not answer, although connections to it may be open.
    pub unanswered: Notify,
}

impl ApiServer {
    pub fn new(name: &str, region: &str, tokens: Tokens) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: name.into(),
            region: region.to_owned(),
            tokens,
            checks: HealthChecks::default(),
            metrics: ClientMetrics::default(),
            transport: watch::Sender::default(),
            describe_again: Notify::new(),
            unanswered: Notify::new(),
        }
    }

    /// Connects by this description. Returns false if it is the current one. Requests in progress finish on their old
    /// connections.
    pub fn set_description(&self, description: Description) -> Result<bool, SetupError> {
        if self.transport().is_ok_and(|transport| transport.described == description) {
            return Ok(false);
        }
        let transport = Transport::new(description)?;
        self.transport.send_replace(Some(Arc::new(transport)));
        Ok(true)
    }

    pub fn transport(&self) -> Result<Arc<Transport>, Error> {
        self.transport.borrow().clone().ok_or_else(|| self.not_ready())
    }

    /// Returns a receiver of every new transport.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Transport>>> {
        self.transport.subscribe()
    }

    /// Whether requests can be served: the API server answered once, and there is a good token. It stays true while the API
    /// server is down, as callers then get a clear 502.
    pub fn is_ready(&self) -> bool {
        self.checks.ever_passed(Check::Kubernetes) && self.tokens.is_good()
    }

    /// Whether the last probe succeeded. Without it, calls to this cluster use its reserved permits only.
    pub fn last_probe_succeeded(&self) -> bool {
        self.checks.outcome(Check::Kubernetes) == Outcome::Passed
    }

    pub fn why_not_ready(&self) -> String {
        match self.checks.first_failing() {
            Some((check, why)) => format!("{}: {why}", check.name()),
            None => "the token has expired and is not renewed yet".to_owned(),
        }
    }

    /// Returns the error of a request that cannot be sent.
    fn not_ready(&self) -> Error {
        let failing = self.checks.first_failing();
        let (check, cause) = failing.unwrap_or_else(|| (Check::Cluster, "not described yet".to_owned()));
        Error::NotReady { check: check.name(), cause }
    }
}
