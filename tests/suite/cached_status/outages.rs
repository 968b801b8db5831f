//! A watch that breaks, an API server that is gone, a right that is missing: what is known is still told, with its
//! age, and is right again afterwards.

use serde_json::json;

use crate::calls::{BINARY, JOBS, create, lab, manifest, problem, sent, status, status_directly};
use crate::live::{ALL_JOBS, complete, is_hit, own_job, until_status, until_watch_check, without_right_to};
use crate::support::stub::{Fault, Kind};
use crate::support::{Lab, builder, surroundings};

/// From now on the cluster lets nobody watch.
fn unwatchable(lab: &Lab) {
    let kind = Kind::status(503, "ServiceUnavailable", "the watch cache is being initialized");
    lab.cluster.fault(Fault::new("GET", ALL_JOBS, kind).of_watches().always());
    lab.cluster.break_watches();
}

#[tokio::test]
async fn while_the_watch_is_down_an_answer_tells_its_age() {
    let lab = lab().await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    unwatchable(&lab);
    let aged = until_status(&lab.service, "hello", |reply| reply.header("age").is_some()).await;
    assert!(is_hit(&aged));
    assert!(aged.header("age").unwrap().parse::<u32>().unwrap() < 3600);
    assert!(lab.service.get("/api/eks-list-jobs").await.header("age").is_some());
    let health = until_watch_check(&lab.service, "failed").await.json();
    assert_eq!(health["status"], "degraded");
    lab.service.log_line(|line| line.contains("check failed") && line.contains("check=watch")).await;
    assert_eq!(status_directly(&lab.service, "hello").await.header("age"), None, "this one is the cluster's own");

    lab.cluster.clear_faults();
    let live = until_status(&lab.service, "hello", |reply| reply.header("age").is_none()).await;
    assert!(is_hit(&live));
    assert_eq!(until_watch_check(&lab.service, "passed").await.json()["status"], "healthy");
}

#[tokio::test]
async fn what_is_known_is_told_while_the_api_server_is_down() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "1s")]).await;
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    lab.cluster.stop().await;
    let aged = until_status(&lab.service, "hello", |reply| reply.header("age").is_some()).await.expect_status(200);
    assert!(is_hit(&aged));
    let listed = lab.service.get("/api/eks-list-jobs").await.expect_status(200);
    assert_eq!(listed.json()["jobs"][0]["job_name"], "hello");
    problem(&status_directly(&lab.service, "hello").await, 502, "upstream_unreachable");
    problem(&status(&lab.service, "nope").await, 502, "upstream_unreachable");
    lab.cluster.restart_on_same_port().await;
    until_status(&lab.service, "hello", |reply| reply.header("age").is_none()).await.expect_status(200);
}

/// Changes one job and removes another while the watch is down, and lets it come back in this way.
async fn is_right_again_after(down: impl AsyncFn(&Lab), back: impl AsyncFn(&Lab)) {
    let lab = lab().await;
    for name in ["changes", "goes", "stays"] {
        create(&lab.service, &manifest(name)).await.expect_status(201);
    }
    down(&lab).await;
    until_status(&lab.service, "changes", |reply| reply.header("age").is_some()).await;
    lab.cluster.set_job_status("default", "changes", complete());
    lab.cluster.remove_job("default", "goes");
    lab.cluster.put_job(own_job("comes"));
    assert_eq!(status(&lab.service, "changes").await.json()["state"], "pending");
    assert_eq!(status(&lab.service, "goes").await.status, 200);

    let before = sent(&lab.cluster).len();
    back(&lab).await;
    let changed = until_status(&lab.service, "changes", |reply| reply.json()["state"] == "completed").await;
    assert!(is_hit(&changed));
    // Only the job that is gone is asked for, as it might be another tool's.
    until_status(&lab.service, "goes", |reply| reply.status == 404).await;
    assert!(is_hit(&until_status(&lab.service, "comes", is_hit).await));
    assert!(is_hit(&status(&lab.service, "stays").await));
    let reads = [format!("GET {JOBS}/goes"), format!("GET {JOBS}/comes")];
    assert!(sent(&lab.cluster)[before..].iter().all(|request| reads.contains(request)), "{:?}", sent(&lab.cluster));
    assert_eq!(until_status(&lab.service, "stays", |reply| reply.header("age").is_none()).await.status, 200);
}

#[tokio::test]
async fn after_a_broken_watch_the_new_one_goes_on_where_it_broke() {
    is_right_again_after(async |lab| unwatchable(lab), async |lab| lab.cluster.clear_faults()).await;
}

#[tokio::test]
async fn when_the_cluster_has_forgotten_where_the_watch_broke_all_jobs_are_listed_anew() {
    let back = async |lab: &Lab| {
        lab.cluster.compact();
        lab.cluster.clear_faults();
    };
    is_right_again_after(async |lab| unwatchable(lab), back).await;
}

#[tokio::test]
async fn after_the_api_servers_own_outage_all_is_known_again() {
    is_right_again_after(async |lab| lab.cluster.stop().await, async |lab| lab.cluster.restart_on_same_port().await)
        .await;
}

#[tokio::test]
async fn without_the_right_to_follow_jobs_everything_is_read_directly_and_health_says_why() {
    for verb in ["list", "watch"] {
        let lab = without_right_to(verb, &[]).await;
        let health = lab.service.get("/health").await.expect_status(200).json();
        assert_eq!(health["status"], "degraded");
        let detail = health["checks"]["watch"]["detail"].as_str().unwrap();
        assert!(detail.contains(&format!(r#"cannot {verb} resource "jobs""#)), "{detail}");
        let line = lab.service.log_line(|line| line.contains("check failed") && line.contains("check=watch")).await;
        assert!(line.contains(" WARN ") && line.contains("no right"), "{line}");
        lab.service.get("/readyz").await.expect_status(200);

        create(&lab.service, &manifest("hello")).await.expect_status(201);
        for active in 1..3 {
            lab.cluster.set_job_status("default", "hello", json!({ "active": active }));
            let read = status(&lab.service, "hello").await.expect_status(200);
            assert_eq!((is_hit(&read), &read.json()["active"]), (false, &json!(active)), "{verb}");
        }
        lab.service.post("/api/eks-suspend-job?job_name=hello", &json!({})).await.expect_status(200);
        let listed = lab.service.get("/api/eks-list-jobs").await;
        if verb == "list" {
            problem(&listed, 403, "Forbidden");
        } else {
            assert!(!is_hit(&listed.clone().expect_status(200)));
            assert_eq!(listed.json()["jobs"][0]["job_name"], "hello");
        }
        lab.service.delete("/api/eks-delete-job?job_name=hello").await.expect_status(200);
        problem(&status(&lab.service, "hello").await, 404, "NotFound");
    }
}

#[tokio::test]
async fn a_cluster_that_is_busy_while_the_service_starts_is_followed_a_little_later() {
    for watches in [false, true] {
        let (cluster, aws) = surroundings().await;
        cluster.put_job(own_job("hello"));
        let faults = [Kind::status(503, "ServiceUnavailable", "in trouble"), Kind::too_many(1), Kind::CutBefore];
        for kind in faults {
            let fault = Fault::new("GET", ALL_JOBS, kind);
            cluster.fault(if watches { fault.of_watches() } else { fault.but_watches() });
        }
        let service = builder(BINARY, &aws).start().await;
        service.ready().await;
        assert!(is_hit(&status(&service, "hello").await));
        assert_eq!(service.get("/health").await.json()["status"], "healthy");
    }
}
