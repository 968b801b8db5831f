//! The watch is cut, its past is forgotten, its API server dies: what happened meanwhile is told afterwards, and
//! nothing else is. What is known stays at hand all the while, with its age.

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::World;
use super::events::{Event, Events};
use super::listing::{agreed, idle, path, quiet, shown};
use crate::support::aws::AwsMock;
use crate::support::builder;
use crate::support::real::{Api, Relay, eventually};
use crate::support::service::Service;

/// How long the API server is away that is killed.
const AWAY: Duration = Duration::from_secs(10);

/// A service at the end of a wire that can be cut.
async fn behind(world: &World, relay: &Relay) -> (Service, AwsMock) {
    let aws = AwsMock::start().await;
    aws.describes(&relay.endpoint(), world.cluster.ca_pem());
    let service = builder(super::BINARY, &aws).start().await;
    service.ready().await;
    (service, aws)
}

/// Waits until the check of the watch has this outcome.
async fn watch_is(service: &Service, outcome: &str) {
    eventually(&format!("a watch that has {outcome}"), async || {
        let health = service.get("/health").await.expect_status(200).json();
        (health["checks"]["watch"]["status"] == outcome).then_some(())
    })
    .await;
}

/// The times that the watch was lost, as the log tells.
fn losses(service: &Service) -> Vec<String> {
    let lost = |line: &String| line.contains("check failed") && line.contains("check=watch");
    service.logs().into_iter().filter(lost).collect()
}

/// A namespace whose jobs change while a service is away.
pub(super) struct Stage<'a> {
    pub(super) namespace: &'a str,
    pub(super) admin: &'a Api,
}

impl Stage<'_> {
    pub(super) fn job(&self, name: &str) -> String {
        format!("/apis/batch/v1/namespaces/{}/jobs/{name}", self.namespace)
    }

    async fn create(&self, name: &str) {
        let mut job = idle(name);
        job["metadata"]["labels"] = json!({ "app": "eks-api", "job-id": name });
        self.admin.post(&self.job(""), &job).await.expect_status(201);
    }

    async fn delete(&self, name: &str) {
        self.admin.delete(&format!("{}?propagationPolicy=Background", self.job(name))).await.expect_status(200);
    }

    /// Ends a job as its controller does, which may be away, too.
    pub(super) async fn complete(&self, name: &str) {
        let condition = json!({ "type": "Complete", "status": "True", "lastTransitionTime": "2026-01-20T10:31:00Z" });
        let status = json!({ "status": { "active": null, "succeeded": 1, "conditions": [condition],
            "startTime": "2026-01-20T10:30:00Z", "completionTime": "2026-01-20T10:31:00Z" } });
        self.admin.patch(&format!("{}/status", self.job(name)), &status).await.expect_status(200);
    }

    /// The jobs that there are before the service is away: to stay, go, end, and be replaced.
    async fn set(&self) {
        let namespace = json!({ "metadata": { "name": self.namespace } });
        self.admin.post("/api/v1/namespaces", &namespace).await.expect_status(201);
        for name in ["stays", "goes", "ends", "again"] {
            self.create(name).await;
        }
    }

    /// What the service must find out later.
    async fn change(&self) {
        self.delete("goes").await;
        self.complete("ends").await;
        self.delete("again").await;
        self.create("again").await;
        self.create("comes").await;
        // It comes and goes unseen.
        self.create("passes").await;
        self.delete("passes").await;
    }
}

/// All that is known of the namespace is what was known before, and it says how old it is.
async fn is_as_before(service: &Service, before: &Value, namespace: &str) {
    let list = service.get(&path(namespace)).await.expect_status(200);
    assert_eq!((list.header("x-cache"), list.header("age").is_some()), (Some("hit"), true));
    assert_eq!(list.json(), *before);
    for job in before["jobs"].as_array().unwrap() {
        let name = job["job_name"].as_str().unwrap();
        let status = service.get(&format!("/api/eks-get-job-status?namespace={namespace}&job_name={name}")).await;
        let status = status.expect_status(200);
        assert_eq!((status.header("x-cache"), status.header("age").is_some()), (Some("hit"), true));
        assert_eq!(status.json(), *job);
    }
}

/// The list has changed as `Stage::change` says, and so have the events.
fn changed_as_told(before: &Value, after: &Value, events: &[Event]) {
    let (before, after) = (shown(before), shown(after));
    assert_eq!(after.keys().collect::<Vec<_>>(), ["again", "comes", "ends", "stays"]);
    assert_ne!(before["again"].0, after["again"].0);
    assert_eq!(before["ends"].0, after["ends"].0);
    let told = |kind: &str, name: &str, uid: &str| {
        let is_it = |event: &&Event| event.kind == kind && event.job["job_name"] == name && event.job["uid"] == uid;
        assert!(events.iter().any(|event| is_it(&event)), "{kind} {name} {uid} in {events:?}");
    };
    told("deleted", "goes", &before["goes"].0);
    told("deleted", "again", &before["again"].0);
    told("added", "again", &after["again"].0);
    told("added", "comes", &after["comes"].0);
    let ended = |event: &&Event| event.kind == "modified" && event.job["job_name"] == "ends";
    assert_eq!(events.iter().rfind(ended).unwrap().job["state"], "completed");
    let uids: Vec<&String> = before.values().chain(after.values()).map(|(uid, _)| uid).collect();
    for event in events.iter().filter(|event| event.job["job_name"] != "passes") {
        assert!(uids.contains(&&event.job["uid"].as_str().unwrap().to_owned()), "invented: {event:?}");
    }
}

pub(super) async fn a_watch_that_was_cut_goes_on_from_where_it_was(world: Rc<World>) {
    let relay = world.cluster.relay().await;
    let (service, _aws) = behind(&world, &relay).await;
    let stage = Stage { namespace: "cut", admin: &world.cluster.admin };
    stage.set().await;
    quiet(stage.admin, stage.namespace).await;
    let before = agreed(&service, stage.admin, stage.namespace).await;
    let mut events = Events::open(&service, "namespace=cut").await;

    relay.cut();
    watch_is(&service, "failed").await;
    stage.change().await;
    quiet(stage.admin, stage.namespace).await;
    is_as_before(&service, &before, stage.namespace).await;
    relay.mend();
    watch_is(&service, "passed").await;
    let after = agreed(&service, stage.admin, stage.namespace).await;
    changed_as_told(&before, &after, &events.until_as(&after).await);
    let lost = losses(&service);
    assert!(!lost.iter().any(|line| line.contains("listing again")), "{lost:?}");
}

pub(super) async fn a_watch_whose_past_is_forgotten_lists_again(world: Rc<World>) {
    let spare = world.cluster.spare().await;
    let relay = Relay::to(spare.port).await;
    let (service, _aws) = behind(&world, &relay).await;
    let stage = Stage { namespace: "compacted", admin: &spare.admin };
    stage.set().await;
    quiet(stage.admin, stage.namespace).await;
    let mut events = Events::open(&service, "namespace=compacted").await;

    // A watch that is open has seen all that is forgotten.
    world.cluster.compact().await;
    stage.create("meanwhile").await;
    events.until(|event| event.job["job_name"] == "meanwhile").await;
    stage.delete("meanwhile").await;
    events.until(|event| event.kind == "deleted").await;
    assert_eq!(losses(&service), [""; 0]);
    quiet(stage.admin, stage.namespace).await;
    let before = agreed(&service, stage.admin, stage.namespace).await;
    events.until_as(&before).await;

    relay.cut();
    watch_is(&service, "failed").await;
    stage.change().await;
    quiet(stage.admin, stage.namespace).await;
    world.cluster.compact().await;
    is_as_before(&service, &before, stage.namespace).await;
    relay.mend();
    service.log_line(|line| line.contains("no longer has this version; listing again")).await;
    watch_is(&service, "passed").await;
    let after = agreed(&service, stage.admin, stage.namespace).await;
    changed_as_told(&before, &after, &events.until_as(&after).await);
}

pub(super) async fn an_api_server_that_comes_back_is_followed_again(world: Rc<World>) {
    let (service, spare) = (&world.service, world.cluster.spare().await);
    let stage = Stage { namespace: "killed", admin: &spare.admin };
    watch_is(service, "passed").await;
    stage.set().await;
    quiet(stage.admin, stage.namespace).await;
    let before = agreed(service, stage.admin, stage.namespace).await;
    let mut events = Events::open(service, "namespace=killed").await;

    world.cluster.kill_apiserver();
    watch_is(service, "failed").await;
    assert_eq!(service.get("/health").await.expect_status(200).json()["status"], "degraded");
    stage.change().await;
    let aged = format!("/api/eks-get-job-status?namespace={}&job_name=stays", stage.namespace);
    eventually("a status as old as the outage", async || {
        let reply = service.get(&aged).await.expect_status(200);
        (reply.header("age")?.parse::<u64>().unwrap() >= AWAY.as_secs()).then_some(())
    })
    .await;
    is_as_before(service, &before, stage.namespace).await;
    world.cluster.start_apiserver().await;
    watch_is(service, "passed").await;
    quiet(stage.admin, stage.namespace).await;
    let after = agreed(service, stage.admin, stage.namespace).await;
    changed_as_told(&before, &after, &events.until_as(&after).await);
    let status = service.get(&aged).await.expect_status(200);
    assert_eq!((status.header("x-cache"), status.header("age")), (Some("hit"), None));
}
