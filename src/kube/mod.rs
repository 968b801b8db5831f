//! The cluster: names, URLs, the few fields of its objects, one client, its TLS and its errors.
//! Owns how Kubernetes is spoken to; what a Job means is `jobs`', what a caller reads is `http`'s.

pub mod access_review;
pub mod api_server;
pub mod bearer;
pub mod client;
pub mod error;
pub mod health;
pub mod metrics;
pub mod names;
pub mod refusal;
pub mod tls;
pub mod types;
pub mod url;
mod warning;
pub mod watcher;
