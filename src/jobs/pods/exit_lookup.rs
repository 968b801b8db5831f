//! Looks up the exits of failed jobs: lists the pods of each job once, soon after it failed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::jobs::pods;
use crate::jobs::pods::exit;
use crate::jobs::store::JobStore;
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::error::Error;
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::{Job, JobInFull};
use crate::kube::url::Path;

const MAX_LOOKUPS: usize = 4;
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a job is read if it changes meanwhile.
const MAX_READS: usize = 3;
/// The pause after a 403. A person must grant the right to list pods.
const FORBIDDEN_PAUSE: Duration = Duration::from_mins(3);

/// Looks up the exit of each job that fails. Ends with the runtime.
pub async fn follow(cluster: Arc<ApiServer>, store: Arc<JobStore>) {
    let (mut changes, mut lookups, mut forbidden_until) =
        (store.change_notifications(), JoinSet::new(), Instant::now());
    loop {
        while lookups.len() < MAX_LOOKUPS
            && let Some((namespace, name)) = store.next_failed()
        {
            if Instant::now() >= forbidden_until {
                lookups.spawn(look_up(Arc::clone(&cluster), Arc::clone(&store), namespace, name));
            }
        }
        tokio::select! {
            result = changes.changed() => if result.is_err() { return },
            Some(ended) = lookups.join_next(), if !lookups.is_empty() => {
                if let Ok(Err(error)) = ended {
                    let (name, why) = (&*cluster.name, error.to_string());
                    log::debug!(cluster = name, error = why; "the exit code of a failed job could not be looked up");
                    if error.refusal(403, "Forbidden").is_some() {
                        forbidden_until = Instant::now() + FORBIDDEN_PAUSE;
                    }
                }
            }
        }
    }
}

async fn look_up(
    cluster: Arc<ApiServer>,
    store: Arc<JobStore>,
    namespace: Namespace,
    name: JobName,
) -> Result<(), Error> {
    let client = Client::new(cluster, Instant::now() + LOOKUP_TIMEOUT);
    let path = Path::job(&namespace, &name);
    let job: JobInFull = client.get(&path).await?;
    let Some(exit) = exit::find(&job, &pods::list(&client, &namespace, &job).await?) else { return Ok(()) };
    let mut job: Job = job.into();
    for _ in 0..MAX_READS {
        if store.set_exit(&job, &exit) {
            break;
        }
        let uid = job.metadata.uid;
        job = client.get(&path).await?;
        if job.metadata.uid != uid {
            break;
        }
    }
    Ok(())
}
