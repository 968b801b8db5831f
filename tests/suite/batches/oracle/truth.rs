//! What the cluster held at each moment, and whether what was said of it was true.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::service::Reply;

/// A reply, with the moments between which it came.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) reply: Reply,
    pub(super) waits: bool,
    /// The uids of the heads whose members were all said to be there before the request.
    pub(super) acknowledged: Vec<String>,
}

/// A job at one moment.
#[derive(Clone, Debug)]
struct Job {
    uid: String,
    owner: String,
    state: &'static str,
    is_deleting: bool,
    is_head: bool,
}

/// All jobs, by name.
type Moment = BTreeMap<String, Job>;

pub(super) struct Timeline {
    /// Each with the revision that it begins at.
    moments: Vec<(u64, Moment)>,
}

const STATES: [&str; 5] = ["pending", "running", "suspended", "completed", "failed"];

impl Job {
    fn new(job: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (metadata, status) = (&job["metadata"], &job["status"]);
        let state = match status["conditions"][0]["type"].as_str() {
            Some("Complete") => "completed",
            Some("Failed") => "failed",
            _ if status["active"] == 1 => "running",
            _ if job["spec"]["suspend"] == true => "suspended",
            _ => "pending",
        };
        Self {
            uid: text(&metadata["uid"]),
            owner: text(&metadata["ownerReferences"][0]["uid"]),
            state,
            is_deleting: !metadata["deletionTimestamp"].is_null(),
            is_head: metadata["labels"]["eks-api/batch-head"] == "true",
        }
    }
}

impl Timeline {
    pub(super) fn new(changes: &[(u64, String, Option<Value>)]) -> Self {
        let mut moments = vec![(0, Moment::new())];
        for (revision, name, job) in changes {
            let mut moment = moments.last().unwrap().1.clone();
            match job {
                Some(job) => drop(moment.insert(name.clone(), Job::new(job))),
                None => drop(moment.remove(name)),
            }
            moments.push((*revision, moment));
        }
        Self { moments }
    }

    /// The moments from the one to the other revision, the one that lasts at the first included.
    fn between(&self, from: u64, to: u64) -> impl DoubleEndedIterator<Item = &Moment> {
        let start = self.moments.partition_point(|(revision, _)| *revision <= from) - 1;
        let end = self.moments.partition_point(|(revision, _)| *revision <= to);
        self.moments[start..end].iter().map(|(_, moment)| moment)
    }

    fn between_told(&self, told: &Told) -> impl DoubleEndedIterator<Item = &Moment> {
        self.between(told.from, told.to)
    }

    /// Each member that a reply calls created or existing was there during the call.
    pub(super) fn check_submission(&self, told: &Told, size: usize) {
        let (status, reply) = (told.reply.status.as_u16(), told.reply.json());
        assert!([200, 201, 409, 429, 502, 503, 504].contains(&status), "{status}: {reply}");
        let reason = reply["reason"].as_str().unwrap_or_default();
        assert!(status != 409 || reason == "batch_deleting", "{reply}");
        let jobs = reply["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
        for job in jobs.iter().filter(|job| ["created", "existing"].contains(&job["status"].as_str().unwrap())) {
            let (name, uid) = (job["job_name"].as_str().unwrap(), job["uid"].as_str().unwrap());
            let was_there =
                self.between_told(told).any(|moment| moment.get(name).is_some_and(|found| found.uid == uid));
            assert!(was_there, "{name} {uid} was not there: {reply}");
        }
        if status < 300 {
            let count = |field: &str| usize::try_from(reply[field].as_u64().unwrap()).unwrap();
            assert_eq!(
                (count("size"), count("created") + count("existing"), jobs.len()),
                (size, size, size),
                "{reply}"
            );
            assert_eq!(status == 201, count("created") > 0, "{reply}");
        }
    }

    /// A status was true at some moment: between request and reply if it comes from the cluster, else since the batch
    /// began.
    pub(super) fn check_status(&self, told: &Told) {
        let is_stored = told.reply.header("x-cache").is_some_and(|cache| cache == "hit");
        match told.reply.status.as_u16() {
            404 => {
                // A wait may learn late that a head is gone.
                let from = if told.waits { 0 } else { told.from };
                let is_gone = |moment: &Moment| !moment.values().any(|job| job.is_head);
                assert!(self.between(from, told.to).any(is_gone), "the batch was there: {}", told.reply.text());
            }
            200 => {
                let reply = told.reply.json();
                check_sums(&reply);
                let moments: Vec<&Moment> = self.between(if is_stored { 0 } else { told.from }, told.to).collect();
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (name, uid) = (text(&reply["batch_name"]), text(&reply["uid"]));
                let is_deleting = reply["state"] == "deleting";
                let is_head = |moment: &&Moment| {
                    moment.get(&name).is_some_and(|head| head.uid == uid && head.is_deleting == is_deleting)
                };
                let began = moments.iter().position(is_head);
                let began = began.unwrap_or_else(|| panic!("no head was so: {reply}"));
                if is_stored {
                    check_members(&moments[began..], told, &reply);
                } else {
                    let is_true = |moment: &&&Moment| counts(moment, &reply) == reply["counts"];
                    assert!(moments[began..].iter().any(|moment| is_true(&moment)), "never so: {reply}\n{moments:?}");
                }
            }
            status => assert!([429, 502, 503, 504].contains(&status), "{status}: {}", told.reply.text()),
        }
    }
}

/// Each member was in the state that the details tell.
fn check_members(moments: &[&Moment], told: &Told, reply: &Value) {
    let head = reply["uid"].as_str().unwrap();
    for member in reply["members"].as_array().into_iter().flatten() {
        let (name, state) = (member["job_name"].as_str().unwrap(), member["state"].as_str().unwrap());
        let is_so = |found: Option<&Job>| match found.filter(|job| job.owner == head) {
            Some(job) => job.state == state && member["uid"] == job.uid,
            None => state == "missing",
        };
        // What a call said to be there is missing only if it went.
        let is_acknowledged = told.acknowledged.iter().any(|uid| uid == head);
        let exists = |moment: &&Moment| moment.get(name).is_some_and(|job| job.owner == head);
        let from = moments.iter().position(exists).filter(|_| is_acknowledged).unwrap_or(0);
        assert!(moments[from..].iter().any(|moment| is_so(moment.get(name))), "{name} was never {state}: {reply}");
    }
}

/// The counts of a batch at one moment.
fn counts(moment: &Moment, reply: &Value) -> Value {
    let (name, size) = (reply["batch_name"].as_str().unwrap(), reply["size"].as_u64().unwrap());
    let member = |index: u64| {
        let found = moment.get(&format!("{name}-{index:04}"));
        found.filter(|job| job.owner == reply["uid"].as_str().unwrap()).map_or("missing", |job| job.state)
    };
    let states: Vec<&str> = (0..size).map(member).collect();
    let count = |state: &str| json!(states.iter().filter(|found| **found == state).count());
    STATES.into_iter().chain(["missing"]).map(|state| (state.to_owned(), count(state))).collect()
}

/// The numbers and the state of a status fit each other.
fn check_sums(reply: &Value) {
    let count = |state: &str| reply["counts"][state].as_u64().unwrap();
    let known: u64 = STATES.into_iter().map(count).sum();
    assert_eq!(known + count("missing"), reply["size"].as_u64().unwrap(), "{reply}");
    let has_ended = count("completed") + count("failed") == known;
    let expected: &[&str] = match (has_ended, count("missing"), count("failed")) {
        (true, 0, 0) => &["completed"],
        (true, 0, _) => &["failed"],
        // The submission may still be under way.
        (true, ..) => &["incomplete", "running"],
        (false, 0, _) if count("suspended") == known - count("completed") - count("failed") => &["suspended"],
        (false, 0, _) => &["running"],
        (false, ..) => &["running", "suspended"],
    };
    let state = reply["state"].as_str().unwrap();
    assert!(state == "deleting" || expected.contains(&state), "{reply}");
    if let Some(members) = reply["members"].as_array() {
        let of = |state: &str| members.iter().filter(|member| member["state"] == state).count() as u64;
        for state in STATES.into_iter().chain(["missing"]) {
            assert_eq!(of(state), count(state), "{reply}");
        }
    }
}
