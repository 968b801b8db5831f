//! Jobs that are made from templates, read back from the API server.

mod access;
mod admission;
mod again;
mod overrides;
mod parameters;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{BINARY, World, tell};
use crate::given;
use crate::support::aws::AwsMock;
use crate::support::builder;
use crate::support::real::{Api, CronJobProxy, Kubelet};
use crate::support::service::{Builder, Reply, Service};

pub(super) use access::{
    a_caller_with_create_and_get_alone_runs_what_rbac_names, a_key_that_may_run_one_template_does_nothing_else,
};
pub(super) use admission::{
    a_dry_run_meets_the_quota, a_dry_run_of_a_template_stores_nothing, a_limit_range_is_for_pods_and_not_for_jobs,
    a_webhook_that_knows_no_dry_run_is_named_as_the_reason,
};
pub(super) use again::{a_job_is_run_again_without_what_the_cluster_put_there, a_run_outlives_its_template};
pub(super) use overrides::{
    a_suspended_cron_job_is_run_with_each_override_and_read_back, what_cannot_be_applied_is_refused_and_stores_nothing,
};
pub(super) use parameters::{parameters_arrive_as_they_were_sent, templates_are_listed_in_pages};

const CREATE: &str = "/api/eks-create-job";
/// The first release of Kubernetes that has `suspend` and `ttlSecondsAfterFinished` switched on.
const HAS_SUSPEND_AND_TTL: u32 = 21;

/// A service that finds `CronJobs` of batch/v1, whatever the API server's age.
pub(super) struct Stage {
    // The service comes first, so that it goes before what it would otherwise complain about.
    service: Service,
    aws: AwsMock,
    /// The administrator, who finds them too.
    admin: Api,
    minor: u32,
    _proxy: Option<CronJobProxy>,
}

impl Stage {
    pub(super) async fn start(world: &World) -> Self {
        let proxy = world.cluster.cron_job_proxy().await;
        let endpoint = proxy.as_ref().map_or_else(|| world.cluster.endpoint(), |proxy| proxy.endpoint().to_owned());
        if proxy.is_some() {
            tell("real_cluster: this server has no CronJobs in batch/v1, and those of batch/v1beta1 take their place");
        }
        let aws = AwsMock::start().await;
        aws.describes(&endpoint, world.cluster.ca_pem());
        let service = builder(BINARY, &aws).start().await;
        service.ready().await;
        let admin = world.cluster.admin_at(&endpoint);
        let version = admin.get("/version").await.expect_status(200).json();
        let minor = version["minor"].as_str().unwrap().trim_end_matches('+').parse().unwrap();
        Self { service, aws, admin, minor, _proxy: proxy }
    }

    /// Another service, not started yet.
    fn another_service(&self) -> Builder {
        builder(BINARY, &self.aws)
    }

    async fn make_namespace(&self, name: &str, labels: &Value) {
        let namespace = json!({ "metadata": { "name": name, "labels": labels } });
        self.admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
    }

    /// Makes a `CronJob` like the recorded one, changed in any way. Returns it as stored.
    async fn make_cron_job(&self, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) -> Value {
        let recorded = given::cron_job(name);
        let annotations = &recorded["metadata"]["annotations"];
        // Without a version: the path says which it is.
        let mut cron_job =
            json!({ "metadata": { "name": name, "annotations": annotations }, "spec": recorded["spec"] });
        change(&mut cron_job);
        let path = format!("/apis/batch/v1/namespaces/{namespace}/cronjobs");
        self.admin.post(&path, &cron_job).await.expect_status(201).json()
    }

    async fn create(&self, namespace: &str, body: Value) -> Reply {
        self.service.post(CREATE, &in_namespace(namespace, body)).await
    }

    async fn job(&self, namespace: &str, name: &str) -> Value {
        let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs/{name}");
        self.admin.get(&path).await.expect_status(200).json()
    }

    /// The names of all jobs that are stored there.
    async fn job_names(&self, namespace: &str) -> BTreeSet<String> {
        let jobs = self.admin.list(&format!("/apis/batch/v1/namespaces/{namespace}/jobs")).await;
        jobs.iter().map(|job| job["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    fn kubelet<'a>(&'a self, namespace: &'a str) -> Kubelet<'a> {
        Kubelet { api: &self.admin, namespace }
    }
}

fn in_namespace(namespace: &str, mut body: Value) -> Value {
    body["namespace"] = json!(namespace);
    body
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The job without what differs between any two: its identity, its status, and what the service says of its making. The
/// variables of a container are a map by name; the last of two with one name counts, as in the container.
fn plain(job: &Value) -> Value {
    let is_own = |key: &str| {
        key.starts_with("eks-api/")
            || key.starts_with("batch.kubernetes.io/")
            || ["controller-uid", "job-name", "job-id"].contains(&key)
    };
    let without = |map: &Value| -> Map<String, Value> {
        let entries = map.as_object().into_iter().flatten();
        entries.filter(|(key, _)| !is_own(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let mut spec = job["spec"].clone();
    spec.as_object_mut().unwrap().remove("selector");
    let template = &mut spec["template"];
    template["metadata"] = json!({ "labels": without(&template["metadata"]["labels"]),
        "annotations": without(&template["metadata"]["annotations"]) });
    for container in template["spec"]["containers"].as_array_mut().unwrap() {
        let variables = container["env"].as_array().into_iter().flatten();
        let by_name = variables.map(|variable| (variable["name"].as_str().unwrap().to_owned(), variable.clone()));
        container["env"] = by_name.collect::<Map<_, _>>().into();
    }
    json!({ "labels": without(&job["metadata"]["labels"]), "annotations": without(&job["metadata"]["annotations"]),
        "spec": spec })
}

/// The names of the variables of the first container, in their order.
fn variables(job: &Value) -> Vec<&str> {
    let variables = job["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    variables.iter().map(|variable| variable["name"].as_str().unwrap()).collect()
}
