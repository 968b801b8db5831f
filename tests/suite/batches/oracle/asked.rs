//! The call of a history, and what it asks for.

use serde_json::{Value, json};

use crate::calls::nameless;

#[derive(Debug)]
pub(super) struct Asked {
    pub(super) size: usize,
    pub(super) ttl: Option<u32>,
    /// Given by the call. Else it is made from the key.
    pub(super) name: Option<&'static str>,
    pub(super) key: Option<String>,
    pub(super) body: Value,
}

impl Asked {
    pub(super) fn any(random: &mut fastrand::Rng) -> Self {
        let size = random.usize(1..=12);
        let is_named = random.bool();
        let key = (!is_named || random.bool()).then(|| format!("key {}", random.u16(..)));
        let ttl = (random.u8(0..6) == 0).then_some(3600);
        let jobs = (0..size).map(|index| {
            let mut job = json!({ "overrides": { "env": { "N": index.to_string() } } });
            if random.bool() {
                job["id"] = json!(format!("id-{index}"));
            }
            job
        });
        let mut body = json!({ "job_manifest": nameless(), "jobs": jobs.collect::<Vec<_>>() });
        if random.bool() {
            body["on_error"] = json!("continue");
        }
        if let Some(ttl) = ttl {
            body["ttl_seconds_after_finished"] = json!(ttl);
        }
        if is_named {
            body["batch_name"] = json!("nightly");
        }
        Self { size, ttl, name: is_named.then_some("nightly"), key, body }
    }

    /// Panics unless these are the head and its members, and no other job.
    pub(super) fn hold(&self, jobs: &[Value]) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let name = text(&jobs[0]["metadata"]["name"]);
        let names: Vec<String> = jobs.iter().map(|job| text(&job["metadata"]["name"])).collect();
        let members = (0..self.size).map(|index| format!("{name}-{index:04}"));
        assert_eq!(names, std::iter::once(name.clone()).chain(members).collect::<Vec<_>>());
        assert!(self.name.is_none_or(|asked| asked == name), "{name}");
        let (head, members) = jobs.split_first().unwrap();
        assert_eq!(head["metadata"]["labels"]["eks-api/batch-head"], "true");
        for (index, member) in members.iter().enumerate() {
            let metadata = &member["metadata"];
            let owner = json!([{ "apiVersion": "batch/v1", "kind": "Job", "name": name,
                "uid": head["metadata"]["uid"], "blockOwnerDeletion": false }]);
            assert_eq!(metadata["ownerReferences"], owner);
            assert_eq!(metadata["labels"]["eks-api/batch"], name);
            let id = &self.body["jobs"][index]["id"];
            assert_eq!(
                (&metadata["annotations"]["eks-api/batch-id"], &metadata["deletionTimestamp"]),
                (id, &Value::Null)
            );
            let variables = member["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
            for variable in ["N", "EKS_API_BATCH_INDEX"] {
                let found = variables.iter().find(|found| found["name"] == variable).unwrap();
                assert_eq!(found["value"], index.to_string(), "{variable}");
            }
        }
    }
}
