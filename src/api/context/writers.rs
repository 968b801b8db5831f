//! [`Writers`]: sends several changes of one call at a time, each with a client and a write permit of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::api::context::RequestContext;
use crate::auth::CallerId;
use crate::http::limits::cluster_limits::ClusterLimits;
use crate::http::response::problem::Problem;
use crate::kube::client::Client;
use crate::kube::error::Error;

/// The time that is left for the reply after the last change, at most a tenth of the time limit.
const REPLY_TIME: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub struct Writers<'a> {
    client: &'a Client,
    limits: Arc<ClusterLimits>,
    caller: CallerId,
    may_share: bool,
    deadline: Instant,
}

impl RequestContext {
    /// Returns what sends the changes. They end before the call's deadline.
    pub fn writers(&self) -> Writers<'_> {
        let time = self.state.request_timeout;
        Writers {
            client: &self.client,
            limits: Arc::clone(&self.limits),
            caller: self.caller_id(),
            may_share: self.may_share(),
            deadline: Instant::from(self.info.started) + time - REPLY_TIME.min(time / 10),
        }
    }

    /// Returns a client with a write permit of its own, for one of several changes of this call.
    pub async fn write_client(&mut self) -> Result<Client, Problem> {
        self.enter()?;
        self.writers().client().await
    }
}

impl Writers<'_> {
    /// Returns a client for one change when a write permit is free. It holds the permit until it is dropped.
    pub async fn client(&self) -> Result<Client, Problem> {
        let permit = self.limits.acquire_write(self.caller.clone(), self.may_share);
        let permit = timeout_at(self.deadline, permit).await.map_err(|_| Error::Timeout)??;
        let mut client = self.client.sibling(self.deadline);
        client.hold(permit);
        Ok(client)
    }

    /// Whether the time is over in which changes can be sent.
    pub fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }
}
