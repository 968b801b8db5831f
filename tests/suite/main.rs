//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test that fails, panics")]

#[path = "../support/mod.rs"]
mod support;

mod cluster_changes;
mod commands;
mod cors;
mod credentials;
mod dependencies;
mod drain;
mod given;
mod identity;
mod layers;
mod logs;
mod server;
mod settings;
mod smoke;
mod systemd;
mod wire;
