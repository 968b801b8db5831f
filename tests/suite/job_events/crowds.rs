//! Many readers, slow ones, and jobs that change at random: in the end every picture is that of list-jobs.

use serde_json::{Value, json};
use tokio::task::yield_now;
use tokio::time::timeout;

use super::reader::{Picture, Reader};
use super::{ALL_JOBS, completed, job, known, listed, put, running, set};
use crate::calls::{create, lab, manifest};
use crate::support::Lab;
use crate::support::service::PATIENCE;
use crate::support::stub::{Fault, Kind};

const MIB: usize = 1 << 20;

#[tokio::test]
async fn a_reader_that_is_slow_gets_the_latest_of_each_job_and_not_every_step() {
    let lab = lab().await;
    let mut reader = Reader::slow(&lab.service).await;
    reader.snapshot().await;
    let (jobs, rounds) = (5, 300);
    for number in 0..jobs {
        put(&lab.cluster, &format!("job-{number}"));
    }
    // Much more, if each were sent, than the sockets take in.
    let message = "m".repeat(16 << 10);
    for round in 1..=rounds {
        for number in 0..jobs {
            let condition = json!({ "type": "Failed", "status": "False", "message": message });
            set(&lab.cluster, &format!("job-{number}"), &json!({ "active": round, "conditions": [condition] }));
        }
    }
    known(&lab, "job-4").await;
    // It holds up nobody else.
    let mut other = Reader::open(&lab.service, "").await;
    other.snapshot().await;
    assert_eq!(other.picture, listed(&lab.service, &[]).await);

    put(&lab.cluster, "last");
    known(&lab, "last").await;
    // It was overtaken, and is told all over, so that the last job can come first.
    let expected = listed(&lab.service, &[]).await;
    while reader.picture != expected {
        reader.event().await;
    }
    assert!(reader.picture.values().all(|job| job["active"] == rounds || job["job_name"] == "last"));
    let steps = rounds * jobs * message.len();
    assert!(steps > 20 * MIB && reader.bytes < steps / 4, "{} of {steps} bytes", reader.bytes);
}

#[tokio::test]
async fn fifty_readers_see_the_same() {
    let lab = lab().await;
    put(&lab.cluster, "early");
    known(&lab, "early").await;
    let mut readers = Vec::new();
    for number in 0..50 {
        readers.push(Reader::open(&lab.service, "").await);
        lab.cluster.put_job(job("default", &format!("job-{}", number % 7), &running()));
        if number % 5 == 0 {
            lab.cluster.remove_job("default", &format!("job-{}", number % 3));
        }
    }
    put(&lab.cluster, "last");
    for mut reader in readers {
        reader.until("last").await;
        let known: Vec<&Value> = reader.picture.values().map(|job| &job["job_name"]).collect();
        assert_eq!(reader.picture, listed(&lab.service, &[]).await, "{known:?}");
    }
}

/// Waits until the service knows what the cluster itself tells.
async fn settled(lab: &Lab) -> Picture {
    let settled = async {
        loop {
            let real = listed(&lab.service, &[("cache-control", "no-cache")]).await;
            if listed(&lab.service, &[]).await == real {
                return real;
            }
            yield_now().await;
        }
    };
    timeout(PATIENCE, settled).await.expect("the service never knows what is there")
}

/// One thing that happens to the jobs, or to the watch.
async fn happen(lab: &Lab, random: &mut fastrand::Rng) {
    let name = format!("job-{}", random.u8(0..40));
    let is_there = lab.cluster.job("default", &name).is_some();
    match random.u8(0..100) {
        0..30 => lab.cluster.put_job(job("default", &name, &json!({}))),
        30..60 if is_there => set(&lab.cluster, &name, &random.choice([json!({}), running(), completed()]).unwrap()),
        60..75 => lab.cluster.remove_job("default", &name),
        75..85 if !is_there => drop(create(&lab.service, &manifest(&name)).await.expect_status(201)),
        85..94 if is_there => {
            let policy = random.choice(["Foreground", "Background"]).unwrap();
            let path = format!("/api/eks-delete-job?job_name={name}&propagation_policy={policy}");
            lab.service.delete(&path).await.expect_status(200);
        }
        94..96 => lab.cluster.break_watches(),
        96 => lab.cluster.end_watches(),
        97 => {
            lab.cluster.compact();
            lab.cluster.break_watches();
        }
        98 => {
            lab.cluster.fault(Fault::new("GET", ALL_JOBS, Kind::gone()).of_watches());
            lab.cluster.break_watches();
        }
        _ => lab.cluster.bookmark(),
    }
}

#[tokio::test]
async fn whatever_happens_a_picture_that_is_kept_by_the_events_is_that_of_the_cluster() {
    for seed in 0..2 {
        let mut random = fastrand::Rng::with_seed(seed);
        let lab = lab().await;
        let queries = ["", "state=running", "state=completed"];
        let mut readers = Vec::new();
        for query in queries {
            let mut reader = Reader::open(&lab.service, query).await;
            readers.push(tokio::spawn(async move {
                reader.until("last").await;
                reader.picture.retain(|_, job| job["job_name"] != "last");
                std::mem::take(&mut reader.picture)
            }));
        }
        for _ in 0..300 {
            happen(&lab, &mut random).await;
        }
        let real = settled(&lab).await;
        for (query, reader) in queries.into_iter().zip(readers) {
            // Each is told of a last one that is in its state. A state that is passed through may not be told.
            let status = if query == "state=completed" { completed() } else { running() };
            lab.cluster.put_job(job("default", "last", &status));
            let wanted = query.strip_prefix("state=");
            let expected: Picture = real
                .iter()
                .filter(|(_, job)| wanted.is_none_or(|state| job["state"] == state))
                .map(|(uid, job)| (uid.clone(), job.clone()))
                .collect();
            assert_eq!(reader.await.unwrap(), expected, "seed {seed}, {query}");
        }
    }
}
