//! Small tools without a subject of their own. Imports no other room.

pub mod strict_json;
