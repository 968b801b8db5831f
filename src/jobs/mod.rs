//! Jobs: a request becomes a manifest, a Job becomes a status, and the statuses of all jobs are kept as they change.
//! Owns what is promised about them; HTTP's words for it are `http`'s, the exchanges themselves `kube`'s.

pub mod cache;
pub mod changes;
pub mod compact;
pub mod details;
pub mod filter;
mod freshness;
pub mod json;
mod live;
pub mod logs;
mod merge;
pub mod order;
pub mod outlook;
pub mod pods;
pub mod policy;
pub mod pool;
pub mod selector;
pub mod shape;
pub mod spec;
pub mod stamp;
pub mod state;
pub mod status;
pub mod store;
pub mod submit;
