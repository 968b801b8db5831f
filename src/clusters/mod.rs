//! The clusters that are served: their background work, supervised.

pub mod background;
pub mod supervisor;
