//! The service's own rules for namespaces, which hold before the cluster is asked at all.

use serde_json::json;

use crate::calls::{BINARY, CREATE_JOB, CREATE_NAMESPACE, detail, lab, manifest, problem, sent};
use crate::support::Lab;
use crate::support::service::Reply;

async fn create_job(lab: &Lab, namespace: &str) -> Reply {
    lab.service.post(CREATE_JOB, &json!({ "job_manifest": manifest("hello"), "namespace": namespace })).await
}

async fn create_namespace(lab: &Lab, name: &str) -> Reply {
    lab.service.post(CREATE_NAMESPACE, &json!({ "namespace_name": name })).await
}

async fn delete_namespace(lab: &Lab, name: &str) -> Reply {
    lab.service.delete(&format!("/api/eks-delete-namespace?namespace_name={name}")).await
}

#[tokio::test]
async fn the_namespaces_that_a_cluster_lives_by_cannot_be_deleted() {
    let lab = lab().await;
    for name in ["kube-system", "kube-public", "kube-node-lease", "default"] {
        let told = detail(&delete_namespace(&lab, name).await, 403, "namespace_protected");
        assert_eq!(told, format!("namespace {name} is protected and cannot be deleted"));
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn nothing_is_created_in_kubernetes_own_namespaces_whatever_is_set() {
    for settings in [vec![], vec![("EKS_API_ALLOWED_NAMESPACES", "kube-*"), ("EKS_API_PROTECTED_NAMESPACES", "x")]] {
        let lab = Lab::with(BINARY, &settings).await;
        for name in ["kube-system", "kube-public", "kube-node-lease", "kube-anything", "kube-"] {
            let valid = !name.ends_with('-');
            let (status, reason) = if valid { (403, "namespace_protected") } else { (422, "Invalid") };
            problem(&create_job(&lab, name).await, status, reason);
            problem(&create_namespace(&lab, name).await, status, reason);
            let mut own = manifest("hello");
            own["metadata"]["namespace"] = json!(name);
            let reply = lab.service.post(CREATE_JOB, &json!({ "job_manifest": own })).await;
            problem(&reply, status, reason);
        }
        assert_eq!(sent(&lab.cluster), [""; 0]);
    }
}

#[tokio::test]
async fn jobs_of_protected_namespaces_can_be_created_read_and_deleted() {
    let lab = Lab::with(BINARY, &[("EKS_API_PROTECTED_NAMESPACES", "default,prod-*")]).await;
    for namespace in ["default", "prod-1"] {
        assert_eq!(create_job(&lab, namespace).await.status, 201);
        let query = format!("job_name=hello&namespace={namespace}");
        assert_eq!(lab.service.get(&format!("/api/eks-get-job-status?{query}")).await.status, 200);
        assert_eq!(lab.service.delete(&format!("/api/eks-delete-job?{query}")).await.status, 200);
    }
}

#[tokio::test]
async fn the_list_of_protected_namespaces_is_a_setting_with_patterns() {
    let lab = Lab::with(BINARY, &[("EKS_API_PROTECTED_NAMESPACES", "prod-*, shared")]).await;
    for name in ["prod-1", "shared"] {
        assert_eq!(create_namespace(&lab, name).await.status, 201, "protected from deletion alone");
        problem(&delete_namespace(&lab, name).await, 403, "namespace_protected");
    }
    assert_eq!(lab.cluster.count("DELETE", "/"), 0);
    assert_eq!(create_namespace(&lab, "team-a").await.status, 201);
    assert_eq!(delete_namespace(&lab, "team-a").await.status, 200);
}

#[tokio::test]
async fn outside_the_allowed_namespaces_nothing_is_done_or_asked() {
    let lab = Lab::with(BINARY, &[("EKS_API_ALLOWED_NAMESPACES", "team-*,shared")]).await;
    for name in ["default", "prod", "steam-1", "shared2"] {
        let query = format!("job_name=hello&namespace={name}");
        for reply in [
            create_job(&lab, name).await,
            create_namespace(&lab, name).await,
            lab.service.get(&format!("/api/eks-get-job-status?{query}")).await,
            lab.service.get(&format!("/api/eks-get-job-status?{query}&details=true")).await,
            lab.service.delete(&format!("/api/eks-delete-job?{query}")).await,
        ] {
            let told = detail(&reply, 403, "namespace_not_allowed");
            assert_eq!(told, format!("this service works in the namespaces team-*, shared only, not in {name}"));
        }
    }
    problem(&delete_namespace(&lab, "prod").await, 403, "namespace_not_allowed");
    problem(&lab.service.get("/api/eks-get-job-status?job_name=hello").await, 403, "namespace_not_allowed");
    assert_eq!(sent(&lab.cluster), [""; 0]);

    for name in ["team-a", "shared"] {
        assert_eq!(create_job(&lab, name).await.status, 201);
        assert_eq!(delete_namespace(&lab, name).await.status, 200);
    }
}
