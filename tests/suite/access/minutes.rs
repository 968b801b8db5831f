//! What is asked again each minute: whether a stream or a wait may go on. The service runs within the test here, so that
//! its clock can be moved; its connections are real.

use std::os::unix::net::UnixDatagram;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use eks_api::api::gate::Gate;
use eks_api::api::repeats::Repeats;
use eks_api::api::routes::access::SEE_LOGS;
use eks_api::api::service::Service;
use eks_api::api::state::AppState;
use eks_api::audit::Audit;
use eks_api::auth::access_review_cache::AccessReviewCache;
use eks_api::auth::{AccessRequest, Auth, Credentials};
use eks_api::aws::eks::Description;
use eks_api::aws::token::Tokens;
use eks_api::clusters::cluster::Cluster;
use eks_api::clusters::registry::Registry;
use eks_api::config::clusters::ClusterConfig;
use eks_api::config::pattern::Patterns;
use eks_api::http::browser::cors::Cors;
use eks_api::http::browser::origin::HostAllowlist;
use eks_api::http::limits::concurrency::{Bounds, ConcurrencyLimits};
use eks_api::http::limits::rate_limit::RateLimits;
use eks_api::http::listener::{self, ListenerConfig};
use eks_api::http::metrics::HttpMetrics;
use eks_api::jobs::policy::Policy;
use eks_api::jobs::template::presets::Presets;
use eks_api::kube::api_server::ApiServer;
use eks_api::kube::names::Namespace;
use eks_api::kube::watcher::WatchEvent;
use eks_api::telemetry::journal::Journal;
use eks_api::util::secret::Secret;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time;

use super::{ALICE, REVIEWS, Right, bearer, own_job_in, reason};
use crate::readme::stream::Stream;
use crate::support::service::{Folder, PATIENCE};
use crate::support::stub::{StubCluster, StubConfig};
use crate::wire::Wire;

/// A service that asks the cluster who may call, knows the job `team-a/hello`, and keeps its audit in a journal.
struct Inside {
    address: String,
    cluster: StubCluster,
    shared: Arc<AppState>,
    journal: UnixDatagram,
    _folder: Folder,
    _drain: watch::Sender<bool>,
}

async fn inside() -> Inside {
    let stub = StubCluster::start(StubConfig::default()).await;
    stub.accept_token(ALICE, "alice");
    let mut job = own_job_in("team-a", "hello");
    job["spec"]["selector"] = json!({ "matchLabels": { "of": "hello" } });
    stub.put_job(job);
    let key = AwsCredentials::new("AKIALABSTATIC0000001", "lab-secret-one/with+chars", None, None, "test");
    let tokens = Tokens::new("lab", "us-east-1", SharedCredentialsProvider::new(key), SystemTime::now);
    let api_server = Arc::new(ApiServer::new("lab", "us-east-1", tokens));
    let ca_pem = stub.ca_pem().into();
    api_server.set_description(Description { endpoint: stub.endpoint(), ca_pem }).unwrap();
    let policy = Policy { protected: Patterns::NONE, allowed: Vec::new(), auto_create_namespace: true };
    let cluster = Cluster::new(ClusterConfig::single("lab", "us-east-1"), api_server, &policy);
    let folder = Folder::new();
    let path = folder.path().join("journal");
    let journal = UnixDatagram::bind(&path).unwrap();
    journal.set_nonblocking(true).unwrap();
    let (drain, draining) = watch::channel(false);
    let request_timeout = Duration::from_secs(30);
    let metrics = Arc::new(HttpMetrics::new(true));
    let config = ListenerConfig {
        tls: None,
        max_connections: 8,
        max_per_peer: 8,
        metrics: Arc::clone(&metrics),
        draining: draining.clone(),
    };
    let shared = Arc::new(AppState {
        presets: Presets::default(),
        auth: Arc::new(Auth::Kubernetes(Box::new(AccessReviewCache::new(request_timeout).unwrap()))),
        clusters: Registry::new([cluster]).unwrap(),
        has_clusters_file: false,
        calls: ConcurrencyLimits::new(Bounds { requests: 8, waits: 8, streams: 8, writes: 8 }, &["lab".to_owned()]),
        rates: RateLimits::new(0, 0, &[]),
        repeats: Repeats::default(),
        audit: Audit::new(Some(Journal::at(path).unwrap())),
        #[cfg(feature = "history")]
        history: None,
        #[cfg(feature = "history")]
        webhooks: None,
        traffic: metrics,
        metrics_namespaces: false,
        docs: true,
        request_timeout,
        draining,
    });
    let jobs = vec![serde_json::from_value(stub.job("team-a", "hello").unwrap()).unwrap()];
    for news in [WatchEvent::Init(1), WatchEvent::InitApply(jobs), WatchEvent::InitDone, WatchEvent::Watching] {
        shared.clusters.default_cluster().store.apply_event(news, std::time::Instant::now());
    }
    let gate = Gate { hosts: HostAllowlist::default(), cors: Cors::new(Vec::new()) };
    let pipeline = Arc::new(Service { shared: Arc::clone(&shared), gate });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(listener::run(listener, pipeline, config));
    Inside { address, cluster: stub, shared, journal, _folder: folder, _drain: drain }
}

/// Lets it be time to ask again, and more than what is remembered of the last time lasts. Sockets know nothing of it.
async fn a_minute() {
    time::pause();
    time::advance(Duration::from_secs(61)).await;
    time::resume();
}

impl Inside {
    async fn stream(&self, path: &str) -> Stream {
        let authorization = format!("Bearer {ALICE}");
        Stream::open(&self.address, path, &[("authorization", &authorization)]).await.unwrap()
    }

    /// The audit's records since the last time, each with its fields by line.
    fn records(&self) -> Vec<String> {
        let mut buffer = [0; 4096];
        let next =
            || self.journal.recv(&mut buffer).ok().map(|length| String::from_utf8_lossy(&buffer[..length]).into());
        std::iter::from_fn(next).collect()
    }

    /// The one record that there is, which has to be of a refusal and to have these fields.
    fn is_refused(&self, fields: &[&str]) {
        let records = self.records();
        let [record] = records.as_slice() else { panic!("{records:#?}") };
        for field in [&["OUTCOME=refused", "CALLER_METHOD=kubernetes", "CALLER_ADDRESS=127.0.0.1"], fields].concat() {
            assert!(record.contains(&format!("EKS_API_{field}\n")), "{field}: {record}");
        }
    }
}

#[tokio::test]
async fn a_log_is_followed_with_the_right_to_that_pods_alone_and_no_longer() {
    let lab = inside().await;
    let running = json!({ "name": "c", "restartCount": 0, "state": { "running": {} } });
    lab.cluster.put_pod(json!({
        "metadata": { "name": "hello-x", "namespace": "team-a", "labels": { "of": "hello" } },
        "spec": { "containers": [{ "name": "c" }] },
        "status": { "phase": "Running", "containerStatuses": [running] },
    }));
    lab.cluster.put_log("team-a", "hello-x", "c", "first\n");
    for (verb, resource, name) in
        [("get", "jobs", Some("hello")), ("list", "pods", None), ("get", "pods/log", Some("hello-x"))]
    {
        let right = Right::to(&[verb], resource).within("team-a");
        lab.cluster.allow_user(
            "alice",
            match name {
                Some(name) => right.named(name),
                None => right,
            },
        );
    }
    let mut log = lab.stream("/api/eks-get-job-logs?job_name=hello&namespace=team-a&follow=true").await;
    assert_eq!(log.before("first\n").await.unwrap().as_deref(), Some(""));
    a_minute().await;
    // When the answer is known, the stream has heard it too.
    let alice =
        lab.shared.auth.identify(Credentials { bearer: Some(Secret::new(ALICE)), ..Credentials::default() }).unwrap();
    let namespace = Namespace::parse("team-a").unwrap();
    let asked = AccessRequest { permission: SEE_LOGS, namespace: Some(&namespace), name: Some("hello-x") };
    let heard = async {
        let api_server = Arc::clone(&lab.shared.clusters.default_cluster().api_server);
        while lab.shared.auth.authorize_cached(&api_server, &alice, &asked).is_none() {
            yield_now().await;
        }
    };
    time::timeout(PATIENCE, heard).await.expect("it is not asked about that pod");
    lab.cluster.append_log("team-a", "hello-x", "c", "more\n");
    assert_eq!(log.before("more\n").await.unwrap().as_deref(), Some(""));
    assert_eq!(lab.cluster.count("POST", REVIEWS), 1);
    assert!(lab.records().is_empty());

    lab.cluster.deny_user("alice", "get", "pods/log");
    a_minute().await;
    log.before("no more").await.expect_err("it goes on, or ends as if it were whole");
    lab.is_refused(&["OPERATION=get_job_logs", "NAMESPACE=team-a", "JOB=hello", "STATUS=403", "REASON=Forbidden"]);
}

#[tokio::test]
async fn an_event_stream_whose_right_is_lost_is_told_so_and_recorded() {
    let lab = inside().await;
    let mut events = lab.stream("/api/eks-watch-jobs?namespace=team-a").await;
    events.before("snapshot-end").await.unwrap().unwrap();
    lab.cluster.deny_user("alice", "watch", "jobs");
    a_minute().await;
    assert!(events.before("the cluster does not let you watch jobs").await.unwrap().is_some());
    assert_eq!(events.before("no more").await.unwrap(), None);
    lab.is_refused(&["OPERATION=watch_jobs", "NAMESPACE=team-a", "STATUS=403", "REASON=Forbidden"]);
}

async fn until_waiting(lab: &Inside) {
    let waits = async {
        while lab.shared.calls.stats()[1].open == 0 {
            yield_now().await;
        }
    };
    time::timeout(PATIENCE, waits).await.expect("nobody waits");
}

#[tokio::test]
async fn a_wait_whose_right_is_lost_is_refused_and_recorded() {
    let lab = inside().await;
    let mut wire = Wire::connect_to(&lab.address).await;
    let path = "/api/eks-get-job-status?job_name=hello&namespace=team-a&wait=5m";
    wire.send(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", bearer(ALICE))).await;
    until_waiting(&lab).await;
    lab.cluster.deny_user("alice", "get", "jobs");
    a_minute().await;
    assert_eq!(reason(&wire.answer().await), (403, "Forbidden".to_owned()));
    lab.is_refused(&["OPERATION=get_job_status", "NAMESPACE=team-a", "JOB=hello", "STATUS=403"]);
}

#[tokio::test]
async fn a_wait_after_a_change_that_loses_its_right_leaves_the_change_what_it_is() {
    let lab = inside().await;
    let body = super::job_in("team-a", "other").to_string();
    let mut wire = Wire::connect_to(&lab.address).await;
    let lines = format!("{}Content-Type: application/json\r\nContent-Length: {}\r\n", bearer(ALICE), body.len());
    wire.send(&format!("POST /api/eks-create-job?wait=5m HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n{body}")).await;
    until_waiting(&lab).await;
    lab.cluster.deny_user("alice", "get", "jobs");
    a_minute().await;
    let answer = wire.answer().await;
    assert!(answer.status() == 201 && answer.body.contains("\"state\":\"pending\""), "{answer:?}");
    let records = lab.records();
    let [wait, change] = records.as_slice() else { panic!("{records:#?}") };
    let told =
        |record: &str, fields: &[&str]| fields.iter().all(|field| record.contains(&format!("EKS_API_{field}\n")));
    assert!(told(wait, &["OPERATION=get_job_status", "OUTCOME=refused", "JOB=other", "STATUS=403"]), "{wait}");
    assert!(told(change, &["OPERATION=create_job", "OUTCOME=success", "JOB=other", "STATUS=201"]), "{change}");
}
