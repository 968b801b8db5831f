//! Shows the log of a job.

pub mod follow;
pub mod lines;
