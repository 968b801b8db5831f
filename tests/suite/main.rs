//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, in its functions too"
)]

#[path = "../sbom/bill.rs"]
mod bill;
#[path = "../fuzz/targets/mod.rs"]
mod fuzz_targets;
#[path = "../support/mod.rs"]
mod support;

mod abuse;
mod access;
mod assumed_roles;
mod audit;
mod batches;
mod bench;
mod cached_status;
mod calls;
mod cases;
mod client;
mod cluster_changes;
mod clusters;
mod clusters_file;
mod commands;
mod completion;
mod cors;
mod create_job;
mod credentials;
mod delete_job;
mod dependencies;
mod deployment;
mod docs;
mod drain;
mod dry_run;
mod footprint;
mod fuzzing;
mod given;
#[cfg(feature = "history")]
mod history;
mod hostile_names;
mod house;
mod idempotency;
mod identity;
mod instructions;
mod job_details;
mod job_events;
mod job_logs;
mod job_status;
mod journald;
mod list_jobs;
mod live;
mod logs;
mod lost_replies;
mod messages;
mod metrics;
mod missing_namespace;
mod namespace_reads;
mod namespaces;
mod openapi;
mod policy;
mod problems;
mod readme;
mod real_cluster;
mod sbom;
mod secrecy;
mod server;
mod settings;
mod socket_activation;
#[cfg(feature = "history")]
#[path = "history/recipes.rs"]
mod sql_recipes;
mod stub_changes;
mod stub_cron_jobs;
mod stub_lists;
mod stub_logs;
mod stub_watches;
mod suspending;
mod systemd;
mod templates;
mod tls;
mod upstream_faults;
mod waiting;
mod watch_driver;
#[cfg(feature = "history")]
mod webhooks;
mod wire;
mod yaml;
