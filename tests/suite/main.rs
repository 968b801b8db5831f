//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#[path = "../support/mod.rs"]
mod support;

mod calls;
mod create_job;
mod delete_job;
mod hostile_names;
mod idempotency;
mod job_details;
mod job_status;
mod lost_replies;
mod missing_namespace;
mod namespaces;
mod policy;
mod problems;
mod secrecy;
mod upstream_faults;
