//! Health checks of the service's dependencies, for /health, /readyz and `systemctl status`: [`HealthChecks`].

use std::sync::{PoisonError, RwLock};

/// The checks. Each depends on those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// There are AWS credentials, and a token signed with them.
    Credentials,
    /// This machine's clock agrees with AWS. Passed until a server has sent its time.
    Clock,
    /// EKS has described the cluster.
    Cluster,
    /// The API server answers, and accepts the token.
    Kubernetes,
    /// The jobs are watched. Without the watch, every read goes to the cluster.
    Watch,
}

impl Check {
    pub const ALL: [Self; 5] = [Self::Credentials, Self::Clock, Self::Cluster, Self::Kubernetes, Self::Watch];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Clock => "clock",
            Self::Cluster => "cluster",
            Self::Kubernetes => "kubernetes",
            Self::Watch => "watch",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Outcome {
    #[default]
    Pending,
    Passed,
    Failed(String),
}

#[derive(Debug)]
pub struct HealthChecks(RwLock<[(Outcome, bool); 5]>);

impl Default for HealthChecks {
    fn default() -> Self {
        let checks = Self(RwLock::default());
        checks.note(Check::Clock, Outcome::Passed);
        checks
    }
}

impl HealthChecks {
    /// Records an outcome. Returns whether it differs from the last one.
    pub fn note(&self, check: Check, outcome: Outcome) -> bool {
        let mut checks = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (known, ever_passed) = &mut checks[check as usize];
        *ever_passed |= outcome == Outcome::Passed;
        let changed = *known != outcome;
        *known = outcome;
        changed
    }

    pub fn outcome(&self, check: Check) -> Outcome {
        self.0.read().unwrap_or_else(PoisonError::into_inner)[check as usize].0.clone()
    }

    /// Whether the check passed at least once.
    pub fn ever_passed(&self, check: Check) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner)[check as usize].1
    }

    /// Returns the first failed check and the cause, or else the first check that did not run yet.
    pub fn first_failing(&self) -> Option<(Check, String)> {
        let failed = Check::ALL.into_iter().find_map(|check| match self.outcome(check) {
            Outcome::Failed(why) => Some((check, why)),
            Outcome::Passed | Outcome::Pending => None,
        });
        let pending = || Check::ALL.into_iter().find(|check| self.outcome(*check) == Outcome::Pending);
        failed.or_else(|| Some((pending()?, "not tried yet".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_check_comes_before_a_pending_one() {
        let checks = HealthChecks::default();
        assert_eq!(checks.first_failing().unwrap().0, Check::Credentials);
        checks.note(Check::Kubernetes, Outcome::Failed("down".into()));
        assert_eq!(checks.first_failing().unwrap().0, Check::Kubernetes, "a failed check first");
        assert!(checks.note(Check::Credentials, Outcome::Passed));
        assert!(!checks.note(Check::Credentials, Outcome::Passed), "the outcome is the same");
        checks.note(Check::Cluster, Outcome::Failed("throttled".into()));
        assert_eq!(checks.first_failing(), Some((Check::Cluster, "throttled".into())));
        assert!(checks.ever_passed(Check::Credentials) && !checks.ever_passed(Check::Cluster));
    }
}
