//! Webhooks: what is sent to whom, with which id and signature, in what troubles, and what never leaves the service.

mod file;
mod naming;
