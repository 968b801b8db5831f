//! The members and the head that a plan makes.

use serde_json::{Value, json};

use super::tests::{manifest, plan};
use super::*;
use crate::jobs::batches::{members, membership::Membership};
use crate::jobs::idempotency::Owner;
use crate::jobs::manifest::{CreateJobInput, JobManifest, prepare};
use crate::jobs::status::Status;
use crate::kube::types::Job;
use crate::util::template_name::TemplateName;

fn sent(prepared: &JobManifest) -> Value {
    serde_json::from_slice(&prepared.manifest).unwrap()
}

fn made(body: &Value) -> Vec<JobManifest> {
    let plan = plan(body).unwrap();
    (0..plan.size()).map(|index| plan.member(index, "uid-1").unwrap()).collect()
}

/// A manifest with an init container and variables of its own.
fn rich() -> Value {
    let own = json!([{ "name": "EKS_API_BATCH_ID", "value": "x" }, { "name": "A", "value": "$(EKS_API_BATCH_INDEX)" }]);
    let pod = json!({
        "initContainers": [{ "name": "init", "env": [{ "name": "EKS_API_BATCH_INDEX", "value": "x" }] }],
        "containers": [{ "name": "main", "image": "busybox", "env": own }, { "name": "side", "env": null }],
    });
    json!({
        "metadata": { "labels": { "team": "a", "app": "mine", "job-id": "mine" }, "annotations": { "note": "kept" } },
        "spec": {
            "backoffLimit": 1,
            "template": { "metadata": { "labels": { "x": "1" }, "annotations": { "y": "2" } }, "spec": pod },
        },
    })
}

fn index_and_id(index: &str, id: &str) -> [Value; 2] {
    [json!({ "name": "EKS_API_BATCH_INDEX", "value": index }), json!({ "name": "EKS_API_BATCH_ID", "value": id })]
}

#[test]
fn a_member_belongs_to_the_head_and_its_pods_know_their_index() {
    let body = json!({ "job_manifest": rich(), "jobs": [{}, { "id": "$(A)" }] });
    let members = made(&body);
    let second = &members[1];
    assert_eq!((second.name.as_str(), second.namespace.as_str(), second.is_random), ("nightly-0001", "demo", false));
    let mut sent_second = sent(second);
    let metadata = &sent_second["metadata"];
    assert_eq!((&metadata["name"], &metadata["namespace"]), (&json!("nightly-0001"), &json!("demo")));
    let labels = json!({ "team": "a", "app": "eks-api", "job-id": "nightly-0001", "eks-api/batch": "nightly" });
    assert_eq!(metadata["labels"], labels);
    let owner = json!({
        "apiVersion": "batch/v1", "kind": "Job", "name": "nightly", "uid": "uid-1", "blockOwnerDeletion": false,
    });
    assert_eq!(metadata["ownerReferences"], json!([owner]));
    let annotations = &metadata["annotations"];
    let own = ["note", "eks-api/request-id", "eks-api/batch-index", "eks-api/batch-id"].map(|name| &annotations[name]);
    assert_eq!(own, ["kept", "req-1", "1", "$(A)"]);
    let first = sent(&members[0]);
    assert_eq!(first["metadata"]["annotations"]["eks-api/batch-id"], Value::Null);

    let pod = sent_second["spec"]["template"]["spec"].take();
    let [index, id] = index_and_id("1", "$$(A)");
    assert_eq!(pod["initContainers"][0]["env"], json!([index, id]));
    assert_eq!(pod["containers"][1]["env"], json!([index, id]));
    let reference = json!({ "name": "A", "value": "$(EKS_API_BATCH_INDEX)" });
    assert_eq!(pod["containers"][0]["env"], json!([index, id, reference]));
    let [index, _] = index_and_id("0", "");
    assert_eq!(first["spec"]["template"]["spec"]["initContainers"][0]["env"], json!([index]));
    assert_eq!(first["spec"]["backoffLimit"], 1);
    let warning = |label: &str, ours: &str| {
        format!("metadata.labels.{label}: \"mine\" is replaced by \"{ours}\", which the service sets")
    };
    assert_eq!(members[0].warnings, [warning("app", "eks-api"), warning("job-id", "nightly-0000")]);
    assert_eq!(second.warnings, [""; 0]);
}

#[test]
fn the_same_index_gives_the_same_member_which_the_call_recognizes() {
    let plan = plan(&json!({ "job_manifest": rich(), "jobs": [{}] })).unwrap();
    let (one, two) = (plan.member(0, "u").unwrap(), plan.member(0, "u").unwrap());
    assert_eq!((&one.manifest, &one.warnings), (&two.manifest, &two.warnings));
    let annotations = serde_json::from_value(sent(&one)["metadata"]["annotations"].clone()).unwrap();
    assert_eq!(two.stamp.owner(&annotations), Owner::Ours);
    let again = super::tests::plan(&json!({ "job_manifest": rich(), "jobs": [{}] })).unwrap();
    assert_eq!(again.member(0, "u").unwrap().stamp.owner(&annotations), Owner::SameKeyAndBody);
    let other = super::tests::plan(&json!({ "job_manifest": rich(), "jobs": [{}, {}] })).unwrap();
    assert_eq!(other.member(0, "u").unwrap().stamp.owner(&annotations), Owner::SameKeyOtherBody);
    assert!(plan.member(1, "u").is_err());
}

#[test]
fn own_overrides_are_merged_over_the_common_ones_by_key() {
    let common = json!({
        "image": "common", "command": ["a", "b"], "env": { "A": "1", "B": "1", "C": "1" }, "labels": { "l": "1", "m": "1" },
        "annotations": { "n": "1" }, "resources": { "requests": { "cpu": "1", "memory": "1Gi" } }, "backoff_limit": 1,
    });
    let own = json!({
        "command": ["c"], "env": { "B": "2", "C": null }, "labels": { "m": "2" }, "annotations": { "o": "2" },
        "resources": { "requests": { "cpu": "2" }, "limits": { "cpu": "3" } }, "backoff_limit": 2,
    });
    let body = json!({ "job_manifest": manifest(), "overrides": common, "jobs": [{}, { "overrides": own }] });
    let members = made(&body);
    let [first, second] = [sent(&members[0]), sent(&members[1])];
    let container = &second["spec"]["template"]["spec"]["containers"][0];
    assert_eq!((&container["image"], &container["command"]), (&json!("common"), &json!(["c"])));
    let env = json!([
        { "name": "EKS_API_BATCH_INDEX", "value": "1" }, { "name": "A", "value": "1" }, { "name": "B", "value": "2" },
    ]);
    assert_eq!(container["env"], env);
    let resources = json!({ "requests": { "cpu": "2", "memory": "1Gi" }, "limits": { "cpu": "3" } });
    assert_eq!(container["resources"], resources);
    let metadata = &second["metadata"];
    assert_eq!((&metadata["labels"]["l"], &metadata["labels"]["m"]), (&json!("1"), &json!("2")));
    assert_eq!((&metadata["annotations"]["n"], &metadata["annotations"]["o"]), (&json!("1"), &json!("2")));
    assert_eq!((&first["spec"]["backoffLimit"], &second["spec"]["backoffLimit"]), (&json!(1), &json!(2)));
    assert_eq!(first["spec"]["template"]["spec"]["containers"][0]["command"], json!(["a", "b"]));
    let missing = "overrides.env.C: the manifest has no such variable, so nothing was removed";
    assert_eq!(members[1].warnings, [missing]);
}

#[test]
fn a_job_with_a_manifest_of_its_own_takes_nothing_common() {
    let mut template = manifest();
    template["metadata"] = json!({ "annotations": { "eks-api/parameters": "DATE,MODE" } });
    let own = json!({ "job_manifest": manifest(), "overrides": { "env": { "OWN": "1" } } });
    let body = json!({
        "template": template, "parameters": { "DATE": "1", "MODE": "a" }, "overrides": { "env": { "COMMON": "1" } },
        "jobs": [{ "parameters": { "MODE": "$b" } }, own],
    });
    let members = made(&body);
    let names = |prepared: &JobManifest| {
        let env = sent(prepared)["spec"]["template"]["spec"]["containers"][0]["env"].clone();
        let env: Vec<String> =
            env.as_array().unwrap().iter().map(|v| format!("{}={}", v["name"], v["value"])).collect();
        env.join(" ").replace('"', "")
    };
    assert_eq!(names(&members[0]), "EKS_API_BATCH_INDEX=0 DATE=1 MODE=$$b COMMON=1");
    assert_eq!(names(&members[1]), "EKS_API_BATCH_INDEX=1 OWN=1");
    let annotation = |prepared: &JobManifest| sent(prepared)["metadata"]["annotations"]["eks-api/template"].clone();
    assert!(annotation(&members[0]).as_str().unwrap().starts_with("preset/etl@"));
    assert_eq!(members[0].template.as_deref(), annotation(&members[0]).as_str());
    assert_eq!((annotation(&members[1]), &members[1].template), (Value::Null, &None));
}

#[test]
fn the_ttl_of_the_jobs_is_left_out_with_one_warning() {
    let mut with_ttl = manifest();
    with_ttl["spec"]["ttlSecondsAfterFinished"] = json!(60);
    let ttl = json!({ "ttl_seconds_after_finished": 60 });
    for body in [
        json!({ "job_manifest": with_ttl, "jobs": [{}, {}, {}] }),
        json!({ "template": with_ttl, "jobs": [{}, {}] }),
        json!({ "job_manifest": manifest(), "overrides": ttl, "jobs": [{}, {}] }),
        json!({ "job_manifest": manifest(), "jobs": [{}, { "overrides": ttl }] }),
        json!({ "jobs": [{ "job_manifest": manifest() }, { "job_manifest": with_ttl, "overrides": ttl }] }),
    ] {
        let members = made(&body);
        let warnings: Vec<&String> = members.iter().flat_map(|member| &member.warnings).collect();
        assert_eq!(warnings, [TTL_REMOVED], "{body}");
        let has_ttl = |member: &JobManifest| sent(member)["spec"].get("ttlSecondsAfterFinished").is_some();
        assert!(!members.iter().any(has_ttl), "{body}");
    }
    with_ttl["spec"]["ttlSecondsAfterFinished"] = Value::Null;
    assert_eq!(made(&json!({ "job_manifest": with_ttl, "jobs": [{}] }))[0].warnings, [""; 0]);
}

#[test]
fn the_head_never_runs_and_has_the_pods_of_the_first_member() {
    let jobs = json!([{ "id": "de" }, { "overrides": { "image": "x" } }]);
    let body = json!({ "job_manifest": rich(), "jobs": jobs, "overrides": { "container": "main" }, "ttl_seconds_after_finished": 5 });
    let plan = plan(&body).unwrap();
    let (head, first) = (plan.head().unwrap(), sent(&plan.member(0, "u").unwrap()));
    assert_eq!((head.name.as_str(), head.namespace.as_str(), head.template.as_ref()), ("nightly", "demo", None));
    let sent = sent(&head);
    let labels = json!({ "app": "eks-api", "job-id": "nightly", "eks-api/batch-head": "true" });
    assert_eq!(sent["metadata"]["labels"], labels);
    let template = json!({ "spec": first["spec"]["template"]["spec"] });
    let spec = json!({ "suspend": true, "parallelism": 0, "completions": 1, "backoffLimit": 0, "template": template });
    assert_eq!(sent["spec"], spec);
    let annotations = sent["metadata"]["annotations"].as_object().unwrap();
    let names: Vec<&String> = annotations.keys().collect();
    assert_eq!(names, ["eks-api/batch", "eks-api/create-id", "eks-api/idempotency", "eks-api/request-id"]);
    let description = Description::parse(annotations["eks-api/batch"].as_str().unwrap()).unwrap();
    assert_eq!(&description, plan.description());
    assert_eq!((description.size, description.id(0), description.ttl_seconds_after_finished), (2, Some("de"), Some(5)));
    let bound = format!("{}.{}", description.key.unwrap(), description.body);
    assert_eq!(annotations["eks-api/idempotency"], bound);
    let head: Job = serde_json::from_value(sent).unwrap();
    assert!(matches!(Membership::of(&head), Some(Membership::Head(head)) if head.description.is_some()));
}

#[test]
fn the_longest_ids_fit_into_the_head() {
    let id = |index: u32| format!("{}{}", char::from_u32(0x10000 + index).unwrap(), "\u{1f600}".repeat(62));
    let jobs: Vec<Value> = (0..1000).map(|index| json!({ "id": id(index) })).collect();
    plan(&json!({ "job_manifest": manifest(), "jobs": jobs })).unwrap().head().unwrap();
}

/// The member as the API server returns it.
fn stored() -> Value {
    let body = json!({ "job_manifest": rich(), "jobs": [{ "id": "de" }] });
    let mut job = sent(&made(&body)[0]);
    (job["metadata"]["uid"], job["metadata"]["resourceVersion"]) = (json!("uid-2"), json!("7"));
    job
}

#[test]
fn a_member_is_recognized() {
    let status = Status::new("prod", &serde_json::from_value(stored()).unwrap());
    assert_eq!((members::batch_of(&status), members::index_of(&status)), (Some("nightly"), Some(0)));
}

/// The metadata and the variables without the mark of a batch.
#[track_caller]
fn is_no_member(job: &Value) {
    let text = job.to_string();
    assert!(!text.contains("eks-api/batch") && !text.contains("ownerReferences"), "{text}");
    let pod = &job["spec"]["template"]["spec"];
    assert_eq!(pod["containers"][0]["env"], json!([{ "name": "A", "value": "$(EKS_API_BATCH_INDEX)" }]));
    assert_eq!((&pod["containers"][1]["env"], &pod["initContainers"][0]["env"]), (&json!([]), &json!([])));
    assert_eq!(job["metadata"]["labels"]["team"], "a");
}

#[test]
fn a_template_or_a_job_that_is_made_of_a_member_is_no_member() {
    let members: Members = serde_json::from_value(stored()).unwrap();
    let template = Template::from_job(TemplateName::parse("job/nightly-0000").unwrap(), members.clone()).unwrap();
    is_no_member(&serde_json::to_value(&template.manifest).unwrap());
    let (manifest, now) = (members, std::time::SystemTime::UNIX_EPOCH);
    let (namespace, key, origin, notify) = (None, None, None, None);
    let input = CreateJobInput { manifest, namespace, key, request_id: "r", now, origin, notify };
    let prepared = prepare(input).unwrap();
    is_no_member(&sent(&prepared));
    assert!(prepared.warnings[0].ends_with(", EKS_API_BATCH_INDEX"), "{:?}", prepared.warnings);
    let mut other = stored();
    other["metadata"]["labels"].as_object_mut().unwrap().remove("eks-api/batch");
    let template = Template::from_job(template.name, serde_json::from_value(other).unwrap()).unwrap();
    assert!(template.manifest["spec"].get().contains(r#""EKS_API_BATCH_ID""#), "the variables of other jobs stay");
}

#[test]
fn a_dump_makes_members_without_the_name_of_its_job() {
    let members = made(&json!({ "job_manifest": stored(), "jobs": [{}, {}] }));
    assert_eq!(members[1].name.as_str(), "nightly-0001");
    assert!(members[0].warnings[0].starts_with("the manifest is the dump of an existing Job"));
    assert!(members[1].warnings.is_empty(), "the first member has the warning");
}
