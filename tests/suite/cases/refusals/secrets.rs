//! What a caller learns of a service that is not ready: which check fails, and not why.

use eks_api::api::routes::Route;
use eks_api::api::routes::access::Access;
use serde_json::json;

use crate::access::{ALICE, ask, bearer, told};
use crate::calls::BINARY;
use crate::support::aws::AwsMock;
use crate::support::builder;

/// What AWS says of the role, with its ARN.
const WHY: &str = "is not authorized to perform";

/// A query with which the route's handler gets as far as the cluster.
fn query(route: Route) -> &'static str {
    match route {
        Route::GetJobStatus
        | Route::GetJobHistory
        | Route::DeleteJob
        | Route::GetJobLogs
        | Route::SuspendJob
        | Route::ResumeJob => "?job_name=hello",
        Route::GetBatchStatus | Route::DeleteBatch | Route::SuspendBatch | Route::ResumeBatch => "?batch_name=nightly",
        Route::DeleteNamespace | Route::GetNamespaceStatus => "?namespace_name=team-a",
        Route::TestWebhook => "?webhook=ops",
        _ => "",
    }
}

const fn is_of_history(route: Route) -> bool {
    use Route::{
        GetJobHistory, GetJobStats, JobStatsSvg, ListAudit, ListDeliveries, ListHistory, ListWebhooks, Redeliver,
        TestWebhook,
    };
    matches!(route, ListHistory | GetJobHistory | GetJobStats | JobStatsSvg | ListAudit)
        || matches!(route, ListWebhooks | ListDeliveries | Redeliver | TestWebhook)
}

#[tokio::test]
async fn b2_no_route_tells_why_the_cluster_cannot_be_used() {
    for auth in ["kubernetes", "none"] {
        let aws = AwsMock::start().await;
        aws.answers_recording("describe-cluster-access-denied");
        let service = builder(BINARY, &aws).env("EKS_API_AUTH", auth).start().await;
        service.log_line(|line| line.contains("check=cluster") && line.contains(WHY)).await;
        for route in Route::ALL {
            let body = match route {
                Route::CreateJob => Some(crate::given::job("hello")),
                Route::CreateBatch => Some(crate::access::batch_in("default")),
                Route::CreateNamespace => Some(json!({ "namespace_name": "team-a" })),
                _ => None,
            };
            let path = format!("{}{}", route.path(), query(route));
            let answer = ask(&service, route.method().as_str(), &path, &bearer(ALICE), body.as_ref()).await;
            let is_probe = matches!(route, Route::Health | Route::Readyz | Route::ListClusters);
            // Where everybody may call, everybody may know what is wrong: the probes say it.
            if !(is_probe && auth == "none") {
                assert!(!answer.body.contains(WHY) && !answer.body.contains("arn:aws"), "{route:?}: {answer:?}");
            }
            // A watch waits for the cluster, unless that has to judge the caller first.
            let waits = route == Route::WatchJobs && auth == "none";
            let needs_cluster = route.access() != Access::Open && !(is_probe && auth == "none");
            // The history needs the cluster only to judge the caller, and the service here keeps none.
            if is_of_history(route) && auth == "none" {
                assert_eq!(told(&answer).0, 501, "{route:?}: {answer:?}");
            } else if needs_cluster && !waits {
                assert_eq!(told(&answer).0, 503, "{route:?}: {answer:?}");
                assert_eq!(told(&answer).1, "not_ready", "{route:?}: {answer:?}");
            }
        }
        let lines = service.log_lines(1, |line| line.contains("operation=create_job")).await;
        assert!(lines[0].contains(WHY), "the log has the cause: {lines:?}");
    }
}
