//! What webhooks are told. `tables` writes an event and its deliveries in the transaction of the transition; `query` reads
//! them; `requests` are the changes that the delivery and its calls ask for. The sending is in [`crate::webhooks`].

pub mod event;
pub mod query;
pub mod requests;
mod tables;
