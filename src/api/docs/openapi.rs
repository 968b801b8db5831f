//! The OpenAPI 3.1 document. It is written by hand, and build.rs removes its white space.
//!
//! tests/suite/openapi.rs compares it with the code, and with every reply in the tests.

/// Names no host, so it is the same wherever it is served.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
