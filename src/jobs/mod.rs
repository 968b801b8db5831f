//! Jobs: a request becomes a manifest, a Job becomes a status, and the statuses of all jobs are kept as they change.
//! Owns what is promised about them; HTTP's words for it are `http`'s, the exchanges themselves `kube`'s.

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
pub mod store;
