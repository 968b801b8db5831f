//! The job or the namespace that a call names, for its handler and for the audit.

use crate::api::context::RequestContext;
use crate::api::jobs::job_ref::JobRef;
use crate::api::routes::Route;
use crate::audit::request_info::{ObjectRef, RequestInfo};
use crate::config::pattern::Patterns;
use crate::http::response::problem::Problem;
use crate::jobs::policy::{Forbidden, Policy};
use crate::kube::names::{JobName, Namespace};

/// A rule of the settings about namespaces, such as [`Policy::may_use`].
type NamespaceRule = fn(&Policy, &Namespace) -> Result<(), Forbidden>;

impl RequestContext {
    /// Returns the job that the query names, after the check of its namespace.
    pub fn resolve_job(&mut self) -> Result<JobRef, Problem> {
        let (namespace, name) = (self.parameters.namespace()?, self.parameters.job_name()?);
        let uid = self.parameters.optional("uid").map(Into::into);
        self.job_in(namespace, name, uid)
    }

    /// Returns this job, after the check of its namespace.
    pub fn job_in(&mut self, namespace: Namespace, name: JobName, uid: Option<String>) -> Result<JobRef, Problem> {
        // The log names the job also if the call is refused.
        self.set_object(&namespace, Some(&name));
        self.check_namespace(Policy::may_use, &namespace)?;
        Ok(JobRef { namespace, name, uid })
    }

    /// Sets the object that log and audit name.
    pub fn set_object(&mut self, namespace: &Namespace, job: Option<&JobName>) {
        self.info.object.namespace = Some(namespace.clone());
        self.info.object.job = job.cloned();
    }

    /// Sets the uid that the API server returned for that object.
    pub fn set_object_uid(&mut self, uid: &str) {
        self.info.object.uid = Some(uid.to_owned());
    }

    /// Describes a part of this call to the audit as a call of this route. The template belongs to the call itself.
    pub fn info_as(&self, route: Route) -> RequestInfo {
        let (operation, object_kind) = (route.operation(), route.object_kind());
        let object = ObjectRef { template: None, ..self.info.object.clone() };
        RequestInfo { operation, object_kind, is_change: !route.is_read(), object, ..self.info.clone() }
    }

    /// Records the refusal of a wait after a change. The change itself succeeded; `route` shows what the wait would show.
    pub fn record_wait_error(&self, route: Route, problem: &Problem) {
        self.state.audit.record_outcome(&self.info_as(route), problem.status.as_u16(), &problem.reason);
    }

    /// Checks a namespace against this rule of the service, and against the caller's namespaces.
    pub fn check_namespace(&self, rule: NamespaceRule, namespace: &Namespace) -> Result<(), Problem> {
        rule(&self.cluster.policy, namespace)?;
        Ok(self.caller().may_use(namespace)?)
    }

    /// Returns the patterns that a namespace must match: those of the service and those of the caller.
    pub fn allowed_namespaces(&self) -> Vec<Patterns> {
        self.cluster.policy.allowed.iter().chain(self.caller().namespaces()).cloned().collect()
    }
}
