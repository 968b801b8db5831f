//! The shortest way through everything.

use serde_json::json;

use crate::support::Lab;

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");

#[tokio::test]
async fn a_job_is_created_read_and_deleted() {
    let lab = Lab::start(BINARY).await;
    let manifest = json!({ "metadata": { "name": "hello" }, "spec": { "template": { "spec": {
        "restartPolicy": "Never", "containers": [{ "name": "c", "image": "busybox" }] } } } });
    let created = lab.service.post("/api/eks-create-job", &json!({ "job_manifest": manifest })).await;
    assert_eq!(created.status, 201, "{}", created.text());
    let status = lab.service.get("/api/eks-get-job-status?job_name=hello").await;
    assert_eq!(status.json()["state"], "pending");
    assert_eq!(lab.service.delete("/api/eks-delete-job?job_name=hello").await.status, 200);
    assert_eq!(lab.service.get("/api/eks-get-job-status?job_name=hello").await.status, 404);
}
