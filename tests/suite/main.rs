//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its functions too"
)]

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod cluster_changes;
mod create_job;
mod credentials;
mod drain;
mod given;
mod idempotency;
mod identity;
mod lost_replies;
mod missing_namespace;
mod real_cluster;
mod server;
mod wire;
