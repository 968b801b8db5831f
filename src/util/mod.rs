//! Small tools without a subject of their own. Imports no other room.

pub mod files;
pub mod strict_json;
