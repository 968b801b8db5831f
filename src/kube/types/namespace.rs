//! Namespaces: their phase, and the conditions that explain a blocked deletion.

use serde::Deserialize;

use crate::kube::types::meta::{Condition, Metadata};

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Namespace {
    pub metadata: Metadata,
    pub status: NamespaceStatus,
}

/// The status of a namespace is an object. A Status may be returned in its place, and its status is a word.
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
