//! What the operator sees: log lines, the journal's entries, systemd's notifications, metrics.

pub mod journal;
pub mod log;
pub mod metrics;
pub mod process;
pub mod prometheus_text;
pub mod stderr;
pub mod systemd;
