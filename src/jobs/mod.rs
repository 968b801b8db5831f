//! Jobs: turns requests into manifests and Jobs into statuses, and keeps the statuses of all jobs in memory.

pub mod batches;
pub mod create;
pub mod filter;
pub mod idempotency;
pub mod label_selector;
pub mod logs;
pub mod manifest;
pub mod pods;
pub mod policy;
pub mod state;
pub mod status;
mod status_object;
pub mod store;
pub mod template;
mod text;
