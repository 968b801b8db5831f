//! The cluster: names, URLs, the few fields of its objects, one client, its TLS and its errors.
//! Owns how Kubernetes is spoken to; what a Job means is `jobs`', what a caller reads is `http`'s.

pub mod access;
pub mod backoff;
pub mod bearer;
pub mod checks;
pub mod cluster;
pub mod error;
mod exchange;
pub mod json;
pub mod name;
pub mod path;
pub mod permit;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod retry;
pub mod session;
pub mod stream;
pub mod tls;
pub mod traffic;
pub mod transport;
pub mod types;
mod warning;
pub mod watch;
