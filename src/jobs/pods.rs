//! The pods of a job, as its own selector finds them.

use crate::kube::error::Error;
use crate::kube::name::Namespace;
use crate::kube::path::Path;
use crate::kube::session::Session;
use crate::kube::types::{JobInFull, List, Pod};

/// All that are there now, the oldest first.
pub async fn of(session: &Session, namespace: &Namespace, job: &JobInFull) -> Result<Vec<Pod>, Error> {
    let labels = &job.spec.selector.match_labels;
    // An empty selector would match every pod of the namespace.
    if labels.is_empty() {
        return Ok(Vec::new());
    }
    let path = Path::pods(namespace, labels.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let mut pods = session.get::<List<Pod>>(&path).await?.items.unwrap_or_default();
    pods.sort_by(|a, b| {
        let (a, b) = (&a.metadata, &b.metadata);
        a.creation_timestamp.cmp(&b.creation_timestamp).then_with(|| a.name.cmp(&b.name))
    });
    Ok(pods)
}
