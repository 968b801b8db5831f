//! When a batch is due.

use serde_json::{Value, json};

use super::*;
use crate::jobs::batches::state::BatchState;
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent::{Init, InitApply, InitDone, Watching};

const CREATED: i64 = 1_769_000_000;
const MAY_GROW: Duration = Duration::from_mins(1);

fn status(job: Value) -> Arc<Status> {
    Arc::new(Status::new("lab", &serde_json::from_value(job).unwrap()))
}

fn time(seconds: i64) -> String {
    time::OffsetDateTime::from_unix_timestamp(seconds)
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Member {
    Missing,
    Running,
    /// It ended so many seconds after the creation of the head.
    Ended(i64),
}
use Member::{Ended, Missing, Running};

fn batch(ttl: Option<u32>, members: &[Member]) -> Batch {
    let description = json!({ "size": members.len(), "ttl_seconds_after_finished": ttl });
    let head = status(json!({ "metadata": {
        "name": "n", "namespace": "default", "uid": "head", "creationTimestamp": time(CREATED),
        "labels": { "eks-api/batch-head": "true" }, "annotations": { "eks-api/batch": description.to_string() },
    } }));
    Batch::new(head, |index| {
        let end = match members[index as usize] {
            Missing => return None,
            Running => None,
            Ended(end) => Some(end),
        };
        let metadata = json!({
            "name": format!("n-{index:04}"), "namespace": "default", "labels": { "eks-api/batch": "n" },
            "ownerReferences": [{ "kind": "Job", "name": "n", "uid": "head" }],
        });
        let conditions = end.map(|end| {
            let kind = if end % 2 == 0 { "Complete" } else { "Failed" };
            json!([{ "type": kind, "status": "True", "lastTransitionTime": time(CREATED + end) }])
        });
        let conditions = conditions.unwrap_or_else(|| json!([]));
        Some(status(json!({ "metadata": metadata, "status": { "active": 1, "conditions": conditions } })))
    })
}

/// The seconds from the creation of the head until the batch is due.
fn due_after(ttl: Option<u32>, members: &[Member], grows: bool) -> Option<i64> {
    Some(i64::try_from(due(&batch(ttl, members), MAY_GROW, grows)?.as_secs()).unwrap() - CREATED)
}

#[test]
fn a_batch_is_due_its_ttl_after_the_end_of_its_last_member() {
    for (ttl, members, expected) in [
        (Some(0), vec![Ended(10)], Some(10)),
        (Some(100), vec![Ended(10), Ended(31), Ended(20)], Some(131)),
        (None, vec![Ended(10)], None),
        (Some(0), vec![Ended(10), Running], None),
        (Some(0), vec![Running, Missing], None),
    ] {
        assert_eq!([true, false].map(|grows| due_after(ttl, &members, grows)), [expected; 2], "{ttl:?} {members:?}");
    }
}

#[test]
fn missing_members_may_come_for_a_while() {
    for (ttl, members, expected, without_growth) in [
        (0, vec![Ended(10), Missing], 60, 10),
        (100, vec![Ended(10), Missing], 110, 110),
        (0, vec![Missing], 60, 60),
        (100, vec![Missing, Missing], 160, 160),
    ] {
        let found = [true, false].map(|grows| due_after(Some(ttl), &members, grows));
        assert_eq!(found, [Some(expected), Some(without_growth)], "{ttl} {members:?}");
    }
}

#[test]
fn a_batch_that_is_being_deleted_or_has_a_damaged_description_is_never_due() {
    let healthy = batch(Some(0), &[Ended(10)]);
    assert!(due(&healthy, MAY_GROW, false).is_some());
    for (description, deleted) in [("{", Value::Null), (r#"{"size":1,"ttl_seconds_after_finished":0}"#, json!(time(0)))]
    {
        let head = status(json!({ "metadata": {
            "uid": "head", "deletionTimestamp": deleted,
            "labels": { "eks-api/batch-head": "true" }, "annotations": { "eks-api/batch": description },
        } }));
        assert_eq!(due(&Batch { head, ..healthy.clone() }, MAY_GROW, false), None, "{description}");
    }
}

/// A store with a batch that ended long ago, and that is due.
fn store_with_a_due_batch() -> JobStore {
    let store = JobStore::new("lab");
    let labels = |key: &str, value: &str| json!({ "app": "eks-api", key: value });
    let head = json!({ "metadata": {
        "name": "n", "namespace": "default", "uid": "head", "resourceVersion": "3", "creationTimestamp": time(CREATED),
        "labels": labels("eks-api/batch-head", "true"),
        "annotations": { "eks-api/batch": json!({ "size": 1, "ttl_seconds_after_finished": 0 }).to_string() },
    } });
    let member = json!({
        "metadata": {
            "name": "n-0000", "namespace": "default", "uid": "member", "resourceVersion": "4",
            "labels": labels("eks-api/batch", "n"), "ownerReferences": [{ "kind": "Job", "name": "n", "uid": "head" }],
        },
        "status": { "conditions": [{ "type": "Failed", "status": "True", "lastTransitionTime": time(CREATED + 9) }] },
    });
    let jobs: Vec<Job> = [head, member].map(|job| serde_json::from_value(job).unwrap()).into();
    for event in [Init(10), InitApply(jobs), InitDone, Watching] {
        store.apply_event(event, std::time::Instant::now());
    }
    store
}

#[tokio::test]
async fn a_batch_stays_until_its_end_is_recorded_or_for_two_minutes() {
    let (store, began) = (store_with_a_due_batch(), Instant::now());
    let mut unrecorded = Unrecorded::new();
    let mut round = async |seconds: u64| {
        let (expired, _) = look(&store, &Filter::default(), MAY_GROW).await;
        let now = began + Duration::from_secs(seconds);
        let (expired, next) = recorded_ones(&store, expired, &mut unrecorded, now);
        (expired.len(), next.map(|next| next.as_secs()))
    };
    assert_eq!(round(0).await, (1, None), "nothing records ends");
    // The service has started, and the end is days old.
    store.forget_recorded_ends();
    assert_eq!(round(1000).await, (0, Some(120)));
    let record = |state, time| {
        let ends = Some(HashMap::from([("head".into(), (state, time))]));
        store.recorded_ends.send_replace(ends);
    };
    record(BatchState::Incomplete, CREATED + 9);
    assert_eq!(round(1119).await, (0, Some(1)), "an earlier end is recorded");
    assert_eq!([round(1120).await, round(1121).await], [(1, None); 2], "it is not held up for ever");
    record(BatchState::Failed, CREATED + 9);
    assert_eq!(round(1122).await, (1, None));
    store.forget_recorded_ends();
    assert_eq!(round(1123).await, (0, Some(120)), "another time begins");
}
