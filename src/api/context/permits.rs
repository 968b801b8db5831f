//! The permits of a call, and its time limit.

use std::time::{Duration, Instant};

use crate::api::context::RequestContext;
use crate::http::limits::cluster_limits::Permit;
use crate::http::response::problem::Problem;

impl RequestContext {
    /// Returns whether the call may take a permit that the clusters share.
    pub(super) fn may_share(&self) -> bool {
        self.cluster.api_server.last_probe_succeeded()
    }

    /// Acquires a write permit. Called after the body is read, so a slow upload does not hold one.
    pub async fn acquire_write_permit(&mut self) -> Result<(), Problem> {
        self.enter()?;
        let permit = self.limits.acquire_write(self.caller_id(), self.may_share()).await?;
        self.client.hold(permit);
        Ok(())
    }

    /// Releases the write permit before the changes that have permits of their own.
    pub fn release_write_permit(&mut self) {
        self.client.release_permit();
    }

    /// Exchanges the permits for one of a wait.
    pub fn acquire_wait_permit(&mut self) -> Result<(), Problem> {
        self.permit = Some(self.limits.begin_wait(self.may_share())?);
        self.client.release_permit();
        Ok(())
    }

    /// Exchanges the request permit for one of a stream.
    pub fn acquire_stream_permit(&mut self) -> Result<(), Problem> {
        self.enter()?;
        self.permit = Some(self.limits.begin_stream(self.may_share())?);
        Ok(())
    }

    /// Moves the permit to a task that outlives the call.
    pub const fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    /// Returns the time that is left for the reply.
    pub fn time_left(&self) -> Duration {
        (self.info.started + self.state.request_timeout).saturating_duration_since(Instant::now())
    }

    pub fn extend_deadline(&mut self, time: Duration) {
        self.client.extend_deadline(time);
    }

    /// Returns how long the call has waited for the API server.
    pub fn upstream_time(&self) -> Duration {
        self.client.upstream_time()
    }
}
