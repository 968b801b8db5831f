//! The calls about jobs.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod exits;
pub(crate) mod list;
pub(crate) mod list_wait;
pub(crate) mod logs;
pub(crate) mod lookup;
pub(crate) mod status;
pub(crate) mod wait;
pub(crate) mod watch;
