//! A run of a job, as replies show it: [`Run`].

use serde::Serialize;
use serde_json::value::RawValue;

use crate::kube::types::Time;

#[derive(Debug, Serialize)]
pub struct Run {
    pub cluster: String,
    pub job_name: String,
    pub namespace: String,
    pub uid: String,
    pub state: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub exit_code: Option<i32>,
    pub termination_message: Option<String>,
    pub images: Option<Box<RawValue>>,
    pub template: Option<String>,
    pub batch_name: Option<String>,
    pub labels: Box<RawValue>,
    pub creation_timestamp: Time,
    pub start_time: Option<Time>,
    pub completion_time: Option<Time>,
    pub gone_time: Option<Time>,
    pub queued_ms: Option<i64>,
    pub ran_ms: Option<i64>,
    pub retries: i64,
    pub caller: Option<String>,
    pub request_id: Option<String>,
    pub has_gaps: bool,
    /// Only in get-job-history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transitions: Option<Vec<Transition>>,
}

#[derive(Debug, Serialize)]
pub struct Transition {
    pub time: Time,
    pub state: String,
    pub reason: Option<String>,
}
