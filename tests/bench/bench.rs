//! What all scenarios share: the load, the pace, the report, and the cluster with many jobs that those need which compare
//! the service with others.

use serde_json::{Value, json};

use crate::cluster::{Cluster, Proxy};
use crate::contest::{Pace, Way};
use crate::figures::report::Report;
use crate::figures::statistics::float;
use crate::generator::{Generator, Load, NUMBER, Target};
use crate::support::recorded_body;
use crate::support::service::Service;
use crate::support::stub::StubCluster;

/// As many as a list is taken from.
pub(crate) const JOBS: u64 = 10_000;
pub(crate) const SERVICE: &str = "eks-api";
pub(crate) const FLOOR: &str = "floor";
pub(crate) const DIRECT: &str = "direct";
pub(crate) const PROXY: &str = "kubectl proxy";

pub(crate) struct Bench {
    pub(crate) generator: Generator,
    pub(crate) pace: Pace,
    pub(crate) report: Report,
    world: Option<World>,
}

impl Bench {
    pub(crate) fn new(pace: Pace, report: Report) -> Self {
        Self { generator: Generator::start(), pace, report, world: None }
    }

    /// Lends the world to a scenario, together with the rest. It is made when it is first asked for.
    pub(crate) async fn with_world(&mut self, scenario: impl AsyncFnOnce(&mut Self, &World)) {
        let world = match self.world.take() {
            Some(world) => world,
            None => World::start(&mut self.generator).await,
        };
        world.cluster.name().clone_into(&mut self.report.api_server);
        scenario(self, &world).await;
        self.world = Some(world);
    }
}

/// A cluster with [`JOBS`] jobs in the namespace `bench`, and a service that knows them.
pub(crate) struct World {
    // The service goes first, so that it does not complain about the others' end.
    pub(crate) service: Service,
    pub(crate) cluster: Cluster,
}

impl World {
    async fn start(generator: &mut Generator) -> Self {
        let cluster = match Cluster::real().await {
            Some(real) => real,
            None => Cluster::stub().await,
        };
        if cluster.name() == "stub" {
            put_jobs(cluster.controls(), "bench", JOBS);
        } else {
            let body = manifest("bench", &format!("nightly-report-{NUMBER}"), "eks-api").to_string();
            let load = Load {
                request: create(&cluster.token().await, &body),
                count: Some(JOBS),
                millis: 300_000,
                ..Load::default()
            };
            let group = generator.open(&cluster.target(), 16).unwrap();
            let made = generator.run(group, &load).unwrap();
            assert_eq!((made.answered, made.failed.len()), (JOBS, 0), "{made:?}");
            generator.close(group);
        }
        let service = cluster.service(&[]).await;
        knows(&service, JOBS).await;
        Self { service, cluster }
    }

    pub(crate) fn through(&self, load: Load) -> Way {
        Way::new(SERVICE, Target::plain(self.service.address()), vec![self.service.pid()], load)
    }

    pub(crate) fn direct(&self, load: Load) -> Way {
        Way::new(DIRECT, self.cluster.target(), self.cluster.pids(), load)
    }

    /// The load as for the API server itself, but that the token is the proxy's to add.
    pub(crate) fn by_proxy(proxy: &Result<Proxy, String>, load: Load) -> Result<Way, (&'static str, String)> {
        let proxy = proxy.as_ref().map_err(|why| (PROXY, format!("not there ({why})")))?;
        Ok(Way::new(PROXY, Target::plain(&proxy.address), vec![proxy.pid()], load))
    }
}

/// A request, with header lines that each end with a line feed.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &str) -> String {
    let length = if body.is_empty() { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let headers = headers.replace('\n', "\r\n");
    format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}{length}\r\n{body}")
}

pub(crate) fn get(path: &str) -> String {
    request("GET", path, "", "")
}

pub(crate) fn bearer(token: &str) -> String {
    if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\n") }
}

/// The creation of a job at the API server, as the service sends it.
pub(crate) fn create(token: &str, body: &str) -> String {
    let path = "/apis/batch/v1/namespaces/bench/jobs?fieldValidation=Strict";
    request("POST", path, &format!("{}content-type: application/json\n", bearer(token)), body)
}

pub(crate) fn status_path(namespace: &str, name: &str) -> String {
    format!("/api/eks-get-job-status?namespace={namespace}&job_name={name}")
}

/// The manifest as the service would send it. The service follows the jobs of its own `app` alone.
pub(crate) fn manifest(namespace: &str, name: &str, app: &str) -> Value {
    let id = "0123456789abcdef0123456789abcdef";
    json!({ "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": name, "namespace": namespace,
            "labels": { "team": "bench", "app": app, "job-id": name },
            "annotations": { "eks-api/request-id": id, "eks-api/create-id": id } },
        "spec": spec() })
}

/// What a caller of the service writes.
pub(crate) fn spec() -> Value {
    json!({ "backoffLimit": 0, "template": { "spec": { "restartPolicy": "Never", "containers": [{
        "name": "c", "image": "busybox", "command": ["sh", "-c", "echo hello"],
        "env": [{ "name": "INPUT", "value": "s3://bucket/key" }],
        "resources": { "requests": { "cpu": "100m", "memory": "64Mi" } } }] } } })
}

/// The recorded job that ran to its end, under a name and a uid of its own.
pub(crate) fn finished(namespace: &str, number: u64) -> Value {
    let mut job = recorded_body("job-get-complete");
    let name = format!("nightly-report-{number:08}");
    job["metadata"]["labels"] = json!({ "app": "eks-api", "job-id": name, "team": "a" });
    job["metadata"]["name"] = json!(name);
    job["metadata"]["namespace"] = json!(namespace);
    job["metadata"]["uid"] = json!(format!("8947fa7d-9237-4749-84e2-{number:012x}"));
    job
}

pub(crate) fn put_jobs(stub: &StubCluster, namespace: &str, jobs: u64) {
    // Read once, and not from the file for each.
    let first = finished(namespace, 0);
    stub.put_jobs((0..jobs).map(|number| {
        let (mut job, name) = (first.clone(), format!("nightly-report-{number:08}"));
        job["metadata"]["uid"] = json!(format!("8947fa7d-9237-4749-84e2-{number:012x}"));
        job["metadata"]["labels"]["job-id"] = json!(name);
        job["metadata"]["name"] = json!(name);
        job
    }));
}

/// The sum of a metric over its labels, but for those lines that hold this word.
pub(crate) async fn metric(service: &Service, name: &str, without: &str) -> f64 {
    let text = service.get("/metrics").await.expect_status(200).text();
    let lines = text.lines().filter(|line| line.starts_with(name) && !line.contains(without));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Waits until the service has so many jobs in its memory.
pub(crate) async fn knows(service: &Service, jobs: u64) {
    while metric(service, "eks_api_cached_jobs{", "\n").await < float(jobs) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
