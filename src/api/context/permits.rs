//! The permits of a call, and its time limit.

use std::time::Duration;

use crate::api::context::RequestContext;
use crate::http::limits::concurrency::Permit;
use crate::http::response::problem::Problem;

impl RequestContext {
    /// Acquires a write permit. Called after the body is read, so a slow upload does not hold one.
    pub async fn acquire_write_permit(&mut self) -> Result<(), Problem> {
        self.enter()?;
        let permit = self.state.calls.acquire_write(self.caller_id()).await?;
        self.client.hold(permit);
        Ok(())
    }

    /// Exchanges the permits for one of a wait.
    pub fn acquire_wait_permit(&mut self) -> Result<(), Problem> {
        self.permit = Some(self.state.calls.begin_wait()?);
        self.client.release_permit();
        Ok(())
    }

    /// Exchanges the request permit for one of a stream.
    pub fn acquire_stream_permit(&mut self) -> Result<(), Problem> {
        self.enter()?;
        self.permit = Some(self.state.calls.begin_stream()?);
        Ok(())
    }

    /// Moves the permit to a task that outlives the call.
    pub const fn take_permit(&mut self) -> Option<Permit> {
        self.permit.take()
    }

    pub fn extend_deadline(&mut self, time: Duration) {
        self.client.extend_deadline(time);
    }

    /// Returns how long the call has waited for the API server.
    pub fn upstream_time(&self) -> Duration {
        self.client.upstream_time()
    }
}
