//! `kill -9` of the service at random moments of a load, with a restart at once. Afterwards the file is whole, and the
//! history agrees with the cluster.
//!
//! The suite kills 20 services. 200 of them take a minute, so that test runs on demand, as `.ci/run history_kills` does
//! for the binary that `EKS_API_BINARY` names:
//!
//!     cargo test --test suite history::kills -- --ignored --nocapture

mod load;
mod oracle;

use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep;

use super::site::with_state;
use crate::calls::{BINARY, manifest};
use crate::support::service::{Builder, Folder, Service};
use crate::support::stub::StubCluster;
use crate::support::{builder, surroundings};
use load::Load;

/// The services that are killed over the same files. Then there are new files, so that their creation is met, too.
const LIVES: u64 = 10;
/// The longest time before the kill, in milliseconds.
const LONGEST: u64 = 150;

/// Lets a service live for a time since it listens, or since it is ready, and kills it. Meanwhile it is asked to create
/// jobs.
async fn live(builder: &Builder, name: &str, is_ready: bool, time: Duration) {
    let mut service = builder.clone().start().await;
    if is_ready {
        service.ready().await;
    }
    let creations = async {
        let mut number = 0;
        loop {
            // The cluster may not be known yet.
            let name = format!("{name}-{number}");
            let body = serde_json::json!({ "job_manifest": manifest(&name) }).to_string();
            let json = [("content-type", "application/json")];
            if service.try_send("POST", "/api/eks-create-job", &json, body).await.is_ok() {
                number += 1;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = sleep(time) => {}
        () = creations => {}
    }
    service.signal("KILL").await;
    service.exit_status().await;
}

/// Lives of services over the same files, under a load of the cluster. `seed` decides the load and the moments.
async fn lives(binary: &str, seed: u64) {
    let (cluster, aws) = surroundings().await;
    let state = Folder::new();
    let builder = with_state(builder(binary, &aws), &state).env("LOG_LEVEL", "INFO");
    let mut random = Rng::with_seed(seed);
    let mut load = Load::new(&cluster, random.fork());
    for life in 0..LIVES {
        let time = Duration::from_millis(random.u64(0..=LONGEST));
        let name = format!("own-{life}");
        load.during(live(&builder, &name, random.bool(), time)).await;
        oracle::is_whole(&state, seed);
    }
    let service = builder.start().await;
    service.ready().await;
    check(&service, &cluster, &load, &state, seed).await;
}

/// Waits until the history agrees with the cluster, ends the service, and reads the file.
async fn check(service: &Service, cluster: &StubCluster, load: &Load<'_>, state: &Folder, seed: u64) {
    oracle::until_equal(service, cluster, seed).await;
    service.signal("TERM").await;
    service.log_line(|line| line.contains("stopped")).await;
    oracle::is_whole(state, seed);
    oracle::check(state, cluster, load.removed(), seed);
}

#[tokio::test]
async fn a_service_that_is_killed_leaves_a_history_that_the_next_completes() {
    lives(BINARY, 1).await;
}

#[tokio::test]
async fn a_second_row_of_kills_leaves_a_history_that_the_next_completes() {
    lives(BINARY, 2).await;
}

#[tokio::test]
#[ignore = "takes a minute; kills the binary that EKS_API_BINARY names, or else the usual one"]
#[allow(clippy::print_stdout, reason = "it prints what it did")]
async fn a_service_that_is_killed_200_times_leaves_a_history_that_the_next_completes() {
    let binary = std::env::var("EKS_API_BINARY").unwrap_or_else(|_| BINARY.to_owned());
    let begun = Instant::now();
    for seed in 0..200 / LIVES {
        lives(&binary, 100 + seed).await;
    }
    println!("200 kills in {:.1} s", begun.elapsed().as_secs_f64());
}
