//! The command run: its exit codes, its messages, and its patience with proxies and logs.

mod batch_bodies;
mod batches;
mod clusters;
mod commands;
mod cron;
mod endings;
mod fake;
mod idle;
mod logs;
mod refusals;
mod templates;

use self::fake::Fake;
use crate::client::manifest;
use crate::client::run::Run;

/// A run of the job `t1` at this service.
fn run_at(fake: &Fake, arguments: &[&str]) -> Run {
    Run::of(&manifest("t1", "true"), fake.address()).args(&["-n", "demo"]).args(arguments)
}
