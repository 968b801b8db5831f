//! The permits of each cluster. Of 8 calls of a kind, 2 are reserved for each of two clusters. The other 4 are shared, but
//! only a cluster whose last probe succeeded may take from them.

use tokio::join;

use super::{BOTH, EVENTS, HELLO, Lab, problem, to, until_status};
use crate::access::job_in;
use crate::given::BINARY;
use crate::live::until;
use crate::support::clusters::Clusters;
use crate::support::service::Reply;
use crate::support::stub::{Fault, Gate, Kind};
use crate::wire::Wire;

const LIMITS: [(&str, &str); 3] =
    [("EKS_API_MAX_REQUESTS", "8"), ("EKS_API_MAX_WAITS", "8"), ("EKS_API_MAX_STREAMS", "8")];
const RESERVED: usize = 2;
const SHARED: usize = 4;

/// A read that the API server holds.
const READ: &str = "/api/eks-get-namespace-status?namespace_name=team-a";
const JOBS: &str = "/apis/batch/v1/namespaces/team-a/jobs";

/// The kinds of calls: a call that lasts, and the metric that counts it.
const KINDS: [(&str, &str); 3] = [
    (READ, "eks_api_requests_in_flight"),
    ("/api/eks-get-job-status?job_name=hello&namespace=team-a&wait=5m", "eks_api_open_waits"),
    (EVENTS, "eks_api_open_streams"),
];

/// Makes calls that last, one after the other, until the metric shows so many.
async fn occupy(lab: &Lab, (path, metric): (&str, &str), cluster: &str, from: usize, to_count: usize) -> Vec<Wire> {
    let mut open = Vec::new();
    for count in from + 1..=to_count {
        let mut wire = Wire::connect(&lab.service).await;
        wire.send(&format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", to(path, cluster))).await;
        open.push(wire);
        let line = format!("\n{metric} {count}\n");
        until(async || lab.service.get("/metrics").await, |reply| reply.text().contains(&line)).await;
    }
    open
}

#[track_caller]
fn is_overloaded(reply: &Reply) {
    assert_eq!(problem(reply), (503, "overloaded".to_owned()));
    assert_eq!(reply.header("retry-after"), Some("1"));
}

/// Lets the API servers hold the reads, and returns the gate of both.
fn hold_reads(lab: &Lab) -> Gate {
    let gate = Gate::new();
    for name in BOTH {
        let hold = Kind::HoldBefore(gate.clone());
        lab.clusters.stub(name).fault(Fault::new("GET", "/api/v1/namespaces/team-a", hold).always());
    }
    gate
}

/// Waits until no call of this kind is open.
async fn until_none(lab: &Lab, metric: &str) {
    let line = format!("\n{metric} 0\n");
    until(async || lab.service.get("/metrics").await, |reply| reply.text().contains(&line)).await;
}

#[tokio::test]
async fn a_cluster_that_takes_all_shared_permits_leaves_the_other_its_reserve_of_each_kind() {
    let lab = Lab::with(&LIMITS).await;
    let gate = hold_reads(&lab);
    let all = RESERVED + SHARED;
    for kind in KINDS {
        let of_b = occupy(&lab, kind, "b", 0, all).await;
        is_overloaded(&lab.service.get(&to(kind.0, "b")).await);
        let of_a = occupy(&lab, kind, "a", all, all + RESERVED).await;
        is_overloaded(&lab.service.get(&to(kind.0, "a")).await);
        // A status from memory needs no permit.
        for name in BOTH {
            lab.service.get(&to(HELLO, name)).await.expect_status(200);
        }
        if kind.0 == READ {
            gate.open();
            for mut wire in of_a.into_iter().chain(of_b) {
                assert_eq!(wire.answer().await.status(), 200);
            }
        } else {
            drop((of_a, of_b));
        }
        until_none(&lab, kind.1).await;
    }
}

#[tokio::test]
async fn a_cluster_whose_probe_failed_has_its_reserve_and_no_more() {
    let clusters = Clusters::start(&BOTH).await;
    for name in BOTH {
        super::fill(name, clusters.stub(name));
    }
    let broken = Kind::status(500, "InternalError", "etcd is gone");
    clusters.stub("b").fault(Fault::new("GET", "/version", broken).always());
    let service = clusters.builder(BINARY).envs(&LIMITS).start().await;
    let lab = Lab { service, clusters };
    super::until_known(&lab.service, "a", 1).await;
    let is_known = |reply: &Reply| {
        let checks = reply.json()["clusters"][1]["checks"].clone();
        checks["kubernetes"]["status"] == "failed" && checks["watch"]["status"] == "passed"
    };
    until(async || lab.service.get("/health").await, is_known).await;
    let _gate = hold_reads(&lab);
    for kind in KINDS {
        let of_b = occupy(&lab, kind, "b", 0, RESERVED).await;
        is_overloaded(&lab.service.get(&to(kind.0, "b")).await);
        let of_a = occupy(&lab, kind, "a", RESERVED, 2 * RESERVED + SHARED).await;
        is_overloaded(&lab.service.get(&to(kind.0, "a")).await);
        is_overloaded(&lab.service.get(&to(kind.0, "b")).await);
        drop((of_a, of_b));
        until_none(&lab, kind.1).await;
    }
}

#[tokio::test]
async fn changes_that_hang_in_one_cluster_leave_the_other_its_reserve() {
    let limits = [("EKS_API_MAX_WRITES", "4"), ("EKS_API_MAX_REQUESTS", "16")];
    let lab = Lab::with(&limits).await;
    let gate = Gate::new();
    lab.b().fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())).always());
    // One caller may have half of the changes, so each has its own address.
    let mut open = Vec::new();
    for number in 1..=3 {
        let mut wire = Wire::connect_from(&format!("127.0.0.{}", number + 1), &lab.service).await;
        let body = job_in("team-a", &format!("held-{number}")).to_string();
        let head = "Host: localhost\r\nContent-Type: application/json";
        let length = body.len();
        let request =
            format!("POST /api/eks-create-job?cluster=b HTTP/1.1\r\n{head}\r\nContent-Length: {length}\r\n\r\n");
        wire.send(&(request + &body)).await;
        open.push(wire);
        gate.held(number).await;
    }
    let [in_b, in_a] = ["b", "a"].map(|name| to("/api/eks-create-job", name));
    let body = job_in("team-a", "made");
    // The first waits for a permit, and the changes of A do not wait for it.
    let (refused, made) = join!(lab.service.post(&in_b, &body), async {
        for name in ["made", "more", "last"] {
            lab.service.post(&in_a, &job_in("team-a", name)).await.expect_status(201);
        }
        lab.service.get(&to(READ, "b")).await
    });
    is_overloaded(&refused);
    assert_eq!(made.status, 200, "reads of B go on");
    gate.open();
    for mut wire in open {
        assert_eq!(wire.answer().await.status(), 201);
    }
    until_status(&lab.service, "b", "healthy").await;
}
