//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#[path = "../support/mod.rs"]
mod support;

mod cluster_changes;
mod commands;
mod credentials;
mod drain;
mod given;
mod identity;
mod server;
mod settings;
mod smoke;
mod wire;
