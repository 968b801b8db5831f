//! The statuses that were answered last, as they were sent: scripts ask for the same few over and over, and whoever waits
//! for a job is answered with the same as all others who do. What is current is not decided here: a status is found by
//! its identity alone.

use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Bytes;
use hyper::header::HeaderValue;

use super::etag;
use crate::jobs::status::Status;

/// How many are kept, and the longest body. Together they take 256 KiB at most.
const SLOTS: usize = 64;
const LONGEST: usize = 4096;

/// A status as it is sent.
#[derive(Clone, Debug)]
pub struct Sent {
    pub tag: HeaderValue,
    pub body: Bytes,
}

/// Each version has one place, so that finding it is no search, and the next one that belongs there takes it.
#[derive(Debug)]
pub struct Recent(Mutex<[Slot; SLOTS]>);

type Slot = Option<(Arc<Status>, Sent)>;

impl Default for Recent {
    fn default() -> Self {
        Self(Mutex::new([const { None }; SLOTS]))
    }
}

impl Recent {
    pub fn sent(&self, status: &Arc<Status>) -> Sent {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = &mut slots[usize::from(status.version.to_le_bytes()[0]) % SLOTS];
        if let Some((_, sent)) = slot.as_ref().filter(|(known, _)| Arc::ptr_eq(known, status)) {
            return sent.clone();
        }
        let sent = Sent { tag: etag::of(status.version), body: status.to_json().into() };
        if sent.body.len() <= LONGEST {
            *slot = Some((Arc::clone(status), sent.clone()));
        }
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::types::Job;

    fn status(name: &str, version: u64, note: &str) -> Arc<Status> {
        let metadata = serde_json::json!({
            "name": name, "namespace": "demo", "uid": name, "resourceVersion": version.to_string(),
            "labels": { "note": note },
        });
        let job: Job = serde_json::from_value(serde_json::json!({ "metadata": metadata })).unwrap();
        Arc::new(Status::of(&job))
    }

    #[test]
    fn each_status_is_sent_as_it_is_whichever_was_sent_in_its_place_before() {
        let recent = Recent::default();
        let all: Vec<_> = (0..200).map(|number| status(&format!("job-{number}"), number, "")).collect();
        // Another job may have the same version, if the cluster was made anew.
        let same = status("other", 3, "");
        for _ in 0..2 {
            for status in all.iter().chain([&same]) {
                let sent = recent.sent(status);
                assert_eq!((sent.tag, &*sent.body), (etag::of(status.version), &*status.to_json()));
            }
        }
        let kept = |status| recent.sent(status).body.as_ptr() == recent.sent(status).body.as_ptr();
        assert!(kept(&same));
        assert!(!kept(&status("long", 5, &"n".repeat(LONGEST))), "what is long would take too much");
    }
}
