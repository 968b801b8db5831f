//! What the operator sees: log lines and systemd's notifications.

pub mod log;
pub mod systemd;
