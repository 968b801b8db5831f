//! Counts requests, connections and refusals by a limit. Every label comes from a fixed set.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use crate::telemetry::metrics::{Code, Counter, Gauge, Histogram, MetricFamily};

#[derive(Debug)]
pub struct HttpMetrics {
    /// Whether /metrics is served.
    pub is_shown: bool,
    pub started: SystemTime,
    /// By operation and status.
    pub requests: MetricFamily<(&'static str, Code), Histogram>,
    pub connections: Gauge,
    pub max_connections: Gauge,
    refused: [Counter; Limit::ALL.len()],
}

/// The limits that count their refusals here. The limits on concurrency have counters of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The rate of an address.
    Peer,
    /// The rate of a caller.
    Caller,
    /// The connections of an address.
    Connections,
}

impl Limit {
    pub const ALL: [Self; 3] = [Self::Peer, Self::Caller, Self::Connections];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Caller => "caller",
            Self::Connections => "connections",
        }
    }
}

impl HttpMetrics {
    pub fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            started: SystemTime::now(),
            requests: MetricFamily::default(),
            connections: Gauge::default(),
            max_connections: Gauge::default(),
            refused: Default::default(),
        }
    }

    pub fn record(&self, operation: &'static str, status: StatusCode, time: Duration) {
        self.requests.get((operation, status.as_u16().into())).note(time);
    }

    pub fn refused(&self, limit: Limit) {
        self.refused[limit as usize].count();
    }

    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Limit::ALL.into_iter().map(Limit::name).zip(self.refused.iter().map(Counter::value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_and_each_refusal_has_its_own_label() {
        let metrics = HttpMetrics::new(true);
        for (operation, status) in [("create_job", 201), ("create_job", 201), ("create_job", 299), ("none", 404)] {
            metrics.record(operation, StatusCode::from_u16(status).unwrap(), Duration::ZERO);
        }
        let counts: Vec<_> =
            metrics.requests.all().into_iter().map(|(labels, histogram)| (labels, histogram.count())).collect();
        let expected = [
            (("create_job", Code::Status(201)), 2),
            (("create_job", Code::Failure("other")), 1),
            (("none", Code::Status(404)), 1),
        ];
        assert_eq!(counts, expected);

        for limit in Limit::ALL {
            (0..=limit as usize).for_each(|_| metrics.refused(limit));
        }
        let expected = [("peer", 1), ("caller", 2), ("connections", 3)];
        assert_eq!(metrics.refusals().collect::<Vec<_>>(), expected);
    }
}
