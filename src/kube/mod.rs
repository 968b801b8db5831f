//! The client for the Kubernetes API: names, URLs, objects, requests, errors, and the watcher of jobs.

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
pub mod watcher;
