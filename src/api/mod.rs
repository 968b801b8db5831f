//! The calls: their routes, the way of every request, and a handler each.

pub mod audit;
pub mod context;
mod dispatch;
pub mod docs;
mod errors;
pub mod gate;
pub mod jobs;
pub mod metrics;
pub mod namespaces;
pub mod pagination;
pub mod probes;
pub mod repeats;
pub mod request_guard;
pub mod request_log;
pub mod routes;
pub mod service;
