//! Clients of one caller for requests at the same time: each may hold a permit of its own.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::kube::client::Client;
use crate::kube::error::Error;

impl Client {
    /// Returns another client of the same caller, without a permit.
    #[must_use]
    pub fn sibling(&self, deadline: Instant) -> Self {
        let mut client = Self::new(Arc::clone(&self.api_server), deadline);
        client.with_bearer(self.bearer.clone());
        client
    }

    /// Whether the API server answered 429 to one of the requests.
    pub fn is_throttled(&self) -> bool {
        self.is_throttled.load(Ordering::Relaxed)
    }

    pub(super) fn note_throttling(&self, error: &Error) {
        if matches!(error, Error::Refused(refusal) if refusal.code == 429) {
            self.is_throttled.store(true, Ordering::Relaxed);
        }
    }
}
