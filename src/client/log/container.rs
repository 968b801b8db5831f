//! Finds the container whose log is shown, if the manifest is not known: [`only_container`].

use crate::client::job::Job;
use crate::client::job::state::RunState;
use crate::client::log::pods::pause;
use crate::client::service::Service;

/// Returns the only main container of the job's pods. Waits until the job has a pod or has ended. `None` means that there are
/// several, or that none is known; then the service sends the logs of all containers.
pub async fn only_container(service: &Service<'_>, job: &Job, state: &RunState) -> Option<String> {
    let mut outcome = state.subscribe();
    loop {
        let has_ended = outcome.borrow().is_some();
        let status = job.details(service).await.ok();
        if let Some(pod) = status.as_ref().and_then(|status| status.pods.last()) {
            return pod.only_container().map(str::to_owned);
        }
        if has_ended {
            return None;
        }
        pause(state, &mut outcome, true).await;
    }
}
