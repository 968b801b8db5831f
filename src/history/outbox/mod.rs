//! The messages of the webhooks. `tables` writes an event and its deliveries in the transaction of the transition; `query`
//! reads them; `requests` are the changes that the delivery and its calls ask for. The sending
//! is in [`crate::webhooks`].

mod attempts;
mod batches;
pub(in crate::history) mod drops;
pub mod event;
pub(in crate::history) mod message;
mod pending;
pub mod query;
mod redelivery;
pub mod requests;
pub(in crate::history) mod tables;
