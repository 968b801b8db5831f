//! Everything of one cluster in one value that is passed along: its name, its token, the connection in force, and
//! what is known of its health.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use super::checks::{Check, Checks};
use super::error::Error;
use super::transport::{SetupError, Transport};
use crate::aws::cluster::Description;
use crate::aws::token::Tokens;

#[derive(Debug)]
pub struct Cluster {
    pub name: String,
    pub region: String,
    pub tokens: Tokens,
    pub checks: Checks,
    transport: RwLock<Option<Arc<Transport>>>,
    /// Rings when the connection fails in a way that a new description may mend.
    pub describe_again: Notify,
    /// Rings when a new description was taken up.
    pub described_anew: Notify,
}

impl Cluster {
    pub fn new(name: &str, region: &str, tokens: Tokens) -> Self {
        Self {
            name: name.to_owned(),
            region: region.to_owned(),
            tokens,
            checks: Checks::default(),
            transport: RwLock::default(),
            describe_again: Notify::new(),
            described_anew: Notify::new(),
        }
    }

    /// Takes up a description: true if it was new and connections are made anew. Requests under way finish on the
    /// old connection.
    pub fn take_up(&self, description: Description) -> Result<bool, SetupError> {
        if self.transport().is_ok_and(|transport| transport.described == description) {
            return Ok(false);
        }
        let transport = Transport::new(description)?;
        *self.transport.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(transport));
        self.described_anew.notify_one();
        Ok(true)
    }

    pub fn transport(&self) -> Result<Arc<Transport>, Error> {
        let transport = self.transport.read().unwrap_or_else(PoisonError::into_inner);
        transport.clone().ok_or_else(|| Error::NotReady(self.why_not_ready()))
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
}
