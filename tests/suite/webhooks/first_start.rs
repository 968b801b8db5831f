//! The first start: what is old is not sent.

use super::site::{Hooks, told_of};
use crate::history::site::{Site, at, completed, failed, old_job, running};
use crate::support::receiver::Receiver;
use crate::support::surroundings;
use crate::webhooks::site::Files;

#[tokio::test]
async fn a_thousand_old_jobs_send_nothing_at_the_first_start() {
    let (cluster, aws) = surroundings().await;
    let statuses = [running(&at(1)), completed(&at(1), &at(2)), failed(&at(1), &at(2))];
    cluster.put_jobs((0..1000).map(|number| old_job(&format!("old-{number}"), &statuses[number % 3])));
    let receiver = Receiver::start();
    let files = Files::new(&[("ops", &receiver, "events=job.*,batch.*")]);
    let site = Site::of(cluster, aws, |builder| files.builder(builder)).await;
    site.until_run("old-999", |run| run["state"] == "running").await;
    let hooks = Hooks { site, files };
    // What happens from then on is sent, about old jobs, too.
    hooks.site.set_status("old-0", completed(&at(1), &at(3)));
    hooks.until_sent("ops", "old-0", "completed").await;
    assert_eq!(told_of(&receiver.messages()), [("old-0".to_owned(), "job.completed".to_owned())]);
}

/// Webhooks that come to a history that is there: its jobs are known, and what changed since then is sent.
#[tokio::test]
async fn webhooks_that_are_added_later_send_only_what_is_new() {
    let mut site = Site::start().await;
    site.put("old", &completed(&at(1), &at(2)));
    site.put("runs", &running(&at(1)));
    site.until_runs("namespace=default", |runs| runs.len() == 2).await;
    site.stop("TERM").await;
    site.set_status("runs", completed(&at(1), &at(9)));
    let receiver = Receiver::start();
    let files = Files::new(&[("ops", &receiver, "events=job.*")]);
    site.change_builder(|builder| files.builder(builder));
    site.resume().await;
    let hooks = Hooks { site, files };
    hooks.until_sent("ops", "runs", "completed").await;
    assert_eq!(told_of(&receiver.messages()), [("runs".to_owned(), "job.completed".to_owned())]);
}
