//! The calls that the demo makes, one after another, and what each must answer.

use std::io;

use serde_json::{Value, json};

use crate::show;
use crate::stream::Stream;
use crate::support::service::Service;
use crate::support::stub::StubCluster;

const WATCH: &str = "/api/eks-watch-jobs?namespace=demo";
const STATUS: &str = "/api/eks-get-job-status?job_name=hello&namespace=demo&wait=30s";
const LOG: &str = "/api/eks-get-job-logs?job_name=hello&namespace=demo";
const DETAILS: &str = "/api/eks-get-job-status?job_name=hello&namespace=demo&details=true";

/// The body of create-job for a job of one container.
pub(crate) fn job(namespace: &str, name: &str) -> Value {
    let container = json!({ "name": "main", "image": "busybox:1.36", "command": ["echo", "hello"] });
    let pod = json!({ "restartPolicy": "Never", "containers": [container] });
    let manifest = json!({ "metadata": { "name": name }, "spec": { "template": { "spec": pod } } });
    json!({ "namespace": namespace, "job_manifest": manifest })
}

/// Makes every call; the error names the first whose answer is not the expected one.
pub(crate) async fn run(service: &Service, cluster: &StubCluster) -> io::Result<()> {
    let tour = Tour { service };

    show::note("The service has described the cluster, signed a token for it, reached it, and follows its jobs:")?;
    tour.call("GET", "/health", None, 200, &[("/status", json!("healthy"))]).await?;

    show::note("A namespace, somebody who watches its jobs, and a job in it:")?;
    let namespace = json!({ "namespace_name": "demo", "labels": { "team": "a" } });
    let created = [("/status", json!("created"))];
    tour.call("POST", "/api/eks-create-namespace", Some(&namespace), 201, &created).await?;
    let mut watch = tour.open(WATCH, "text/event-stream", " &").await?;
    tour.events(&mut watch, |name, _| name == "snapshot-end").await?;
    let hello = job("demo", "hello");
    tour.call("POST", "/api/eks-create-job", Some(&hello), 201, &created).await?;

    show::note("A call that waits is held until the job has finished, which costs the cluster nothing:")?;
    tour.call("GET", STATUS, None, 200, &[("/state", json!("completed"))]).await?;
    show::note("What the watcher was told meanwhile:")?;
    tour.events(&mut watch, |_, status| status["state"] == "completed").await?;
    drop(watch);

    show::note("What the job wrote:")?;
    let mut log = tour.open(LOG, "text/plain; charset=utf-8", "").await?;
    let mut lines = String::new();
    while let Some(line) = log.before("\n").await? {
        lines.extend([line.as_str(), "\n"]);
    }
    show::piece(&lines)?;
    expect(!lines.is_empty(), "the job was to have written something")?;

    show::note("The job with its pods and events, and among all others:")?;
    let ended = [("/pods/0/containers/0/exit_code", json!(0)), ("/events/0/reason", json!("SuccessfulCreate"))];
    tour.call("GET", DETAILS, None, 200, &ended).await?;
    let listed = [("/jobs/0/job_name", json!("hello")), ("/remaining", json!(0))];
    tour.call("GET", "/api/eks-list-jobs?state=completed", None, 200, &listed).await?;

    show::note("Mistakes are explained, for people and for programs:")?;
    let taken = [("/reason", json!("AlreadyExists"))];
    tour.call("POST", "/api/eks-create-job", Some(&hello), 409, &taken).await?;
    let bad = [("/reason", json!("Invalid")), ("/causes/0/field", json!("job_name"))];
    tour.call("GET", "/api/eks-get-job-status?job_name=../../secrets", None, 422, &bad).await?;
    let kept = [("/reason", json!("namespace_protected"))];
    tour.call("DELETE", "/api/eks-delete-namespace?namespace_name=kube-system", None, 403, &kept).await?;

    show::note("The job goes with its pods, the namespace with all that is in it:")?;
    let gone = [("/status", json!("success"))];
    tour.call("DELETE", "/api/eks-delete-job?job_name=hello&namespace=demo", None, 200, &gone).await?;
    let gone = [("/phase", json!("Deleted"))];
    tour.call("DELETE", "/api/eks-delete-namespace?namespace_name=demo&wait=30s", None, 200, &gone).await?;

    let (refused, accepted) = (cluster.refused().0, cluster.accepted());
    expect(refused == 0 && accepted > 0, &format!("{refused} tokens refused, {accepted} accepted"))?;
    show::note(&format!(
        "Shown: a job created, watched to its end and deleted over plain REST; the cluster checked the token of all {accepted} requests."
    ))
}

struct Tour<'a> {
    service: &'a Service,
}

impl Tour<'_> {
    /// Makes one call, shows it, and holds the reply against the status and the values that it must have.
    async fn call(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        status: u16,
        values: &[(&str, Value)],
    ) -> io::Result<()> {
        show::curl(method, &format!("http://{}{path}", self.service.address()), body)?;
        let headers: &[(&str, &str)] = if body.is_some() { &[("content-type", "application/json")] } else { &[] };
        let sent = body.map(Value::to_string).unwrap_or_default();
        let reply = self.service.try_send(method, path, headers, sent).await?;
        show::reply(&reply)?;
        expect(reply.status == status, &format!("{method} {path} was to answer {status}"))?;
        let json: Value = serde_json::from_slice(&reply.body)?;
        values.iter().try_for_each(|(pointer, value)| {
            let wanted = format!("{method} {path} was to answer {value} at {pointer}");
            expect(json.pointer(pointer) == Some(value), &wanted)
        })
    }

    async fn open(&self, path: &str, media: &str, after: &str) -> io::Result<Stream> {
        show::stream(&format!("http://{}{path}", self.service.address()), after)?;
        let stream = Stream::open(self.service.address(), path, &[]).await?;
        show::head(stream.status)?;
        let is_it = stream.headers.get("content-type").is_some_and(|found| found == media);
        expect(stream.status == 200 && is_it, &format!("GET {path} was to answer 200 and {media}"))?;
        Ok(stream)
    }

    /// Shows events up to the one that is the last by its name or by what it tells.
    async fn events(&self, stream: &mut Stream, is_last: impl Fn(&str, &Value) -> bool) -> io::Result<()> {
        while let Some(event) = stream.event().await? {
            show::piece(&event)?;
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            if is_last(field("event: "), &serde_json::from_str(field("data: "))?) {
                return Ok(());
            }
        }
        Err(io::Error::other("the watch ends too early"))
    }
}

fn expect(holds: bool, what: &str) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::other(what.to_owned())) }
}
