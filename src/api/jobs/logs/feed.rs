//! Runs one reading until it ends, or until it has to: the caller hangs up, may not read any more, or the service drains.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::api::audit::Account;
use crate::api::context::AppState;
use crate::api::jobs::logs::End;
use crate::api::jobs::logs::reading::Reading;
use crate::api::jobs::logs::source::Cluster;
use crate::api::routes::access::SEE_LOGS;
use crate::auth::{AccessRequest, Denied};
use crate::http::response::problem::Problem;
use crate::jobs::logs::JobPods;

/// How long a drain lets a log be read that has an end.
const LAST_PIECES: Duration = Duration::from_secs(10);

pub(super) struct Feed {
    pub(super) shared: Arc<AppState>,
    pub(super) account: Box<Account>,
    pub(super) reading: Reading<Cluster>,
}

impl Feed {
    /// Sends all that is wanted. A problem is for a caller to whom nothing was sent.
    pub(super) async fn run(self, seen: JobPods) -> Result<(), Problem> {
        let reading = &self.reading;
        let ended = tokio::select! {
            ended = reading.run(seen) => ended,
            () = reading.sink.disconnected() => Err(End::CallerGone),
            () = self.drained() => Err(End::Draining),
            denied = self.denied() => Err(End::Denied(denied)),
        };
        match ended {
            Err(End::CallerGone) => {}
            Err(end) if !reading.has_begun() => return Err(end.into()),
            // If the job is gone, so is all that it wrote.
            Ok(()) | Err(End::JobGone(_)) => reading.sink.end().await,
            // A followed log is not whole, which the caller has to see.
            Err(End::Draining) => {}
            Err(end) => {
                let is_denied = matches!(end, End::Denied(_));
                let problem = Problem::from(end);
                let (request_id, cause) = (self.account.line.request_id, problem.cause.as_deref());
                let cause = cause.unwrap_or(&problem.detail);
                log::warn!(request_id = request_id.as_str(), cause = cause; "a stream of logs breaks off");
                if is_denied {
                    self.shared.audit.record_outcome(&self.account.subject(), problem.status, &problem.reason);
                }
            }
        }
        Ok(())
    }

    /// Returns when the drain leaves no more time.
    async fn drained(&self) {
        let _ = self.shared.draining.clone().wait_for(|draining| *draining).await;
        if !self.reading.wanted.options.follow {
            sleep(LAST_PIECES).await;
        }
    }

    /// Returns when the caller may not read this any more. The cluster itself looks only when a log is opened; then the
    /// right to that one pod's is enough for it, so it is asked about that one.
    async fn denied(&self) -> Denied {
        let auth = &self.shared.auth;
        loop {
            auth.recheck_due().await;
            let pod = self.reading.pod.borrow().clone();
            let namespace = Some(&self.reading.source.namespace);
            let named = |name| AccessRequest { permission: SEE_LOGS, namespace, name: Some(name) };
            let asked: Vec<AccessRequest<'_>> = pod.as_deref().map(named).into_iter().collect();
            if let Err(denied) = auth.reauthorize(&self.account.caller, &asked).await {
                return denied;
            }
        }
    }
}
