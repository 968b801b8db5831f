//! get-job-logs through a real API server: from a node that answers, from one that does not, and from none.

use std::rc::Rc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{World, manifest};
use crate::support::real::{Node, Stream, eventually, register};
use crate::support::service::Reply;

fn path(name: &str, more: &str) -> String {
    format!("/api/eks-get-job-logs?namespace={name}&job_name={name}{more}")
}

async fn logs(world: &World, name: &str, more: &str) -> Reply {
    world.service.get(&path(name, more)).await
}

/// The logs of all pods, for which a node that does not answer is asked again for half a minute. They are not whole then,
/// so the stream breaks off.
async fn broken_off(world: &World, name: &str) -> String {
    let url = format!("http://{}{}", world.service.address(), path(name, "&all=true"));
    let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
    let response = Client::builder(TokioExecutor::new()).build_http().request(request);
    let read = async {
        let (mut body, mut text) = (response.await.unwrap().into_body(), Vec::new());
        while let Ok(frame) = body.frame().await.expect("it ends as if it were whole") {
            text.extend(frame.into_data().unwrap());
        }
        String::from_utf8(text).unwrap()
    };
    timeout(Duration::from_mins(1), read).await.unwrap()
}

fn problem(reply: Reply, status: u16) -> Value {
    let reply = reply.expect_status(status);
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    reply.json()
}

pub(super) async fn a_log_passes_through_the_api_server(world: Rc<World>) {
    let name = "logged";
    let node = Node::start(&world.cluster.admin, "node-with-logs").await;
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let kubelet = world.kubelet(name);
    eventually("a pod", async || (!kubelet.pods(name).await.is_empty()).then_some(())).await;
    assert_eq!(problem(logs(&world, name, "").await, 409)["reason"], "container_waiting");

    let pod = kubelet.run_on("node-with-logs", name).await;
    node.write("one\ntwo\n");
    let log = logs(&world, name, "&tail_lines=5&timestamps=true&since_seconds=60").await.expect_status(200);
    let timed = "2026-11-28T15:00:00.000000000Z one\n2026-11-28T15:00:00.000000001Z two\n";
    assert_eq!((log.header("content-type"), &*log.text()), (Some("text/plain; charset=utf-8"), timed));
    let asked = node.asked().pop().unwrap();
    assert!(asked.starts_with(&format!("/containerLogs/{name}/{pod}/c?")), "{asked}");
    for option in ["tailLines=5", "timestamps=true", "sinceSeconds=60"] {
        assert!(asked.contains(option), "{option} in {asked}");
    }

    let url = format!("http://{}{}", world.service.address(), path(name, "&follow=true"));
    let request = Request::get(url).body(Empty::<Bytes>::new()).unwrap();
    let mut followed = Stream::new(Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap());
    let mut read = Vec::new();
    for (more, expected) in [("", "one\ntwo\n"), ("three\n", "one\ntwo\nthree\n"), ("four", "one\ntwo\nthree\nfour")] {
        node.write(more);
        while read.len() < expected.len() {
            read.extend(followed.piece().await.unwrap().expect("the log ends"));
        }
        assert_eq!(String::from_utf8_lossy(&read), expected);
    }
    kubelet.finish(&pod, 0).await;
    node.end();
    followed.end().await;
    let all = logs(&world, name, "&all=true").await.expect_status(200);
    assert_eq!(all.text(), format!("==> {pod}/c <==\none\ntwo\nthree\nfour"));
}

pub(super) async fn a_log_on_a_node_that_cannot_be_asked_is_a_clear_problem(world: Rc<World>) {
    let name = "logged-nowhere";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    let pod = world.kubelet(name).run_on("node-without-object", name).await;
    let refused = problem(logs(&world, name, "").await, 404);
    let gone = format!("the log of pod {pod} is gone with its node node-without-object");
    assert_eq!((&refused["reason"], &refused["detail"]), (&json!("pod_not_found"), &json!(gone)));
    let all = logs(&world, name, "&all=true").await.expect_status(200).text();
    assert_eq!(all, format!("==> {pod}/c <==\n(gone with its node node-without-object)\n"));

    let name = "logged-out-of-reach";
    world.create(name, &manifest(name, 0)).await.expect_status(201);
    // Nobody listens there: it takes root to.
    register(&world.cluster.admin, "node-out-of-reach", 1).await;
    world.kubelet(name).run_on("node-out-of-reach", name).await;
    let refused = problem(logs(&world, name, "").await, 502);
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("the API server answered 500: ") && detail.contains("connection refused"), "{refused}");
    let all = broken_off(&world, name).await;
    assert!(all.contains("/c <==\n(the API server answered 500: ") && all.contains("connection refused"), "{all}");
}
