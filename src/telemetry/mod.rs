//! Output for operators: log lines, journal entries, systemd notifications and metrics.

pub mod journal;
pub mod log;
pub mod metrics;
pub mod process;
pub mod prometheus_text;
pub mod stderr;
pub mod systemd;
