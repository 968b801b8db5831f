//! Webhooks: what is sent to whom, with which id and signature, in what troubles, and what never leaves the service.

mod access;
mod batches;
mod calls;
mod delivery;
mod disk;
mod file;
mod first_start;
mod kills;
mod library;
mod naming;
mod notify;
mod outages;
mod restarts;
mod retries;
mod secrecy;
mod selection;
mod signatures;
mod site;
mod targets;
