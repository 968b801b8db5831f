//! watch-jobs: the events as a caller reads them, and the picture of all jobs that it can keep from them.

use std::collections::BTreeMap;
use std::rc::Rc;

use http_body_util::Empty;
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::listing::{agreed, idle, quiet};
use super::{World, manifest};
use crate::support::real::Stream;
use crate::support::service::Service;

#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) id: String,
    pub(super) job: Value,
}

/// A reader of events that keeps the jobs as they tell.
pub(super) struct Events {
    stream: Stream,
    unread: String,
    /// By uid, as a name may be used again.
    pub(super) picture: BTreeMap<String, Value>,
}

impl Events {
    /// Reads what there is at the beginning, too.
    pub(super) async fn open(service: &Service, query: &str) -> Self {
        let mut events = Self::after(service, query, "").await;
        events.until(|event| event.kind == "snapshot-end").await;
        events
    }

    /// Goes on after the event with this id.
    async fn after(service: &Service, query: &str, id: &str) -> Self {
        let url = format!("http://{}/api/eks-watch-jobs?{query}", service.address());
        let request = Request::get(url).header("last-event-id", id).body(Empty::<Bytes>::new()).unwrap();
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let stream = Stream::new(response);
        assert_eq!(stream.status, 200);
        Self { stream, unread: String::new(), picture: BTreeMap::new() }
    }

    /// The first event after the one with this id.
    pub(super) async fn first_after(service: &Service, query: &str, id: &str) -> Event {
        Self::after(service, query, id).await.read().await
    }

    pub(super) async fn next(&mut self) -> Event {
        let event = self.read().await;
        self.take_in(&event);
        event
    }

    async fn read(&mut self) -> Event {
        loop {
            while let Some((block, rest)) = self.unread.split_once("\n\n") {
                let field = |name| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
                let (kind, id, data) = (field("event: "), field("id: "), field("data: "));
                self.unread = rest.into();
                // A comment has none.
                if let (Some(kind), Some(data)) = (kind, data) {
                    return Event { kind, id: id.unwrap_or_default(), job: serde_json::from_str(&data).unwrap() };
                }
            }
            let piece = self.stream.piece().await.unwrap().expect("the stream ends");
            self.unread.push_str(std::str::from_utf8(&piece).unwrap());
        }
    }

    /// Reads up to this event, which is the last of those returned.
    pub(super) async fn until(&mut self, is_last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = vec![self.next().await];
        while !events.last().is_some_and(&is_last) {
            events.push(self.next().await);
        }
        events
    }

    /// Reads until the picture is this list.
    pub(super) async fn until_as(&mut self, listed: &Value) -> Vec<Event> {
        let uid = |job: &Value| job["uid"].as_str().unwrap().to_owned();
        let wanted: BTreeMap<_, _> =
            listed["jobs"].as_array().unwrap().iter().map(|job| (uid(job), job.clone())).collect();
        let mut events = Vec::new();
        while self.picture != wanted {
            events.push(self.next().await);
        }
        events
    }

    /// An event that does not fit what was told before is a defect.
    fn take_in(&mut self, event: &Event) {
        let uid = event.job["uid"].as_str().unwrap_or_default();
        let version = |job: &Value| job["resource_version"].as_str().unwrap().parse::<u64>().unwrap();
        match event.kind.as_str() {
            "added" => {
                assert!(self.picture.insert(uid.to_owned(), event.job.clone()).is_none(), "added twice: {event:?}");
            }
            "modified" => {
                let before = self.picture.insert(uid.to_owned(), event.job.clone());
                let before = before.unwrap_or_else(|| panic!("modified, but never added: {event:?}"));
                assert!(version(&before) < version(&event.job), "{before} became {event:?}");
            }
            "deleted" => assert!(self.picture.remove(uid).is_some(), "deleted, but never added: {event:?}"),
            "snapshot-end" => {}
            other => panic!("{other} is not to be expected here"),
        }
    }
}

pub(super) async fn a_job_is_added_then_modified_then_deleted(world: Rc<World>) {
    let name = "told";
    let mut events = Events::open(&world.service, &format!("namespace={name}")).await;
    let mut completed = Events::open(&world.service, &format!("namespace={name}&state=completed")).await;
    let mut other = Events::open(&world.service, &format!("namespace={name}&job_name=other")).await;
    let created = world.create(name, &manifest(name, 0)).await.expect_status(201).json();
    let added = events.next().await;
    assert_eq!((&*added.kind, &added.job["uid"]), ("added", &created["uid"]));

    let kubelet = world.kubelet(name);
    let pod = kubelet.run(name).await;
    let running = events.until(|event| event.job["state"] == "running").await;
    kubelet.finish(&pod, 0).await;
    let done = events.until(|event| event.job["state"] == "completed").await;
    assert!(running.iter().chain(&done).all(|event| event.kind == "modified"), "{running:?} {done:?}");
    let last = done.last().unwrap();
    let status = world.status(name, name, "").await.expect_status(200).json();
    assert_eq!(last.job, status);

    let job = format!("/apis/batch/v1/namespaces/{name}/jobs/{name}?propagationPolicy=Background");
    world.cluster.admin.delete(&job).await.expect_status(200);
    let gone = events.until(|event| event.kind == "deleted").await;
    assert_eq!(gone.last().unwrap().job["uid"], created["uid"]);
    assert!(events.picture.is_empty());

    // Who sees completed jobs only sees it come and go.
    let come_and_gone = completed.until(|event| event.kind == "deleted").await;
    assert_eq!(come_and_gone.first().unwrap().kind, "added");
    assert_eq!(come_and_gone.first().unwrap().job["state"], "completed");
    // Who comes back is told what it missed, and nothing else.
    let mut back = Events::after(&world.service, &format!("namespace={name}"), &last.id).await;
    back.picture.insert(last.job["uid"].as_str().unwrap().to_owned(), last.job.clone());
    back.until(|event| event.kind == "deleted").await;
    assert!(back.picture.is_empty());

    world.create(name, &manifest("other", 0)).await.expect_status(201);
    let first = other.next().await;
    assert_eq!((&*first.kind, &first.job["job_name"]), ("added", &json!("other")));
}

pub(super) async fn a_picture_kept_from_events_is_the_list(world: Rc<World>) {
    const CALLERS: usize = 6;
    const JOBS: usize = 8;
    let namespace = "burst";
    let mut events = Events::open(&world.service, &format!("namespace={namespace}")).await;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let world = Rc::clone(&world);
        callers.spawn_local(async move {
            for number in 0..JOBS {
                let name = format!("job-{caller}-{number}");
                world.create(namespace, &idle(&name)).await.expect_status(201);
                // Every second one goes at once, and every fourth comes back as another.
                if number % 2 == 0 {
                    let query = format!("namespace={namespace}&job_name={name}&propagation_policy=Background");
                    world.service.delete(&format!("/api/eks-delete-job?{query}")).await.expect_status(200);
                }
                if number % 4 == 0 {
                    let mut again = idle(&name);
                    again["metadata"]["labels"] = json!({ "app": "eks-api" });
                    let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
                    world.cluster.admin.post(&jobs, &again).await.expect_status(201);
                }
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
    quiet(&world.cluster.admin, namespace).await;
    let listed = agreed(&world.service, &world.cluster.admin, namespace).await;
    events.until_as(&listed).await;
    let late = Events::open(&world.service, &format!("namespace={namespace}")).await;
    assert_eq!(late.picture, events.picture);
    assert_eq!(events.picture.len(), CALLERS * JOBS * 3 / 4);
}
