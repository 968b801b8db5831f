//! The history: the runs of jobs and the audit records, in an `SQLite` database. See docs/HISTORY.md.
//!
//! One thread writes ([`store::writer`]). Readers have a connection of their own each ([`store::read`]). No caller waits
//! for the disk: a record goes into a bounded queue, and is dropped if the queue is full.

pub mod backup;
pub mod batch_ends;
pub mod export;
pub mod follow;
pub mod local;
pub mod metrics;
pub mod outbox;
pub mod query;
pub mod record;
pub mod store;

pub use store::History;
