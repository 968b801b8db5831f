//! The calls about the history. `query` reads their parameters and asks the database.

pub(super) mod audit;
pub(super) mod job;
pub(super) mod list;
pub(super) mod plot;
pub(super) mod query;
pub(super) mod stats;
mod svg;
