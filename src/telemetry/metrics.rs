//! What is counted is counted in these: relaxed atomics, no lock, no hashing, and no memory taken but by the first of a
//! kind, as thousands of requests a second go through them. Owns the instruments; what is counted with them is each
//! room's own, how it is written `exposition`'s.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Goes up only.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub fn count(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// Goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

/// One more, until this is dropped.
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

    pub fn value(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

impl Drop for GaugeGuard<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

/// When something happened last, to the millisecond; zero is never.
#[derive(Debug, Default)]
pub struct TimestampGauge(AtomicU64);

impl TimestampGauge {
    pub fn note(&self, time: SystemTime) {
        let millis = since_epoch(time).as_millis();
        self.0.store(u64::try_from(millis).unwrap_or(u64::MAX), Relaxed);
    }

    /// Since the epoch.
    pub fn value(&self) -> Duration {
        Duration::from_millis(self.0.load(Relaxed))
    }
}

pub fn since_epoch(time: SystemTime) -> Duration {
    time.duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// What was tried, by how it ended.
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

/// The upper bounds of a histogram's buckets, in nanoseconds: from what memory answers to the longest wait.
pub const BOUNDS: [u64; 16] = {
    const MS: u64 = 1_000_000;
    [
        MS,
        2 * MS + MS / 2,
        5 * MS,
        10 * MS,
        25 * MS,
        50 * MS,
        100 * MS,
        250 * MS,
        500 * MS,
        1000 * MS,
        2500 * MS,
        5000 * MS,
        10_000 * MS,
        30_000 * MS,
        60_000 * MS,
        300_000 * MS,
    ]
};

/// How long things took.
#[derive(Debug, Default)]
pub struct Histogram {
    /// Those up to each bound and above the one before; the last are above all bounds.
    counts: [AtomicU64; BOUNDS.len() + 1],
    nanos: AtomicU64,
}

impl Histogram {
    pub fn note(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| nanos <= *bound).unwrap_or(BOUNDS.len());
        self.counts[bucket].fetch_add(1, Relaxed);
        self.nanos.fetch_add(nanos, Relaxed);
    }

    /// How many took at most as long as each bound, then how many there are at all.
    pub fn cumulative(&self) -> [u64; BOUNDS.len() + 1] {
        let mut total = 0;
        std::array::from_fn(|bucket| {
            total += self.counts[bucket].load(Relaxed);
            total
        })
    }

    pub fn count(&self) -> u64 {
        self.cumulative()[BOUNDS.len()]
    }

    pub fn sum(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Relaxed))
    }
}

/// How an exchange ended, out of a fixed set, so that nobody's input makes a label: the status of HTTP, or why there is
/// none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code(usize);

/// The most usual first, as they are looked for from there.
#[rustfmt::skip]
const CODES: [(u16, &str); 35] = [
    (200, "200"), (201, "201"), (304, "304"), (404, "404"), (409, "409"), (202, "202"), (204, "204"), (400, "400"),
    (401, "401"), (403, "403"), (405, "405"), (406, "406"), (408, "408"), (410, "410"), (413, "413"), (415, "415"),
    (422, "422"), (429, "429"), (500, "500"), (501, "501"), (502, "502"), (503, "503"), (504, "504"), (101, "101"),
    (206, "206"), (301, "301"), (302, "302"), (307, "307"), (308, "308"),
    (0, "other"), (0, "unreachable"), (0, "broken"), (0, "timeout"), (0, "unreadable"), (0, "abandoned"),
];

impl Code {
    const OTHER: Self = Self(29);
    /// No connection could be made.
    pub const UNREACHABLE: Self = Self(30);
    /// The connection broke before the reply was whole.
    pub const BROKEN: Self = Self(31);
    pub const TIMEOUT: Self = Self(32);
    /// The reply made no sense.
    pub const UNREADABLE: Self = Self(33);
    /// Nobody waited for the reply any more.
    pub const ABANDONED: Self = Self(34);

    pub fn of(status: u16) -> Self {
        CODES.iter().position(|(code, _)| *code == status).filter(|_| status > 0).map_or(Self::OTHER, Self)
    }

    pub const fn name(self) -> &'static str {
        CODES[self.0].1
    }
}

/// An instrument for each row and code, made when the first of its kind is counted.
#[derive(Debug)]
pub struct CodeFamily<T>(Box<[[OnceLock<Box<T>>; CODES.len()]]>);

impl<T: Default> CodeFamily<T> {
    /// What the rows are is for the caller to know.
    pub fn new(rows: usize) -> Self {
        Self((0..rows).map(|_| std::array::from_fn(|_| OnceLock::new())).collect())
    }

    pub fn at(&self, row: usize, code: Code) -> &T {
        self.0[row][code.0].get_or_init(Box::default)
    }

    /// Those that were used, with their rows.
    pub fn used(&self) -> impl Iterator<Item = (usize, Code, &T)> {
        let rows = self.0.iter().enumerate();
        let cells = rows.flat_map(|(row, cells)| cells.iter().enumerate().map(move |(code, cell)| (row, code, cell)));
        cells.filter_map(|(row, code, cell)| Some((row, Code(code), &**cell.get()?)))
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
        let cumulative = histogram.cumulative();
        assert_eq!(&cumulative[..3], [2, 3, 4], "a bound belongs to its bucket");
        assert_eq!(cumulative[BOUNDS.len() - 1..], [4, 5]);
        assert!(cumulative.is_sorted() && BOUNDS.is_sorted());
        assert_eq!((histogram.count(), histogram.sum()), (5, Duration::from_millis(400_006)));
    }

    #[test]
    fn every_code_has_its_own_name_and_what_is_unknown_has_none_of_its_own() {
        for (index, (status, name)) in CODES.iter().enumerate() {
            assert!(CODES[..index].iter().all(|(_, other)| other != name), "{name} twice");
            assert!(*status == 0 || (Code::of(*status), status.to_string()) == (Code(index), (*name).to_owned()));
        }
        let special = [Code::OTHER, Code::UNREACHABLE, Code::BROKEN, Code::TIMEOUT, Code::UNREADABLE, Code::ABANDONED];
        let names = ["other", "unreachable", "broken", "timeout", "unreadable", "abandoned"];
        assert_eq!(special.map(Code::name), names);
        for unknown in [0, 299, 999] {
            assert_eq!(Code::of(unknown).name(), "other");
        }
    }

    #[test]
    fn only_what_was_used_is_there() {
        let counters = CodeFamily::<Counter>::new(2);
        counters.at(1, Code::of(404)).count();
        counters.at(1, Code::of(404)).count();
        let used: Vec<_> = counters.used().map(|(row, code, counter)| (row, code.name(), counter.value())).collect();
        assert_eq!(used, [(1, "404", 2)]);
    }

    #[test]
    fn a_gauge_goes_down_again_when_what_holds_it_goes() {
        let gauge = Gauge::default();
        let (one, two) = (gauge.hold(), gauge.hold());
        drop(one);
        assert_eq!(gauge.value(), 1);
        drop(two);
        assert_eq!(gauge.value(), 0);
    }
}
