//! How often, and how many changes at a time: what is refused before anything is asked of the cluster, and what is told
//! of it.

use serde_json::{Value, json};

use super::{
    ALICE, FORGED, ask, bearer, create_as, get_as, job_in, keygen, own_job_in, reason, since, tokens, until_known,
    with_keys, with_users,
};
use crate::given::{BINARY, JOBS, job};
use crate::live::{complete, until};
use crate::support::Lab;
use crate::support::service::Service;
use crate::support::stub::{Fault, Gate, Kind};
use crate::wire::{Answer, Wire, create_head};

/// More than a bucket of one call a second lets through while a test makes them.
const MANY: usize = 40;
const NAMESPACES: &str = "/api/eks-list-namespaces";

/// One value of /metrics, by all that stands before it.
async fn metric(service: &Service, sample: &str) -> usize {
    let text = service.get("/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{sample} is not in {text}")).parse().unwrap()
}

async fn refused(service: &Service, limit: &str) -> usize {
    metric(service, &format!("eks_api_refused_total{{limit=\"{limit}\"}}")).await
}

/// How many of these calls were let through. All others were told to come later.
#[track_caller]
fn let_through(answers: &[Answer], kind: &str) -> usize {
    let (late, others): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 429);
    for answer in &late {
        assert_eq!(reason(answer), (429, "rate_limited".to_owned()));
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.header("ratelimit"), Some(format!("\"{kind}\";r=0;t=1").as_str()));
        assert_eq!(answer.header("ratelimit-policy"), Some(format!("\"{kind}\";q=2;w=2").as_str()));
    }
    assert!(!late.is_empty(), "all {} were let through", answers.len());
    others.len()
}

#[tokio::test]
async fn strangers_cannot_make_the_service_hammer_the_cluster() {
    let lab = with_users(&[("EKS_API_PEER_RATE_LIMIT", "1")]).await;
    let (before, mut answers) = (lab.cluster.requests().len(), Vec::new());
    for at in 0..MANY {
        // A new token and a new question each time, of which nothing can be remembered.
        let (token, path) = (format!("{FORGED}{at}"), format!("/api/eks-list-jobs?namespace=team-{at}"));
        answers.push(match at % 3 {
            0 => get_as(&lab.service, &token, &path).await,
            1 => get_as(&lab.service, &token, NAMESPACES).await,
            _ => create_as(&lab.service, &token, &job_in("team-a", "hello")).await,
        });
    }
    let passed = let_through(&answers, "peer");
    assert_eq!(since(&lab.cluster, before).len(), passed, "what is refused asks nothing");
    assert_eq!(refused(&lab.service, "peer").await, MANY - passed);
}

#[tokio::test]
async fn whoever_tries_keys_is_stopped_by_the_limit_of_its_address() {
    let key = keygen("ci", "read", "*").await;
    let lab = with_keys(&[&key], &[("EKS_API_PEER_RATE_LIMIT", "1")]).await;
    for lines in [String::new(), bearer(FORGED), "X-API-Key: guess\r\n".to_owned()] {
        let (before, mut answers) = (refused(&lab.service, "peer").await, Vec::new());
        for _ in 0..MANY {
            answers.push(ask(&lab.service, "GET", "/api/eks-list-jobs", &lines, None).await);
        }
        let passed = let_through(&answers, "peer");
        assert!(answers.iter().all(|answer| [401, 429].contains(&answer.status())));
        let told = refused(&lab.service, "peer").await - before;
        assert_eq!(told, MANY - passed);
    }
    // A status from memory is still told to those who may see it, and the probes to everybody.
    lab.cluster.put_job(own_job_in("team-a", "hello"));
    until_known(&lab, 1).await;
    let path = "/api/eks-get-job-status?job_name=hello&namespace=team-a";
    assert_eq!(get_as(&lab.service, &key.secret, path).await.status(), 200);
    lab.service.get("/livez").await.expect_status(200);
}

#[tokio::test]
async fn whatever_is_no_call_is_counted_by_its_address() {
    let key = keygen("ci", "read", "*").await;
    let lab = with_keys(&[&key], &[("EKS_API_PEER_RATE_LIMIT", "1")]).await;
    let (host, known) = ("Host: evil.example\r\n", bearer(&key.secret));
    for (method, path, lines, status) in [
        ("GET", "/nowhere", "", 404),
        ("POST", "/nowhere", "", 404),
        ("GET", "/api/eks-create-job", "", 405),
        ("OPTIONS", "/api/eks-create-job", "", 204),
        ("GET", "/health", host, 421),
        ("GET", "/health?surprise=1", "", 400),
        ("GET", "/api/eks-list-jobs", host, 421),
        ("GET", "/api/eks-list-jobs?surprise=1", &known, 400),
        ("GET", "/api/eks-list-jobs", &(known.clone() + "Accept: text/html\r\n"), 406),
        ("POST", "/api/eks-create-job", &known, 403),
    ] {
        let (before, mut answers) = (refused(&lab.service, "peer").await, Vec::new());
        for _ in 0..MANY {
            answers.push(ask(&lab.service, method, path, lines, None).await);
        }
        let passed = let_through(&answers, "peer");
        assert!(answers.iter().all(|answer| [status, 429].contains(&answer.status())), "{method} {path}: {answers:?}");
        assert_eq!(refused(&lab.service, "peer").await - before, MANY - passed, "{method} {path}");
    }
    lab.service.get("/livez").await.expect_status(200);
}

#[tokio::test]
async fn a_caller_that_calls_too_often_is_stopped_and_no_other() {
    let (old, new, other) =
        (keygen("ci", "read", "*").await, keygen("ci", "read", "*").await, keygen("other", "read", "*").await);
    let lab = with_keys(&[&old, &new, &other], &[("EKS_API_RATE_LIMIT", "1")]).await;
    let (before, mut answers) = (lab.cluster.requests().len(), Vec::new());
    for at in 0..MANY {
        let key = if at % 2 == 0 { &old } else { &new };
        answers.push(get_as(&lab.service, &key.secret, NAMESPACES).await);
    }
    let passed = let_through(&answers, "caller");
    assert_eq!(since(&lab.cluster, before).len(), passed);
    assert_eq!(refused(&lab.service, "caller").await, MANY - passed);
    assert_eq!(get_as(&lab.service, &other.secret, NAMESPACES).await.status(), 200);
}

#[tokio::test]
async fn what_memory_answers_is_not_counted() {
    let lab = with_users(&[("EKS_API_RATE_LIMIT", "1"), ("EKS_API_PEER_RATE_LIMIT", "1")]).await;
    lab.cluster.put_job(own_job_in("team-a", "hello"));
    until_known(&lab, 1).await;
    let path = "/api/eks-get-job-status?job_name=hello&namespace=team-a";
    let counted = get_as(&lab.service, ALICE, path).await;
    assert_eq!((counted.status(), counted.header("ratelimit").is_some()), (200, true), "the cluster was asked");
    for _ in 0..MANY {
        let answer = get_as(&lab.service, ALICE, path).await;
        assert_eq!((answer.status(), answer.header("ratelimit")), (200, None));
    }
    assert_eq!((refused(&lab.service, "peer").await, refused(&lab.service, "caller").await), (0, 0));
}

#[tokio::test]
async fn a_counted_call_is_told_what_is_left() {
    let key = keygen("ci", "read", "*").await;
    let (open, keyed) = (Lab::start(BINARY).await, with_keys(&[&key], &[]).await);
    for (lab, lines, left, policy) in [
        (&open, String::new(), "\"peer\";r=1999;t=1", "\"peer\";q=2000;w=2"),
        (&keyed, bearer(&key.secret), "\"caller\";r=999;t=1", "\"caller\";q=1000;w=2"),
    ] {
        let answer = ask(&lab.service, "GET", NAMESPACES, &lines, None).await;
        assert_eq!((answer.header("ratelimit"), answer.header("ratelimit-policy")), (Some(left), Some(policy)));
    }
}

#[tokio::test]
async fn switched_off_there_is_no_limit_and_nothing_is_told_of_one() {
    let lab = Lab::with(BINARY, &[("EKS_API_RATE_LIMIT", "off"), ("EKS_API_PEER_RATE_LIMIT", "off")]).await;
    for _ in 0..MANY {
        let answer = ask(&lab.service, "GET", NAMESPACES, "", None).await;
        assert_eq!((answer.status(), answer.header("ratelimit")), (200, None));
    }
}

/// Waits until so many calls are being worked on.
async fn until_under_way(service: &Service, calls: u32) {
    let sample = format!("\neks_api_requests_in_flight {calls}\n");
    until(async || service.get("/metrics").await, |reply| reply.text().contains(&sample)).await;
}

#[tokio::test]
async fn changes_beyond_the_limit_wait_for_their_turn() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_WRITES", "1")]).await;
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    // Whose turn does not come soon enough, comes again: how soon that is, is tested where the clock stands still.
    let create = async |name: &str| {
        let create = async || lab.service.post("/api/eks-create-job", &job(name)).await;
        until(create, |reply| reply.status != 503).await
    };
    let then = async {
        gate.held(1).await;
        until_under_way(&lab.service, 2).await;
        assert_eq!(lab.cluster.count("POST", JOBS), 1, "the other waits here");
        gate.open();
    };
    let (one, other, ()) = tokio::join!(create("one"), create("other"), then);
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (201, 201));
}

#[tokio::test]
async fn every_kind_of_change_takes_a_turn_and_is_refused_if_none_comes() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_WRITES", "1")]).await;
    lab.cluster.put_job(own_job_in("default", "hello"));
    let gate = Gate::new();
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::HoldBefore(gate.clone())));
    let mut first = Wire::connect(&lab.service).await;
    first.create("one").await;
    gate.held(1).await;
    let before = lab.cluster.requests().len();
    let change = async |method: &'static str, path: &'static str, body: Option<Value>| {
        let answer = ask(&lab.service, method, &format!("/api/eks-{path}"), "", body.as_ref()).await;
        assert_eq!(reason(&answer), (503, "overloaded".to_owned()), "{path}");
        assert_eq!(answer.header("retry-after"), Some("1"));
    };
    tokio::join!(
        change("POST", "create-job", Some(job_in("default", "other"))),
        change("DELETE", "delete-job?job_name=hello", None),
        change("POST", "suspend-job?job_name=hello", None),
        change("POST", "resume-job?job_name=hello", None),
        change("POST", "create-namespace", Some(json!({ "namespace_name": "team-a" }))),
        change("DELETE", "delete-namespace?namespace_name=team-b", None),
        // Reads have nothing to do with it.
        async { assert_eq!(ask(&lab.service, "GET", NAMESPACES, "", None).await.status(), 200) },
    );
    assert_eq!(since(&lab.cluster, before).len(), 1, "the read");
    assert_eq!(refused(&lab.service, "writes").await, 6);
    assert_eq!(metric(&lab.service, "eks_api_limit{limit=\"writes\"}").await, 1);
    gate.open();
    assert_eq!(first.answer().await.status(), 201);
}

#[tokio::test]
async fn neither_a_body_that_is_slow_nor_a_wait_keeps_others_from_their_turn() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_WRITES", "1")]).await;
    let mut slow = Wire::connect(&lab.service).await;
    slow.send(&(create_head("Content-Length: 1000") + "{")).await;
    let mut waiting = job("waits");
    waiting["wait"] = json!("1m");
    let others = async {
        until(async || lab.service.get("/metrics").await, |reply| reply.text().contains("\neks_api_open_waits 1\n"))
            .await;
        lab.service.post("/api/eks-create-job", &job("other")).await.expect_status(201);
        lab.cluster.set_job_status("default", "waits", complete());
    };
    let (waited, ()) = tokio::join!(lab.service.post("/api/eks-create-job", &waiting), others);
    assert_eq!(waited.expect_status(201).json()["job"]["state"], "completed");
    let by_whom = lab.cluster.requests();
    assert!(tokens(&by_whom).iter().all(|token| token.starts_with("k8s-aws-v1.")));
}
