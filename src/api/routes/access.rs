//! [`Access`]: who may use a route, and the RBAC permissions that it needs in the cluster.

use crate::auth::role::Role;
use crate::kube::access_review::Permission;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody: probes, metrics and documentation.
    Open,
    /// Callers whose key has this role. The first permission is for the kind of object that the call names. Without
    /// permissions the call is about all clusters that the caller may use.
    Cluster(Role, &'static [Permission]),
    /// Callers with the role admin. With `AUTH=kubernetes` the default cluster decides, by this non-resource URL. The
    /// call is about all clusters that the caller may use.
    Operator(Permission),
}

impl Access {
    /// Returns the role that the key of a caller needs. `None` if everybody may call.
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Open => None,
            Self::Cluster(role, _) => Some(role),
            Self::Operator(_) => Some(Role::Admin),
        }
    }
}

const fn permission(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    needed_for: &'static str,
) -> Permission {
    Permission { verb, group, resource, needed_for }
}

/// The permission that a caller needs before create-job reveals anything of a preset or of a webhook.
pub const MAKE_JOB: Permission = permission("create", "batch", "jobs", "create-job");
pub const CREATE_JOB: &[Permission] = &[
    MAKE_JOB,
    permission("get", "batch", "jobs", "create-job, to recognize its own job after a lost reply"),
    permission("create", "", "namespaces", "create-job into a missing namespace"),
    permission("get", "batch", "cronjobs", "create-job from a CronJob"),
];
pub const GET_JOB_STATUS: &[Permission] = &[
    permission("get", "batch", "jobs", "get-job-status"),
    permission("list", "", "pods", "get-job-status with details=true"),
    permission("list", "", "events", "get-job-status with details=true"),
];
pub const DELETE_JOB: &[Permission] = &[permission("delete", "batch", "jobs", "delete-job")];
pub const LIST_JOBS: &[Permission] = &[permission("list", "batch", "jobs", "list-jobs and the live state")];
/// The permissions that a caller needs for an answer from memory.
pub const SEE_JOB: Permission = permission("get", "batch", "jobs", "get-job-status");
pub const SEE_JOBS: Permission = permission("list", "batch", "jobs", "list-jobs");
pub const FOLLOW_JOBS: Permission = permission("watch", "batch", "jobs", "watch-jobs");
/// The exit code and the termination message of a job come from its pods.
pub const SEE_PODS: Permission = permission("list", "", "pods", "exit_code and termination_message");
pub const SEE_LOGS: Permission = permission("get", "", "pods/log", "get-job-logs");

pub const WATCH_JOBS: &[Permission] = &[
    permission("list", "batch", "jobs", "list-jobs and the live state"),
    permission("watch", "batch", "jobs", "watch-jobs and the live state"),
];
pub const GET_JOB_LOGS: &[Permission] = &[
    permission("get", "batch", "jobs", "get-job-logs"),
    permission("list", "", "pods", "get-job-logs"),
    permission("get", "", "pods/log", "get-job-logs"),
];
/// Not under /api: Kubernetes' role system:discovery grants that to every authenticated caller.
pub const LIST_AUDIT: Permission = permission("get", "", "/eks-api/list_audit", "list-audit");
pub const LIST_WEBHOOKS: Permission = permission("get", "", "/eks-api/list_webhooks", "list-webhooks");
pub const LIST_DELIVERIES: Permission = permission("get", "", "/eks-api/list_deliveries", "list-deliveries");
pub const REDELIVER: Permission = permission("post", "", "/eks-api/redeliver", "redeliver");
pub const TEST_WEBHOOK: Permission = permission("post", "", "/eks-api/test_webhook", "test-webhook");
pub const LIST_TEMPLATES: &[Permission] = &[permission("list", "batch", "cronjobs", "list-templates")];
pub const PATCH_JOB: &[Permission] = &[permission("patch", "batch", "jobs", "suspend-job and resume-job")];
pub const CREATE_BATCH: &[Permission] = &[
    permission("create", "batch", "jobs", "create-batch"),
    permission("get", "batch", "jobs", "create-batch, to recognize its own jobs"),
    permission("list", "batch", "jobs", "create-batch, to complete a batch"),
    permission("create", "", "namespaces", "create-batch into a missing namespace"),
    permission("get", "batch", "cronjobs", "create-batch from a CronJob"),
];
pub const GET_BATCH_STATUS: &[Permission] =
    &[permission("get", "batch", "jobs", "get-batch-status"), permission("list", "batch", "jobs", "get-batch-status")];
pub const LIST_BATCHES: &[Permission] = &[permission("list", "batch", "jobs", "list-batches")];
pub const DELETE_BATCH: &[Permission] = &[
    permission("delete", "batch", "jobs", "delete-batch"),
    permission("get", "batch", "jobs", "delete-batch"),
    permission("list", "batch", "jobs", "delete-batch"),
];
pub const PATCH_BATCH: &[Permission] = &[
    permission("patch", "batch", "jobs", "suspend-batch and resume-batch"),
    permission("get", "batch", "jobs", "suspend-batch and resume-batch"),
    permission("list", "batch", "jobs", "suspend-batch and resume-batch"),
];
pub const CREATE_NAMESPACE: &[Permission] = &[permission("create", "", "namespaces", "create-namespace")];
pub const DELETE_NAMESPACE: &[Permission] = &[
    permission("delete", "", "namespaces", "delete-namespace"),
    permission("get", "", "namespaces", "delete-namespace with wait"),
];
pub const LIST_NAMESPACES: &[Permission] = &[permission("list", "", "namespaces", "list-namespaces")];
pub const GET_NAMESPACE: &[Permission] = &[permission("get", "", "namespaces", "get-namespace-status")];

/// Whether the service works without the permission. Only jobs from `CronJobs` need those for `CronJobs`.
pub fn is_optional(permission: &Permission) -> bool {
    permission.resource == "cronjobs"
}
