//! What bounds callers: how often, how many at a time, how much.

pub mod body_budget;
pub mod bounds;
pub mod concurrency;
pub mod connections;
pub mod lists;
pub mod log_throttle;
pub mod rate_limit;
