//! The states of a pod that matter to its logs.

use serde_json::{Value, json};

use super::*;

fn pod(restart_policy: &str, status: &Value) -> Pod {
    let containers = json!([{ "name": "c" }]);
    let init = json!([{ "name": "fetch" }, { "name": "proxy", "restartPolicy": "Always" }]);
    let spec = json!({ "restartPolicy": restart_policy, "containers": containers, "initContainers": init });
    serde_json::from_value(json!({ "metadata": { "name": "p" }, "spec": spec, "status": status })).unwrap()
}

/// A pod of this phase whose container `c` has this state and number of restarts.
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
            log_availability(Some(&with("OnFailure", "Running", 2, &state)), "c", None),
            LogAvailability::Log { run: 2 },
            "{state}"
        );
    }
    assert_eq!(
        log_availability(Some(&with("Never", "Failed", 0, &ended(1))), "c", None),
        LogAvailability::Log { run: 0 }
    );
}

#[test]
fn a_container_is_pending_blocked_or_never_starts_by_its_reason() {
    for usual in ["ContainerCreating", "PodInitializing"] {
        let expected = LogAvailability::Pending(wait(usual, Some("m")));
        assert_eq!(log_availability(Some(&with("Never", "Pending", 0, &waiting(usual))), "c", None), expected);
    }
    for passing in ["ImagePullBackOff", "ErrImagePull", "CreateContainerConfigError", "RunContainerError"] {
        let expected = LogAvailability::Blocked(wait(passing, Some("m")));
        assert_eq!(log_availability(Some(&with("Never", "Pending", 0, &waiting(passing))), "c", None), expected);
    }
    for hopeless in ["InvalidImageName", "ErrImageNeverPull"] {
        let expected = LogAvailability::Never(wait(hopeless, Some("m")));
        assert_eq!(log_availability(Some(&with("Never", "Pending", 0, &waiting(hopeless))), "c", None), expected);
    }
}

#[test]
fn an_unscheduled_pod_is_pending() {
    let condition = json!({ "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3" });
    let unscheduled = pod("Never", &json!({ "phase": "Pending", "conditions": [condition] }));
    assert_eq!(
        log_availability(Some(&unscheduled), "c", None),
        LogAvailability::Pending(wait("Unschedulable", Some("0/3")))
    );
    let new = pod("Never", &json!({}));
    assert_eq!(log_availability(Some(&new), "c", None), LogAvailability::Pending(wait("Pending", None)));
}

#[test]
fn a_pod_that_ended_before_the_container_began_has_no_log() {
    let evicted = json!({ "phase": "Failed", "reason": "Evicted", "message": "low on memory" });
    let expected = LogAvailability::Never(wait("Evicted", Some("low on memory")));
    assert_eq!(log_availability(Some(&pod("Never", &evicted)), "c", None), expected);
    let initializing = with("Never", "Failed", 0, &waiting("PodInitializing"));
    assert_eq!(
        log_availability(Some(&initializing), "c", None),
        LogAvailability::Never(wait("PodInitializing", Some("m")))
    );
}

#[test]
fn a_blocked_init_container_is_named() {
    let mut stuck = with("Never", "Pending", 0, &waiting("PodInitializing"));
    let init = json!({ "name": "fetch", "state": { "waiting": { "reason": "ImagePullBackOff", "message": "no" } } });
    stuck.status.init_container_statuses = vec![serde_json::from_value(init).unwrap()];
    let expected = LogAvailability::Blocked(wait("ImagePullBackOff", Some("init container fetch: no")));
    assert_eq!(log_availability(Some(&stuck), "c", None), expected);
}

#[test]
fn only_the_next_run_is_read() {
    let running = json!({ "state": { "running": {} } });
    let seen = |policy, phase, restarts, state: &Value| {
        log_availability(Some(&with(policy, phase, restarts, state)), "c", Some(0))
    };
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
    assert_eq!(log_availability(None, "c", Some(0)), LogAvailability::Finished);
    assert_eq!(log_availability(None, "c", None), LogAvailability::Gone);
}

#[test]
fn a_containers_own_restart_policy_comes_before_its_pods() {
    let mut pod = pod("Never", &json!({ "phase": "Running" }));
    let proxy = json!({ "name": "proxy", "state": { "terminated": { "exitCode": 0 } } });
    pod.status.init_container_statuses = vec![serde_json::from_value(proxy).unwrap()];
    assert!(matches!(log_availability(Some(&pod), "proxy", Some(0)), LogAvailability::Pending(_)));
}

#[test]
fn the_reason_is_shown_with_its_message() {
    assert_eq!(wait("ContainerCreating", None).to_string(), "ContainerCreating");
    assert_eq!(wait("ErrImagePull", Some("not found")).to_string(), "ErrImagePull: not found");
}

#[test]
fn log_restart_rules_the_phase_tells_whether_a_container_with_rules_runs_again() {
    let mut ended = with("Never", "Running", 0, &ended(42));
    ended.spec.containers[0].restart_policy = Some("Never".to_owned());
    assert!(matches!(log_availability(Some(&ended), "c", Some(0)), LogAvailability::Pending(_)));
    ended.status.phase = Some("Succeeded".to_owned());
    assert_eq!(log_availability(Some(&ended), "c", Some(0)), LogAvailability::Finished);
    // Another container's rules may restart all of them.
    let mut pod = with("Never", "Running", 0, &json!({ "state": { "terminated": { "exitCode": 0 } } }));
    assert_eq!(log_availability(Some(&pod), "c", Some(0)), LogAvailability::Finished);
    let other = json!({ "name": "other", "restartPolicy": "Never" });
    pod.spec.containers.push(serde_json::from_value(other).unwrap());
    assert!(matches!(log_availability(Some(&pod), "c", Some(0)), LogAvailability::Pending(_)));
}

#[test]
fn log_silent_end_a_run_ends_with_its_container_or_its_pod() {
    let running = json!({ "state": { "running": {} } });
    let crashed = json!({ "state": { "waiting": { "reason": "CrashLoopBackOff" } },
        "lastState": { "terminated": { "exitCode": 1 } } });
    for (phase, restarts, state, expected) in [
        ("Running", 0, &running, RunState::Running),
        ("Running", 0, &ended(0), RunState::Ended),
        ("Running", 0, &crashed, RunState::Ended),
        // The node is lost, so nothing updates the container's state.
        ("Failed", 0, &running, RunState::Ended),
        ("Running", 1, &running, RunState::Previous),
        ("Failed", 2, &ended(1), RunState::Removed),
    ] {
        assert_eq!(run_state(Some(&with("OnFailure", phase, restarts, state)), "c", 0), expected, "{phase} {restarts}");
    }
    assert_eq!(run_state(None, "c", 0), RunState::Gone);
}
