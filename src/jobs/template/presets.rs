//! The presets: templates in the files of a directory. [`Presets`] keeps the old ones if a new file is wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::jobs::template::Template;

/// The presets in force, by their name without the kind.
pub type PresetMap = BTreeMap<String, Arc<Template>>;

/// A clone shares the presets.
#[derive(Clone, Debug, Default)]
pub struct Presets(Arc<RwLock<Arc<PresetMap>>>);

impl Presets {
    pub fn current(&self) -> Arc<PresetMap> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn replace(&self, presets: PresetMap) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(presets);
    }
}
