//! Which jobs a caller wants to see of those it may.

use super::selector::Selector;
use super::state::State;
use super::status::Status;
use crate::config::pattern::Patterns;
use crate::kube::name::{JobName, Namespace};

#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The namespaces outside of which nothing is shown.
    pub allowed: Option<Patterns>,
    pub namespace: Option<Namespace>,
    pub job: Option<JobName>,
    pub selector: Selector,
    pub state: Option<State>,
}

impl Filter {
    pub fn matches(&self, status: &Status) -> bool {
        self.takes(status.state) && self.covers(status)
    }

    pub fn takes(&self, state: State) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
    }

    /// Whether it is about this job, whatever its state: that does not change in a job's life, but for its labels.
    pub fn covers(&self, status: &Status) -> bool {
        self.namespace.as_ref().is_none_or(|namespace| namespace.as_str() == status.namespace())
            && self.job.as_ref().is_none_or(|job| job.as_str() == status.name())
            && self.allowed.as_ref().is_none_or(|allowed| allowed.matches(status.namespace()))
            && self.selector.matches(|key| status.label(key))
    }
}
