//! The calls that the demo makes, one after another, and what each must answer.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::show;
use crate::support::service::{PATIENCE, Reply, Service};
use crate::support::stub::StubCluster;

/// How often the job's state is asked for; a script would ask less often.
const POLL: Duration = Duration::from_millis(100);

const STATUS: &str = "/api/eks-get-job-status?job_name=hello&namespace=demo";
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

    show::note("The service has described the cluster, signed a token for it, and reached it:")?;
    tour.call("GET", "/health", None, 200, &[("/status", json!("healthy"))]).await?;

    show::note("A namespace, and a job in it:")?;
    let namespace = json!({ "namespace_name": "demo", "labels": { "team": "a" } });
    let created = [("/status", json!("created"))];
    tour.call("POST", "/api/eks-create-namespace", Some(&namespace), 201, &created).await?;
    let hello = job("demo", "hello");
    tour.call("POST", "/api/eks-create-job", Some(&hello), 201, &created).await?;

    show::note("Asked until it has ended; each change of its state is shown:")?;
    timeout(PATIENCE, tour.follow(STATUS)).await.map_err(|_| io::Error::other("the job does not end"))??;

    show::note("The same with its pods and events:")?;
    let ended = [("/pods/0/containers/0/exit_code", json!(0)), ("/events/0/reason", json!("SuccessfulCreate"))];
    tour.call("GET", DETAILS, None, 200, &ended).await?;

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
    tour.call("DELETE", "/api/eks-delete-namespace?namespace_name=demo", None, 200, &gone).await?;

    let (refused, accepted) = (cluster.refused().0, cluster.accepted());
    expect(refused == 0 && accepted > 0, &format!("{refused} tokens refused, {accepted} accepted"))?;
    show::note(&format!(
        "Shown: a job created, followed to its end and deleted over plain REST; the cluster checked the token of all {accepted} requests."
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

    /// Asks for the job's status until it is completed, and shows the reply whenever the state is another.
    async fn follow(&self, path: &str) -> io::Result<()> {
        let mut shown = Value::Null;
        loop {
            let reply: Reply = self.service.try_send("GET", path, &[], "").await?;
            let json: Value = serde_json::from_slice(&reply.body)?;
            if json["state"] != shown {
                show::curl("GET", &format!("http://{}{path}", self.service.address()), None)?;
                show::reply(&reply)?;
                shown = json["state"].clone();
            }
            expect(reply.status == 200 && shown != "failed", &format!("GET {path} was to find the job completed"))?;
            if shown == "completed" {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }
}

fn expect(holds: bool, what: &str) -> io::Result<()> {
    if holds { Ok(()) } else { Err(io::Error::other(what.to_owned())) }
}
