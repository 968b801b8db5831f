//! What many tests begin with: the binary, a manifest, keys that the stub cluster knows.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::support;
use crate::support::aws::AwsMock;
use crate::support::judge::{self, Key};
use crate::support::recorded_body;
use crate::support::service::Builder;
use crate::support::stub::StubConfig;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");
pub(crate) const HOUR: Duration = Duration::from_hours(1);

/// The body of a create-job request.
pub(crate) fn job(name: &str) -> Value {
    json!({ "job_manifest": { "metadata": { "name": name }, "spec": { "template": { "spec": {
        "restartPolicy": "Never", "containers": [{ "name": "c", "image": "busybox" }] } } } } })
}

/// Where the API server takes the jobs of the namespace `default`.
pub(crate) const JOBS: &str = "/apis/batch/v1/namespaces/default/jobs";

/// Where the API server takes the `CronJobs` of the namespace `default`.
pub(crate) const CRON_JOBS: &str = "/apis/batch/v1/namespaces/default/cronjobs";

/// A suspended `CronJob` of the namespace `default`, as a real server gave it. It has one container, `main`, with the
/// variables MODE and TOKEN, and declares the parameters DATE (required), MODE and LEVEL (default `info`).
pub(crate) fn cron_job(name: &str) -> Value {
    let mut cron_job = recorded_body("cronjob-get");
    let metadata = cron_job["metadata"].as_object_mut().unwrap();
    for cluster_given in ["uid", "resourceVersion", "creationTimestamp"] {
        metadata.remove(cluster_given);
    }
    metadata.insert("name".to_owned(), json!(name));
    metadata.insert("namespace".to_owned(), json!("default"));
    cron_job
}

pub(crate) fn status_of(name: &str) -> String {
    format!("/api/eks-get-job-status?job_name={name}")
}

/// The session key that the stub cluster knows from the start.
pub(crate) fn session_key() -> Key {
    StubConfig::default().rules.keys.swap_remove(1)
}

/// A key that the stub cluster does not know until it is told.
pub(crate) fn new_key() -> Key {
    Key::new("ASIALABROTATED000001", "lab-secret-three", Some("lab-rotated/token=="))
}

/// The access key that signed a token for the stub cluster.
pub(crate) fn signer(token: &str) -> String {
    judge::judge(token, &StubConfig::default().rules, SystemTime::now()).unwrap()
}

/// A service that has no credentials of its own in the environment.
pub(crate) fn without_credentials(aws: &AwsMock) -> Builder {
    support::builder(BINARY, aws).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY")
}

const SECRET: &str = "Bearer lab-container";

/// A service that gets its credentials from the container endpoint, which so far gives out the session key.
pub(crate) fn with_container_credentials(aws: &AwsMock) -> Builder {
    gives_out(aws, session_key());
    let url = aws.container_url();
    let builder = without_credentials(aws).env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url);
    builder.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", SECRET)
}

/// From now on the container endpoint gives out this key.
pub(crate) fn gives_out(aws: &AwsMock, key: Key) {
    aws.serves_container_credentials(key, HOUR, SECRET);
}

/// How often the container endpoint was asked.
pub(crate) fn loads(aws: &AwsMock) -> usize {
    aws.calls("GET", "/creds")
}
