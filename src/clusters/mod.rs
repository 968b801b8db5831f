//! The clusters that are served, by name, and the background work of each.

mod background;
pub mod cluster;
pub mod registry;
pub mod status_line;
pub mod supervisor;
