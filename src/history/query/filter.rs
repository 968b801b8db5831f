//! Which runs a query selects: [`RunFilter`].

use crate::config::pattern::Patterns;
use crate::jobs::label_selector::Selector;

#[derive(Clone, Debug, Default)]
pub struct RunFilter {
    pub cluster: String,
    pub namespace: Option<String>,
    /// A namespace must match all of them.
    pub allowed: Vec<Patterns>,
    pub job_name: Option<String>,
    pub uid: Option<String>,
    pub state: Option<String>,
    /// The earliest creation, in seconds since 1970.
    pub since: Option<i64>,
    /// The creation is before this time.
    pub until: Option<i64>,
    pub batch_name: Option<String>,
    pub template: Option<String>,
    pub caller: Option<String>,
    pub selector: Selector,
}
