//! The changes of the outbox that the delivery and its calls ask for. They go through the queue of the history.

use crate::config::pattern::Patterns;

/// An attempt to deliver that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The id of the row, [`super::query::Due::id`].
    pub delivery: i64,
    /// The webhook-id.
    pub message_id: String,
    /// The attempts before it, as [`super::query::due`] has read them.
    pub attempts: u32,
    /// The end of the attempt, in milliseconds since 1970.
    pub time: i64,
    /// The HTTP status of the reply. `None` without a reply.
    pub status: Option<u16>,
    /// Why it failed, without the URL.
    pub error: Option<String>,
    pub next: Next,
}

/// The state of a delivery after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Delivered,
    /// The last try has failed.
    Failed,
    /// The next attempt, in milliseconds since 1970.
    Retry(i64),
    /// The delivery stays as it is until the endpoint is enabled again (410).
    Keep,
}

/// Deliveries to send again, with the same webhook-id.
#[derive(Clone, Debug)]
pub struct Redelivery {
    pub which: Which,
    pub scope: Scope,
    /// The names of the endpoints of the file. Deliveries of others are left out.
    pub endpoints: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Which {
    /// All deliveries of an endpoint whose event was written at this time or later, in milliseconds since 1970.
    Since { webhook: String, time: i64 },
    /// One message, to one endpoint or to all that had it.
    Message { id: String, webhook: Option<String> },
}

/// The clusters and namespaces of the caller. `None` means all.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    pub clusters: Option<Vec<String>>,
    /// A namespace must match each.
    pub namespaces: Vec<Patterns>,
}

impl Scope {
    /// Whether the caller may see what is in this cluster and namespace.
    pub(super) fn covers(&self, cluster: &str, namespace: &str) -> bool {
        self.clusters.as_ref().is_none_or(|usable| usable.iter().any(|known| known == cluster))
            && self.namespaces.iter().all(|list| list.matches(namespace))
    }

    /// Whether the caller may see everything.
    pub(super) const fn is_all(&self) -> bool {
        self.clusters.is_none() && self.namespaces.is_empty()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedeliverError {
    /// More than the endpoint may have pending, or than a call reads.
    TooMany { matching: u64, room: u64 },
    /// The history cannot be written now.
    Unavailable,
}
