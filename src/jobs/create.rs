//! Creating a job once, whatever the network does: one POST in the usual case, a namespace made when the server says
//! it is missing, and a lost reply cured by the job's own stamp.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::jobs::idempotency::Owner;
use crate::jobs::manifest::JobManifest;
use crate::kube::client::retry::Attempts;
use crate::kube::client::{Client, json};
use crate::kube::error::Error as KubeError;
use crate::kube::names::Namespace;
use crate::kube::types::request::NewNamespace;
use crate::kube::types::{self, Job, JobInFull};
use crate::kube::url::Path;
use crate::util::backoff::Backoff;

/// The pause before the name of a job that was deleted is tried again.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

/// The job, and whether this call made it (rather than another one with the same Idempotency-Key).
#[derive(Debug)]
pub struct Submitted {
    pub job: Job,
    pub created: bool,
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub enum Error {
    Kube(KubeError),
    /// The namespace is missing, and was not to be made.
    Missing(KubeError),
    /// The namespace is missing, and making it failed.
    Namespace(KubeError),
    /// The Idempotency-Key was used before, for something else.
    KeyReused {
        job: String,
    },
    /// The job of this Idempotency-Key is being deleted.
    BeingDeleted {
        job: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kube(error) | Self::Missing(error) => error.fmt(f),
            Self::Namespace(error) => write!(f, "the namespace is missing and could not be created: {error}"),
            Self::KeyReused { job } => write!(f, "this Idempotency-Key was used for job {job} with another body"),
            Self::BeingDeleted { job } => write!(
                f,
                "job {job} of this Idempotency-Key is being deleted; try again when it is gone, or use another key"
            ),
        }
    }
}

impl std::error::Error for Error {}

impl From<KubeError> for Error {
    fn from(error: KubeError) -> Self {
        Self::Kube(error)
    }
}

/// Hears of a namespace that was made: its uid, unless the reply that had it was lost.
pub type NamespaceMade<'a> = &'a (dyn Fn(Option<&str>) + Sync);

/// Submits the job. Only with `namespace_made` a missing namespace is made, of which it is told at once, as what comes after
/// may fail.
pub async fn submit(
    session: &Client,
    namespace_made: Option<NamespaceMade<'_>>,
    prepared: JobManifest,
) -> Result<Submitted, Error> {
    let JobManifest { namespace, name, stamp, manifest, .. } = prepared;
    let (jobs, job) = (Path::jobs_strictly(&namespace), Path::job(&namespace, &name));
    let (mut attempts, mut backoff) = (Attempts::default(), BACKOFF);
    // The last exchange of which it is unknown whether it made the job. What comes after it proves nothing.
    let mut doubt: Option<KubeError> = None;
    let mut to_make = namespace_made;
    loop {
        let error = match session.post::<Job>(&jobs, manifest.clone()).await {
            Ok(reply) => return Ok(Submitted { job: reply.object, created: true, warnings: reply.warnings }),
            Err(error) => error,
        };
        if is_missing(&error, &namespace)
            && let Some(tell) = to_make.take()
        {
            make_namespace(session, &namespace, tell).await.map_err(Error::Namespace)?;
        } else if session.pause_before_post(&jobs, &error, &mut attempts).await {
            if error.is_ambiguous() {
                doubt = Some(error);
            }
        } else if may_hide_ours(&error, doubt.is_some(), stamp.has_key()) {
            match session.get::<JobInFull>(&job).await {
                Ok(job) => {
                    let owner = stamp.owner(&job.metadata.annotations);
                    return match owner {
                        Owner::SameKeyAndBody if job.metadata.deletion_timestamp.is_some() => {
                            Err(Error::BeingDeleted { job: name.to_string() })
                        }
                        Owner::Ours | Owner::SameKeyAndBody => {
                            Ok(Submitted { job: job.into(), created: owner == Owner::Ours, warnings: Vec::new() })
                        }
                        Owner::SameKeyOtherBody => Err(Error::KeyReused { job: name.to_string() }),
                        Owner::Another => Err(error.into()),
                    };
                }
                // Deleted between the two questions: then the name is free.
                Err(gone) if gone.is_not_found() => {
                    if !error.is_already_exists() || !session.pause(backoff.pause()).await {
                        return Err(error.into());
                    }
                }
                Err(_) => return Err(doubt.unwrap_or(error).into()),
            }
        } else {
            return Err(match doubt {
                Some(doubt) => doubt.into(),
                None if is_missing(&error, &namespace) => Error::Missing(error),
                None => error.into(),
            });
        }
    }
}

/// Whether a refusal may be due to the very job that is wanted: its name is taken, or it fills the quota that another
/// would exceed. In doubt, any refusal may.
fn may_hide_ours(error: &KubeError, in_doubt: bool, has_key: bool) -> bool {
    let is_refusal = matches!(error, KubeError::Refused(_));
    let is_typical = error.is_already_exists() || error.refusal(403, "Forbidden").is_some();
    is_refusal && (in_doubt || (has_key && is_typical))
}

/// Whether the server says that this namespace does not exist.
fn is_missing(error: &KubeError, namespace: &Namespace) -> bool {
    let details = error.refusal(404, "NotFound").and_then(|refusal| refusal.status.details.as_ref());
    details.is_some_and(|details| details.kind == "namespaces" && details.name == namespace.as_str())
}

/// Makes the namespace, or finds that another made it first. A lost reply is cured by asking again; then it cannot be told
/// whose it is, and counts as ours.
async fn make_namespace(session: &Client, namespace: &Namespace, tell: NamespaceMade<'_>) -> Result<(), KubeError> {
    let path = Path::namespaces();
    let manifest = json(&NewNamespace::new(namespace.as_str(), BTreeMap::new(), BTreeMap::new()))?;
    let (mut attempts, mut in_doubt) = (Attempts::default(), false);
    loop {
        match session.post::<types::Namespace>(&path, manifest.clone()).await {
            Ok(reply) => {
                tell(Some(&reply.object.metadata.uid));
                return Ok(());
            }
            Err(error) if error.is_already_exists() => {
                if in_doubt {
                    tell(None);
                }
                return Ok(());
            }
            Err(error) if session.pause_before_post(&path, &error, &mut attempts).await => {
                in_doubt |= error.is_ambiguous();
            }
            Err(error) => return Err(error),
        }
    }
}
