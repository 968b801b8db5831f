//! The log of a job, as a run shows it.

pub mod follow;
pub mod lines;
