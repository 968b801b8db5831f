//! Batches: many jobs that are created, read and deleted as one.

mod changes;
mod create;
mod expiry;
mod lists;
mod logs;
mod status;
mod stub_garbage;
mod waits;
