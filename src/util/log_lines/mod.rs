//! Joins the readings of one container's log. After an interruption the log is read again, and each line is passed on
//! once.
//!
//! The service reads from the kubelet with it, and `eks-api run` reads from the service. [`Splitter`] finds the lines of
//! a log with times. [`Join`] drops the lines that an earlier reading passed on.
//!
//! A line is recognized by its time, its text and its place, because times may repeat and decrease. The place is the
//! longest overlap of the lines that were passed on with the beginning of the new reading.
//!
//! To resume a log, call `reopen(Extent::Tail)` and read its last `WINDOW` lines. If they do not overlap
//! (`has_no_overlap`), call `reopen(Extent::Whole)` and read the whole log without `follow`. If that does not overlap
//! either (not `is_caught_up`), lines are lost: call `reopen_after_loss`, and tell the caller.
//!
//! Memory: 8 bytes for each of the last `WINDOW` lines. While the place is ambiguous, at most `MAX_HELD` bytes of text
//! more. If more lines were written meanwhile, a reading of the whole log still finds the place.

mod join;
mod line;
mod search;
mod split;

pub use crate::util::log_lines::join::Join;
pub use crate::util::log_lines::search::{Extent, WINDOW};
pub use crate::util::log_lines::split::{Part, Splitter};
