//! Batches: many jobs that are created, read and deleted as one.

mod stub_garbage;
