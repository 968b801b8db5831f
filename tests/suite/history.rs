//! The history: what the service records of its jobs, in what troubles, and what it never records.

mod access;
pub(crate) mod faults;
mod feed;
mod health;
mod kills;
mod parameters;
mod plot;
mod recorded;
mod secrecy;
pub(crate) mod site;
