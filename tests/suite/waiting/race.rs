//! The race between a job's completion and the wait for it: whichever comes first, no wake-up is lost.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::calls::lab;
use crate::given::status_of;
use crate::live::{complete, own_job, until};

const JOBS: usize = 1000;
const AT_A_TIME: usize = 50;

fn name(number: usize) -> String {
    format!("job-{number}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_thousand_completions_none_is_missed_by_the_one_who_waits_for_it() {
    let lab = Arc::new(lab().await);
    // Every other job is known before the race; of the rest the wait itself is the first to learn.
    lab.cluster.put_jobs((0..JOBS).step_by(2).map(|number| own_job(&name(number))));
    let list = async || lab.service.get("/api/eks-list-jobs?limit=1").await;
    until(list, |reply| reply.json()["remaining"] == JOBS / 2 - 1).await;
    lab.cluster.put_jobs((1..JOBS).step_by(2).map(|number| own_job(&name(number))));
    for first in (0..JOBS).step_by(AT_A_TIME) {
        let numbers = first..first + AT_A_TIME;
        let mut moves: Vec<_> = numbers.flat_map(|number| [(number, true), (number, false)]).collect();
        fastrand::shuffle(&mut moves);
        let mut waits = JoinSet::new();
        let mut completions = JoinSet::new();
        for (number, waits_for_it) in moves {
            let lab = Arc::clone(&lab);
            if waits_for_it {
                waits.spawn(async move {
                    let reply = lab.service.get(&format!("{}&wait=60s", status_of(&name(number)))).await;
                    (number, reply)
                });
            } else {
                completions.spawn(async move { lab.cluster.set_job_status("default", &name(number), complete()) });
            }
        }
        completions.join_all().await;
        // The client's patience is half of the wait: one that is not woken is not answered by the clock.
        for (number, reply) in waits.join_all().await {
            assert_eq!(reply.expect_status(200).json()["state"], "completed", "{}", name(number));
        }
    }
}
