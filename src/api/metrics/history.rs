//! The metrics of the history. Without a history there are none.

use crate::history::History;
use crate::kube::health::Outcome;
use crate::telemetry::prometheus_text::Exposition;
use crate::telemetry::prometheus_text::Kind::{Counter, Gauge};

pub(super) fn write(text: &mut Exposition, history: &History) {
    let metrics = &history.metrics;
    let up = u8::from(history.check() == Outcome::Passed);
    text.family(Gauge, "eks_api_history_up", "Whether the history records.").sample(&[], up);
    let help = "Records for the history: written, and dropped because the queue was full or the database failed.";
    let mut records = text.family(Counter, "eks_api_history_records_total", help);
    for (outcome, count) in [("written", &metrics.written), ("dropped", &metrics.dropped)] {
        records.sample(&[("outcome", outcome)], count.value());
    }
    for (name, help, value) in [
        ("eks_api_history_queued", "Records that wait for the database.", &metrics.queued),
        ("eks_api_history_size_bytes", "Size of the database file.", &metrics.size),
    ] {
        text.family(Gauge, name, help).sample(&[], value.value());
    }
}
