//! What is counted of callers: their requests, their connections, what limits refuse. Owns what they are told
//! apart by, all of it from fixed sets.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use crate::api::routes::Route;
use crate::http::limits::body_budget::BodyBudget;
use crate::telemetry::metrics::{Code, Counter, Gauge, Histogram, MetricFamily};

#[derive(Debug)]
pub struct HttpMetrics {
    /// Whether callers may read all this.
    pub is_shown: bool,
    pub started: SystemTime,
    /// By operation and code.
    pub requests: MetricFamily<(&'static str, Code), Histogram>,
    pub connections: Gauge,
    pub most_connections: Gauge,
    /// How many calls a second one address may make, and one caller; 0 for no limit.
    pub rate_of_peer: Gauge,
    pub rate_of_caller: Gauge,
    refused: [Counter; Limit::ALL.len()],
    /// What the bodies of all callers together may take.
    pub bodies: BodyBudget,
}

/// What bounds callers, beside the numbers of calls, which count what they refuse themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The rate of one address.
    Peer,
    /// The rate of one caller.
    Caller,
    /// The connections of one address.
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
            most_connections: Gauge::default(),
            rate_of_peer: Gauge::default(),
            rate_of_caller: Gauge::default(),
            refused: Default::default(),
            bodies: BodyBudget::default(),
        }
    }

    pub fn answered(&self, route: Option<Route>, status: StatusCode, time: Duration) {
        self.requests.get((route.map_or("none", Route::operation), status.as_u16().into())).note(time);
    }

    pub fn refused(&self, limit: Limit) {
        self.refused[limit as usize].count();
    }

    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let limits = Limit::ALL.into_iter().map(Limit::name).zip(self.refused.iter().map(Counter::value));
        limits.chain([("memory", self.bodies.refused.value())])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_counted_is_counted_under_its_own_name() {
        let traffic = HttpMetrics::new(true);
        for (index, route) in Route::ALL.into_iter().enumerate() {
            assert_eq!(route as usize, index, "{route:?} is not in its place");
            traffic.answered(Some(route), StatusCode::OK, Duration::ZERO);
        }
        traffic.answered(None, StatusCode::NOT_FOUND, Duration::ZERO);
        let counted = traffic.requests.all().into_iter().map(|(labels, histogram)| (labels, histogram.count()));
        let mut expected = Route::ALL.map(|route| ((route.operation(), Code::Status(200)), 1)).to_vec();
        expected.push((("none", Code::Status(404)), 1));
        expected.sort_unstable();
        assert_eq!(counted.collect::<Vec<_>>(), expected);

        for limit in Limit::ALL {
            (0..=limit as usize).for_each(|_| traffic.refused(limit));
        }
        let expected = [("peer", 1), ("caller", 2), ("connections", 3), ("memory", 0)];
        assert_eq!(traffic.refusals().collect::<Vec<_>>(), expected);
    }
}
