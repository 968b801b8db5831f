//! get-job-logs: what containers wrote, as they wrote it, piece by piece. What is read, and what is worth waiting for,
//! is decided by `jobs::logs` and `jobs::outlook`.
//!
//! One task reads and sends. Until it has something to send, no head is sent, and whatever goes wrong is a problem;
//! from then on the stream breaks off instead, so that nobody takes a part for the whole.
//!
//! `feed` is that task. `reading` decides which log comes next, and `follow` reads one run of a container to its end.

mod feed;
mod follow;
mod reading;
mod run_log;
mod source;
mod wanted;

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use tokio::sync::watch;

use crate::api::context::RequestContext;
use crate::api::jobs::logs::feed::Feed;
use crate::api::jobs::logs::reading::Reading;
use crate::api::jobs::logs::source::Cluster;
use crate::api::jobs::logs::wanted::Wanted;
use crate::auth::Denied;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::http::response::stream_body::{ClientDisconnected, ReplyBody};
use crate::jobs::logs::{JobPods, LogUnavailable, Missing};
use crate::kube::error::Error as KubeError;

pub(crate) async fn get_job_logs(call: &mut RequestContext) -> Result<Reply, Problem> {
    let (namespace, name) = call.one_job()?;
    let wanted = Wanted::of(&call.parameters)?;
    let permit = call.shared.calls.begin_stream()?;
    call.permit = None;
    call.forget_request();
    let seen = JobPods::fetch(&call.session, &namespace, &name).await?;
    let (sink, body) = ReplyBody::stream();
    let (begun, mut head) = watch::channel(false);
    let account = Box::new(call.account(call.route));
    let source = Cluster::new(Arc::clone(&call.shared), call.caller.bearer().cloned(), namespace, name);
    let reading = Reading::new(source, wanted, sink, begun);
    let feed = Feed { shared: Arc::clone(&call.shared), account, reading };
    let mut reading = Box::pin(async move {
        let ended = feed.run(seen).await;
        drop(permit);
        ended
    });
    // If the caller hangs up before it begins, it goes with this future.
    tokio::select! {
        biased;
        _ = head.wait_for(|is_due| *is_due) => {}
        ended = &mut reading => return ended.map(|()| Reply::stream(body)),
    }
    tokio::spawn(reading);
    Ok(Reply::stream(body))
}

/// Why no more is sent.
#[derive(Debug)]
enum End {
    CallerGone,
    /// The caller may not read logs any more.
    Denied(Denied),
    Draining,
    Missing(Missing),
    LogUnavailable {
        pod: String,
        container: String,
        why: LogUnavailable,
    },
    /// The job was there before.
    JobGone(KubeError),
    /// What was sent is not all that was written.
    NotWhole(String),
    Kube(KubeError),
}

impl From<ClientDisconnected> for End {
    fn from(_: ClientDisconnected) -> Self {
        Self::CallerGone
    }
}

impl From<Missing> for End {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing)
    }
}

impl From<KubeError> for End {
    fn from(error: KubeError) -> Self {
        Self::Kube(error)
    }
}

impl From<End> for Problem {
    fn from(end: End) -> Self {
        let not_found = |reason: &str, detail: String| Self::new(StatusCode::NOT_FOUND, reason, detail);
        match end {
            End::JobGone(error) | End::Kube(error) => error.into(),
            End::NotWhole(why) => KubeError::Broken(why).into(),
            End::Draining => Self::unavailable("draining", "shutting down", Duration::from_secs(5)),
            End::Denied(denied) => denied.into(),
            End::Missing(missing) => not_found(missing.reason, missing.message),
            End::LogUnavailable { pod, container, why } => match why {
                LogUnavailable::Waiting(waiting) => {
                    let detail = format!("container {container} of pod {pod} has no log: it is waiting: {waiting}");
                    Self::new(StatusCode::CONFLICT, "container_waiting", detail)
                }
                LogUnavailable::NoPrevious => not_found(
                    "no_previous_log",
                    format!("container {container} of pod {pod} had no run before this one"),
                ),
                LogUnavailable::Gone => not_found("pod_not_found", format!("pod {pod} is gone")),
                LogUnavailable::NodeGone(node) => {
                    not_found("pod_not_found", format!("the log of pod {pod} is gone with its node {node}"))
                }
                LogUnavailable::Kubelet(text) => Self::new(
                    StatusCode::BAD_GATEWAY,
                    "log_unavailable",
                    format!("the kubelet has no log of container {container} of pod {pod}: {text}"),
                ),
                LogUnavailable::Refused(error) => error.into(),
            },
            // Nobody is there to read it.
            End::CallerGone => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the caller hung up"),
        }
    }
}
