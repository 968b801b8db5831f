//! What the annotation of a head says of its batch: [`Description`].

use serde::{Deserialize, Serialize};

use crate::jobs::batches::MAX_MEMBERS;

/// The value of the annotation `eks-api/batch`, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The number of members.
    pub size: u32,
    /// The id of each member. Empty if none has an id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Option<Box<str>>>,
    /// The batch is deleted this long after the end of its last member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds_after_finished: Option<u32>,
    /// The hash of the Idempotency-Key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Box<str>>,
    /// The hash of the call's body.
    #[serde(default)]
    pub body: Box<str>,
}

impl Description {
    /// Reads the annotation. `None` if it is not one that the service wrote.
    pub fn parse(annotation: &str) -> Option<Self> {
        let description: Self = serde_json::from_str(annotation).ok()?;
        let has_size = (1..=MAX_MEMBERS).contains(&description.size);
        let has_ids = description.ids.is_empty() || description.ids.len() == description.size as usize;
        (has_size && has_ids).then_some(description)
    }

    /// Returns the id of a member, if it has one.
    pub fn id(&self, index: usize) -> Option<&str> {
        self.ids.get(index)?.as_deref()
    }
}
