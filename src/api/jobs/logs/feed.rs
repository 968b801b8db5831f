//! [`Feed`]: runs a reading until it ends, the caller disconnects or loses its right, or the service drains.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::api::jobs::logs::batch::Logs;
use crate::api::jobs::logs::error::LogError;
use crate::api::jobs::logs::reading::Reading;
use crate::api::jobs::logs::source::ClusterLogs;
use crate::api::routes::access::SEE_LOGS;
use crate::api::state::AppState;
use crate::audit::request_info::RequestInfo;
use crate::auth::{AccessRequest, Denied};
use crate::clusters::cluster::Cluster;
use crate::http::response::problem::Problem;

/// How long a drain waits for a log that is not followed.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Feed {
    pub(super) state: Arc<AppState>,
    pub(super) cluster: Arc<Cluster>,
    pub(super) info: Box<RequestInfo>,
    pub(super) reading: Reading<ClusterLogs>,
}

impl Feed {
    /// Sends the logs. Returns a problem only if nothing was sent.
    pub(super) async fn run(self, logs: Logs) -> Result<(), Problem> {
        let reading = &self.reading;
        let ended = tokio::select! {
            ended = reading.run_all(logs) => ended,
            () = reading.sink.disconnected() => Err(LogError::Disconnected),
            error = self.drained() => Err(error),
            denied = self.denied() => Err(LogError::Denied(denied)),
        };
        match ended {
            Err(LogError::Disconnected) => {}
            Err(error) if !reading.has_started() => return Err(error.into()),
            // The logs of a job that is gone are complete.
            Ok(()) | Err(LogError::JobGone(_)) => reading.sink.end().await,
            // The stream is aborted: a followed log is not complete.
            Err(LogError::Draining(_)) => {}
            Err(error) => {
                let is_denied = matches!(error, LogError::Denied(_));
                let problem = Problem::from(error);
                let cause = problem.cause.as_deref().unwrap_or(&problem.detail);
                log::warn!(request_id = self.info.request_id.as_str(), cause = cause; "log stream aborted");
                if is_denied {
                    self.state.audit.record_outcome(&self.info, problem.status.as_u16(), &problem.reason);
                }
            }
        }
        Ok(())
    }

    /// Returns when the drain of the service or of the cluster leaves no time for more.
    async fn drained(&self) -> LogError {
        let _ = self.cluster.draining().wait_for(|draining| *draining).await;
        if !self.reading.wanted.options.follow {
            sleep(DRAIN_TIMEOUT).await;
        }
        LogError::Draining(Box::new(self.state.cluster_left(&self.info)))
    }

    /// Returns when the caller loses its right to the log that is open. The API server checks it only at the opening.
    async fn denied(&self) -> Denied {
        let auth = &self.state.auth;
        loop {
            auth.recheck_due().await;
            let pod = self.reading.pod.borrow().clone();
            let namespace = Some(&self.reading.source.namespace);
            let named = |name| AccessRequest { permission: SEE_LOGS, namespace, name: Some(name) };
            let access: Vec<AccessRequest<'_>> = pod.as_deref().map(named).into_iter().collect();
            if let Err(denied) = auth.reauthorize(&self.cluster.api_server, &self.info.caller, &access).await {
                return denied;
            }
        }
    }
}
