//! The numbers of a group of runs: [`Group`].

use std::collections::BTreeMap;

use rusqlite::Row;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The most reasons that a group lists. Kubernetes has fewer.
const MAX_REASONS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// By the name of the grouping, such as `day` or `label:team`.
    pub keys: Vec<(String, Option<String>)>,
    pub runs: u64,
    pub completed: u64,
    pub failed: u64,
    pub ran_ms: Percentiles,
    pub queued_ms: Percentiles,
    pub ran_ms_sum: u64,
    /// How many runs failed for each reason.
    pub failed_reasons: BTreeMap<String, u64>,
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in &self.keys {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("runs", &self.runs)?;
        map.serialize_entry("completed", &self.completed)?;
        map.serialize_entry("failed", &self.failed)?;
        map.serialize_entry("ran_ms", &self.ran_ms)?;
        map.serialize_entry("queued_ms", &self.queued_ms)?;
        map.serialize_entry("ran_ms_sum", &self.ran_ms_sum)?;
        map.serialize_entry("failed_reasons", &self.failed_reasons)?;
        map.end()
    }
}

/// Percentiles by nearest rank, in milliseconds. None if no run has the time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    pub p50: Option<u64>,
    pub p95: Option<u64>,
    pub max: Option<u64>,
}

impl Percentiles {
    fn new(mut seconds: Vec<u32>) -> Self {
        seconds.sort_unstable();
        // The value of rank n is the smallest that at least n values do not exceed.
        let at = |percent: usize| {
            let rank = (seconds.len() * percent).div_ceil(100);
            seconds.get(rank.checked_sub(1)?).map(|seconds| u64::from(*seconds) * 1000)
        };
        Self { p50: at(50), p95: at(95), max: at(100) }
    }
}

/// The runs of a group while they are read. The times are in seconds.
#[derive(Debug, Default)]
pub(super) struct Members {
    runs: u64,
    completed: u64,
    failed: u64,
    ran: Vec<u32>,
    queued: Vec<u32>,
    failed_reasons: BTreeMap<String, u64>,
}

impl Members {
    /// Adds the run of a row. `queued_s`, `ran_s` and `reason` are from `first` on.
    pub(super) fn add(&mut self, row: &Row<'_>, state: usize, first: usize) -> rusqlite::Result<()> {
        let seconds = |at| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(at)?.map(clamped));
        self.runs += 1;
        self.queued.extend(seconds(first)?);
        self.ran.extend(seconds(first + 1)?);
        match row.get_ref(state)?.as_bytes()? {
            b"completed" => self.completed += 1,
            b"failed" => {
                self.failed += 1;
                if let Some(reason) = row.get_ref(first + 2)?.as_str_or_null()? {
                    self.count_reason(reason);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn count_reason(&mut self, reason: &str) {
        if let Some(count) = self.failed_reasons.get_mut(reason) {
            *count += 1;
        } else if self.failed_reasons.len() < MAX_REASONS {
            self.failed_reasons.insert(reason.to_owned(), 1);
        }
    }

    pub(super) fn group(self, keys: Vec<(String, Option<String>)>) -> Group {
        let sum: u64 = self.ran.iter().copied().map(u64::from).sum();
        Group {
            keys,
            runs: self.runs,
            completed: self.completed,
            failed: self.failed,
            ran_ms: Percentiles::new(self.ran),
            queued_ms: Percentiles::new(self.queued),
            ran_ms_sum: sum.saturating_mul(1000),
            failed_reasons: self.failed_reasons,
        }
    }
}

/// Returns a length of time between 0 and 136 years.
fn clamped(seconds: i64) -> u32 {
    u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
}
