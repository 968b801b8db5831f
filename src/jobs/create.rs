//! Creates a job exactly once. Creates a missing namespace when the API server reports it. After a lost reply it
//! recognizes the job by its ownership stamp. A dry run creates nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::jobs::idempotency::{Owner, OwnershipStamp};
use crate::jobs::manifest::JobManifest;
use crate::jobs::manifest::raw::{self, Members};
use crate::kube::client::reply::Reply;
use crate::kube::client::retry::Attempts;
use crate::kube::client::{Client, json};
use crate::kube::error::Error as KubeError;
use crate::kube::names::{JobName, Namespace};
use crate::kube::types::request::NewNamespace;
use crate::kube::types::{self, Job, JobInFull};
use crate::kube::url::{FieldValidation, Path};
use crate::util::backoff::Backoff;

/// The pause before a second attempt with the name of a deleted job.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));

#[derive(Debug)]
pub struct Submitted {
    pub namespace: Namespace,
    pub name: JobName,
    pub job: Job,
    /// Whether this call created the job, rather than another call with the same Idempotency-Key.
    pub created: bool,
    pub namespace_created: bool,
    pub warnings: Vec<String>,
}

#[derive(Debug)]
pub enum Error {
    Kube(KubeError),
    /// The namespace is missing and may not be created.
    NamespaceMissing(KubeError),
    /// The namespace is missing and creating it failed.
    NamespaceNotCreated(KubeError),
    /// The Idempotency-Key was used before with another body.
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
            Self::Kube(error) | Self::NamespaceMissing(error) => error.fmt(f),
            Self::NamespaceNotCreated(error) => {
                write!(f, "the namespace is missing and could not be created: {error}")
            }
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

/// Called with the uid of a created namespace, or without it if the reply was lost.
pub type OnNamespaceCreated<'a> = &'a (dyn Fn(Option<&str>) + Sync);

/// Creates the job. A missing namespace is created only if `on_namespace_created` is given.
pub async fn submit(
    client: &Client,
    mut on_namespace_created: Option<OnNamespaceCreated<'_>>,
    validation: FieldValidation,
    prepared: JobManifest,
) -> Result<Submitted, Error> {
    let JobManifest { namespace, name, stamp, manifest, .. } = prepared;
    let (jobs, job) = (Path::new_job(&namespace, validation, false), Path::job(&namespace, &name));
    let mut namespace_created = false;
    let (mut attempts, mut backoff) = (Attempts::default(), BACKOFF);
    // The last request that may have created the job. Later refusals prove nothing.
    let mut ambiguous_error: Option<KubeError> = None;
    loop {
        let error = match client.post::<Job>(&jobs, manifest.clone()).await {
            Ok(Reply { object: job, warnings }) => {
                return Ok(Submitted { namespace, name, job, created: true, namespace_created, warnings });
            }
            Err(error) => error,
        };
        if is_namespace_missing(&error, &namespace)
            && let Some(on_created) = on_namespace_created.take()
        {
            let created = create_namespace(client, &namespace, on_created).await;
            namespace_created = created.map_err(Error::NamespaceNotCreated)?;
        } else if client.pause_before_post(&jobs, &error, &mut attempts).await {
            if error.is_ambiguous() {
                ambiguous_error = Some(error);
            }
        } else if could_be_our_job(&error, ambiguous_error.is_some(), stamp.has_key()) {
            match client.get::<JobInFull>(&job).await {
                Ok(job) => {
                    let found = recognized(namespace, name, &stamp, job)?;
                    let found = found.map(|submitted| Submitted { namespace_created, ..submitted });
                    return found.ok_or_else(|| error.into());
                }
                // The job was deleted between the two requests, so the name is free.
                Err(gone) if gone.is_not_found() => {
                    if !error.is_already_exists() || !client.pause(backoff.pause()).await {
                        return Err(error.into());
                    }
                }
                // A caller who may not read the job gets the refusal.
                Err(unread) if unread.refusal(403, "Forbidden").is_some() => {
                    return Err(ambiguous_error.unwrap_or(error).into());
                }
                // Whose job it is remains unknown, so the refusal may be of a repetition.
                Err(unread) => return Err(ambiguous_error.unwrap_or(unread).into()),
            }
        } else {
            return Err(match ambiguous_error {
                Some(ambiguous_error) => ambiguous_error.into(),
                None if is_namespace_missing(&error, &namespace) => Error::NamespaceMissing(error),
                None => error.into(),
            });
        }
    }
}

/// Finds the job of an earlier call with the same Idempotency-Key and body. Sends no job.
pub async fn find_repeated(client: &Client, prepared: JobManifest) -> Result<Option<Submitted>, Error> {
    let JobManifest { namespace, name, stamp, .. } = prepared;
    match client.get::<JobInFull>(&Path::job(&namespace, &name)).await {
        Ok(job) => recognized(namespace, name, &stamp, job),
        Err(error) if error.is_not_found() || error.refusal(403, "Forbidden").is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Returns the existing job of this name if it is ours: of this call, or of an earlier one with the same key and body.
fn recognized(
    namespace: Namespace,
    name: JobName,
    stamp: &OwnershipStamp,
    job: JobInFull,
) -> Result<Option<Submitted>, Error> {
    let created = match stamp.owner(&job.metadata.annotations) {
        Owner::SameKeyAndBody if job.metadata.deletion_timestamp.is_some() => {
            return Err(Error::BeingDeleted { job: name.to_string() });
        }
        Owner::Ours => true,
        Owner::SameKeyAndBody => false,
        Owner::SameKeyOtherBody => return Err(Error::KeyReused { job: name.to_string() }),
        Owner::Another => return Ok(None),
    };
    let (namespace_created, warnings) = (false, Vec::new());
    Ok(Some(Submitted { namespace, name, job: job.into(), created, namespace_created, warnings }))
}

/// Has the API server check the job without creating it. Returns the object that it would store. Every attempt is a dry
/// run, so repeating one does no harm.
pub async fn dry_run(
    client: &Client,
    validation: FieldValidation,
    prepared: &JobManifest,
) -> Result<Reply<Members>, Error> {
    let path = Path::new_job(&prepared.namespace, validation, true);
    let mut attempts = Attempts::default();
    loop {
        match client.post::<Members>(&path, prepared.manifest.clone()).await {
            Ok(mut reply) => {
                if let Some(mut metadata) = raw::object(&reply.object, "metadata") {
                    metadata.remove("managedFields");
                    reply.object.insert("metadata".to_owned(), raw::write(&metadata));
                }
                return Ok(reply);
            }
            Err(error) if client.pause_before_post(&path, &error, &mut attempts).await => {}
            Err(error) if is_namespace_missing(&error, &prepared.namespace) => {
                return Err(Error::NamespaceMissing(error));
            }
            Err(KubeError::Refused(mut refusal)) if refusal.is_dry_run_unsupported() => {
                refusal.status.message += "; the reason is this webhook, not the job: create the job without dry_run";
                return Err(KubeError::Refused(refusal).into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether our own job may cause the refusal: its name is taken, or it fills the quota. After an ambiguous error any
/// refusal may have this cause.
fn could_be_our_job(error: &KubeError, is_ambiguous: bool, has_key: bool) -> bool {
    let is_refusal = matches!(error, KubeError::Refused(_));
    let is_typical = error.is_already_exists() || error.refusal(403, "Forbidden").is_some();
    is_refusal && (is_ambiguous || (has_key && is_typical))
}

/// Whether the API server says that this namespace does not exist.
fn is_namespace_missing(error: &KubeError, namespace: &Namespace) -> bool {
    let details = error.refusal(404, "NotFound").and_then(|refusal| refusal.status.details.as_ref());
    details.is_some_and(|details| details.kind == "namespaces" && details.name == namespace.as_str())
}

/// Creates the namespace unless it exists. Returns whether it was created. After a lost reply it counts as ours, since
/// nothing shows who created it.
async fn create_namespace(
    client: &Client,
    namespace: &Namespace,
    on_created: OnNamespaceCreated<'_>,
) -> Result<bool, KubeError> {
    let path = Path::namespaces();
    let manifest = json(&NewNamespace::new(namespace.as_str(), BTreeMap::new(), BTreeMap::new()))?;
    let (mut attempts, mut is_ambiguous) = (Attempts::default(), false);
    loop {
        match client.post::<types::Namespace>(&path, manifest.clone()).await {
            Ok(reply) => {
                on_created(Some(&reply.object.metadata.uid));
                return Ok(true);
            }
            Err(error) if error.is_already_exists() => {
                if is_ambiguous {
                    on_created(None);
                }
                return Ok(is_ambiguous);
            }
            Err(error) if client.pause_before_post(&path, &error, &mut attempts).await => {
                is_ambiguous |= error.is_ambiguous();
            }
            Err(error) => return Err(error),
        }
    }
}
