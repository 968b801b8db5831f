//! When a batch is due.

use serde_json::{Value, json};

use super::*;
use crate::jobs::status::Status;

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
