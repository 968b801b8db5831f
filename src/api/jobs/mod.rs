//! The routes for jobs.

pub(crate) mod create;
pub(crate) mod delete;
mod dry_run;
pub(crate) mod exits;
pub mod job_ref;
pub mod list;
pub(crate) mod logs;
pub(crate) mod lookup;
mod provenance;
pub(crate) mod status;
pub(crate) mod suspend;
pub(crate) mod wait;
pub(crate) mod watch;
