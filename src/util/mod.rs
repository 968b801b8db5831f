//! Small tools without a subject of their own. Imports no other room.

pub mod backoff;
pub mod files;
pub mod log_lines;
pub mod net;
pub mod secret;
pub mod strict_json;
