//! The parameters of a call: [`BatchInput`].

use std::sync::Arc;

use crate::jobs::idempotency::BoundKey;
use crate::jobs::manifest::Manifest;
use crate::jobs::manifest::raw::Members;
use crate::jobs::template::Template;

/// The parameters of a create-batch call.
#[derive(Debug)]
pub struct BatchInput {
    pub source: Source,
    /// The common parameters and overrides, as they were given.
    pub parameters: Members,
    pub overrides: Members,
    pub jobs: Vec<JobInput>,
    pub ttl_seconds_after_finished: Option<u32>,
    /// The value of the annotation of the head that names webhooks.
    pub notify: Option<String>,
    /// The key that the head and the members are stamped with: the caller's, or one made from the name.
    pub bound: BoundKey,
}

/// The manifest of the jobs that have none of their own.
#[derive(Debug)]
pub enum Source {
    Manifest(Manifest),
    Template(Arc<Template>),
    /// Every job has one of its own.
    None,
}

/// An item of `jobs`.
#[derive(Debug, Default)]
pub struct JobInput {
    pub id: Option<String>,
    /// A whole manifest of its own. The common parameters and overrides are not for it.
    pub manifest: Option<Manifest>,
    pub parameters: Members,
    pub overrides: Members,
}
