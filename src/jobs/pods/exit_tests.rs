//! The container that decides the failure of a job.

use serde_json::{Value, json};

use super::*;

fn job(template: &Value, policy: &Value) -> JobInFull {
    let spec = json!({ "template": { "spec": template }, "podFailurePolicy": policy });
    serde_json::from_value(json!({ "metadata": { "name": "t1" }, "spec": spec })).unwrap()
}

fn template() -> Value {
    json!({
        "containers": [{ "name": "main" }, { "name": "helper" }],
        "initContainers": [{ "name": "prep" }, { "name": "proxy", "restartPolicy": "Always" }],
    })
}

/// A container that ended at this second.
fn ended(name: &str, code: i32, second: u32) -> Value {
    let (from, to) = ("2026-01-20T10:00:00Z", format!("2026-01-20T10:00:{second:02}Z"));
    let end = json!({ "exitCode": code, "startedAt": from, "finishedAt": to, "message": format!("{name} says") });
    json!({ "name": name, "state": { "terminated": end } })
}

fn waiting(name: &str) -> Value {
    json!({ "name": name, "state": { "waiting": { "reason": "PodInitializing" } } })
}

fn pod(main: &[Value], init: &[Value]) -> Value {
    let status = json!({ "phase": "Failed", "containerStatuses": main, "initContainerStatuses": init });
    json!({ "metadata": { "name": "p" }, "spec": template(), "status": status })
}

fn with(mut pod: Value, path: &str, value: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    pod.pointer_mut(parent).unwrap()[name] = value;
    pod
}

fn disrupted(pod: Value) -> Value {
    let condition = json!({ "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler" });
    with(pod, "/status/conditions", json!([condition]))
}

/// A pod whose deletion was requested at this second, with a grace period of 30 s.
fn deleted(pod: Value, second: u32) -> Value {
    let pod = with(pod, "/metadata/deletionTimestamp", json!(format!("2026-01-20T10:00:{:02}Z", second + 30)));
    with(pod, "/metadata/deletionGracePeriodSeconds", json!(30))
}

fn code_by(policy: &Value, pods: &[Value]) -> Option<i32> {
    let pods: Vec<Pod> = pods.iter().map(|pod| serde_json::from_value(pod.clone()).unwrap()).collect();
    find(&job(&template(), policy), &pods).map(|exit| exit.code)
}

fn code(pods: &[Value]) -> Option<i32> {
    code_by(&json!({}), pods)
}

#[test]
fn exit_sidecar_neither_a_sidecar_nor_an_injected_container_decides() {
    for stopped in [143, 137, 0, 1] {
        let sidecar = [ended("prep", 0, 1), ended("proxy", stopped, 9)];
        assert_eq!(code(&[pod(&[ended("main", 3, 5), ended("helper", 0, 4)], &sidecar)]), Some(3), "{stopped}");
        assert_eq!(code(&[pod(&[ended("istio-proxy", stopped, 2), ended("main", 3, 5)], &sidecar)]), Some(3));
        assert_eq!(code(&[pod(&[ended("main", 0, 5)], &sidecar)]), None, "no container of the job's own failed");
    }
    assert_eq!(code(&[pod(&[ended("main", 7, 5), ended("helper", 4, 4)], &[])]), Some(4), "the first that failed");
}

#[test]
fn exit_sidecar_an_init_container_decides_only_if_no_main_container_started() {
    let failed = pod(&[waiting("main"), waiting("helper")], &[ended("prep", 9, 2), ended("proxy", 143, 3)]);
    assert_eq!(code(std::slice::from_ref(&failed)), Some(9));
    assert_eq!(code(&[pod(&[], &[ended("prep", 9, 2)])]), Some(9), "no word of the main ones");
    assert_eq!(code(&[pod(&[ended("main", 0, 5)], &[ended("prep", 9, 2)])]), None);
    assert_eq!(code(&[pod(&[waiting("main")], &[ended("istio-init", 9, 2)])]), None, "it is a webhook's");
    assert_eq!(code(&[deleted(failed.clone(), 2)]), None, "it was stopped with its pod");
    assert_eq!(code(&[deleted(failed.clone(), 3)]), Some(9), "it failed before");
    assert_eq!(code(&[disrupted(failed.clone())]), None);
    assert_eq!(code(&[with(failed, "/status/reason", json!("DeadlineExceeded"))]), None);
    // The kubelet reports this for lost containers of a deleted pod.
    let lost = json!({ "exitCode": 137, "reason": "ContainerStatusUnknown", "startedAt": null, "finishedAt": null });
    let lost = json!({ "name": "main", "state": { "terminated": lost } });
    assert_eq!(code(&[pod(std::slice::from_ref(&lost), &[ended("prep", 9, 2)])]), Some(9));
    assert_eq!(code(&[pod(&[lost], &[])]), None, "the code is made up");
}

#[test]
fn exit_preempted_a_pod_that_the_policy_ignores_does_not_decide() {
    let (preempted, failed) = (disrupted(pod(&[ended("main", 137, 9)], &[])), pod(&[ended("main", 3, 5)], &[]));
    let both = [preempted.clone(), failed.clone()];
    let on_condition = |action: &str| {
        let pattern = json!([{ "type": "DisruptionTarget", "status": "True" }]);
        json!({ "rules": [{ "action": action, "onPodConditions": pattern }] })
    };
    assert_eq!(code_by(&on_condition("Ignore"), &both), Some(3));
    assert_eq!(code_by(&on_condition("Ignore"), &both[..1]), None);
    assert_eq!(code_by(&on_condition("Count"), &both), Some(137), "it counts, and failed last");
    let on_codes = |action: &str, operator: &str, container: Option<&str>| {
        let codes = json!({ "containerName": container, "operator": operator, "values": [137] });
        json!({ "rules": [{ "action": action, "onExitCodes": codes }] })
    };
    assert_eq!(code_by(&on_codes("Ignore", "In", None), &both), Some(3));
    assert_eq!(code_by(&on_codes("Ignore", "NotIn", None), &both), Some(137));
    assert_eq!(code_by(&on_codes("Ignore", "In", Some("helper")), &both), Some(137), "a rule for another container");
    assert_eq!(code_by(&on_codes("FailJob", "NotIn", Some("main")), &both), Some(3), "this pod failed the job");
    // The first rule that matches decides.
    let mut two = on_condition("Count");
    two["rules"].as_array_mut().unwrap().push(on_condition("Ignore")["rules"][0].clone());
    assert_eq!(code_by(&two, &both), Some(137));
    // An older Kubernetes omits the status; it means True.
    let no_status = json!({ "rules": [{ "action": "Ignore", "onPodConditions": [{ "type": "DisruptionTarget" }] }] });
    assert_eq!(code_by(&no_status, &both), Some(3));
}

#[test]
fn the_pod_that_failed_last_decides() {
    let at = |code: i32, second: u32| pod(&[ended("main", code, second)], &[]);
    assert_eq!(code(&[at(4, 8), at(3, 5)]), Some(4));
    assert_eq!(code(&[at(3, 5), deleted(at(143, 8), 6)]), Some(3), "stopped as the job had failed");
    assert_eq!(code(&[at(3, 5), with(at(143, 8), "/status/phase", json!("Succeeded"))]), Some(3));
    assert_eq!(code(&[]), None);
    // A pod that restarts its containers is deleted when the job fails: the run before counts.
    let run_before = ended("main", 5, 2)["state"].clone();
    let restarted = with(at(143, 8), "/status/containerStatuses/0/lastState", run_before);
    assert_eq!(code(&[deleted(restarted, 6)]), Some(5));
}

#[test]
fn the_termination_message_is_cut_between_characters() {
    let long = with(
        pod(&[ended("main", 3, 5)], &[]),
        "/status/containerStatuses/0/state/terminated/message",
        json!(format!("a{}", "é".repeat(600))),
    );
    let pods = [serde_json::from_value(long).unwrap()];
    let message = find(&job(&template(), &json!({})), &pods).unwrap().message.unwrap();
    assert_eq!(message, format!("a{}", "é".repeat(511)));
}
