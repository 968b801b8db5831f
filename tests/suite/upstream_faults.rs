//! A cluster in trouble: which requests are sent again, and what the caller is told when that does not help.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::calls::{BINARY, JOBS, create, detail, lab, manifest, problem, sent, status_directly};
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};

/// What the API server answers, and what a caller gets for it.
const EVERY_FAULT: [(u16, &str, u16); 3] =
    [(500, "InternalError", 502), (502, "BadGateway", 502), (503, "ServiceUnavailable", 503)];

/// A lab with a job, that gives up after the shortest time there is.
async fn hasty() -> Lab {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    lab.cluster.put_job(manifest("hello"));
    lab
}

/// A lab with a job and all the time that is usual.
async fn patient() -> Lab {
    let lab = lab().await;
    lab.cluster.put_job(manifest("hello"));
    lab
}

fn reply(status: u16, headers: &[(&str, &str)], body: Value) -> Kind {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Kind::Reply { status, headers, body }
}

fn too_many(retry_after: &str) -> Kind {
    let body =
        json!({ "kind": "Status", "reason": "TooManyRequests", "code": 429, "message": "please try again later" });
    reply(429, &[("retry-after", retry_after)], body)
}

#[tokio::test]
async fn a_read_is_repeated_after_a_broken_connection_or_a_server_error() {
    let lab = patient().await;
    let faults = [Kind::CutBefore, Kind::CutAfter, Kind::Truncate];
    let errors = EVERY_FAULT.map(|(code, reason, _)| Kind::status(code, reason, "in trouble"));
    for kind in faults.into_iter().chain(errors) {
        lab.cluster.fault(Fault::new("GET", JOBS, kind.clone()));
        let before = lab.cluster.count("GET", JOBS);
        assert_eq!(status_directly(&lab.service, "hello").await.status, 200, "{kind:?}");
        assert_eq!(lab.cluster.count("GET", JOBS), before + 2, "{kind:?}");
    }
}

#[tokio::test]
async fn a_read_survives_the_loss_of_every_connection() {
    let lab = patient().await;
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
    lab.cluster.close_connections().await;
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
    lab.cluster.stop().await;
    lab.cluster.restart_on_same_port().await;
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
}

#[tokio::test]
async fn a_refusal_is_not_repeated() {
    let lab = patient().await;
    for (code, reason) in
        [(400, "BadRequest"), (403, "Forbidden"), (404, "NotFound"), (409, "Conflict"), (422, "Invalid")]
    {
        lab.cluster.fault(Fault::new("GET", JOBS, Kind::status(code, reason, "because I say so")));
        let before = lab.cluster.count("GET", JOBS);
        assert_eq!(detail(&status_directly(&lab.service, "hello").await, code, reason), "because I say so");
        assert_eq!(lab.cluster.count("GET", JOBS), before + 1, "{reason}");
    }
}

#[tokio::test]
async fn a_busy_cluster_is_asked_again_when_it_said_and_a_create_too() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("*", JOBS, too_many("1")).times(2));
    let reply = create(&lab.service, &manifest("hello")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert_eq!(sent(&lab.cluster), vec![format!("POST {JOBS}"); 3]);
}

#[tokio::test]
async fn a_cluster_that_is_busy_for_longer_than_the_caller_waits_says_until_when() {
    let lab = patient().await;
    for (said, told) in [("100", "100"), ("18446744073709551615", "18446744073709551615")] {
        lab.cluster.fault(Fault::new("GET", JOBS, too_many(said)));
        let reply = status_directly(&lab.service, "hello").await;
        assert_eq!(detail(&reply, 429, "TooManyRequests"), "please try again later");
        assert_eq!(reply.header("retry-after"), Some(told));
    }
    assert_eq!(lab.cluster.count("GET", JOBS), 2, "there was no time to try again");
}

#[tokio::test]
async fn a_busy_cluster_is_not_besieged_although_it_asks_for_no_pause() {
    let lab = hasty().await;
    lab.cluster.fault(Fault::new("GET", JOBS, too_many("0")).always());
    let reply = status_directly(&lab.service, "hello").await;
    problem(&reply, 429, "TooManyRequests");
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert!(lab.cluster.count("GET", JOBS) < 20, "{} requests", lab.cluster.count("GET", JOBS));
}

#[tokio::test]
async fn a_busy_cluster_that_does_not_say_until_when_is_answered_with_a_guess() {
    let lab = hasty().await;
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::status(429, "TooManyRequests", "too busy")).always());
    let reply = status_directly(&lab.service, "hello").await;
    problem(&reply, 429, "TooManyRequests");
    assert_eq!(reply.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_cluster_that_stays_in_trouble_is_a_bad_gateway_in_its_own_words() {
    for (code, reason, expected) in EVERY_FAULT {
        let lab = hasty().await;
        lab.cluster.fault(Fault::new("GET", JOBS, Kind::status(code, reason, "etcd: leader changed")).always());
        let told = detail(&status_directly(&lab.service, "hello").await, expected, reason);
        assert_eq!(told, format!("the API server answered {code}: etcd: leader changed"));
    }
}

#[tokio::test]
async fn an_error_page_of_something_in_between_is_told_by_its_code_and_type_alone() {
    for code in [302, 404, 405, 418] {
        let lab = hasty().await;
        lab.cluster.fault(Fault::new("GET", JOBS, reply(code, &[], json!("<html>10.0.0.7 nginx</html>"))).always());
        let told = detail(&status_directly(&lab.service, "hello").await, 502, "upstream_bad_reply");
        let media = "text/plain; charset=utf-8";
        let answered = format!("the reply is not from Kubernetes: {code}, content type {media}, server unknown");
        assert_eq!(told, answered);
    }
}

#[tokio::test]
async fn a_cluster_that_is_down_is_unreachable_and_so_it_is_told() {
    let lab = hasty().await;
    lab.cluster.stop().await;
    let (service, next, team) = (&lab.service, manifest("next"), json!({ "namespace_name": "team-a" }));
    // A read comes first. Until the loss of the old connection is noticed, a change may be sent on it, and then it is
    // truly unknown whether it took effect.
    let read = status_directly(service, "hello").await;
    let changes = tokio::join!(
        create(service, &next),
        service.delete("/api/eks-delete-job?job_name=hello"),
        service.post("/api/eks-create-namespace", &team),
        service.delete("/api/eks-delete-namespace?namespace_name=team-a"),
    );
    for reply in [read].into_iter().chain(<[_; 4]>::from(changes)) {
        let told = detail(&reply, 502, "upstream_unreachable");
        assert_eq!(told, "the cluster's API server cannot be reached", "and no address, which is not the caller's");
    }
    let causes = lab.service.log_lines(5, |line| line.contains("reason=upstream_unreachable")).await;
    assert!(causes.iter().all(|line| line.contains("Connection refused") && line.contains(" ERROR ")), "{causes:?}");
    lab.cluster.restart_on_same_port().await;
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
}

#[tokio::test]
async fn a_connection_that_always_breaks_is_told_as_broken() {
    let lab = hasty().await;
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::CutBefore).always());
    problem(&status_directly(&lab.service, "hello").await, 502, "upstream_broken");
    assert!(lab.cluster.count("GET", JOBS) > 1);
}

#[tokio::test]
async fn a_reply_that_is_no_json_or_no_object_is_a_bad_reply() {
    let lab = patient().await;
    let not_a_job = json!({ "metadata": { "name": 7 } });
    for kind in [Kind::Garbage, reply(200, &[], json!("OK")), reply(200, &[], not_a_job)] {
        lab.cluster.fault(Fault::new("GET", JOBS, kind));
        problem(&status_directly(&lab.service, "hello").await, 502, "upstream_bad_reply");
    }
}

#[tokio::test]
async fn a_reply_without_end_is_not_read_to_its_end() {
    let lab = patient().await;
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::Huge((16 << 20) + 1)));
    problem(&status_directly(&lab.service, "hello").await, 502, "upstream_bad_reply");
    lab.service.log_line(|line| line.contains("upstream_bad_reply") && line.contains("more than 16 MiB")).await;
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200, "the next request is served");
}

#[tokio::test]
async fn a_read_that_is_held_up_is_given_up_in_time() {
    let lab = hasty().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::HoldBefore(gate.clone())).always());
    problem(&status_directly(&lab.service, "hello").await, 504, "upstream_timeout");
    gate.deserted().await;
    lab.cluster.clear_faults();
    assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
}

#[tokio::test]
async fn a_last_try_that_had_little_time_does_not_hide_what_an_earlier_one_was_told() {
    let lab = hasty().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::status(500, "InternalError", "etcd: leader changed")));
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::HoldBefore(gate.clone())).always());
    let told = detail(&status_directly(&lab.service, "hello").await, 502, "InternalError");
    assert_eq!(told, "the API server answered 500: etcd: leader changed");
    gate.deserted().await;
}

#[tokio::test]
async fn the_clusters_own_timeout_is_told_as_one() {
    let lab = lab().await;
    let kind = Kind::status(504, "Timeout", "request did not complete within the allotted timeout");
    lab.cluster.fault(Fault::new("DELETE", JOBS, kind));
    let told = detail(&lab.service.delete("/api/eks-delete-job?job_name=hello").await, 504, "Timeout");
    assert!(told.contains("did not complete") && told.contains("may have taken effect"), "{told}");
}

#[tokio::test]
async fn one_slow_request_holds_up_no_other() {
    let lab = patient().await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let slow_manifest = manifest("slow");
    let others = async {
        gate.held(1).await;
        for _ in 0..20 {
            assert_eq!(status_directly(&lab.service, "hello").await.status, 200);
        }
        gate.open();
    };
    let (slow, ()) = tokio::join!(create(&lab.service, &slow_manifest), others);
    assert_eq!(slow.status, 201);
    // The watch has one, and the slow request another. Each of the rest makes one more only if it meets those that are there
    // on their way back from the request before, so that soon there are enough.
    let connections = lab.cluster.connections();
    assert!(connections < 10, "{connections} for requests that could share one");
}

#[tokio::test]
async fn of_many_reads_at_a_time_some_wait_for_their_turn_and_changes_do_not() {
    const AT_A_TIME: usize = 128;
    let lab = Lab::with(BINARY, &[("EKS_API_RATE_LIMIT", "off"), ("EKS_API_PEER_RATE_LIMIT", "off")]).await;
    lab.cluster.put_job(manifest("hello"));
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("GET", JOBS, Kind::HoldBefore(gate.clone())).but_watches().always());
    let before = lab.cluster.connections();
    let (service, mut reads) = (Arc::new(lab.service), JoinSet::new());
    for _ in 0..AT_A_TIME + 40 {
        let service = Arc::clone(&service);
        reads.spawn(async move { status_directly(&service, "hello").await.status });
    }
    gate.held(AT_A_TIME).await;
    assert_eq!(create(&service, &manifest("other")).await.status, 201);
    let connections = lab.cluster.connections() - before;
    gate.open();
    assert!(reads.join_all().await.into_iter().all(|status| status == 200));
    // The create may have one of its own, and so may what the service asks by itself.
    assert!(connections <= AT_A_TIME + 3, "{connections}");
}
