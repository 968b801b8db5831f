//! Webhooks: signed messages about jobs and batches to the endpoints of `EKS_API_WEBHOOKS_FILE`. See docs/WEBHOOKS.md.
//!
//! `file` reads the endpoints, `endpoint` selects their events. The history writes the outbox; `delivery` takes what is
//! due and sends it by `send`, which signs (`signature`) and connects only where `address` allows it.

pub mod address;
pub mod delivery;
pub mod endpoint;
mod file;
pub mod metrics;
pub mod secret;
pub mod send;
pub mod signature;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;

use crate::history::outbox::event::{Event, Subscriptions};
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::metrics::WebhookMetrics;

/// The endpoints of the file, which a reload replaces.
#[derive(Debug)]
pub struct Webhooks {
    pub metrics: WebhookMetrics,
    path: PathBuf,
    endpoints: RwLock<Arc<[Arc<Endpoint>]>>,
    /// Changes after each reload.
    reloads: watch::Sender<u64>,
    /// Whether nothing more is sent.
    stopping: watch::Sender<bool>,
}

impl Webhooks {
    /// Reads the file. The error has all its mistakes, one a line.
    pub fn open(path: PathBuf) -> Result<Self, String> {
        let endpoints = file::load(&path)?;
        Ok(Self::new(path, endpoints))
    }

    fn new(path: PathBuf, endpoints: Vec<Arc<Endpoint>>) -> Self {
        let (metrics, endpoints) = (WebhookMetrics::default(), RwLock::new(endpoints.into()));
        Self { metrics, path, endpoints, reloads: watch::Sender::default(), stopping: watch::Sender::default() }
    }

    /// Reads the file again. After an error the old endpoints stay.
    pub fn reload(&self) -> Result<(), String> {
        self.replace(file::load(&self.path)?);
        Ok(())
    }

    fn replace(&self, endpoints: Vec<Arc<Endpoint>>) {
        *self.endpoints.write().unwrap_or_else(PoisonError::into_inner) = endpoints.into();
        self.reloads.send_modify(|times| *times += 1);
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn endpoints(&self) -> Arc<[Arc<Endpoint>]> {
        Arc::clone(&self.endpoints.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn endpoint(&self, name: &str) -> Option<Arc<Endpoint>> {
        self.endpoints().iter().find(|endpoint| *endpoint.name == *name).cloned()
    }

    pub fn names(&self) -> Vec<String> {
        self.endpoints().iter().map(|endpoint| endpoint.name.to_string()).collect()
    }

    /// Notifies of each reload.
    pub fn reloads(&self) -> watch::Receiver<u64> {
        self.reloads.subscribe()
    }

    /// Begins no more deliveries, and waits for those in progress.
    pub async fn stop(&self) {
        self.stopping.send_replace(true);
        self.stopping.closed().await;
    }

    /// The delivery drops this when it has stopped.
    fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }
}

impl Subscriptions for Webhooks {
    fn endpoints(&self, event: &Event<'_>) -> Vec<Arc<str>> {
        let endpoints = Self::endpoints(self);
        endpoints.iter().filter(|endpoint| endpoint.wants(event)).map(|endpoint| Arc::clone(&endpoint.name)).collect()
    }

    fn names(&self) -> Vec<Arc<str>> {
        Self::endpoints(self).iter().map(|endpoint| Arc::clone(&endpoint.name)).collect()
    }
}
