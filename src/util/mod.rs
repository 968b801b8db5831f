//! Tools without a subject of their own. Imports no other module of the crate.

pub mod backoff;
pub mod dns;
pub mod error_chain;
pub mod files;
pub mod first_items;
pub mod hex;
pub mod log_lines;
pub mod net;
pub mod secret;
pub mod share;
pub mod strict_json;
pub mod template_name;
pub mod text;
pub mod tls_error;
pub mod yaml;
