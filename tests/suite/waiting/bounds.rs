//! What bounds waits: their number, their callers' patience, and the end of the service.

use crate::calls::{create, manifest, problem, status};
use crate::live::{complete, etag, until};
use crate::support::Lab;

use super::{LONG, lab_with_one_place, place_is_taken, sent, waiting_for};

#[tokio::test]
async fn beyond_the_bound_a_wait_is_told_to_come_back_and_all_else_is_served() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = waiting_for("hello", LONG);
    let then = async {
        place_is_taken(&lab.service).await;
        let refused = lab.service.get(&waiting_for("probe", LONG)).await;
        problem(&refused, 503, "overloaded");
        assert_eq!(refused.header("retry-after"), Some("1"));
        status(&lab.service, "hello").await.expect_status(200);
        create(&lab.service, &manifest("next")).await.expect_status(201);
        lab.cluster.set_job_status("default", "next", complete());
        // One that need not wait takes no place.
        let ended = async || lab.service.get(&waiting_for("next", "0s")).await;
        until(ended, |reply| reply.status == 200).await;
        lab.cluster.set_job_status("default", "hello", complete());
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &path, None), then);
    assert_eq!(reply.expect_status(200).json()["state"], "completed");
}

#[tokio::test]
async fn waits_take_no_place_of_other_requests() {
    let lab = Lab::with(super::BINARY, &[("EKS_API_MAX_WAITS", "1"), ("EKS_API_MAX_REQUESTS", "1")]).await;
    create(&lab.service, &manifest("probe")).await.expect_status(201);
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = waiting_for("hello", LONG);
    let then = async {
        place_is_taken(&lab.service).await;
        create(&lab.service, &manifest("next")).await.expect_status(201);
        lab.cluster.set_job_status("default", "hello", complete());
    };
    let (reply, ()) = tokio::join!(sent(&lab.service, &path, None), then);
    assert_eq!(reply.expect_status(200).json()["state"], "completed");
}

#[tokio::test]
async fn a_waiting_caller_that_hangs_up_frees_its_place() {
    let lab = lab_with_one_place().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    let path = waiting_for("hello", LONG);
    tokio::select! {
        reply = sent(&lab.service, &path, None) => panic!("{}", reply.text()),
        () = place_is_taken(&lab.service) => {}
    }
    let next = async || lab.service.get(&waiting_for("probe", "0s")).await;
    until(next, |reply| reply.status == 200).await;
}

#[tokio::test]
async fn sigterm_ends_a_wait_with_what_is_known() {
    for knows in [false, true] {
        let mut lab = lab_with_one_place().await;
        create(&lab.service, &manifest("hello")).await.expect_status(201);
        let known = etag(&status(&lab.service, "hello").await);
        let path = waiting_for("hello", LONG);
        let then = async {
            place_is_taken(&lab.service).await;
            lab.service.signal("TERM").await;
        };
        let waiting = sent(&lab.service, &path, Some(&*known).filter(|_| knows));
        let (reply, ()) = tokio::join!(waiting, then);
        assert_eq!((reply.status.as_u16(), reply.header("connection")), (if knows { 304 } else { 200 }, Some("close")));
        assert_eq!(etag(&reply), known);
        if !knows {
            assert_eq!(reply.json()["state"], "pending");
        }
        assert_eq!(lab.service.exit_status().await.code(), Some(0));
        lab.service.log_line(|line| line.contains("stopped") && !line.contains("still open")).await;
    }
}
