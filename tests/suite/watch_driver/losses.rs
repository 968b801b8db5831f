//! How a stream is lost, how it is refused, and what is waited for before the next.

use super::*;
use crate::support::real::Api;

#[tokio::test]
async fn a_version_that_is_gone_is_listed_again() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    follower.hears_a_bookmark(&stub).await;
    stub.put_job(labelled("foreign", "other"));
    stub.compact();
    stub.end_watches();
    follower.tells(&["following", GONE]).await;
    follower.lists(&stub).await;

    follower.hears_a_bookmark(&stub).await;
    stub.fault(Fault::new("GET", JOBS, Kind::gone()).of_watches());
    stub.end_watches();
    follower.tells(&[GONE]).await;
    follower.lists(&stub).await;
    assert_eq!(pages(&stub).len(), 3);
}

#[tokio::test]
async fn a_stream_that_ends_goes_on_from_the_last_version_without_a_list() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    stub.put_job(labelled("foreign", "other"));
    follower.hears_a_bookmark(&stub).await;
    let version = stub.resource_version();
    stub.end_watches();
    stub.put_job(labelled("hello", "eks-api"));
    follower.tells(&["following", &format!("changed hello@{}", stub.resource_version())]).await;
    assert_eq!((pages(&stub).len(), &stub.watch_opened_at()[1..]), (1, &[version][..]));
}

#[tokio::test]
async fn a_stream_that_ends_without_a_line_lists_again() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    stub.end_watches();
    follower.lists(&stub).await;
    assert_eq!(pages(&stub).len(), 2);
}

#[tokio::test]
async fn a_stream_that_breaks_even_in_a_line_goes_on_from_the_last_version() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    let version = stub.resource_version();
    let hello = line("hello", "5001");
    stub.send_to_watches(hello[..30].to_owned());
    stub.break_watches();
    follower.loses("the connection to the API server broke").await;
    follower.tells(&["following"]).await;
    stub.wait_for_watches(1).await;
    assert_eq!((pages(&stub).len(), &stub.watch_opened_at()[1..]), (1, &[version][..]));
    stub.send_to_watches(format!("{hello}{}", line("world", "5002")));
    follower.tells(&["changed hello@5001", "changed world@5002"]).await;
}

#[tokio::test]
async fn a_stream_that_died_without_a_word_is_found_and_listed_again() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    stub.hush_watches();
    pass(Duration::from_secs(149)).await;
    stub.send_to_watches("\n");
    stub.send_to_watches(line("hello", "5001"));
    follower.tells(&["changed hello@5001"]).await;
    pass(Duration::from_secs(149)).await;
    assert!(follower.is_quiet(), "it was heard of in between");
    pass(Duration::from_secs(2)).await;
    follower.tells(&["lost: the watch sent nothing for too long; listing again"]).await;
    stub.wait_for_no_watches().await;
    follower.lists(&stub).await;
}

#[tokio::test]
async fn a_token_that_is_refused_once_is_replaced_without_a_word() {
    let stub = stub().await;
    stub.fault(Fault::new("GET", JOBS, Kind::Unauthorized).but_watches());
    stub.fault(Fault::new("GET", JOBS, Kind::Unauthorized).of_watches());
    let mut follower = Follower::following(&stub).await;
    follower.hears_a_bookmark(&stub).await;
    assert_eq!(pages(&stub).len(), 2);
    assert_eq!(stub.count("GET", JOBS), 4);
}

#[tokio::test]
async fn a_token_that_is_refused_for_good_is_a_loss_until_it_is_accepted() {
    let stub = stub().await;
    stub.fault(Fault::new("GET", JOBS, Kind::Unauthorized).of_watches().always());
    let mut follower = Follower::of(&stub);
    follower.tells(&[&format!("listing {}", stub.resource_version()), "0 jobs", "listed"]).await;
    follower.loses("does not accept our token").await;
    follower.loses("does not accept our token").await;
    stub.clear_faults();
    let mut next = follower.next().await;
    while next.contains("does not accept our token") {
        next = follower.next().await;
    }
    assert_eq!((next.as_str(), pages(&stub).len()), ("following", 1));
}

/// Returns after several round trips of our own: a request that was sent before has come by then.
async fn settle(stub: &StubCluster) {
    Api::new(&stub.endpoint(), &stub.ca_pem(), "nobody").get("/version").await.expect_status(401);
}

/// Refuses lists, or watches, for lack of a right, until the faults are cleared.
fn forbid(stub: &StubCluster, watches: bool) {
    let fault = Fault::new("GET", JOBS, Kind::status(403, "Forbidden", "jobs.batch is forbidden")).always();
    stub.fault(if watches { fault.of_watches() } else { fault.but_watches() });
}

#[tokio::test]
async fn a_missing_right_is_asked_for_again_after_minutes_and_then_all_is_listed() {
    let stub = stub().await;
    for watches in [false, true] {
        forbid(&stub, watches);
        let mut follower = Follower::of(&stub);
        if watches {
            follower.tells(&[&format!("listing {}", stub.resource_version()), "0 jobs", "listed"]).await;
        }
        follower.tells(&["lost: no right to list and watch jobs: jobs.batch is forbidden"]).await;
        stub.clear_faults();
        let asked = stub.count("GET", JOBS);
        pass(Duration::from_secs(179)).await;
        settle(&stub).await;
        assert!(follower.is_quiet() && stub.count("GET", JOBS) == asked);
        pass(Duration::from_millis(1100)).await;
        follower.lists(&stub).await;
        assert_eq!(stub.count("GET", JOBS), asked + 2);
    }
}

#[tokio::test]
async fn whoever_asks_to_come_back_later_is_not_asked_sooner() {
    let stub = stub().await;
    stub.fault(Fault::new("GET", JOBS, Kind::too_many(7)).but_watches());
    stub.fault(Fault::new("GET", JOBS, Kind::too_many(100_000)).of_watches());
    let mut follower = Follower::of(&stub);
    follower.tells(&["lost: the API server asks for a pause of 7 s"]).await;
    pass(Duration::from_millis(6900)).await;
    settle(&stub).await;
    assert_eq!((follower.is_quiet(), stub.count("GET", JOBS)), (true, 1));
    pass(Duration::from_millis(200)).await;
    follower.tells(&[&format!("listing {}", stub.resource_version()), "0 jobs", "listed"]).await;
    follower.tells(&["lost: the API server asks for a pause of 100000 s"]).await;
    pass(Duration::from_secs(181)).await;
    follower.tells(&["following"]).await;
    assert_eq!(pages(&stub).len(), 2, "it goes on where it was, and minutes are enough");
}

#[tokio::test]
async fn another_description_ends_every_pause() {
    let (stub, other) = (stub().await, super::stub().await);
    forbid(&stub, false);
    other.put_job(labelled("hello", "eks-api"));
    let mut follower = Follower::of(&stub);
    follower.loses("no right").await;
    assert!(follower.cluster.set_description(description(&other)).unwrap());
    follower.lists(&other).await;
    assert_eq!(stub.count("GET", JOBS), 1);
}

#[tokio::test]
async fn nothing_is_asked_before_the_cluster_is_described() {
    let stub = stub().await;
    let key = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
    let cluster = ApiServer::new("lab", "us-east-1", Tokens::new("lab", "us-east-1", key, SystemTime::now));
    let cluster = Arc::new(cluster);
    let (tell, mut news) = mpsc::unbounded_channel();
    let followed = Arc::clone(&cluster);
    tokio::spawn(async move {
        let store_was_reset = Notify::new();
        watcher::follow(&followed, LABEL_SELECTOR, &store_was_reset, |news| tell.send(news).unwrap()).await
    });
    pass(Duration::from_mins(10)).await;
    assert!(news.is_empty());
    cluster.set_description(description(&stub)).unwrap();
    assert!(matches!(news.recv().await, Some(WatchEvent::Disconnected(_))), "its key is nobody's");
}

#[tokio::test]
async fn c14_a_stream_of_a_server_that_does_not_answer_is_opened_again() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    follower.cluster.unanswered.notify_one();
    follower.tells(&["lost: the API server does not answer", "following"]).await;
    stub.put_job(labelled("hello", "eks-api"));
    follower.tells(&[&format!("changed hello@{}", stub.resource_version())]).await;
    assert_eq!(pages(&stub).len(), 1);
}

#[tokio::test]
async fn b6_a_stream_that_is_opened_again_is_followed_when_its_backlog_is_read() {
    let stub = stub().await;
    let mut follower = Follower::following(&stub).await;
    follower.hears_a_bookmark(&stub).await;
    stub.hush_watches();
    stub.break_watches();
    follower.loses("the connection to the API server broke").await;
    stub.put_job(labelled("one", "eks-api"));
    let one = stub.resource_version();
    stub.put_job(labelled("two", "eks-api"));
    let two = stub.resource_version();
    stub.wait_for_watches(1).await;
    settle(&stub).await;
    assert!(follower.is_quiet(), "nothing of the backlog has come");
    stub.unhush_watches();
    follower.tells(&[&format!("changed one@{one}"), &format!("changed two@{two}"), "following"]).await;
}
