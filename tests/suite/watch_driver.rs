//! The watch of jobs on a real connection: lists in pages, and streams that end, break, send nothing, cannot be read or are
//! refused. The unit tests of `kube::watcher::state_machine` need no connection.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use eks_api::aws::eks::Description;
use eks_api::aws::token::Tokens;
use eks_api::jobs::store::LABEL_SELECTOR;
use eks_api::kube::api_server::ApiServer;
use eks_api::kube::types::Job;
use eks_api::kube::watcher::{self, WatchEvent};
use serde_json::json;
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time;

use crate::stub_watches::labelled;
use crate::support::stub::{Fault, Gate, Kind, StubCluster, StubConfig};

const JOBS: &str = "/apis/batch/v1/jobs";
const GONE: &str = "lost: the API server no longer has this version; listing again";

/// One who follows a stub cluster, and what it tells.
struct Follower {
    cluster: Arc<ApiServer>,
    news: UnboundedReceiver<WatchEvent>,
}

impl Follower {
    fn of(stub: &StubCluster) -> Self {
        let key = Credentials::new("AKIALABSTATIC0000001", "lab-secret-one/with+chars", None, None, "test");
        let tokens = Tokens::new("lab", "us-east-1", SharedCredentialsProvider::new(key), SystemTime::now);
        let cluster = Arc::new(ApiServer::new("lab", "us-east-1", tokens));
        cluster.set_description(description(stub)).unwrap();
        let (tell, news) = mpsc::unbounded_channel();
        let followed = Arc::clone(&cluster);
        tokio::spawn(async move {
            let store_was_reset = Notify::new();
            watcher::follow(&followed, LABEL_SELECTOR, &store_was_reset, |news| tell.send(news).unwrap()).await
        });
        Self { cluster, news }
    }

    /// One that has listed the cluster and follows it.
    async fn following(stub: &StubCluster) -> Self {
        let mut follower = Self::of(stub);
        follower.lists(stub).await;
        follower
    }

    async fn next(&mut self) -> String {
        let named = |job: &Job| format!("{}@{}", job.metadata.name, job.metadata.resource_version);
        // If nothing comes, the test is to fail, not to hang.
        let news = time::timeout(Duration::from_mins(2), self.news.recv()).await;
        match news.expect("there is no news").unwrap() {
            WatchEvent::Init(version) => format!("listing {version}"),
            WatchEvent::InitApply(jobs) => format!("{} jobs", jobs.len()),
            WatchEvent::InitDone => "listed".to_owned(),
            WatchEvent::Watching => "following".to_owned(),
            WatchEvent::Apply(job) => format!("changed {}", named(&job)),
            WatchEvent::Delete(job) => format!("deleted {}", named(&job)),
            WatchEvent::Bookmark(version) => format!("up to {version}"),
            WatchEvent::Disconnected(failure) => format!("lost: {failure}"),
        }
    }

    async fn tells(&mut self, expected: &[&str]) {
        for expected in expected {
            assert_eq!(self.next().await, *expected);
        }
    }

    async fn loses(&mut self, why: &str) {
        let next = self.next().await;
        assert!(next.starts_with("lost: ") && next.contains(why), "{next} is not {why}");
    }

    /// Lists the cluster, in one page, as it is now, and follows it.
    async fn lists(&mut self, stub: &StubCluster) {
        let listing = format!("listing {}", stub.resource_version());
        assert_eq!(self.next().await, listing);
        let jobs = self.next().await;
        assert!(jobs.ends_with(" jobs"), "{jobs}");
        self.tells(&["listed", "following"]).await;
        stub.wait_for_watches(1).await;
    }

    /// Has the cluster send a bookmark, and hears it.
    async fn hears_a_bookmark(&mut self, stub: &StubCluster) {
        stub.bookmark();
        assert_eq!(self.next().await, format!("up to {}", stub.resource_version()));
    }

    fn is_quiet(&self) -> bool {
        self.news.is_empty()
    }
}

async fn stub() -> StubCluster {
    StubCluster::start(StubConfig::default()).await
}

fn description(stub: &StubCluster) -> Description {
    Description { endpoint: stub.endpoint(), ca_pem: stub.ca_pem().into() }
}

/// Lets time pass for the service's timers and no other: sockets know nothing of it.
async fn pass(time: Duration) {
    time::pause();
    time::advance(time).await;
    time::resume();
}

/// Lists of jobs that were asked for, by the token of the page. A list of one job only asks for the version.
fn pages(stub: &StubCluster) -> Vec<Option<String>> {
    let asks_for_version =
        |query: &[(String, String)]| query.iter().any(|(name, value)| name == "limit" && value == "1");
    let lists = stub.requests().into_iter().filter(|request| request.path == JOBS && !request.is_watch());
    let lists = lists.filter(|request| !asks_for_version(&request.query));
    let token =
        |query: Vec<(String, String)>| query.into_iter().find(|(name, _)| name == "continue").map(|(_, token)| token);
    lists.map(|request| token(request.query)).collect()
}

fn many_jobs(stub: &StubCluster) {
    stub.put_jobs((0..1201).map(|number| labelled(&format!("job-{number:04}"), "eks-api")));
}

#[tokio::test]
async fn a_list_of_many_pages_is_told_whole_and_then_every_change() {
    let stub = stub().await;
    many_jobs(&stub);
    stub.put_job(labelled("foreign", "other"));
    let version = stub.resource_version();
    let mut follower = Follower::of(&stub);
    follower.tells(&[&format!("listing {version}"), "500 jobs", "500 jobs", "201 jobs", "listed", "following"]).await;
    stub.put_job(labelled("new", "eks-api"));
    let added = stub.resource_version();
    stub.put_job(labelled("foreign", "another"));
    stub.set_job_status("default", "new", json!({ "active": 1 }));
    let changed = stub.resource_version();
    stub.remove_job("default", "new");
    let deleted = stub.resource_version();
    stub.bookmark();
    let expected = [
        format!("changed new@{added}"),
        format!("changed new@{changed}"),
        format!("deleted new@{deleted}"),
        format!("up to {deleted}"),
    ];
    follower.tells(&expected.each_ref().map(String::as_str)).await;
    assert_eq!((pages(&stub).len(), stub.watch_opened_at()), (3, vec![version]));
}

#[tokio::test]
async fn a_page_that_is_too_large_is_requested_in_smaller_pages() {
    let stub = stub().await;
    stub.put_jobs((0..500).map(|number| {
        let mut job = labelled(&format!("job-{number:03}"), "eks-api");
        job["metadata"]["annotations"] = json!({ "text": "x".repeat(40 << 10) });
        job
    }));
    let mut follower = Follower::of(&stub);
    follower.loses("more than 16 MiB").await;
    follower.tells(&[&format!("listing {}", stub.resource_version())]).await;
    follower.tells(&["125 jobs", "125 jobs", "125 jobs", "125 jobs", "listed", "following"]).await;
}

/// Holds the second page of the next list.
fn hold_second_page(stub: &StubCluster) -> Gate {
    let (open, gate) = (Gate::new(), Gate::new());
    open.open();
    for gate in [&open, &gate] {
        stub.fault(Fault::new("GET", JOBS, Kind::HoldBefore(gate.clone())).but_watches());
    }
    gate
}

#[tokio::test]
async fn a_list_whose_token_expires_begins_anew() {
    let stub = stub().await;
    many_jobs(&stub);
    let gate = hold_second_page(&stub);
    let mut follower = Follower::of(&stub);
    follower.tells(&[&format!("listing {}", stub.resource_version()), "500 jobs"]).await;
    gate.held(1).await;
    stub.expire_continues();
    stub.remove_job("default", "job-0700");
    let version = stub.resource_version();
    gate.open();
    follower.tells(&[GONE, &format!("listing {version}"), "500 jobs", "500 jobs", "200 jobs", "listed"]).await;
    follower.tells(&["following"]).await;
    assert_eq!(stub.watch_opened_at(), [version]);
}

#[tokio::test]
async fn a_page_that_was_cut_off_is_asked_for_again_and_not_the_whole_list() {
    let stub = stub().await;
    many_jobs(&stub);
    let gate = hold_second_page(&stub);
    stub.fault(Fault::new("GET", JOBS, Kind::Truncate).but_watches());
    let mut follower = Follower::of(&stub);
    follower.tells(&[&format!("listing {}", stub.resource_version()), "500 jobs"]).await;
    gate.open();
    follower.tells(&["500 jobs"]).await;
    follower.loses("the connection to the API server broke").await;
    follower.tells(&["201 jobs", "listed", "following"]).await;
    let pages = pages(&stub);
    assert!(pages.len() == 4 && pages[0].is_none() && pages[1].is_some() && pages[2] == pages[3], "{pages:?}");
}

fn line(name: &str, version: &str) -> String {
    let object = json!({ "metadata": { "name": name, "namespace": "default", "resourceVersion": version } });
    format!("{}\n", json!({ "type": "MODIFIED", "object": object }))
}

#[tokio::test]
async fn lines_come_in_any_pieces() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    let one = line("one", "5001");
    let (begin, end) = one.split_at(30);
    stub.send_to_watches(begin.to_owned());
    stub.send_to_watches(end.to_owned());
    follower.tells(&["changed one@5001"]).await;
    let (two, three, four) = (line("two", "5002"), line("three", "5003"), line("four", "5004"));
    let (begin, end) = four.split_at(1);
    stub.send_to_watches(format!("\n{two}\r\n{three}{begin}"));
    follower.tells(&["changed two@5002", "changed three@5003"]).await;
    stub.send_to_watches(end.to_owned());
    follower.tells(&["changed four@5004"]).await;
}

#[tokio::test]
async fn what_cannot_be_read_closes_the_stream_and_lists_again() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    stub.send_to_watches(format!("{}rubbish\n{}", line("one", "5001"), line("two", "5002")));
    follower.tells(&["changed one@5001"]).await;
    follower.loses("a line: expected value").await;
    follower.lists(&stub).await;

    stub.send_to_watches(vec![b'x'; 9 << 20]);
    follower.tells(&["lost: an event is longer than any job"]).await;
    follower.lists(&stub).await;

    let gate = Gate::new();
    stub.fault(Fault::new("GET", JOBS, Kind::HoldBefore(gate.clone())).but_watches());
    stub.send_to_watches(line("one", "new"));
    follower.tells(&[r#"lost: resource version "new" is not a number"#]).await;
    let closed = time::timeout(Duration::from_mins(1), stub.wait_for_no_watches()).await;
    closed.expect("the stream is closed before the list");
    gate.open();
    follower.lists(&stub).await;
    assert_eq!(stub.watches(), 1);
}

#[path = "watch_driver/losses.rs"]
mod losses;
