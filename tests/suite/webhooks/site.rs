//! A service with webhooks, and what the tests ask of it and of the messages.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::history::site::{Site, at, old_job, running, told};
use crate::live::until;
use crate::support::receiver::{Message, Receiver, message_id};
use crate::support::service::{Builder, Folder, Reply};
use crate::support::stub::StubCluster;
use crate::support::surroundings;

/// The name of the cluster in the messages.
pub(super) const CLUSTER: &str = "lab";
const LIST: &str = "/api/eks-list-webhooks";

/// The webhooks file, and the files of the secrets.
pub(super) struct Files(Folder);

/// An endpoint: its name, where it is, and the other options of its line.
pub(super) type Line<'a> = (&'a str, &'a Receiver, &'a str);

impl Files {
    pub(super) fn new(lines: &[Line<'_>]) -> Self {
        let files = Self(Folder::new());
        files.write(lines);
        files
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes the file anew, with the secret of each receiver.
    pub(super) fn write(&self, lines: &[Line<'_>]) {
        let mut text = String::from("# the endpoints of a test\n");
        for (name, receiver, options) in lines {
            let secret = self.put(&format!("{name}.key"), &receiver.secret());
            let url = receiver.url();
            writeln!(text, "{name} url={url} secret_file={} {options}", secret.display()).unwrap();
        }
        self.put("webhooks", &text);
    }

    /// Writes a file that others cannot read.
    pub(super) fn put(&self, name: &str, text: &str) -> PathBuf {
        self.0.write(name, text);
        fs::set_permissions(self.path(name), Permissions::from_mode(0o600)).unwrap();
        self.path(name)
    }

    pub(super) fn builder(&self, builder: Builder) -> Builder {
        builder.env("EKS_API_WEBHOOKS_FILE", self.path("webhooks").to_str().unwrap())
    }
}

/// A service that has compared its history with the cluster, so that it sends what happens from now on.
pub(super) struct Hooks {
    pub(super) site: Site,
    pub(super) files: Files,
}

impl Hooks {
    pub(super) async fn start(lines: &[Line<'_>]) -> Self {
        Self::with(lines, |builder| builder).await
    }

    /// Starts a service with more settings.
    pub(super) async fn with(lines: &[Line<'_>], prepare: impl FnOnce(Builder) -> Builder) -> Self {
        Self::of(Files::new(lines), |_| {}, prepare).await
    }

    /// Starts a service with these files, for a cluster that is filled before.
    pub(super) async fn of(
        files: Files,
        fill: impl FnOnce(&StubCluster),
        prepare: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let (cluster, aws) = surroundings().await;
        fill(&cluster);
        cluster.put_job(old_job("zero", &running(&at(1))));
        let site = Site::of(cluster, aws, |builder| prepare(files.builder(builder))).await;
        site.until_state("zero", "running").await;
        Self { site, files }
    }

    pub(super) fn cluster(&self) -> &StubCluster {
        &self.site.lab.cluster
    }

    /// The job as the cluster has it.
    pub(super) fn job(&self, name: &str) -> Value {
        self.cluster().job("default", name).unwrap()
    }

    /// Waits until the status of a job has this state, and returns it.
    pub(super) async fn until_status(&self, name: &str, state: &str) -> Value {
        let path = format!("/api/eks-get-job-status?job_name={name}");
        let is_right = |reply: &Reply| reply.status == 200 && reply.json()["state"] == state;
        until(async || self.site.get(&path).await, is_right).await.json()
    }

    /// Waits until what is known of an endpoint fits.
    pub(super) async fn until_webhook(&self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let found = |reply: &Reply| {
            let document = reply.json();
            document["webhooks"].as_array().unwrap().iter().find(|one| one["webhook"] == name).cloned()
        };
        let is_right = |reply: &Reply| reply.status == 200 && found(reply).is_some_and(|webhook| fits(&webhook));
        found(&until(async || self.site.get(LIST).await, is_right).await).unwrap()
    }

    /// Waits until a job has this state in the history, and all that the endpoint gets of it was sent.
    pub(super) async fn until_sent(&self, webhook: &str, job: &str, state: &str) {
        self.site.until_state(job, state).await;
        self.until_webhook(webhook, |webhook| webhook["pending"] == 0).await;
    }

    /// The deliveries of one page, the newest first.
    pub(super) async fn deliveries(&self, query: &str) -> Vec<Value> {
        let reply = self.site.get(&format!("/api/eks-list-deliveries?{query}")).await.expect_status(200);
        reply.json()["deliveries"].as_array().unwrap().clone()
    }

    /// Waits until a page of deliveries fits.
    pub(super) async fn until_deliveries(&self, query: &str, fits: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let path = format!("/api/eks-list-deliveries?{query}");
        let listed = |reply: &Reply| reply.json()["deliveries"].as_array().unwrap().clone();
        let is_right = |reply: &Reply| reply.status == 200 && fits(&listed(reply));
        listed(&until(async || self.site.get(&path).await, is_right).await)
    }

    pub(super) async fn redeliver(&self, body: &Value) -> u64 {
        let reply = self.site.post("/api/eks-redeliver", body).await.expect_status(200);
        reply.json()["redelivered"].as_u64().unwrap()
    }

    /// Sends webhook.test.
    pub(super) async fn test(&self, webhook: &str) -> Value {
        let path = format!("/api/eks-test-webhook?webhook={webhook}");
        self.site.send("POST", &path, &[], &Value::Null).await.expect_status(200).json()
    }

    /// Has the service read the file again, for the `times`th time.
    pub(super) async fn reload(&self, times: usize) {
        let service = &self.site.lab.service;
        service.signal("HUP").await;
        let is_reloaded = |line: &str| line.contains("webhooks") && line.contains("reloaded") && line.contains("INFO");
        service.log_lines(times, is_reloaded).await;
    }
}

/// The time of a transition, as the object of the cluster has it.
pub(super) fn time_of<'a>(job: &'a Value, event_type: &str) -> &'a str {
    let condition = |kind: &str| {
        let mut conditions = job["status"]["conditions"].as_array().unwrap().iter();
        &conditions.find(|condition| condition["type"] == kind && condition["status"] == "True").unwrap()["lastTransitionTime"]
    };
    let time = match event_type {
        "job.created" => &job["metadata"]["creationTimestamp"],
        "job.started" => &job["status"]["startTime"],
        "job.suspended" => condition("Suspended"),
        "job.completed" => condition("Complete"),
        "job.failed" => condition("Failed"),
        "job.deleted" => &job["metadata"]["deletionTimestamp"],
        other => panic!("{other}"),
    };
    time.as_str().unwrap_or_default()
}

/// The id that the message about a transition must have, computed from the object of the cluster.
pub(super) fn id_of(job: &Value, event_type: &str) -> String {
    message_id(CLUSTER, job["metadata"]["uid"].as_str().unwrap(), event_type, time_of(job, event_type))
}

/// Fails unless this is the message about this transition.
#[track_caller]
pub(super) fn is_about(message: &Message, job: &Value, event_type: &str, status: &Value) {
    assert_eq!((message.event_type.as_str(), &message.id), (event_type, &id_of(job, event_type)), "{job}");
    assert_eq!(message.body["timestamp"], json!(told(time_of(job, event_type))), "{event_type}");
    assert_eq!(message.data(), status, "{event_type}");
}

/// The type and the object's name of each message, sorted.
pub(super) fn told_of(messages: &[Message]) -> Vec<(String, String)> {
    let name = |data: &Value| data["job_name"].as_str().or(data["batch_name"].as_str()).unwrap().to_owned();
    let mut all: Vec<_> = messages.iter().map(|one| (name(one.data()), one.event_type.clone())).collect();
    all.sort();
    all
}

/// The message of this type, of which there must be one.
#[track_caller]
pub(super) fn only<'a>(messages: &'a [Message], event_type: &str) -> &'a Message {
    let found: Vec<_> = messages.iter().filter(|message| message.event_type == event_type).collect();
    assert_eq!(found.len(), 1, "{event_type}: {:?}", told_of(messages));
    found[0]
}
