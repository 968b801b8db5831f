//! The numbers of the webhooks: [`WebhookMetrics`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The numbers of each endpoint.
#[derive(Debug, Default)]
pub struct WebhookMetrics(Mutex<BTreeMap<Arc<str>, EndpointNumbers>>);

/// The numbers of an endpoint since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndpointNumbers {
    pub delivered: u64,
    /// Attempts that are made again.
    pub retried: u64,
    /// Deliveries that are given up after the last try.
    pub failed: u64,
    /// Pending deliveries that were dropped.
    pub dropped: u64,
    /// When the oldest pending delivery was written, in milliseconds since 1970.
    pub oldest_pending: Option<i64>,
    pub pending: u64,
    pub is_disabled: bool,
}

impl WebhookMetrics {
    pub fn update(&self, webhook: &Arc<str>, change: impl FnOnce(&mut EndpointNumbers)) {
        change(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(Arc::clone(webhook)).or_default());
    }

    pub fn get(&self, webhook: &str) -> EndpointNumbers {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(webhook).copied().unwrap_or_default()
    }

    /// Forgets the endpoints that are not named.
    pub fn retain(&self, is_known: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_known(name));
    }
}
