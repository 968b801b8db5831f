//! Tests of the outbox: events, deliveries, attempts, batches, and the writer's part.

mod attempts_tests;
mod batches_tests;
mod deliveries_tests;
mod events_tests;
mod retention_tests;
mod writer_tests;
