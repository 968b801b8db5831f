//! The instruments that count: [`Counter`], [`Gauge`], [`TimestampGauge`], [`Histogram`] and [`MetricFamily`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;

/// Goes up only.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn count(&self) {
        self.add(1);
    }

    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// Counts one more in a gauge until it is dropped.
#[derive(Debug)]
pub struct GaugeGuard<'a>(&'a Gauge);

impl Gauge {
    pub fn hold(&self) -> GaugeGuard<'_> {
        self.0.fetch_add(1, Relaxed);
        GaugeGuard(self)
    }

    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Relaxed);
    }

    pub fn sub(&self, number: u64) {
        self.0.fetch_sub(number, Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Drop for GaugeGuard<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// When something happened last, in milliseconds since the epoch. Zero means never.
#[derive(Debug, Default)]
pub struct TimestampGauge(AtomicU64);

impl TimestampGauge {
    pub fn note(&self, time: SystemTime) {
        let millis = since_epoch(time).as_millis();
        self.0.store(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    /// Returns the time since the epoch.
    pub fn value(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

pub fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// How many attempts succeeded and how many failed.
#[derive(Debug, Default)]
pub struct Outcomes {
    pub succeeded: Counter,
    pub failed: Counter,
}

impl Outcomes {
    pub fn note(&self, succeeded: bool) {
        if succeeded { self.succeeded.count() } else { self.failed.count() }
    }
}

/// The upper bounds of a histogram's buckets in seconds.
pub type Bounds = [f64; 16];

/// The bounds of request times: from a reply out of memory to the longest wait.
const REQUEST_BOUNDS: Bounds =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// How long things took.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static Bounds,
    /// One count a bucket. The last bucket has what is above all bounds.
    counts: [AtomicU64; REQUEST_BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(&REQUEST_BOUNDS)
    }
}

impl Histogram {
    pub fn new(bounds: &'static Bounds) -> Self {
        Self { bounds, counts: Default::default(), nanos: AtomicU64::default() }
    }

    pub fn note(&self, time: Duration) {
        let bucket = self.bounds.iter().position(|bound| time.as_secs_f64() <= *bound);
        let bucket = bucket.unwrap_or(self.bounds.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Returns each bound with the number of times up to it. The last bound is infinity.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(&self.counts).scan(0, |total, (bound, count)| {
            *total += count.load(Relaxed);
            Some((bound, *total))
        })
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().map(|count| count.load(Relaxed)).sum()
    }

    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }
}

/// How a request ended, as a label. The set of its values is bounded, so a peer cannot add time series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    Status(u16),
    /// Why there is no status.
    Failure(&'static str),
}

impl From<u16> for Code {
    /// A status that HTTP does not define becomes `other`.
    fn from(status: u16) -> Self {
        let is_known = StatusCode::from_u16(status).is_ok_and(|status| status.canonical_reason().is_some());
        if is_known { Self::Status(status) } else { Self::Failure("other") }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => status.fmt(f),
            Self::Failure(name) => f.write_str(name),
        }
    }
}

/// One instrument for each set of labels. It is made when its labels are used first.
#[derive(Debug)]
pub struct MetricFamily<L, T>(Mutex<BTreeMap<L, Arc<T>>>);

impl<L, T> Default for MetricFamily<L, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<L: Ord + Copy, T: Default> MetricFamily<L, T> {
    pub fn get(&self, labels: L) -> Arc<T> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(labels).or_default())
    }

    pub fn all(&self) -> Vec<(L, Arc<T>)> {
        let family = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        family.iter().map(|(labels, metric)| (*labels, Arc::clone(metric))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buckets_of_a_histogram_add_up() {
        let histogram = Histogram::default();
        for millis in [0, 1, 2, 3, 400_000] {
            histogram.note(Duration::from_millis(millis));
        }
        let cumulative: Vec<u64> = histogram.cumulative().map(|(_, count)| count).collect();
        assert_eq!(&cumulative[..3], [2, 3, 4], "a bound belongs to its bucket");
        assert_eq!(cumulative[REQUEST_BOUNDS.len() - 1..], [4, 5]);
        assert!(cumulative.is_sorted() && REQUEST_BOUNDS.is_sorted());
        assert_eq!((histogram.count(), histogram.sum()), (5, Duration::from_millis(400_006)));
    }

    #[test]
    fn only_a_status_of_http_has_a_code_of_its_own() {
        for (status, code) in [(200, "200"), (404, "404"), (504, "504"), (0, "other"), (299, "other"), (999, "other")] {
            assert_eq!(Code::from(status).to_string(), code);
        }
    }

    #[test]
    fn a_family_has_only_the_labels_that_were_used() {
        let counters = MetricFamily::<_, Counter>::default();
        counters.get(("a", Code::Status(404))).count();
        counters.get(("a", Code::Status(404))).count();
        let used: Vec<_> = counters.all().into_iter().map(|(labels, counter)| (labels, counter.value())).collect();
        assert_eq!(used, [(("a", Code::Status(404)), 2)]);
    }

    #[test]
    fn a_gauge_goes_down_when_its_guard_is_dropped() {
        let gauge = Gauge::default();
        let (one, two) = (gauge.hold(), gauge.hold());
        drop(one);
        assert_eq!(gauge.value(), 1);
        drop(two);
        assert_eq!(gauge.value(), 0);
    }
}
