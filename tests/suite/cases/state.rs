//! The status of a job: its state, its fields, its pods and what their containers ended with.

use serde_json::{Value, json};

use crate::calls::{create, lab, manifest, problem};
use crate::live::{failed, own_job, until, until_status};
use crate::readme::stream::Stream;
use crate::support::Lab;
use crate::support::service::Reply;

/// Puts the job `t1` of the service's own, with members of its spec and its status.
fn put_job(lab: &Lab, name: &str, spec: &Value, status: &Value) {
    let mut job = own_job(name);
    for (field, value) in spec.as_object().unwrap() {
        job["spec"][field] = value.clone();
    }
    job["status"] = status.clone();
    lab.cluster.put_job(job);
}

/// A pod of the job that the cluster has under this name.
fn put_pod(lab: &Lab, job: &str, name: &str, pod: &Value) {
    let uid = lab.cluster.job("default", job).unwrap()["metadata"]["uid"].clone();
    let mut pod = pod.clone();
    pod["metadata"]["name"] = json!(name);
    pod["metadata"]["ownerReferences"] =
        json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": job, "uid": uid, "controller": true }]);
    lab.cluster.put_pod(pod);
}

fn by_label(label: &str) -> Value {
    json!({ "manualSelector": true, "selector": { "matchLabels": { "batch": label } } })
}

async fn get(lab: &Lab, name: &str, query: &str) -> Reply {
    lab.service.get(&format!("/api/eks-get-job-status?job_name={name}{query}")).await
}

async fn details(lab: &Lab, name: &str) -> Value {
    get(lab, name, "&details=true").await.expect_status(200).json()
}

/// The next event that is not a comment: its name and its data.
async fn event(stream: &mut Stream) -> (String, Value) {
    loop {
        let text = stream.before("\n\n").await.unwrap().expect("the stream ends");
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let (Some(name), Some(data)) = (field("event"), field("data")) {
            return (name.to_owned(), serde_json::from_str(data).unwrap());
        }
    }
}

/// A stream of the jobs that run, after its beginning.
async fn running(lab: &Lab) -> Stream {
    let mut stream = Stream::open(lab.service.address(), "/api/eks-watch-jobs?state=running", &[]).await.unwrap();
    assert_eq!(event(&mut stream).await.0, "snapshot-end");
    stream
}

#[tokio::test]
async fn state_uncounted_a_job_runs_from_its_first_pod_on_in_status_and_stream() {
    let lab = lab().await;
    let mut stream = running(&lab).await;
    let started = json!("2026-11-28T16:00:00Z");
    put_job(&lab, "t1", &json!({}), &json!({ "startTime": started, "active": 1, "ready": 1, "terminating": 0 }));
    assert_eq!(event(&mut stream).await.0, "added");
    for status in [
        json!({ "startTime": started, "terminating": 0, "uncountedTerminatedPods": { "failed": ["2222-22"] } }),
        json!({ "startTime": started, "failed": 1, "uncountedTerminatedPods": {}, "terminating": 0 }),
    ] {
        lab.cluster.set_job_status("default", "t1", status.clone());
        let (kind, told) = event(&mut stream).await;
        assert_eq!((kind.as_str(), &told["state"]), ("modified", &json!("running")), "{status}");
        assert_eq!(get(&lab, "t1", "").await.json()["state"], "running", "{status}");
    }
}

#[tokio::test]
async fn suspend_managedby_a_job_that_is_held_is_told_as_held() {
    let lab = lab().await;
    let mut held = manifest("t1");
    held["spec"]["suspend"] = json!(true);
    held["spec"]["managedBy"] = json!("kueue.x-k8s.io/multikueue");
    create(&lab.service, &held).await.expect_status(201);
    let told = get(&lab, "t1", "").await.expect_status(200).json();
    assert_eq!(
        (&told["state"], &told["suspend"], &told["managed_by"]),
        (&json!("suspended"), &json!(true), &json!("kueue.x-k8s.io/multikueue"))
    );
    let listed = lab.service.get("/api/eks-list-jobs?namespace=default&state=suspended").await.json();
    assert_eq!(listed["jobs"][0]["job_name"], "t1");
}

#[tokio::test]
async fn indexed_failed_names_the_indexes_that_completed_and_those_that_failed() {
    let lab = lab().await;
    let spec = json!({ "completionMode": "Indexed", "completions": 5, "backoffLimitPerIndex": 0 });
    let condition = json!({ "type": "Failed", "status": "True", "reason": "FailedIndexes" });
    let status = json!({ "succeeded": 3, "failed": 2, "completedIndexes": "0,2-3", "failedIndexes": "1,4",
        "conditions": [condition] });
    put_job(&lab, "t1", &spec, &status);
    for told in [details(&lab, "t1").await, until_status(&lab.service, "t1", |_| true).await.json()] {
        assert_eq!((&told["completed_indexes"], &told["failed_indexes"]), (&json!("0,2-3"), &json!("1,4")));
    }
}

#[tokio::test]
async fn laststate_oom_shows_how_the_run_before_ended() {
    let lab = lab().await;
    put_job(&lab, "t1", &by_label("x"), &json!({ "active": 1 }));
    let end = json!({ "exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-28T16:00:00Z" });
    let waiting = json!({ "reason": "CrashLoopBackOff", "message": "back-off 40s" });
    let main = json!({ "name": "c", "restartCount": 3, "state": { "waiting": waiting },
        "lastState": { "terminated": end } });
    let pod = json!({ "metadata": { "labels": { "batch": "x" } },
        "status": { "phase": "Running", "containerStatuses": [main] } });
    put_pod(&lab, "t1", "t1-a", &pod);
    let container = &details(&lab, "t1").await["pods"][0]["containers"][0];
    assert_eq!((&container["state"], &container["reason"]), (&json!("waiting"), &json!("CrashLoopBackOff")));
    let last = json!({ "reason": "OOMKilled", "exit_code": 137, "finished_at": "2026-11-28T16:00:00+00:00" });
    assert_eq!(container["last_state"], last);
}

#[tokio::test]
async fn pod_terminating_has_its_deletion_time_and_says_why_the_cluster_ends_it() {
    let lab = lab().await;
    put_job(&lab, "t1", &by_label("x"), &json!({ "terminating": 1, "startTime": "2026-11-28T16:00:00Z" }));
    let condition = json!({ "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint", "lastTransitionTime": "2026-11-28T16:04:30Z" });
    let pod = json!({ "metadata": { "labels": { "batch": "x" }, "deletionTimestamp": "2026-11-28T16:05:00Z" },
        "status": { "phase": "Running", "conditions": [condition] } });
    put_pod(&lab, "t1", "t1-a", &pod);
    let told = details(&lab, "t1").await;
    assert_eq!((&told["state"], &told["terminating"]), (&json!("running"), &json!(1)));
    let pod = &told["pods"][0];
    assert_eq!(pod["deletion_timestamp"], "2026-11-28T16:05:00+00:00");
    let expected = json!({ "type": "DisruptionTarget", "status": "True", "reason": "DeletionByTaintManager",
        "message": "Taint manager: deleting due to NoExecute taint",
        "last_transition_time": "2026-11-28T16:04:30+00:00" });
    assert_eq!(pod["conditions"], json!([expected]));
}

#[tokio::test]
async fn log_selector_a_pod_belongs_to_the_job_that_controls_it() {
    let lab = lab().await;
    let expression = json!({ "key": "batch", "operator": "In", "values": ["y", "z"] });
    let by_expression = json!({ "manualSelector": true, "selector": { "matchExpressions": [expression] } });
    for (job, selector, label, code, created) in [
        ("a", by_label("x"), "x", 5, "2026-01-01T00:00:00Z"),
        ("b", by_label("x"), "x", 3, "2026-01-01T00:00:09Z"),
        ("c", by_expression, "y", 7, "2026-01-01T00:00:00Z"),
        ("d", json!({ "manualSelector": true, "selector": {} }), "v", 8, "2026-01-01T00:00:00Z"),
    ] {
        let condition = json!({ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" });
        put_job(&lab, job, &selector, &json!({ "failed": 1, "conditions": [condition] }));
        let end = json!({ "name": "c", "state": { "terminated": { "exitCode": code } } });
        let pod = json!({ "metadata": { "labels": { "batch": label }, "creationTimestamp": created },
            "spec": { "containers": [{ "name": "c" }] },
            "status": { "phase": "Failed", "containerStatuses": [end] } });
        let name = format!("{job}-1");
        put_pod(&lab, job, &name, &pod);
        lab.cluster.put_log("default", &name, "c", format!("log of {name}\n"));
        lab.cluster.end_log("default", &name, "c");
    }
    // An owner that does not control a pod has no part in it.
    lab.cluster.put_pod(json!({ "metadata": { "name": "stranger", "labels": { "batch": "x" },
        "ownerReferences": [{ "kind": "Job", "uid": "another", "controller": true }] } }));
    for (job, code) in [("a", 5), ("b", 3), ("c", 7), ("d", 8)] {
        let log = lab.service.get(&format!("/api/eks-get-job-logs?job_name={job}")).await.expect_status(200);
        assert_eq!(log.text(), format!("log of {job}-1\n"));
        let pods = &details(&lab, job).await["pods"];
        let told = (pods.as_array().unwrap().len(), &pods[0]["name"], &pods[0]["containers"][0]["exit_code"]);
        assert_eq!(told, (1, &json!(format!("{job}-1")), &json!(code)));
    }
}

/// A failed job with one pod: the states of its main containers and of its init containers.
fn put_failed(lab: &Lab, name: &str, spec: &Value, main: &Value, init: &Value) {
    let mut job_spec = by_label(name);
    for (field, value) in spec.as_object().unwrap() {
        job_spec[field] = value.clone();
    }
    put_job(lab, name, &job_spec, &json!({ "active": 1 }));
    let init_containers = spec["template"]["spec"]["initContainers"].as_array().cloned().unwrap_or_default();
    let pod = json!({ "metadata": { "labels": { "batch": name } },
        "spec": { "containers": [{ "name": "c" }], "initContainers": init_containers },
        "status": { "phase": "Failed", "containerStatuses": main, "initContainerStatuses": init } });
    put_pod(lab, name, &format!("{name}-1"), &pod);
    lab.cluster.set_job_status("default", name, failed());
}

fn ended(name: &str, code: i32) -> Value {
    let end = json!({ "exitCode": code, "startedAt": "2026-11-28T16:00:00Z", "finishedAt": "2026-11-28T16:00:09Z",
        "message": format!("{name} ended") });
    json!({ "name": name, "state": { "terminated": end } })
}

fn with_init(init: &Value) -> Value {
    json!({ "template": { "spec": { "restartPolicy": "Never", "initContainers": [init],
        "containers": [{ "name": "c", "image": "busybox" }] } } })
}

fn told_exit(status: &Value) -> (&Value, &Value) {
    (&status["exit_code"], &status["termination_message"])
}

#[tokio::test]
async fn exit_sidecar_the_exit_code_is_of_the_container_that_decided() {
    let lab = lab().await;
    let sidecar = json!({ "name": "proxy", "image": "busybox", "restartPolicy": "Always" });
    for (name, code) in [("a", 143), ("b", 137), ("c", 0)] {
        put_failed(&lab, name, &with_init(&sidecar), &json!([ended("c", 3)]), &json!([ended("proxy", code)]));
        let told = details(&lab, name).await;
        assert_eq!(told_exit(&told), (&json!(3), &json!("c ended")), "{code}");
        let containers = &told["pods"][0]["containers"];
        assert_eq!((&containers[0]["name"], &containers[0]["sidecar"]), (&json!("proxy"), &json!(true)));
        assert_eq!((&containers[1]["name"], &containers[1]["sidecar"]), (&json!("c"), &json!(false)));
    }
    let waiting = json!({ "name": "c", "state": { "waiting": { "reason": "PodInitializing" } } });
    let prep = json!({ "name": "prep", "image": "busybox" });
    put_failed(&lab, "d", &with_init(&prep), &json!([waiting]), &json!([ended("prep", 9)]));
    assert_eq!(told_exit(&details(&lab, "d").await), (&json!(9), &json!("prep ended")));
    put_failed(&lab, "e", &json!({}), &json!([ended("c", 4), ended("istio-proxy", 143)]), &json!([]));
    let told = details(&lab, "e").await;
    assert_eq!(told_exit(&told), (&json!(4), &json!("c ended")));
    let injected = |number: usize| told["pods"][0]["containers"][number]["injected"].clone();
    assert_eq!((injected(0), injected(1)), (json!(false), json!(true)));
}

#[tokio::test]
async fn exit_sidecar_the_exit_is_looked_up_once_and_is_a_modification() {
    let lab = lab().await;
    let mut stream = Stream::open(lab.service.address(), "/api/eks-watch-jobs", &[]).await.unwrap();
    assert_eq!(event(&mut stream).await.0, "snapshot-end");
    put_failed(&lab, "a", &json!({}), &json!([ended("c", 3)]), &json!([]));
    let codes = async {
        let mut tags = Vec::new();
        loop {
            let (kind, told) = event(&mut stream).await;
            tags.push((kind, told["state"].clone()));
            if told["exit_code"] == 3 {
                return (tags, told);
            }
        }
    };
    let (events, told) = codes.await;
    assert_eq!(events.last().unwrap(), &("modified".to_owned(), json!("failed")));
    assert_eq!(told["termination_message"], "c ended");
    let known = get(&lab, "a", "").await;
    assert_eq!(known.json(), told);
    let version = told["resource_version"].as_str().unwrap();
    assert_eq!(known.header("etag"), Some(&*format!("\"{version}-exit\"")), "the version's tag is of before");
    let direct = lab.service.get_directly("/api/eks-get-job-status?job_name=a").await;
    assert_eq!((direct.header("etag"), direct.json()), (known.header("etag"), told.clone()));
    let listed = lab.service.get("/api/eks-list-jobs").await.json();
    assert_eq!(listed["jobs"][0], told);
    assert_eq!(lab.cluster.count("GET", "/api/v1/namespaces/default/pods"), 1);
}

#[tokio::test]
async fn exit_sidecar_a_caller_who_may_not_list_pods_does_not_see_the_exit() {
    let lab = Lab::with(crate::calls::BINARY, &[("EKS_API_AUTH", "kubernetes")]).await;
    for user in ["alice", "bob"] {
        lab.cluster.accept_token(&format!("token-of-{user}"), user);
    }
    lab.cluster.deny_user("bob", "list", "pods");
    put_failed(&lab, "a", &json!({}), &json!([ended("c", 3)]), &json!([]));
    let ask = async |user: &str, path: &str| {
        let authorization = format!("Bearer token-of-{user}");
        lab.service.send("GET", path, &[("authorization", &authorization)], "").await.expect_status(200)
    };
    let path = "/api/eks-get-job-status?job_name=a";
    until(async || ask("alice", path).await, |reply| reply.json()["exit_code"] == 3).await;
    let hidden = ask("bob", path).await;
    assert_eq!(told_exit(&hidden.json()), (&Value::Null, &Value::Null));
    assert!(!hidden.header("etag").unwrap().contains("exit"), "{:?}", hidden.header("etag"));
    for (user, code) in [("alice", json!(3)), ("bob", Value::Null)] {
        assert_eq!(ask(user, "/api/eks-list-jobs").await.json()["jobs"][0]["exit_code"], code, "{user}");
        let authorization = format!("Bearer token-of-{user}");
        let headers = [("authorization", authorization.as_str())];
        let mut stream = Stream::open(lab.service.address(), "/api/eks-watch-jobs", &headers).await.unwrap();
        assert_eq!(event(&mut stream).await.1["exit_code"], code, "{user}");
    }
}

#[tokio::test]
async fn exit_preempted_a_pod_that_the_policy_ignored_does_not_decide() {
    let lab = lab().await;
    let pattern = json!({ "type": "DisruptionTarget", "status": "True" });
    let rule = json!({ "action": "Ignore", "onPodConditions": [pattern] });
    let policy = json!({ "podFailurePolicy": { "rules": [rule] } });
    put_failed(&lab, "a", &policy, &json!([ended("c", 3)]), &json!([]));
    let condition = json!({ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" });
    let mut later = ended("c", 137);
    later["state"]["terminated"]["finishedAt"] = json!("2026-11-28T16:00:30Z");
    let pod = json!({ "metadata": { "labels": { "batch": "a" }, "creationTimestamp": "2099-01-01T00:00:00Z" },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Failed", "conditions": [condition], "containerStatuses": [later] } });
    put_pod(&lab, "a", "a-2", &pod);
    let told = details(&lab, "a").await;
    assert_eq!(told["exit_code"], 3);
    assert_eq!(told["pods"][1]["conditions"][0]["reason"], "PreemptionByScheduler");
}

#[tokio::test]
async fn replaced_job_another_job_of_the_name_is_not_found_by_the_uid() {
    let lab = lab().await;
    put_job(&lab, "t1", &json!({}), &json!({ "active": 1 }));
    let uid = until_status(&lab.service, "t1", |reply| reply.status == 200).await.json()["uid"].clone();
    let uid = uid.as_str().unwrap();
    for query in ["", "&details=true", "&wait=1ms"] {
        let told = get(&lab, "t1", &format!("&uid={uid}{query}")).await.expect_status(200).json();
        assert_eq!(told["uid"], uid, "{query}");
        problem(&get(&lab, "t1", &format!("&uid=another{query}")).await, 404, "NotFound");
    }
    lab.cluster.hush_watches();
    lab.cluster.remove_job("default", "t1");
    let mut again = own_job("t1");
    again["metadata"]["uid"] = json!("uid-of-the-next");
    lab.cluster.put_job(again);
    // The service still knows the first.
    assert_eq!(get(&lab, "t1", "").await.json()["uid"], uid);
    let told = get(&lab, "t1", "&uid=uid-of-the-next").await.expect_status(200).json();
    assert_eq!((&told["uid"], &told["state"]), (&json!("uid-of-the-next"), &json!("pending")));
}
