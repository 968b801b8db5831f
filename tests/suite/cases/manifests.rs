//! Bodies and manifests: their form, their names, and what the service adds to them.

mod files;
mod forms;
mod names;

use serde_json::{Value, json};

use crate::calls::{CREATE_JOB, JOBS, create, detail, lab, manifest, nameless, problem, sent};
use crate::support::service::Reply;
use crate::support::stub::{Fault, Kind, StubCluster};
use crate::support::{Lab, fixture};

const JSON: (&str, &str) = ("content-type", "application/json");

/// Sends a body as it is written.
async fn create_raw(lab: &Lab, body: impl Into<Vec<u8>>) -> Reply {
    lab.service.send("POST", CREATE_JOB, &[JSON], body.into()).await
}

/// The jobs that were sent to the cluster.
fn posted(cluster: &StubCluster) -> Vec<Value> {
    cluster.requests().into_iter().filter(|request| request.method == "POST").map(|request| request.body).collect()
}

fn warnings(reply: &Reply) -> Vec<String> {
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["warnings"].as_array().unwrap().iter().map(|warning| warning.as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn kind_list_and_what_else_is_not_a_job_is_named_with_a_way_out() {
    let lab = lab().await;
    let mut pod = manifest("c");
    pod["apiVersion"] = json!("v1");
    pod["kind"] = json!("Pod");
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [manifest("t1")] });
    for (manifest, named) in
        [(list, "got v1 List, want batch/v1 Job: send each Job"), (pod, "got v1 Pod, want batch/v1 Job")]
    {
        let told = problem(&create(&lab.service, &manifest).await, 400, "BadRequest");
        assert!(told["detail"].as_str().unwrap().contains(named), "{told}");
        assert_eq!(told["causes"][0]["field"], "job_manifest.kind");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn annotations_256k_that_only_the_services_own_make_too_many_are_said_to_be_so() {
    let lab = lab().await;
    let create_with = async |size: usize| {
        let mut wanted = manifest(&format!("an{size}"));
        wanted["metadata"]["annotations"] = json!({ "big": "x".repeat(size - 3) });
        create(&lab.service, &wanted).await
    };
    let told = problem(&create_with(262_100).await, 422, "Invalid");
    assert_eq!(told["causes"][0]["field"], "job_manifest.metadata.annotations");
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("have 262100 bytes") && detail.contains("the service adds"), "{detail}");
    assert_eq!(sent(&lab.cluster), [""; 0]);
    // As many as it says are left out.
    let (_, less) = detail.rsplit_once(' ').unwrap();
    let size = 262_100 - less.parse::<usize>().unwrap();
    assert_eq!(create_with(size).await.status, 201);
    let annotations = &posted(&lab.cluster)[0]["metadata"]["annotations"];
    let bytes = |(key, value): (&String, &Value)| key.len() + value.as_str().unwrap().len();
    assert_eq!(annotations.as_object().unwrap().iter().map(bytes).sum::<usize>(), 262_144);
}

#[tokio::test]
async fn rv_on_create_a_dump_becomes_a_new_job() {
    let lab = lab().await;
    // The API server refuses it as it is: fixtures/kubernetes-1.36/job-create-dump.json.
    let mut dump = fixture("kubernetes-1.36/job-create-dump")["request"]["body"].take();
    dump["metadata"]["namespace"] = json!("default");
    dump["metadata"]["labels"]["team"] = json!("a");
    dump["spec"]["template"]["metadata"]["labels"]["team"] = json!("a");
    dump["metadata"]["annotations"] = json!({ "note": "kept", "kubectl.kubernetes.io/last-applied-configuration": "{}",
        "cronjob.kubernetes.io/instantiate": "manual", "eks-api/request-id": "old", "eks-api/create-id": "old" });
    dump["metadata"]["ownerReferences"] = json!([{ "kind": "CronJob", "name": "etl" }]);
    let reply = create(&lab.service, &dump).await;
    let warnings = warnings(&reply);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    for dropped in [
        "metadata.uid",
        "metadata.resourceVersion",
        "metadata.managedFields",
        "metadata.ownerReferences",
        "spec.selector",
        "spec.template.metadata.labels.controller-uid",
        "metadata.annotations[eks-api/create-id]",
        "status",
    ] {
        assert!(warnings[0].contains(dropped), "{dropped}: {warnings:?}");
    }
    assert_eq!(reply.json()["job_name"], "again");
    let posted = &posted(&lab.cluster)[0];
    let mut metadata = posted["metadata"].clone();
    let annotations = metadata["annotations"].take();
    let labels = json!({ "app": "eks-api", "job-id": "again", "team": "a" });
    assert_eq!(metadata, json!({ "name": "again", "namespace": "default", "labels": labels, "annotations": null }));
    assert_eq!(annotations["note"], "kept");
    assert_ne!(annotations["eks-api/create-id"], "old");
    let names: Vec<&String> = annotations.as_object().unwrap().keys().collect();
    assert_eq!(names, ["eks-api/create-id", "eks-api/request-id", "note"]);
    assert_eq!(posted["spec"]["template"]["metadata"]["labels"], json!({ "team": "a" }));
    assert_eq!((&posted["spec"]["selector"], &posted["spec"]["suspend"]), (&Value::Null, &Value::Null));
    assert_eq!(posted["spec"]["template"]["spec"], dump["spec"]["template"]["spec"]);
    assert_eq!(posted.get("status"), None);
    // The name stays, so the second one finds it taken.
    problem(&create(&lab.service, &dump).await, 409, "AlreadyExists");
}

#[tokio::test]
async fn labels_of_the_pods_become_the_jobs_as_kubernetes_does_it() {
    let lab = lab().await;
    let recorded = fixture("kubernetes-1.36/job-create-no-labels");
    let without = &recorded["request"]["body"];
    assert_eq!(warnings(&create(&lab.service, without).await), [""; 0]);
    let mut with = without.clone();
    with["metadata"] = json!({ "name": "own", "labels": { "team": "a", "app": "mine", "job-id": "own" } });
    let warnings = warnings(&create(&lab.service, &with).await);
    assert_eq!(warnings, [r#"metadata.labels.app: "mine" is replaced by "eks-api", which the service sets"#]);
    let labels: Vec<Value> = posted(&lab.cluster).iter().map(|job| job["metadata"]["labels"].clone()).collect();
    // What Kubernetes made of it had tier=x and, of the pods' own, app.
    assert_eq!(recorded["response"]["body"]["metadata"]["labels"]["tier"], "x");
    assert_eq!(labels[0], json!({ "app": "eks-api", "job-id": "plain", "tier": "x" }));
    assert_eq!(labels[1], json!({ "app": "eks-api", "job-id": "own", "team": "a" }));
}

#[tokio::test]
async fn what_belongs_to_the_service_is_422() {
    let lab = lab().await;
    for kind in ["labels", "annotations"] {
        let mut wanted = manifest("hello");
        wanted["metadata"][kind] = json!({ "eks-api/create-id": "mine" });
        let told = problem(&create(&lab.service, &wanted).await, 422, "Invalid");
        assert_eq!(told["causes"][0]["field"], format!("job_manifest.metadata.{kind}"));
        assert!(told["detail"].as_str().unwrap().contains("eks-api/create-id"), "{told}");
    }
    assert_eq!(sent(&lab.cluster), [""; 0]);
}

#[tokio::test]
async fn an_image_with_a_placeholder_is_a_warning() {
    let lab = lab().await;
    let mut wanted = manifest("hello");
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = json!("registry.example.com/app:${TAG}");
    let warnings = warnings(&create(&lab.service, &wanted).await);
    assert!(warnings[0].starts_with("spec.template.spec.containers[0].image: "), "{warnings:?}");
    assert_eq!(warnings.len(), 1);
}

#[tokio::test]
async fn a_wrong_type_is_named_by_its_place_in_the_manifest() {
    let lab = lab().await;
    let mut wanted = manifest("hello");
    wanted["spec"]["template"]["spec"]["containers"][0]["env"] =
        json!([{ "name": "A", "value": "" }, { "name": "B", "value": 8080 }]);
    let says = "Job in version \"v1\" cannot be handled as a Job: json: cannot unmarshal number into Go struct field \
        EnvVar.spec.template.spec.containers.env.value of type string";
    lab.cluster.fault(Fault::new("POST", JOBS, Kind::status(400, "BadRequest", says)));
    let told = problem(&create(&lab.service, &wanted).await, 400, "BadRequest");
    let field = "spec.template.spec.containers[0].env[1].value";
    assert_eq!(told["causes"][0]["field"], field);
    assert_eq!(told["detail"], format!("{field}: must be a string, and is a number; write it in quotes"));
    // The stub finds this one by itself.
    let mut wanted = manifest("hello");
    wanted["spec"]["backoffLimit"] = json!("three");
    let told = detail(&create(&lab.service, &wanted).await, 400, "BadRequest");
    assert_eq!(told, "spec.backoffLimit: must be a whole number, and is a string");
}

#[tokio::test]
async fn many_unknown_fields_are_named_in_part_with_one_hint() {
    let lab = lab().await;
    let mut wanted = manifest("hello");
    for at in 0..20 {
        wanted["spec"][format!("backoff_limit_{at}")] = json!(at);
    }
    let told = detail(&create(&lab.service, &wanted).await, 400, "BadRequest");
    assert_eq!(told.matches("unknown field").count(), 10, "{told}");
    assert_eq!(told.matches("camelCase").count(), 1, "{told}");
    assert!(told.contains("and 10 more"), "{told}");
}
