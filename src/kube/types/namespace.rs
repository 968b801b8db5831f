//! Namespaces: their phase, and the conditions that explain a blocked deletion.

use serde::Deserialize;

use crate::kube::types::meta::{Condition, Metadata};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    pub metadata: Metadata,
    pub status: NamespaceStatus,
}

/// The status is an object in a namespace, but a word in a Status, which may be returned in place of a namespace.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum NamespaceStatus {
    Namespace {
        phase: Option<String>,
        #[serde(default)]
        conditions: Vec<Condition>,
    },
    Word(String),
}

impl Default for NamespaceStatus {
    fn default() -> Self {
        Self::Namespace { phase: None, conditions: Vec::new() }
    }
}

impl NamespaceStatus {
    pub fn phase(&self) -> Option<&str> {
        match self {
            Self::Namespace { phase, .. } => phase.as_deref(),
            Self::Word(_) => None,
        }
    }
}
