//! The commands that call a service. `client` does their work.

pub mod batch;
pub mod connection;
pub mod history;
pub mod jobs;
pub mod run;
pub mod templates;
