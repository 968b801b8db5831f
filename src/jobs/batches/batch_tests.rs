//! State and status of a batch against a model that follows the contract word by word.

use serde_json::{Value, json};

use super::*;
use crate::jobs::batches::status::{BatchStatus, View};
use crate::jobs::pods::exit::Exit;
use crate::jobs::state::State;
use crate::kube::names::{BatchName, Namespace};
use crate::kube::types::Job;

/// A head of the batch `etl` in the namespace `a`, with this annotation.
pub(in crate::jobs) fn head(uid: &str, version: u64, annotation: &str) -> Job {
    serde_json::from_value(json!({
        "metadata": {
            "name": "etl", "namespace": "a", "uid": uid, "resourceVersion": version.to_string(),
            "creationTimestamp": "2026-11-29T10:00:00Z",
            "labels": { "app": "eks-api", "job-id": "etl", "eks-api/batch-head": "true" },
            "annotations": { "eks-api/batch": annotation },
        },
        "spec": { "suspend": true, "parallelism": 0, "completions": 1, "backoffLimit": 0 },
        "status": { "conditions": [{ "type": "Suspended", "status": "True" }] },
    }))
    .unwrap()
}

/// A member of that batch whose owner has this uid. It starts at the second of its index, and runs for a minute.
pub(in crate::jobs) fn member(index: u32, owner: &str, version: u64, state: State) -> Job {
    let condition = |kind: &str, time: String| json!({ "type": kind, "status": "True", "lastTransitionTime": time });
    let at = |minute: u32| format!("2026-11-29T10:{minute:02}:{:02}Z", index % 60);
    let status = match state {
        State::Pending => json!({}),
        State::Running => json!({ "active": 1, "startTime": at(1) }),
        State::Suspended => json!({ "conditions": [condition("Suspended", at(1))] }),
        State::Completed => {
            json!({ "startTime": at(1), "completionTime": at(2), "conditions": [condition("Complete", at(2))] })
        }
        State::Failed => {
            let mut failed = condition("Failed", at(2));
            failed["reason"] = json!("BackoffLimitExceeded");
            json!({ "failed": 1, "startTime": at(1), "conditions": [failed] })
        }
    };
    let owner = json!({ "apiVersion": "batch/v1", "kind": "Job", "name": "etl", "uid": owner });
    serde_json::from_value(json!({
        "metadata": {
            "name": format!("etl-{index:04}"), "namespace": "a", "uid": format!("{version}-{index}"),
            "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-29T10:00:00Z",
            "labels": { "app": "eks-api", "eks-api/batch": "etl" }, "ownerReferences": [owner],
        },
        "status": status,
    }))
    .unwrap()
}

pub(in crate::jobs) fn description(size: usize) -> String {
    json!({ "size": size, "body": "0a" }).to_string()
}

/// The status object of a batch whose exits the caller may see.
pub(in crate::jobs) fn status(batch: &Batch, may_grow: bool) -> Value {
    let view = View { with_members: true, with_exits: true };
    serde_json::to_value(BatchStatus::new("lab", batch, may_grow, view)).unwrap()
}

/// The job that the name of a member leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Slot {
    Nothing,
    Member(State),
    /// A job that is not a member: of another owner, with another owner's kind, or without the label.
    Other(usize, State),
}

fn slot_job(index: u32, slot: Slot) -> Option<Arc<Status>> {
    let (mut job, state) = match slot {
        Slot::Nothing => return None,
        Slot::Other(0, state) => (member(index, "u0", 7, state), state),
        Slot::Member(state) | Slot::Other(_, state) => (member(index, "u1", 7, state), state),
    };
    match slot {
        Slot::Other(1, _) => job.metadata.owner_references[0].kind = "CronJob".to_owned(),
        Slot::Other(2, _) => job.metadata.labels.0.retain(|(key, _)| &**key == "app"),
        Slot::Other(3, _) => job.metadata.owner_references.clear(),
        _ => {}
    }
    let exit = Exit { code: i32::try_from(index).unwrap(), message: None };
    let status = if state == State::Failed { Status::with_exit("lab", &job, exit) } else { Status::new("lab", &job) };
    Some(Arc::new(status))
}

/// The state in the words of the contract.
fn expected_state(slots: &[Slot], is_deleting: bool, may_grow: bool) -> &'static str {
    let member = |slot: &Slot| if let Slot::Member(state) = slot { Some(*state) } else { None };
    let members: Vec<State> = slots.iter().filter_map(member).collect();
    let (is_missing, has) = (members.len() < slots.len(), |state| members.contains(&state));
    let unfinished = members.iter().filter(|state| !matches!(state, State::Completed | State::Failed));
    match () {
        () if is_deleting => "deleting",
        () if is_missing && may_grow => "running",
        () if has(State::Pending) || has(State::Running) => "running",
        () if unfinished.count() > 0 => "suspended",
        () if is_missing => "incomplete",
        () if has(State::Failed) => "failed",
        () => "completed",
    }
}

fn any_slot(rng: &mut fastrand::Rng, states: &[State]) -> Slot {
    let state = states[rng.usize(..states.len())];
    match rng.u32(..12) {
        0 => Slot::Nothing,
        1 => Slot::Other(rng.usize(..4), state),
        _ => Slot::Member(state),
    }
}

#[test]
fn the_status_is_that_of_the_contract_for_any_members() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut reached = std::collections::HashSet::new();
    for _ in 0..2000 {
        // Few states, so that every state of a batch is frequent.
        let states: Vec<State> = (0..=rng.usize(..3)).map(|_| State::ALL[rng.usize(..5)]).collect();
        let size = 1 + rng.usize(..60);
        let slots: Vec<Slot> = if rng.bool() {
            (0..size).map(|_| Slot::Member(states[rng.usize(..states.len())])).collect()
        } else {
            (0..size).map(|_| any_slot(&mut rng, &states)).collect()
        };
        let ids: Vec<_> = (0..size).map(|index| (index % 2 == 0).then(|| format!("id-{index}"))).collect();
        let ids = if rng.bool() { ids } else { Vec::new() };
        let annotation = json!({ "size": size, "ids": ids, "ttl_seconds_after_finished": 60, "body": "" });
        let mut head = head("u1", 5, &annotation.to_string());
        let (is_deleting, may_grow) = (rng.u32(..8) == 0, rng.bool());
        head.metadata.deletion_timestamp = head.metadata.creation_timestamp.clone().filter(|_| is_deleting);
        let job = |index: u32| slot_job(index, slots[index as usize]);
        let batch = Batch::new(Arc::new(Status::new("lab", &head)), job);

        let object = status(&batch, may_grow);
        let state = expected_state(&slots, is_deleting, may_grow);
        reached.insert(state);
        let count = |wanted| slots.iter().filter(|slot| **slot == Slot::Member(wanted)).count();
        let known: usize = State::ALL.into_iter().map(count).sum();
        let counts = json!({
            "pending": count(State::Pending), "running": count(State::Running), "suspended": count(State::Suspended),
            "completed": count(State::Completed), "failed": count(State::Failed), "missing": size - known,
        });
        assert_eq!((&object["state"], &object["counts"]), (&json!(state), &counts), "{slots:?}");
        assert_eq!((&object["size"], &object["uid"]), (&json!(size), &json!("u1")));
        assert_eq!(object["ttl_seconds_after_finished"], 60);

        let id = |index: usize| json!(ids.get(index).cloned().flatten());
        let named = |index: usize| json!(format!("etl-{index:04}"));
        let failed = (0..size).filter(|index| slots[*index] == Slot::Member(State::Failed)).take(20);
        let failed = failed.map(|index| {
            json!({ "index": index, "id": id(index), "job_name": named(index), "reason": "BackoffLimitExceeded",
                    "exit_code": index })
        });
        assert_eq!(object["failed_jobs"], failed.collect::<Value>());
        for (index, member) in object["members"].as_array().unwrap().iter().enumerate() {
            let state = if let Slot::Member(state) = slots[index] { state.name() } else { "missing" };
            assert_eq!((&member["state"], &member["id"]), (&json!(state), &id(index)));
            assert_eq!((&member["index"], &member["job_name"]), (&json!(index), &named(index)));
        }
        let at = |index: usize, minute: u32| json!(format!("2026-11-29T10:{minute:02}:{:02}+00:00", index % 60));
        let started = |slot: &Slot| matches!(slot, Slot::Member(State::Running | State::Completed | State::Failed));
        let first = slots.iter().position(started).map(|index| at(index, 1));
        assert_eq!(object["start_time"], json!(first));
        let ended = |slot: &Slot| matches!(slot, Slot::Member(State::Completed | State::Failed));
        let last = slots.iter().rposition(ended).map(|index| at(index, 2));
        let has_ended = ["completed", "failed", "incomplete"].contains(&state);
        assert_eq!(object["completion_time"], json!(last.filter(|_| has_ended)));
    }
    assert_eq!(reached.len(), BatchState::ALL.len(), "{reached:?}");
}

#[test]
fn a_batch_with_a_damaged_head_is_incomplete_until_it_is_deleted() {
    for annotation in ["", "{", "{}", r#"{"size":0}"#, r#"{"size":1001}"#, r#"{"size":2,"ids":["a"]}"#] {
        let mut head = head("u1", 5, annotation);
        let batch = |head: &Job| Batch::new(Arc::new(Status::new("lab", head)), |index| slot_job(index, Slot::Nothing));
        let object = status(&batch(&head), true);
        assert_eq!((&object["state"], &object["size"]), (&json!("incomplete"), &json!(0)), "{annotation}");
        head.metadata.deletion_timestamp = head.metadata.creation_timestamp.clone();
        assert_eq!(status(&batch(&head), true)["state"], "deleting", "{annotation}");
    }
}

#[test]
fn exit_codes_and_members_are_shown_only_if_they_are_wanted() {
    let job = |index| slot_job(index, Slot::Member(State::Failed));
    let batch = Batch::new(Arc::new(Status::new("lab", &head("u1", 5, &description(30)))), job);
    for (with_members, with_exits) in [(false, false), (false, true), (true, false), (true, true)] {
        let view = View { with_members, with_exits };
        let object = serde_json::to_value(BatchStatus::new("lab", &batch, false, view)).unwrap();
        let exit = json!(with_exits.then_some(7));
        assert_eq!((&object["failed_jobs"][7]["exit_code"], &object["failed_jobs"][20]), (&exit, &Value::Null));
        assert_eq!(object["members"][7]["exit_code"], json!(exit.as_i64().filter(|_| with_members)));
        assert_eq!(object.get("members").is_some(), with_members);
    }
}

/// Run it with `--release --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn the_time_of_a_status_of_a_thousand_members() {
    let states = [State::Running, State::Completed, State::Failed];
    let mut index = crate::jobs::store::index::JobIndex::default();
    index.insert(Arc::new(Status::new("lab", &head("u1", 5, &description(1000)))));
    (0..1000).for_each(|n| drop(index.insert(slot_job(n, Slot::Member(states[n as usize % 3])).unwrap())));
    let (namespace, name) = (Namespace::parse("a").unwrap(), BatchName::parse("etl").unwrap());
    for with_members in [false, true] {
        let started = std::time::Instant::now();
        for _ in 0..1000 {
            let batch = index.batch(&namespace, &name).unwrap();
            let view = View { with_members, with_exits: true };
            let json = serde_json::to_vec(&BatchStatus::new("lab", &batch, false, view)).unwrap();
            assert!(!crate::jobs::idempotency::hash(&json).is_empty());
        }
        println!("members {with_members}: {:?} each", started.elapsed() / 1000);
    }
}
