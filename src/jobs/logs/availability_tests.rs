//! Every state of a pod that matters to its logs, and what it means.

use serde_json::{Value, json};

use super::*;

fn pod(restart_policy: &str, status: &Value) -> Pod {
    let containers = json!([{ "name": "c" }]);
    let init = json!([{ "name": "fetch" }, { "name": "proxy", "restartPolicy": "Always" }]);
    let spec = json!({ "restartPolicy": restart_policy, "containers": containers, "initContainers": init });
    serde_json::from_value(json!({ "metadata": { "name": "p" }, "spec": spec, "status": status })).unwrap()
}

/// A pod of this phase whose container `c` has this state after so many restarts.
fn with(policy: &str, phase: &str, restarts: i32, state: &Value) -> Pod {
    let mut status = state.clone();
    status["name"] = json!("c");
    status["restartCount"] = json!(restarts);
    pod(policy, &json!({ "phase": phase, "containerStatuses": [status] }))
}

fn waiting(reason: &str) -> Value {
    json!({ "state": { "waiting": { "reason": reason, "message": "m" } } })
}

fn ended(exit_code: i32) -> Value {
    json!({ "state": { "terminated": { "exitCode": exit_code } } })
}

fn wait(reason: &str, message: Option<&str>) -> Waiting {
    Waiting { reason: reason.to_owned(), message: message.map(str::to_owned) }
}

#[test]
fn a_container_that_runs_or_ran_has_a_log() {
    let crashed = json!({ "state": { "waiting": { "reason": "CrashLoopBackOff" } },
        "lastState": { "terminated": { "exitCode": 1 } } });
    for state in [json!({ "state": { "running": {} } }), ended(1), crashed] {
        assert_eq!(
            of(Some(&with("OnFailure", "Running", 2, &state)), "c", None),
            LogAvailability::Log { run: 2 },
            "{state}"
        );
    }
    assert_eq!(of(Some(&with("Never", "Failed", 0, &ended(1))), "c", None), LogAvailability::Log { run: 0 });
}

#[test]
fn the_kubelets_next_steps_are_waited_for_and_what_may_pass_is_told_apart_from_what_cannot() {
    for usual in ["ContainerCreating", "PodInitializing"] {
        let expected = LogAvailability::Pending(wait(usual, Some("m")));
        assert_eq!(of(Some(&with("Never", "Pending", 0, &waiting(usual))), "c", None), expected);
    }
    for passing in ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "RunContainerError"] {
        let expected = LogAvailability::Blocked(wait(passing, Some("m")));
        assert_eq!(of(Some(&with("Never", "Pending", 0, &waiting(passing))), "c", None), expected);
    }
    for hopeless in ["InvalidImageName", "ErrImageNeverPull"] {
        let expected = LogAvailability::Never(wait(hopeless, Some("m")));
        assert_eq!(of(Some(&with("Never", "Pending", 0, &waiting(hopeless))), "c", None), expected);
    }
}

#[test]
fn a_pod_that_fits_no_node_yet_is_waited_for() {
    let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3" });
    let unscheduled = pod("Never", &json!({ "phase": "Pending", "conditions": [condition] }));
    assert_eq!(of(Some(&unscheduled), "c", None), LogAvailability::Pending(wait("Unschedulable", Some("0/3"))));
    let new = pod("Never", &json!({}));
    assert_eq!(of(Some(&new), "c", None), LogAvailability::Pending(wait("Pending", None)));
}

#[test]
fn a_pod_that_ended_before_the_container_began_has_no_log_and_says_why() {
    let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" });
    let expected = LogAvailability::Never(wait("Evicted", Some("low on memory")));
    assert_eq!(of(Some(&pod("Never", &evicted)), "c", None), expected);
    let initializing = with("Never", "Failed", 0, &waiting("PodInitializing"));
    assert_eq!(of(Some(&initializing), "c", None), LogAvailability::Never(wait("PodInitializing", Some("m"))));
}

#[test]
fn an_init_container_that_cannot_begin_is_named_to_those_that_wait_for_it() {
    let mut stuck = with("Never", "Pending", 0, &waiting("PodInitializing"));
    let init = json!({ "name": "fetch", "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no" } } });
    stuck.status.init_container_statuses = vec![serde_json::from_value(init).unwrap()];
    let expected = LogAvailability::Blocked(wait("ImagePullBackOff", Some("init container fetch: no")));
    assert_eq!(of(Some(&stuck), "c", None), expected);
}

#[test]
fn a_run_that_was_read_is_not_read_again_but_the_next_one_is() {
    let running = json!({ "state": { "running": {} } });
    let seen = |policy, phase, restarts, state: &Value| of(Some(&with(policy, phase, restarts, state)), "c", Some(0));
    assert!(
        matches!(seen("OnFailure", "Running", 0, &running), LogAvailability::Pending(_)),
        "its status is behind its log"
    );
    assert_eq!(seen("OnFailure", "Running", 1, &running), LogAvailability::Log { run: 1 });
    assert_eq!(seen("Never", "Running", 0, &ended(1)), LogAvailability::Finished);
    assert_eq!(seen("OnFailure", "Running", 0, &ended(0)), LogAvailability::Finished);
    assert!(matches!(seen("OnFailure", "Running", 0, &ended(1)), LogAvailability::Pending(_)));
    assert!(matches!(seen("OnFailure", "Running", 0, &waiting("CrashLoopBackOff")), LogAvailability::Pending(_)));
    assert_eq!(seen("OnFailure", "Failed", 0, &ended(1)), LogAvailability::Finished);
    assert_eq!(seen("OnFailure", "Failed", 1, &ended(1)), LogAvailability::Log { run: 1 });
    assert_eq!(of(None, "c", Some(0)), LogAvailability::Finished);
    assert_eq!(of(None, "c", None), LogAvailability::Gone);
}

#[test]
fn a_containers_own_restart_policy_comes_before_its_pods() {
    let mut pod = pod("Never", &json!({ "phase": "Running" }));
    let proxy = json!({ "name": "proxy", "state": { "terminated": { "exitCode": 0 } } });
    pod.status.init_container_statuses = vec![serde_json::from_value(proxy).unwrap()];
    assert!(matches!(of(Some(&pod), "proxy", Some(0)), LogAvailability::Pending(_)));
}

#[test]
fn what_is_waited_for_is_told_with_its_message() {
    assert_eq!(wait("ContainerCreating", None).to_string(), "ContainerCreating");
    assert_eq!(wait("ErrImagePull", Some("not found")).to_string(), "ErrImagePull: not found");
}

#[test]
fn log_restart_rules_the_phase_tells_whether_a_container_with_rules_runs_again() {
    let mut ended = with("Never", "Running", 0, &ended(42));
    ended.spec.containers[0].restart_policy = Some("Never".to_owned());
    assert!(matches!(of(Some(&ended), "c", Some(0)), LogAvailability::Pending(_)));
    ended.status.phase = Some("Succeeded".to_owned());
    assert_eq!(of(Some(&ended), "c", Some(0)), LogAvailability::Finished);
    // Another container's rules may restart all of them.
    let mut pod = with("Never", "Running", 0, &json!({ "state": { "terminated": { "exitCode": 0 } } }));
    assert_eq!(of(Some(&pod), "c", Some(0)), LogAvailability::Finished);
    let other = json!({ "name": "other", "restartPolicy": "Never" });
    pod.spec.containers.push(serde_json::from_value(other).unwrap());
    assert!(matches!(of(Some(&pod), "c", Some(0)), LogAvailability::Pending(_)));
}

#[test]
fn log_silent_end_a_run_is_over_by_its_container_or_its_pod() {
    let running = json!({ "state": { "running": {} } });
    let crashed = json!({ "state": { "waiting": { "reason": "CrashLoopBackOff" } },
        "lastState": { "terminated": { "exitCode": 1 } } });
    for (phase, restarts, state, expected) in [
        ("Running", 0, &running, Run::Running),
        ("Running", 0, &ended(0), Run::Ended),
        ("Running", 0, &crashed, Run::Ended),
        // The node was lost: nobody writes the container's state any more.
        ("Failed", 0, &running, Run::Ended),
        ("Running", 1, &running, Run::Previous),
        ("Failed", 2, &ended(1), Run::Removed),
    ] {
        assert_eq!(run(Some(&with("OnFailure", phase, restarts, state)), "c", 0), expected, "{phase} {restarts}");
    }
    assert_eq!(run(None, "c", 0), Run::Gone);
}
