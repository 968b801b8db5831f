//! The common overrides of a batch, and those of one of its jobs.

use crate::jobs::template::merge::overrides::{Overrides, TTL, field};

impl Overrides {
    /// Adds these overrides. They replace those of the same name; objects are merged by key.
    pub fn extend(&mut self, own: &Self) {
        let Self { container, of_container, env, resources, labels, annotations, of_spec } = own;
        self.container = container.clone().or_else(|| self.container.take());
        self.of_container.extend(of_container.clone());
        self.env.extend(env.clone());
        for (section, patch) in resources {
            self.resources.entry(section).or_default().extend(patch.clone());
        }
        self.labels.extend(labels.clone());
        self.annotations.extend(annotations.clone());
        self.of_spec.extend(of_spec.clone());
    }

    /// Whether nothing is overridden.
    pub fn is_empty(&self) -> bool {
        let Self { container, of_container, env, resources, labels, annotations, of_spec } = self;
        let is_empty = container.is_none() && of_container.is_empty() && env.is_empty() && resources.is_empty();
        is_empty && labels.is_empty() && annotations.is_empty() && of_spec.is_empty()
    }

    /// Whether one of these overrides is the cause of an error at this field.
    pub fn contains(&self, error_field: &str) -> bool {
        match error_field {
            "overrides.container" => self.container.is_some(),
            "overrides.labels" => !self.labels.is_empty(),
            "overrides.annotations" => !self.annotations.is_empty(),
            variable => self.env.keys().any(|name| field("env", name) == variable),
        }
    }

    /// Removes the override of `ttlSecondsAfterFinished`. Returns whether there was one.
    pub fn take_ttl(&mut self) -> bool {
        self.of_spec.remove(TTL).is_some()
    }
}
