//! What is counted of callers: their requests, their connections, what limits refuse. Owns what they are told
//! apart by, all of it from fixed sets.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;

use crate::api::routes::Route;
use crate::http::limits::body_budget::BodyBudget;
use crate::telemetry::metrics::{Code, CodeFamily, Counter, Gauge, Histogram};

#[derive(Debug)]
pub struct HttpMetrics {
    /// Whether callers may read all this.
    pub is_shown: bool,
    pub started: SystemTime,
    /// By route; the last row is for those that found none.
    requests: CodeFamily<Histogram>,
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
            requests: CodeFamily::new(Route::ALL.len() + 1),
            connections: Gauge::default(),
            most_connections: Gauge::default(),
            rate_of_peer: Gauge::default(),
            rate_of_caller: Gauge::default(),
            refused: Default::default(),
            bodies: BodyBudget::default(),
        }
    }

    pub fn answered(&self, route: Option<Route>, status: StatusCode, time: Duration) {
        let row = route.map_or(Route::ALL.len(), |route| route as usize);
        self.requests.at(row, Code::of(status.as_u16())).note(time);
    }

    pub fn refused(&self, limit: Limit) {
        self.refused[limit as usize].count();
    }

    /// By operation and status.
    pub fn requests(&self) -> impl Iterator<Item = ([&'static str; 2], &Histogram)> {
        let operation = |row| Route::ALL.get(row).copied().map_or("none", Route::operation);
        self.requests.used().map(move |(row, code, histogram)| ([operation(row), code.name()], histogram))
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
        let mut told: Vec<_> = traffic.requests().map(|(labels, histogram)| (labels, histogram.count())).collect();
        assert_eq!(told.pop(), Some((["none", "404"], 1)));
        assert_eq!(told, Route::ALL.map(|route| ([route.operation(), "200"], 1)));

        for limit in Limit::ALL {
            (0..=limit as usize).for_each(|_| traffic.refused(limit));
        }
        let expected = [("peer", 1), ("caller", 2), ("connections", 3), ("memory", 0)];
        assert_eq!(traffic.refusals().collect::<Vec<_>>(), expected);
    }
}
