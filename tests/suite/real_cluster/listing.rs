//! list-jobs: what the cache shows, what the cluster shows, and what its administrator sees there are the same.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde_json::{Value, json};

use super::{World, manifest};
use crate::support::real::{Api, eventually};
use crate::support::service::Service;

const FRESH: [(&str, &str); 1] = [("cache-control", "no-cache")];

/// Name, uid, and version of each job.
type Jobs = BTreeMap<String, (String, String)>;

pub(super) fn path(namespace: &str) -> String {
    format!("/api/eks-list-jobs?namespace={namespace}")
}

/// What makes jobs the same to everyone, of the service's list.
pub(super) fn shown(listed: &Value) -> Jobs {
    let text = |job: &Value, field: &str| job[field].as_str().unwrap().to_owned();
    let jobs = listed["jobs"].as_array().unwrap().iter();
    jobs.map(|job| (text(job, "job_name"), (text(job, "uid"), text(job, "resource_version")))).collect()
}

/// The same, as the API server tells it to its administrator. `selector` is in addition to the service's own label.
pub(super) async fn there(admin: &Api, namespace: &str, selector: &str) -> Jobs {
    let path = format!("/apis/batch/v1/namespaces/{namespace}/jobs?labelSelector=app%3Deks-api{selector}");
    let text = |job: &Value, field: &str| job["metadata"][field].as_str().unwrap().to_owned();
    let jobs = admin.list(&path).await.into_iter();
    jobs.map(|job| (text(&job, "name"), (text(&job, "uid"), text(&job, "resourceVersion")))).collect()
}

/// The cache's list of a namespace.
pub(super) async fn cached(service: &Service, path: &str) -> Value {
    let reply = service.get(path).await.expect_status(200);
    assert_eq!(reply.header("x-cache"), Some("hit"), "{path}");
    reply.json()
}

/// The list of a namespace, once cache, cluster and administrator agree on it.
pub(super) async fn agreed(service: &Service, admin: &Api, namespace: &str) -> Value {
    eventually(&format!("the cache to be as {namespace} is"), async || {
        let listed = cached(service, &path(namespace)).await;
        let fresh = service.get_directly(&path(namespace)).await.expect_status(200);
        assert_eq!(fresh.header("x-cache"), Some("miss"));
        (listed == fresh.json() && shown(&listed) == there(admin, namespace, "").await).then_some(listed)
    })
    .await
}

/// Waits until the job controller has done what it has to do: until then jobs change by themselves.
pub(super) async fn quiet(admin: &Api, namespace: &str) {
    let (mut before, mut unchanged) = (Jobs::new(), 0);
    eventually("an end of the controller's work", async || {
        let jobs = there(admin, namespace, "").await;
        unchanged = if jobs == before { unchanged + 1 } else { 0 };
        before = jobs;
        (unchanged == 5).then_some(())
    })
    .await;
}

/// A job for which the controller makes no pods, so that it soon has done with it.
pub(super) fn idle(name: &str) -> Value {
    let mut idle = manifest(name, 0);
    idle["spec"]["parallelism"] = json!(0);
    idle
}

pub(super) async fn lists_from_cache_and_cluster_are_the_same(world: Rc<World>) {
    let namespace = "listed";
    for (name, team) in [("a-1", "a"), ("a-2", "a"), ("a-3", "a"), ("b-1", "b"), ("b-2", "b"), ("none", "")] {
        let mut job = manifest(name, 0);
        if !team.is_empty() {
            job["metadata"]["labels"] = json!({ "team": team });
        }
        world.create(namespace, &job).await.expect_status(201);
    }
    // Another tool's job is none of the service's.
    let jobs = format!("/apis/batch/v1/namespaces/{namespace}/jobs");
    world.cluster.admin.post(&jobs, &manifest("foreign", 0)).await.expect_status(201);
    let kubelet = world.kubelet(namespace);
    kubelet.finish(&kubelet.run("a-1").await, 0).await;
    kubelet.finish(&kubelet.run("b-1").await, 1).await;
    kubelet.run("b-2").await;
    let in_state = async |state: &str| {
        let listed = cached(&world.service, &format!("{}&state={state}", path(namespace))).await;
        shown(&listed).into_keys().collect::<Vec<_>>()
    };
    eventually("a job in each state", async || {
        let running = in_state("running").await;
        // The controller makes a pod of each in its own time, and a job with a pod runs.
        (in_state("completed").await == ["a-1"] && in_state("failed").await == ["b-1"] && running.len() == 4)
            .then_some(())
    })
    .await;
    let all = agreed(&world.service, &world.cluster.admin, namespace).await;
    assert_eq!(
        (all["jobs"].as_array().unwrap().len(), &all["continue"], &all["remaining"]),
        (6, &Value::Null, &json!(0))
    );

    for (selector, of_kubernetes) in [
        ("team%3Da", "%2Cteam%3Da"),
        ("team%21%3Da", "%2Cteam%21%3Da"),
        ("team+in+%28a%2Cb%29", "%2Cteam+in+%28a%2Cb%29"),
        ("team+notin+%28b%29", "%2Cteam+notin+%28b%29"),
        ("team", "%2Cteam"),
        ("%21team", "%2C%21team"),
        ("job-id%3Da-1%2Cteam", "%2Cjob-id%3Da-1%2Cteam"),
    ] {
        let path = format!("{}&label_selector={selector}", path(namespace));
        let listed = cached(&world.service, &path).await;
        assert_eq!(shown(&listed), there(&world.cluster.admin, namespace, of_kubernetes).await, "{selector}");
        let fresh = world.service.get_directly(&path).await.expect_status(200);
        assert_eq!(fresh.json(), listed, "{selector}");
    }
    for state in ["completed", "failed", "running", "pending"] {
        let path = format!("{}&state={state}&label_selector=team", path(namespace));
        let fresh = world.service.get_directly(&path).await.expect_status(200);
        assert_eq!(fresh.json(), cached(&world.service, &path).await, "{state}");
    }
    for headers in [&[][..], &FRESH] {
        assert_eq!(page_by_page(&world, namespace, headers).await, *all["jobs"].as_array().unwrap());
    }
    let everywhere = cached(&world.service, "/api/eks-list-jobs?label_selector=job-id+in+%28a-1%2Cb-1%29").await;
    assert_eq!(shown(&everywhere).into_keys().collect::<Vec<_>>(), ["a-1", "b-1"]);
}

/// All jobs of a namespace with six, by pages of four.
async fn page_by_page(world: &World, namespace: &str, headers: &[(&str, &str)]) -> Vec<Value> {
    let page = async |more: &str| {
        let path = format!("{}&limit=4{more}", path(namespace));
        world.service.send("GET", &path, headers, "").await.expect_status(200).json()
    };
    let first = page("").await;
    assert_eq!(first["remaining"], 2);
    let last = page(&format!("&continue={}", first["continue"].as_str().unwrap())).await;
    assert_eq!((&last["continue"], &last["remaining"]), (&Value::Null, &json!(0)));
    [first, last].iter().flat_map(|page| page["jobs"].as_array().unwrap().clone()).collect()
}
