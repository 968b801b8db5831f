//! A line of the webhooks file: [`Endpoint`].

use std::fmt;
use std::sync::Arc;

use hyper::http::uri::PathAndQuery;

use crate::config::pattern::{Patterns, matches};
use crate::history::outbox::event::{Event, EventType};
use crate::jobs::label_selector::Selector;
use crate::webhooks::secret::Secrets;

/// Where messages go, and which ones.
#[derive(Debug)]
pub struct Endpoint {
    pub name: Arc<str>,
    pub url: EndpointUrl,
    /// Types, or patterns of types such as `batch.*`.
    pub events: Vec<String>,
    /// `None` means all.
    pub namespaces: Option<Patterns>,
    /// `None` means all.
    pub clusters: Option<Patterns>,
    pub label_selector: Selector,
    pub secrets: Secrets,
    /// The CAs of `ca_file`, in PEM. Without it the public CAs count.
    pub ca_pem: Option<Vec<u8>>,
}

impl Endpoint {
    /// Whether this endpoint gets the event.
    pub fn wants(&self, event: &Event<'_>) -> bool {
        if !self.covers(event.cluster, event.namespace) {
            return false;
        }
        let name = event.event_type.name();
        let is_subscribed = self.events.iter().any(|pattern| matches(pattern, name));
        is_subscribed && self.label_selector.matches(event.labels.iter().copied()) || self.is_notified(event)
    }

    /// Whether `notify` of the job or batch names this endpoint. It then gets how the job or batch ends.
    fn is_notified(&self, event: &Event<'_>) -> bool {
        let is_end = match event.event_type {
            EventType::JobCreated | EventType::JobStarted | EventType::JobSuspended | EventType::JobDeleted => false,
            EventType::JobCompleted
            | EventType::JobFailed
            | EventType::BatchCompleted
            | EventType::BatchFailed
            | EventType::BatchIncomplete => true,
        };
        is_end && event.notify.is_some_and(|names| names.split(',').any(|name| name.trim() == &*self.name))
    }

    /// Whether the endpoint may get events of this cluster and namespace.
    pub fn covers(&self, cluster: &str, namespace: &str) -> bool {
        let matches = |patterns: &Option<Patterns>, name| patterns.as_ref().is_none_or(|list| list.matches(name));
        matches(&self.clusters, cluster) && matches(&self.namespaces, namespace)
    }
}

/// The URL of an endpoint: `https`, or `http` and a loopback host. Its path may hold a secret, so only the host is shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl {
    pub path: PathAndQuery,
    /// Without brackets.
    pub host: String,
    pub port: u16,
    pub is_tls: bool,
}

/// Shows the host, and the port if it is not that of the scheme.
impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, is_tls, .. } = self;
        if host.contains(':') {
            write!(f, "[{host}]")?;
        } else {
            f.write_str(host)?;
        }
        let usual = if *is_tls { 443 } else { 80 };
        if *port == usual { Ok(()) } else { write!(f, ":{port}") }
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({self})")
    }
}

#[cfg(test)]
#[path = "endpoint_tests.rs"]
mod tests;
