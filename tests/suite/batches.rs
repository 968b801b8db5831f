//! Batches: many jobs that are created, read and deleted as one.

mod lists;
mod status;
mod stub_garbage;
mod waits;
