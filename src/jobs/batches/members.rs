//! The batch and the index of a member, from its status.

use crate::jobs::batches::membership::{Membership, split};
use crate::jobs::status::Status;
use crate::kube::names::BatchName;

/// Returns the name of the batch that a job is a member of.
pub fn batch_of(status: &Status) -> Option<&str> {
    let is_member = matches!(status.batch(), Some(Membership::Member { .. }));
    split(status.name()).filter(|_| is_member).map(|(batch, _)| batch)
}

/// Returns the index of a member.
pub fn index_of(status: &Status) -> Option<u32> {
    let is_member = matches!(status.batch(), Some(Membership::Member { .. }));
    split(status.name()).filter(|_| is_member).map(|(_, index)| index)
}

pub fn is_member_of(status: &Status, batch: &BatchName) -> bool {
    batch_of(status) == Some(batch.as_str())
}

/// Whether it is a member of the batch whose head has this uid.
pub fn is_owned_by(status: &Status, uid: &str) -> bool {
    matches!(status.batch(), Some(Membership::Member { owner, .. }) if **owner == *uid)
}

pub fn is_deleting(status: &Status) -> bool {
    matches!(status.batch(), Some(Membership::Member { is_deleting: true, .. }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::jobs::batches::description::Description;
    use crate::jobs::batches::membership::Head;

    fn recorded(name: &str) -> Value {
        let path = format!("{}/fixtures/kubernetes-1.36/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let mut recording: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        recording["response"]["body"].take()
    }

    fn of(job: &Value) -> Option<Membership> {
        Membership::of(&serde_json::from_value(job.clone()).unwrap())
    }

    fn status(job: &Value) -> Status {
        Status::new("prod", &serde_json::from_value(job.clone()).unwrap())
    }

    /// The recording is older than the label.
    fn head() -> Value {
        let mut job = recorded("batch-head-create");
        job["metadata"]["labels"]["eks-api/batch-head"] = json!("true");
        job
    }

    #[test]
    fn a_recorded_member_belongs_to_its_head() {
        let (head, member) = (recorded("batch-head-create"), recorded("batch-member-create"));
        let uid = head["metadata"]["uid"].as_str().unwrap();
        assert_eq!(of(&member), Some(Membership::Member { owner: uid.into(), is_deleting: false }));
        let status = status(&member);
        assert_eq!((batch_of(&status), index_of(&status)), (Some("nightly"), Some(0)));
        assert!(is_owned_by(&status, uid) && !is_owned_by(&status, "other"));
        let batch = |name| BatchName::parse(name).unwrap();
        assert!(is_member_of(&status, &batch("nightly")) && !is_member_of(&status, &batch("night")));
    }

    #[test]
    fn a_member_has_the_label_the_name_and_the_owner() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut job = recorded("batch-member-create");
            change(&mut job["metadata"]);
            of(&job)
        };
        assert!(with(&|metadata| metadata["name"] = json!("nightly-0999")).is_some());
        assert!(with(&|metadata| metadata["ownerReferences"].as_array_mut().unwrap().insert(0, json!({}))).is_some());
        for name in
            ["nightly", "nightly-", "nightly-000", "nightly-00000", "nightly-+001", "nightly-000a", "other-0000"]
        {
            assert_eq!(with(&|metadata| metadata["name"] = json!(name)), None, "{name}");
        }
        assert_eq!(with(&|metadata| metadata["labels"] = json!({})), None);
        assert_eq!(with(&|metadata| metadata["labels"]["eks-api/batch"] = json!("other")), None);
        assert_eq!(with(&|metadata| metadata["ownerReferences"] = json!([])), None);
        assert_eq!(with(&|metadata| metadata["ownerReferences"][0]["kind"] = json!("CronJob")), None);
        assert_eq!(with(&|metadata| metadata["ownerReferences"][0]["name"] = json!("other")), None);
    }

    #[test]
    fn a_head_is_recognized_by_its_label() {
        assert_eq!(of(&recorded("batch-head-create")), None);
        let mut job = head();
        let is_head = |description, is_deleting| Some(Membership::Head(Head { description, is_deleting }));
        assert_eq!(of(&job), is_head(None, false), "without its annotation");
        job["metadata"]["annotations"] = json!({ "eks-api/batch": "damaged" });
        assert_eq!(of(&job), is_head(None, false));
        job["metadata"]["annotations"] = json!({ "eks-api/batch": r#"{"size":7,"body":"b"}"# });
        job["metadata"]["deletionTimestamp"] = json!("2026-11-28T16:12:29Z");
        assert_eq!(of(&job), is_head(Description::parse(r#"{"size":7,"body":"b"}"#), true));
        let status = status(&job);
        assert_eq!((batch_of(&status), index_of(&status), is_owned_by(&status, "")), (None, None, false));
        job["metadata"]["labels"]["eks-api/batch-head"] = json!("false");
        assert_eq!(of(&job), None);
    }

    #[test]
    fn a_head_is_no_member_of_another_batch() {
        let mut job = recorded("batch-member-create");
        job["metadata"]["labels"]["eks-api/batch-head"] = json!("true");
        assert!(matches!(of(&job), Some(Membership::Head(_))));
    }

    #[test]
    fn the_name_of_a_batch_may_look_like_that_of_a_member() {
        let mut job = recorded("batch-member-create");
        job["metadata"]["name"] = json!("nightly-0000-0007");
        job["metadata"]["labels"]["eks-api/batch"] = json!("nightly-0000");
        job["metadata"]["ownerReferences"][0]["name"] = json!("nightly-0000");
        let status = status(&job);
        assert_eq!((batch_of(&status), index_of(&status)), (Some("nightly-0000"), Some(7)));
    }
}
