//! Protects the service against requests that web pages make a browser send.

pub mod cors;
pub mod origin;
