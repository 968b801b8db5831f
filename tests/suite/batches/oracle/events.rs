//! What may happen to a batch: faults of the API server, deaths of the service, other callers, other tools.

use serde_json::{Value, json};

use super::stage::Stage;
use crate::support::stub::Kind;

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Nothing,
    /// The service is killed, and another is started.
    Kill,
    BreakWatches,
    EndWatches,
    /// The watch has to list again.
    ForgetPast,
    CloseConnections,
    DeleteBatch,
    RemoveMember,
    DeleteHead,
    Progress,
    HoldGarbage,
    ReleaseGarbage,
    Quota,
    Suspend,
    Resume,
}

impl Event {
    pub(super) fn any(stage: &Stage) -> Self {
        match stage.pick(0..100) {
            0..15 => Self::Kill,
            15..22 => Self::BreakWatches,
            22..25 => Self::EndWatches,
            25..30 => Self::ForgetPast,
            30..35 => Self::CloseConnections,
            35..45 => Self::DeleteBatch,
            45..52 => Self::RemoveMember,
            52..58 => Self::DeleteHead,
            58..70 => Self::Progress,
            70..74 => Self::HoldGarbage,
            74..78 => Self::ReleaseGarbage,
            78..84 => Self::Quota,
            84..89 => Self::Suspend,
            89..94 => Self::Resume,
            _ => Self::Nothing,
        }
    }

    pub(super) async fn happen(self, stage: &Stage) {
        let cluster = &stage.cluster;
        match self {
            Self::Nothing => {}
            Self::Kill => stage.replace_service().await,
            Self::BreakWatches => cluster.break_watches(),
            Self::EndWatches => cluster.end_watches(),
            Self::ForgetPast => {
                cluster.compact();
                cluster.break_watches();
            }
            Self::CloseConnections => cluster.close_connections().await,
            Self::DeleteBatch => drop(stage.delete().await),
            Self::RemoveMember => {
                let members: Vec<Value> = cluster.jobs("default").into_iter().filter(|job| !is_head(job)).collect();
                if !members.is_empty() {
                    cluster.remove_job("default", name(&members[stage.pick(0..members.len())]));
                }
            }
            Self::DeleteHead => {
                let policy = ["Foreground", "Background"][stage.pick(0..2)];
                if let Some(head) = cluster.jobs("default").iter().find(|job| is_head(job)) {
                    cluster.delete_job("default", name(head), policy);
                }
            }
            Self::Progress => {
                for job in cluster.jobs("default").iter().filter(|job| !is_head(job)) {
                    if let Some(status) = next(job, stage.pick(0..4)) {
                        cluster.set_job_status("default", name(job), status);
                    }
                }
            }
            Self::HoldGarbage => cluster.hold_garbage(),
            Self::ReleaseGarbage => cluster.release_garbage(),
            Self::Quota => {
                let used = cluster.jobs("default").len();
                cluster.set_quota("default", Some(used + stage.pick(0..6)));
            }
            Self::Suspend => stage.suspend("suspend").await,
            Self::Resume => stage.suspend("resume").await,
        }
    }
}

/// What goes wrong upstream.
pub(super) fn fault(of_a_hundred: usize) -> Kind {
    match of_a_hundred {
        0..20 => Kind::CutBefore,
        20..45 => Kind::CutAfter,
        45..55 => Kind::Truncate,
        55..65 => Kind::Garbage,
        65..72 => Kind::status(500, "InternalError", "etcdserver: leader changed"),
        72..80 => Kind::status(504, "Timeout", "request did not complete within the allotted timeout"),
        80..88 => Kind::status(503, "ServiceUnavailable", "apiserver is shutting down"),
        88..97 => Kind::too_many(0),
        _ => Kind::too_many(1),
    }
}

fn is_head(job: &Value) -> bool {
    !job["metadata"]["labels"]["eks-api/batch-head"].is_null()
}

fn name(job: &Value) -> &str {
    job["metadata"]["name"].as_str().unwrap()
}

/// The status that a member has next. `None` if it stays as it is.
fn next(member: &Value, of_four: usize) -> Option<Value> {
    let has_ended = member["status"]["conditions"].as_array().is_some_and(|all| !all.is_empty());
    match of_four {
        _ if has_ended => None,
        0 => Some(running()),
        1 => Some(completed("2100-01-20T10:30:00Z")),
        2 => {
            let condition = json!({ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                "lastTransitionTime": "2100-01-20T10:30:00Z" });
            Some(json!({ "startTime": "2020-01-20T10:29:00Z", "failed": 1, "conditions": [condition] }))
        }
        _ => None,
    }
}

fn running() -> Value {
    json!({ "startTime": "2020-01-20T10:29:00Z", "active": 1 })
}

/// The end is far in the future unless the batch is to expire.
pub(super) fn completed(time: &str) -> Value {
    let condition = json!({ "type": "Complete", "status": "True", "lastTransitionTime": time });
    json!({ "startTime": "2020-01-20T10:29:00Z", "completionTime": time, "succeeded": 1, "conditions": [condition] })
}
