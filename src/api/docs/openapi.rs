//! What the service offers, as OpenAPI 3.1. Owns the document, which is written by hand and served without its blanks
//! (build.rs); tests/suite/openapi.rs holds it against the code, and every reply that a test sees against it.

/// It names no host, so that it is the same wherever it is served.
pub const DOCUMENT: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));
