//! What a feed asks the cluster for, in the name of its caller.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::sleep;

use super::{End, Feed};
use crate::auth::{Asked, Denied};
use crate::http::access::SEE_LOGS;
use crate::jobs::logs::{self, Seen};
use crate::kube::backoff::Backoff;
use crate::kube::error::Error as KubeError;
use crate::kube::path::LogOptions;
use crate::kube::session::Session;
use crate::kube::stream::Stream;

impl Feed {
    pub(super) async fn open(&self, pod: &str, container: &str, options: &LogOptions) -> Result<Stream, KubeError> {
        logs::open(&self.session(), &self.namespace, (pod, container), options).await
    }

    /// Returns when the caller may not read this any more. The cluster itself looks only when a log is opened; then the
    /// right to that one pod's is enough for it, so it is asked about that one.
    pub(super) async fn denied(&self) -> Denied {
        let auth = &self.shared.auth;
        loop {
            auth.time_to_ask().await;
            let pod = self.reading.borrow().clone();
            let named = |name| Asked { permission: SEE_LOGS, namespace: Some(&self.namespace), name: Some(name) };
            let asked: Vec<Asked<'_>> = pod.as_deref().map(named).into_iter().collect();
            if let Err(denied) = auth.still_sees(&self.account.caller, &asked).await {
                return denied;
            }
        }
    }

    pub(super) async fn look(&self) -> Result<Seen, End> {
        let looked = Seen::look(&self.session(), &self.namespace, &self.name).await;
        looked.map_err(|error| if error.is_not_found() { End::JobGone(error) } else { End::Kube(error) })
    }

    pub(super) async fn look_again(&self, pause: &mut Backoff) -> Result<Seen, End> {
        sleep(pause.pause()).await;
        self.look().await
    }

    /// Each question has the time of a call: a stream has any.
    fn session(&self) -> Session {
        let mut session = Session::new(Arc::clone(&self.shared.cluster), Instant::now() + self.shared.request_timeout);
        session.act_as(self.account.caller.bearer().cloned());
        session
    }
}
