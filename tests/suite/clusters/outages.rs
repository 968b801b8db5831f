//! One cluster is broken in every way, and the other one works: reads, changes, waits, streams.

use std::cell::Cell;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::join;
use tokio::net::TcpListener;

use super::{BOTH, EVENTS, HELLO, Lab, fill, hello, problem, to, until_known, until_status};
use crate::access::{job_in, own_job_in};
use crate::given::BINARY;
use crate::job_events::reader::Reader;
use crate::live::{complete, is_hit, until};
use crate::support::aws::Role;
use crate::support::clusters::Clusters;
use crate::support::service::{Reply, Service};
use crate::support::stub::{Fault, Gate, Kind};

const SHORT: [(&str, &str); 1] = [("EKS_API_REQUEST_TIMEOUT", "1s")];

/// Reads, changes, waits for and follows a job of the cluster.
async fn works(lab: &Lab, cluster: &str) {
    let service = &lab.service;
    assert!(is_hit(&service.get(&to(HELLO, cluster)).await.expect_status(200)));
    let direct = service.get_directly(&to(HELLO, cluster)).await.expect_status(200);
    assert_eq!(direct.json()["cluster"], cluster);
    let query = to(EVENTS, cluster)["/api/eks-watch-jobs?".len()..].to_owned();
    let mut events = Reader::open(service, &query).await;
    events.snapshot().await;
    let made = service.post(&to("/api/eks-create-job", cluster), &job_in("team-a", "made")).await;
    assert_eq!(made.expect_status(201).json()["cluster"], cluster);
    events.until("made").await;
    let wait = to("/api/eks-get-job-status?job_name=made&namespace=team-a&wait=5m", cluster);
    let ends = async {
        let is_open = |reply: &Reply| reply.text().contains("\neks_api_open_waits 1\n");
        until(async || service.get("/metrics").await, is_open).await;
        lab.clusters.stub(cluster).set_job_status("team-a", "made", complete());
    };
    let (waited, ()) = join!(service.get(&wait), ends);
    assert_eq!(waited.expect_status(200).json()["state"], "completed");
    let delete = to("/api/eks-delete-job?job_name=made&namespace=team-a&propagation_policy=Background", cluster);
    service.delete(&delete).await.expect_status(200);
}

/// Checks that the health of the service names the broken cluster alone, and that the service is ready.
async fn is_degraded(lab: &Lab, broken: &str) {
    until_status(&lab.service, broken, "degraded").await;
    let health = lab.service.get("/health").await.expect_status(200).json();
    assert_eq!(health["status"], "degraded");
    for report in health["clusters"].as_array().unwrap() {
        assert_eq!(report["status"], if report["cluster"] == broken { "degraded" } else { "healthy" }, "{health}");
    }
    lab.service.get("/readyz").await.expect_status(200);
}

#[tokio::test]
async fn a_cluster_that_refuses_connections_stops_no_other() {
    let lab = Lab::with(&SHORT).await;
    lab.b().stop().await;
    is_degraded(&lab, "b").await;
    works(&lab, "a").await;
    let refused = lab.service.get_directly(&to(HELLO, "b")).await;
    assert_eq!(refused.status, 502, "{}", refused.text());
    // What is known of its jobs is still answered.
    assert_eq!(lab.service.get(&to(HELLO, "b")).await.expect_status(200).json()["cluster"], "b");
    lab.b().restart_on_same_port().await;
    until_status(&lab.service, "b", "healthy").await;
    works(&lab, "b").await;
}

#[tokio::test]
async fn a_cluster_that_never_answers_stops_no_other() {
    // The system accepts the connections, and nobody reads them.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut clusters = Clusters::start(&BOTH).await;
    fill("a", clusters.stub("a"));
    clusters.has_static_endpoint("b");
    clusters.member("b").set("endpoint", &format!("https://{}", silent.local_addr().unwrap()));
    let service = clusters.builder(BINARY).envs(&SHORT).start().await;
    let lab = Lab { service, clusters };
    until_known(&lab.service, "a", 1).await;
    let of_b = to(HELLO, "b");
    let (asked, ()) = join!(lab.service.get(&of_b), works(&lab, "a"));
    assert_eq!(problem(&asked), (504, "upstream_timeout".to_owned()));
    lab.service.get("/readyz").await.expect_status(200);
}

#[tokio::test]
async fn a_cluster_that_stops_answering_stops_no_other() {
    let lab = Lab::with(&SHORT).await;
    let gate = Gate::new();
    lab.b().fault(Fault::new("*", "/", Kind::HoldBefore(gate.clone())).always());
    lab.b().close_connections().await;
    is_degraded(&lab, "b").await;
    let of_b = to(&format!("{HELLO}&details=true"), "b");
    let (asked, ()) = join!(lab.service.get(&of_b), works(&lab, "a"));
    assert_eq!(problem(&asked), (504, "upstream_timeout".to_owned()));
}

#[tokio::test]
async fn a_cluster_that_answers_500_stops_no_other() {
    let lab = Lab::with(&SHORT).await;
    let broken = Kind::status(500, "InternalError", "etcd is gone");
    lab.b().fault(Fault::new("*", "/", broken).always());
    lab.b().break_watches();
    is_degraded(&lab, "b").await;
    let of_b = to(&format!("{HELLO}&details=true"), "b");
    let (asked, ()) = join!(lab.service.get(&of_b), works(&lab, "a"));
    assert!(asked.status.is_server_error(), "{}", asked.text());
}

#[tokio::test]
async fn a_flood_of_changes_in_one_cluster_stops_no_other() {
    let lab = Lab::start().await;
    let flood = async {
        for round in 0_u32.. {
            lab.b().put_jobs((0..50).map(|number| {
                let mut job = own_job_in("team-a", &format!("flood-{number}"));
                job["metadata"]["uid"] = json!(format!("{number:08}-2222-4333-8444-555555555555"));
                job["status"] = json!({ "active": round });
                job
            }));
            tokio::task::yield_now().await;
            // The stub and the service need the processor too.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = works(&lab, "a") => {}
        () = flood => {}
    }
    lab.b().put_job(hello("b"));
    works(&lab, "b").await;
}

#[tokio::test]
async fn reloads_that_add_remove_and_change_a_cluster_fail_no_call_of_another() {
    let lab = Lab::start().await;
    let with_b = lab.clusters.text();
    let (alone, _) = with_b.split_once('\n').unwrap();
    let changed = with_b.replace("cluster=eks-b", "cluster=eks-b namespaces=team-*");
    let is_done = Cell::new(false);
    let calls = async {
        while !is_done.get() {
            works(&lab, "a").await;
        }
    };
    let reloads = async {
        for text in [alone, &with_b, &changed, alone, &changed, &with_b] {
            lab.reload(text).await;
        }
        is_done.set(true);
    };
    join!(calls, reloads);
    works(&lab, "a").await;
}

/// A service for both clusters. The roles of these clusters are refused.
async fn with_refused(refused: &[&str]) -> (Service, Clusters) {
    let mut clusters = Clusters::start(&BOTH).await;
    for name in refused {
        let arn = format!("arn:aws:iam::222222222222:role/{name}");
        clusters.assumes(name, Role::new(&arn));
        clusters.aws.distrusts(&arn);
    }
    let service = clusters.builder(BINARY).start().await;
    for name in BOTH {
        if refused.contains(&name) {
            until_status(&service, name, "degraded").await;
        } else {
            until_known(&service, name, 0).await;
        }
    }
    (service, clusters)
}

#[tokio::test]
async fn the_service_is_ready_while_one_cluster_can_be_used() {
    for broken in BOTH {
        let (service, _clusters) = with_refused(&[broken]).await;
        service.get("/readyz").await.expect_status(200);
        let health = service.get("/health").await.json();
        assert_eq!(health["status"], "degraded");
        let statuses: Vec<&Value> = health["clusters"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
        assert_eq!(statuses, BOTH.map(|name| if name == broken { "degraded" } else { "healthy" }));
    }
    let (service, _clusters) = with_refused(&BOTH).await;
    assert_eq!(problem(&service.get("/readyz").await), (503, "not_ready".to_owned()));
}
