//! Jobs: a request becomes a manifest, a Job becomes a status, and the statuses of all jobs are kept as they change.
//! Owns what is promised about them; HTTP's words for it are `http`'s, the exchanges themselves `kube`'s.

pub mod cache;
pub mod changes;
pub mod details;
pub mod exit;
pub mod exits;
pub mod filter;
mod freshness;
mod gone;
mod live;
pub mod logs;
pub mod outlook;
pub mod pods;
pub mod policy;
pub mod selector;
pub mod spec;
pub mod stamp;
pub mod state;
pub mod status;
pub mod store;
pub mod submit;
