//! Tests of the outbox: events, deliveries, batches, and the writer's part.

mod deliveries_tests;
mod events_tests;
mod retention_tests;
mod writer_tests;
