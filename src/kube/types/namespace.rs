//! Namespaces: their phase, and the conditions that say what blocks a deletion.

use serde::Deserialize;

use crate::kube::types::{Condition, Metadata};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    pub metadata: Metadata,
    pub status: NamespaceStatus,
}

/// A namespace has an object here, a Status, which can come instead of one, a word.
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
