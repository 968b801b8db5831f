//! The routes for batches.

mod batch_ref;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
mod lookup;
pub(crate) mod status;
pub(crate) mod suspend;
mod view;
mod wait;
