//! The templates that a key of the role `run` may use: [`TemplatePatterns`].

use std::fmt;

use crate::util::template_name::TemplateName;

/// Patterns such as `cronjob/etl` and `report-*`, each with at most one `*`. Without a kind a pattern is for CronJobs and
/// presets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplatePatterns(Vec<String>);

impl TemplatePatterns {
    pub fn matches(&self, template: &TemplateName) -> bool {
        let _ = template;
        false
    }

    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for TemplatePatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}
