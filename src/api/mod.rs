//! The API: the route table, the path of every request, and one handler for each route.

mod batches;
pub mod clusters;
pub mod context;
pub mod docs;
mod errors;
pub mod gate;
mod handlers;
#[cfg(feature = "history")]
mod history;
pub mod jobs;
pub mod metrics;
pub mod namespaces;
pub mod probes;
pub mod repeats;
pub mod request_guard;
pub mod request_log;
pub mod routes;
pub mod service;
pub mod state;
pub mod templates;
#[cfg(feature = "history")]
mod webhooks;
