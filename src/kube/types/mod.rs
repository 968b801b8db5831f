//! Kubernetes' objects, with only the fields that the service reads or writes. Every field may be missing, as API servers
//! of different versions differ.

mod annotations;
mod job;
pub mod json;
mod meta;
mod namespace;
mod pod;
mod pod_failure_policy;
pub mod request;

pub use annotations::{BATCH_ANNOTATION, NOTIFY_ANNOTATION, OwnAnnotations, TEMPLATE_ANNOTATION};
pub use job::{DeletedJob, Job, JobInFull, JobMetadata, JobStatus, Labels};
pub use meta::{Cause, Condition, Ignored, List, ListMetadata, Metadata, OwnerReference, Status, StatusDetails, Time};
pub use namespace::{Namespace, NamespaceStatus};
pub use pod::{Container, ContainerStatus, Event, LabelSelector, Pod, PodStatus, PodTemplate, StateDetail};
pub use pod_failure_policy::{PodFailurePolicy, PodFailurePolicyRule};
