//! Histories at random of one batch each, held against what the stub's cluster remembers: it holds exactly the members
//! that were asked for, each once, or none after a delete. Every status on the way was true at some moment.
//!
//! The seed of a history gives what happens in it. When it happens is for the machine to say, so a failure may need a
//! few runs to show again: `EKS_API_TEST_SEED=17` runs that history alone.

mod asked;
mod events;
mod stage;
mod truth;

use serde_json::Value;
use tokio::task::{JoinSet, LocalSet, yield_now};
use tokio::time::timeout;

use crate::support::service::PATIENCE;
use events::Event;
use stage::Stage;
use truth::Timeline;

const SHARDS: u64 = 4;
const HISTORIES: u64 = 200;
/// As many histories of a shard wait for something at a time.
const AT_A_TIME: usize = 5;

/// Tells which history has failed.
struct Seed(u64);

impl Drop for Seed {
    #[expect(clippy::print_stdout, reason = "the harness shows it when the test fails")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the history with the seed {} failed", self.0);
        }
    }
}

async fn histories(shard: u64) {
    let local = LocalSet::new();
    let all = async {
        let (mut running, mut reads) = (JoinSet::new(), 0);
        let only = std::env::var("EKS_API_TEST_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
        let seeds = (shard..HISTORIES).step_by(usize::try_from(SHARDS).unwrap());
        for seed in seeds.filter(|seed| only.is_none_or(|only| only == *seed)) {
            if running.len() == AT_A_TIME {
                reads += next(&mut running).await;
            }
            running.spawn_local(history(seed));
        }
        while !running.is_empty() {
            reads += next(&mut running).await;
        }
        assert!(reads > 0 || only.is_some(), "nothing was read");
    };
    local.run_until(all).await;
}

/// Waits for the end of a history. The others end with one that fails.
async fn next(running: &mut JoinSet<usize>) -> usize {
    let ended = running.join_next().await.unwrap();
    if ended.is_err() {
        running.shutdown().await;
    }
    ended.unwrap()
}

/// Returns how many statuses were read in it.
async fn history(seed: u64) -> usize {
    let _told_at_failure = Seed(seed);
    let stage = Stage::start(seed).await;
    let events = async {
        for _ in 0..stage.pick(1..5) {
            step(&stage).await;
        }
        stage.end_disturbances();
        if stage.pick(0..3) == 0 {
            gone(&stage).await;
        } else {
            complete(&stage).await;
        }
        stage.is_over.set(true);
        // Wakes the reader.
        stage.cluster.put_namespace(serde_json::json!({ "metadata": { "name": "over" } }));
    };
    tokio::join!(events, stage.read());
    stage.check(&Timeline::new(&stage.cluster.job_changes("default")))
}

/// A submission with a disturbance, or a disturbance alone.
async fn step(stage: &Stage) {
    if stage.pick(0..4) == 0 {
        return Event::any(stage).happen(stage).await;
    }
    stage.disturb();
    let at = stage.cluster.count("POST", "/apis/batch") + stage.pick(0..stage.asked.size + 2);
    let event = Event::any(stage);
    let ended = tokio::sync::Notify::new();
    let submission = async {
        stage.submit().await;
        ended.notify_one();
    };
    let disturbance = async {
        tokio::select! {
            () = stage.cluster.wait_for("POST", "/apis/batch", at) => {}
            () = ended.notified() => {}
        }
        event.happen(stage).await;
    };
    tokio::join!(submission, disturbance);
}

/// The same call until it succeeds: the batch is there, and is what was asked for.
async fn complete(stage: &Stage) {
    let repeated = async { while !stage.submit().await {} };
    timeout(PATIENCE, repeated).await.expect("the batch is never completed");
    stage.asked.hold(&stage.cluster.jobs("default"));
    stage.is_known().await;
    if stage.asked.ttl.is_some() {
        // Longer ago than the batch is kept.
        stage.progress_all("2020-01-20T10:30:00Z");
        let expired = stage.cluster.wait_for_jobs("default", <[Value]>::is_empty);
        timeout(PATIENCE, expired).await.expect("the batch does not expire");
    }
}

/// A delete: nothing is left.
async fn gone(stage: &Stage) {
    let deleted = async {
        while !stage.delete().await {
            yield_now().await;
        }
    };
    timeout(PATIENCE, deleted).await.expect("the batch is never deleted");
    let left = stage.cluster.jobs("default");
    assert!(left.is_empty(), "{left:?}");
    stage.is_known().await;
}

#[tokio::test]
async fn the_cluster_holds_what_was_asked_for_and_each_status_was_true_1() {
    histories(0).await;
}

#[tokio::test]
async fn the_cluster_holds_what_was_asked_for_and_each_status_was_true_2() {
    histories(1).await;
}

#[tokio::test]
async fn the_cluster_holds_what_was_asked_for_and_each_status_was_true_3() {
    histories(2).await;
}

#[tokio::test]
async fn the_cluster_holds_what_was_asked_for_and_each_status_was_true_4() {
    histories(3).await;
}
