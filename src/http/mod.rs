//! The HTTP server: connections, limits, requests, responses. It knows HTTP and not the calls.

pub mod browser;
pub mod client_cert;
pub mod connection;
pub mod connection_io;
pub mod framing;
pub mod limits;
pub mod listener;
pub mod metrics;
pub mod peer;
pub mod request;
pub mod response;
pub mod tls;
