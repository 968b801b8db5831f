//! The pod failure policy of a job
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-failure-policy>).

use serde::Deserialize;

use crate::kube::types::pod::PodStatus;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct PodFailurePolicy {
    rules: Vec<PodFailurePolicyRule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PodFailurePolicyRule {
    pub action: String,
    on_exit_codes: Option<OnExitCodes>,
    on_pod_conditions: Vec<OnPodCondition>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct OnExitCodes {
    container_name: Option<String>,
    operator: String,
    values: Vec<i32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct OnPodCondition {
    r#type: String,
    status: Option<String>,
}

impl PodFailurePolicy {
    /// Returns the first rule that matches a failed pod. The job controller applies the same rule.
    pub fn rule(&self, pod: &PodStatus) -> Option<&PodFailurePolicyRule> {
        self.rules.iter().find(|rule| match &rule.on_exit_codes {
            Some(codes) => codes.match_pod(pod),
            None => rule.on_pod_conditions.iter().any(|pattern| pattern.matches(pod)),
        })
    }
}

impl OnExitCodes {
    fn match_pod(&self, pod: &PodStatus) -> bool {
        let mut statuses = pod.container_statuses.iter().chain(&pod.init_container_statuses);
        statuses.any(|status| {
            let code = status.state.terminated.as_ref().and_then(|end| end.exit_code);
            let is_named = self.container_name.as_ref().is_none_or(|name| *name == status.name);
            let is_wanted = |code: i32| match self.operator.as_str() {
                "In" => self.values.contains(&code),
                "NotIn" => !self.values.contains(&code),
                _ => false,
            };
            is_named && code.is_some_and(|code| code != 0 && is_wanted(code))
        })
    }
}

impl OnPodCondition {
    fn matches(&self, pod: &PodStatus) -> bool {
        let status = self.status.as_deref().unwrap_or("True");
        pod.conditions.iter().any(|condition| condition.r#type == self.r#type && condition.status == status)
    }
}
