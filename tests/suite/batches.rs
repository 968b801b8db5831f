//! Batches: many jobs that are created, read and deleted as one.

mod changes;
mod create;
mod expiry;
mod kills;
mod lists;
mod logs;
mod oracle;
pub(crate) mod status;
mod stub_garbage;
mod waits;
