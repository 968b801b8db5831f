//! Counts requests and connections. Every label comes from a fixed set.

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
    pub refused_connections: Counter,
}

impl HttpMetrics {
    pub fn new(is_shown: bool) -> Self {
        Self {
            is_shown,
            started: SystemTime::now(),
            requests: MetricFamily::default(),
            connections: Gauge::default(),
            max_connections: Gauge::default(),
            refused_connections: Counter::default(),
        }
    }

    pub fn record(&self, operation: &'static str, status: StatusCode, time: Duration) {
        self.requests.get((operation, status.as_u16().into())).note(time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_has_its_own_label() {
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
    }
}
