//! The integration tests: the real binary against a stub cluster and a mocked AWS, all on loopback.

#[path = "../support/mod.rs"]
mod support;

mod readme;
mod smoke;
