//! The permits of changes: given back in every pause, and never all with one caller.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinSet;

use super::without_reason;
use crate::access::{Key, create_as, job_in, keygen, with_keys};
use crate::calls::{BINARY, CREATE_JOB, JOBS, NAMESPACES, create, manifest};
use crate::support::Lab;
use crate::support::stub::{Fault, Gate, Kind};

/// A failure after which the service is to pause for a second.
fn later(code: u16) -> Kind {
    let body = json!({ "kind": "Status", "code": code, "message": "not now" });
    super::reply(code, &[("retry-after", "1")], body)
}

#[tokio::test]
async fn c1_a_call_that_pauses_holds_no_permit() {
    // In turn: the client pauses, the create does, and so does the creation of its namespace.
    for (path, code) in [(JOBS, 429), (JOBS, 503), (NAMESPACES, 503)] {
        let lab = Lab::with(BINARY, &[("EKS_API_MAX_WRITES", "1")]).await;
        lab.cluster.fault(Fault::new("POST", path, later(code)));
        let namespace = if path == NAMESPACES { "fresh" } else { "default" };
        let body = json!({ "job_manifest": manifest("slow"), "namespace": namespace });
        let slow = lab.service.post(CREATE_JOB, &body);
        let other = async {
            lab.cluster.wait_for("POST", path, 1).await;
            create(&lab.service, &manifest("quick")).await.expect_status(201);
            assert!(lab.cluster.job(namespace, "slow").is_none(), "{path} {code}: it came first");
        };
        let (slow, ()) = tokio::join!(slow, other);
        slow.expect_status(201);
    }
}

#[tokio::test]
async fn c1_one_caller_leaves_half_of_the_permits_to_others() {
    let (one, other) = (keygen("one", "write", "*").await, keygen("other", "write", "*").await);
    let lab = with_keys(&[&one, &other], &[("EKS_API_MAX_WRITES", "4")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())).times(2));
    let hold = async |name: &str| create_as(&lab.service, &one.secret, &job_in("default", name)).await.status();
    let others = async {
        gate.held(2).await;
        let before = lab.cluster.count("POST", JOBS);
        for name in ["d", "e", "f"] {
            assert_eq!(create_as(&lab.service, &other.secret, &job_in("default", name)).await.status(), 201);
        }
        assert_eq!(lab.cluster.count("POST", JOBS), before + 3, "the third of the first caller has to wait");
        gate.open();
    };
    let (a, b, c, ()) = tokio::join!(hold("a"), hold("b"), hold("c"), others);
    assert_eq!((a, b, c), (201, 201, 201));
}

const WRITERS: usize = 8;
const CREATES_OF_EACH: usize = 100;

/// How long 99 of 100 creates of the writers took at most.
async fn p99(lab: &Arc<Lab>, key: &Arc<Key>, round: &str) -> Duration {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (lab, key, round) = (Arc::clone(lab), Arc::clone(key), round.to_owned());
        writers.spawn(async move {
            let mut times = Vec::new();
            for number in 0..CREATES_OF_EACH {
                let (begun, name) = (Instant::now(), format!("{round}-{writer}-{number}"));
                let created = create_as(&lab.service, &key.secret, &job_in("default", &name)).await;
                assert_eq!(created.status(), 201, "{created:?}");
                times.push(begun.elapsed());
            }
            times
        });
    }
    let mut times: Vec<Duration> = writers.join_all().await.into_iter().flatten().collect();
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints times, which tell something only of a release build on a quiet machine"]
async fn c1_writers_beside_a_thousand_creates_that_are_refused() {
    let (good, bad) = (keygen("good", "write", "*").await, keygen("bad", "write", "*").await);
    let settings = [("EKS_API_RATE_LIMIT", "off"), ("EKS_API_PEER_RATE_LIMIT", "off"), ("LOG_LEVEL", "INFO")];
    let lab = Arc::new(with_keys(&[&good, &bad], &settings).await);
    lab.cluster.put_namespace(json!({ "metadata": { "name": "bad" } }));
    let kind = without_reason(500, "admission webhook \"policy.example.com\" denied the request: no");
    lab.cluster.fault(Fault::new("POST", "/apis/batch/v1/namespaces/bad/jobs", kind).always());
    let (good, bad) = (Arc::new(good), Arc::new(bad));
    let quiet = p99(&lab, &good, "quiet").await;
    let mut flood = JoinSet::new();
    for flooder in 0..50 {
        let (lab, bad) = (Arc::clone(&lab), Arc::clone(&bad));
        flood.spawn(async move {
            for number in 0..20 {
                let body = job_in("bad", &format!("bad-{flooder}-{number}"));
                let refused = create_as(&lab.service, &bad.secret, &body).await.status();
                assert!([422, 503].contains(&refused), "{refused}");
            }
        });
    }
    let busy = p99(&lab, &good, "busy").await;
    flood.join_all().await;
    println!("p99 of a create: quiet {quiet:?}, beside 1,000 refused creates {busy:?}");
}
