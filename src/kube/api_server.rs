//! Everything of one cluster in one value that is passed along: its name, its token, the connection in force, and
//! what is known of its health.

use std::sync::Arc;

use tokio::sync::{Notify, watch};

use crate::aws::eks::Description;
use crate::aws::token::Tokens;
use crate::kube::client::transport::{SetupError, Transport};
use crate::kube::error::Error;
use crate::kube::health::{Check, HealthChecks};
use crate::kube::metrics::ClientMetrics;

#[derive(Debug)]
pub struct ApiServer {
    pub name: String,
    pub region: String,
    pub tokens: Tokens,
    pub checks: HealthChecks,
    pub traffic: ClientMetrics,
    transport: watch::Sender<Option<Arc<Transport>>>,
    /// Rings when the connection fails in a way that a new description may mend.
    pub describe_again: Notify,
    /// Rings when the API server does not answer, although the connections to it may be open.
    pub unanswered: Notify,
}

/// Waits for descriptions on behalf of one task.
#[derive(Debug)]
pub struct Described(watch::Receiver<Option<Arc<Transport>>>);

impl Described {
    /// Returns as soon as there is a description.
    pub async fn first(&mut self) {
        // The sender is the cluster's own, and outlives whoever waits.
        let _ = self.0.wait_for(Option::is_some).await;
    }

    /// Returns when another is taken up than was there at the last call.
    pub async fn anew(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl ApiServer {
    pub fn new(name: &str, region: &str, tokens: Tokens) -> Self {
        Self {
            name: name.to_owned(),
            region: region.to_owned(),
            tokens,
            checks: HealthChecks::default(),
            traffic: ClientMetrics::default(),
            transport: watch::Sender::default(),
            describe_again: Notify::new(),
            unanswered: Notify::new(),
        }
    }

    /// Takes up a description: true if it was new and connections are made anew. Requests under way finish on the
    /// old connection.
    pub fn take_up(&self, description: Description) -> Result<bool, SetupError> {
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

    /// Tells whenever a new description is taken up.
    pub fn described(&self) -> Described {
        Described(self.transport.subscribe())
    }

    /// Whether requests can be served: the API server was reached once, and its address and a good token are at hand.
    /// An API server that is down for a while does not count, as callers then get a clear 502 from here.
    pub fn is_ready(&self) -> bool {
        self.checks.ever_passed(Check::Kubernetes) && self.tokens.is_good()
    }

    pub fn why_not_ready(&self) -> String {
        match self.checks.first_failing() {
            Some((check, why)) => format!("{}: {why}", check.name()),
            None => "the token has ended and could not be renewed yet".to_owned(),
        }
    }

    /// The error of a request that cannot be sent.
    fn not_ready(&self) -> Error {
        let failing = self.checks.first_failing();
        let (check, cause) = failing.unwrap_or_else(|| (Check::Cluster, "not described yet".to_owned()));
        Error::NotReady { check: check.name(), cause }
    }
}
