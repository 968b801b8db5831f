//! Limits on callers: rates, calls and connections at a time, memory.

pub mod allowance;
pub mod body_budget;
pub mod bounds;
pub mod caller_semaphores;
pub mod cluster_limits;
pub mod concurrency;
pub mod connections;
pub mod limiter;
pub mod log_throttle;
pub mod rate_limit;
