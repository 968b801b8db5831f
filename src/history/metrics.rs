//! The numbers of the history: [`HistoryMetrics`].

use crate::telemetry::metrics::{Counter, Gauge};

#[derive(Debug, Default)]
pub struct HistoryMetrics {
    /// Records in the database.
    pub written: Counter,
    /// Records that are lost: the queue was full, or the database did not take them.
    pub dropped: Counter,
    /// Records that wait for the writer.
    pub queued: Gauge,
    /// The size of the database file in bytes.
    pub size: Gauge,
}
