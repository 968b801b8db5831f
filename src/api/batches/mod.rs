//! The routes for batches.

pub(super) mod batch_ref;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod list;
pub(super) mod lookup;
pub(crate) mod status;
pub(crate) mod suspend;
pub(super) mod view;
mod wait;
