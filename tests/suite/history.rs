//! The history: what the service records of its jobs, in what troubles, and what it never records.

mod feed;
mod health;
