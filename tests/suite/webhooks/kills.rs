//! `kill -9` of the service at random moments of a row of transitions, with a restart at once. Afterwards the receiver has
//! every transition at least once, by its id, and nothing else.
//!
//! The suite kills 10 services. 100 of them and 10,000 transitions take some minutes, so that test runs on demand, as
//! `.ci/run webhook_kills` does for the binary that `EKS_API_BINARY` names:
//!
//!     cargo test --test suite webhooks::kills -- --ignored --nocapture

mod load;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::time::sleep;

use super::site::Files;
use crate::calls::BINARY;
use crate::history::site::with_state;
use crate::live::until;
use crate::support::receiver::Receiver;
use crate::support::service::{Builder, Folder, Reply};
use crate::support::{builder, surroundings};
use load::Load;

/// The longest time of a service, in milliseconds.
const LONGEST: u64 = 300;
/// Much longer than the last messages take.
const PATIENCE: Duration = Duration::from_mins(2);

/// Lets a service live for a time since it listens, or since it is ready, and kills it.
async fn live(builder: &Builder, is_ready: bool, time: Duration) {
    let mut service = builder.clone().start().await;
    if is_ready {
        service.ready().await;
    }
    sleep(time).await;
    service.signal("KILL").await;
    service.exit_status().await;
}

/// Waits until the receiver has all of these ids. Names those that are missing if it takes too long.
async fn all_arrive(receiver: &Receiver, expected: &BTreeMap<String, String>, seed: u64) {
    let missing = || {
        let missing = expected.iter().filter(|(id, _)| !receiver.has(id)).map(|(_, what)| what.as_str());
        missing.collect::<Vec<_>>().join("\n")
    };
    let has_all = receiver.has_all(expected.keys().map(String::as_str), PATIENCE).await;
    assert!(has_all, "seed {seed}: missing:\n{}", missing());
}

/// Kills services over the same files while the cluster makes transitions. `seed` decides the transitions and the moments.
/// Returns how many transitions there were, and how many messages.
async fn kills(binary: &str, seed: u64, lives: u64, transitions: usize) -> (usize, usize) {
    let (cluster, aws) = surroundings().await;
    let (state, receiver) = (Folder::new(), Receiver::start());
    let files = Files::new(&[("ops", &receiver, "events=job.*")]);
    let builder = files.builder(with_state(builder(binary, &aws), &state)).env("LOG_LEVEL", "INFO");
    let mut random = Rng::with_seed(seed);
    let mut load = Load::new(&cluster, &receiver, random.fork(), transitions);

    // What is there at the first start is not sent.
    load.put_first();
    let mut service = builder.clone().start().await;
    let path = "/api/eks-list-history?job_name=first";
    let is_known = |reply: &Reply| reply.status == 200 && reply.json()["runs"][0].is_object();
    until(async || service.get(path).await, is_known).await;
    service.signal("KILL").await;
    service.exit_status().await;

    let share = transitions / usize::try_from(lives).unwrap();
    for life in 1..=lives {
        let time = Duration::from_millis(random.u64(0..=LONGEST));
        load.during(live(&builder, random.bool(), time)).await;
        // The transitions are spread over the lives, whatever the speed of the machine.
        load.until(share * usize::try_from(life).unwrap());
    }
    let service = builder.start().await;
    service.ready().await;
    load.until(transitions);
    let expected = load.expected();
    all_arrive(&receiver, &expected, seed).await;
    for message in receiver.messages() {
        let what = (&message.event_type, message.data()["job_name"].to_string());
        assert!(expected.contains_key(&message.id), "seed {seed}: {what:?} belongs to no transition: {}", message.id);
    }
    // What is sent by then is written as sent. So nothing comes after it.
    let path = "/api/eks-list-webhooks";
    until(async || service.get(path).await, |reply| reply.json()["webhooks"][0]["pending"] == 0).await;
    (expected.len(), receiver.count())
}

#[tokio::test]
async fn a_service_that_is_killed_10_times_delivers_every_transition() {
    let (transitions, _) = kills(BINARY, 1, 10, 500).await;
    assert!(transitions >= 500, "{transitions}");
}

#[tokio::test]
#[ignore = "takes some minutes; kills the binary that EKS_API_BINARY names, or else the usual one"]
#[allow(clippy::print_stdout, reason = "it prints what it did")]
async fn a_service_that_is_killed_100_times_delivers_every_one_of_10_000_transitions() {
    let binary = std::env::var("EKS_API_BINARY").unwrap_or_else(|_| BINARY.to_owned());
    let begun = Instant::now();
    let (transitions, messages) = kills(&binary, 7, 100, 10_000).await;
    assert!(transitions >= 10_000, "{transitions}");
    let seconds = begun.elapsed().as_secs_f64();
    println!("100 kills, {transitions} transitions, {messages} messages in {seconds:.1} s");
}
