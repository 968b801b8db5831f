//! Makes the head and the members of a call from its body: [`Plan`]. Everything here is a pure function.

use std::sync::Arc;
use std::time::SystemTime;

use crate::jobs::idempotency::IdempotencyKey;
use crate::jobs::manifest::raw::Members;
use crate::jobs::manifest::{JobManifest, Manifest};
use crate::jobs::template::{Error, Template};
use crate::kube::names::{BatchName, Namespace};

/// What a call asks for.
#[derive(Debug)]
pub struct BatchInput<'a> {
    pub name: BatchName,
    /// The namespace of all members.
    pub namespace: Namespace,
    /// The key that the head and the members are stamped with: the caller's, or one made from the name.
    pub key: IdempotencyKey,
    pub request_id: &'a str,
    pub now: SystemTime,
    pub source: Source,
    /// The common parameters and overrides, as they were given.
    pub parameters: Members,
    pub overrides: Members,
    pub jobs: Vec<JobInput>,
    pub ttl_seconds_after_finished: Option<u32>,
    /// The members of the call that the key is bound to.
    pub call: Members,
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

/// A call whose form is right.
#[derive(Debug)]
pub struct Plan {
    jobs: Vec<JobInput>,
}

impl Plan {
    /// Checks the form of the call: its size, its ids, and the types of its parameters and overrides.
    pub fn new(input: BatchInput<'_>) -> Result<Self, Error> {
        Ok(Self { jobs: input.jobs })
    }

    /// The number of members.
    pub fn size(&self) -> u32 {
        self.jobs.len().try_into().unwrap_or(u32::MAX)
    }

    /// Returns the head to create.
    pub fn head(&self) -> Result<JobManifest, Error> {
        Err(Error::InvalidTemplate("not built yet".to_owned()))
    }

    /// Returns a member to create, whose owner is the head with this uid. The same index gives the same member.
    pub fn member(&self, _index: u32, _head_uid: &str) -> Result<JobManifest, Error> {
        Err(Error::InvalidTemplate("not built yet".to_owned()))
    }
}
