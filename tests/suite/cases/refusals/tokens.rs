//! Our own token, refused by a cluster that accepted it before.

use crate::calls::{BINARY, JOBS, create, detail, lab, manifest, status_directly};
use crate::support::Lab;
use crate::support::stub::{Fault, Kind};

#[tokio::test]
async fn sts_throttle_401_is_waited_out_by_a_create_and_by_a_read() {
    let lab = lab().await;
    lab.cluster.fault(Fault::new("*", JOBS, Kind::Unauthorized).times(4));
    create(&lab.service, &manifest("hello")).await.expect_status(201);
    assert_eq!(lab.cluster.count("POST", JOBS), 5);
    lab.cluster.fault(Fault::new("*", JOBS, Kind::Unauthorized).times(2));
    status_directly(&lab.service, "hello").await.expect_status(200);
}

#[tokio::test]
async fn sts_throttle_401_that_outlasts_the_call_is_never_the_callers_401() {
    let lab = Lab::with(BINARY, &[("EKS_API_REQUEST_TIMEOUT", "2s")]).await;
    lab.cluster.fault(Fault::new("*", JOBS, Kind::Unauthorized).always());
    let told = detail(&create(&lab.service, &manifest("hello")).await, 502, "upstream_unauthorized");
    assert!(told.contains("access entry") && !told.contains("effect"), "{told}");
}

#[tokio::test]
async fn b8_of_many_refused_calls_few_load_credentials() {
    let (cluster, aws) = crate::support::surroundings().await;
    let service = crate::given::with_container_credentials(&aws).env("EKS_API_REQUEST_TIMEOUT", "1s").start().await;
    service.ready().await;
    let before = crate::given::loads(&aws);
    cluster.fault(Fault::new("GET", JOBS, Kind::Unauthorized).always());
    for _ in 0..3 {
        status_directly(&service, "hello").await.expect_status(502);
    }
    assert_eq!(crate::given::loads(&aws) - before, 1);
}
