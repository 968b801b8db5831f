//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod create_job;
mod idempotency;
mod lost_replies;
mod missing_namespace;
