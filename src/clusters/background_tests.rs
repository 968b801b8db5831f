//! The rate and the supervision of background tasks, under paused time.

use std::sync::atomic::AtomicU32;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use super::*;
use crate::aws::eks::Description;
use crate::aws::token::Tokens;
use crate::telemetry::systemd::Notifier;

#[tokio::test(start_paused = true)]
async fn the_first_failure_describes_at_once_and_the_next_after_half_a_minute() {
    let (start, mut throttle) = (Instant::now(), Throttle::default());
    throttle.wait().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    throttle.wait().await;
    assert_eq!(start.elapsed().as_secs(), 30);
    sleep(Duration::from_mins(10)).await;
    let later = Instant::now();
    throttle.wait().await;
    assert_eq!(later.elapsed(), Duration::ZERO, "a failure long after the last one need not wait");
}

fn tasks() -> Arc<BackgroundTasks> {
    let key = Credentials::new("AKIA", "secret", None, None, "test");
    let tokens = Tokens::new("lab", "us-east-1", SharedCredentialsProvider::new(key), SystemTime::now);
    let api_server = Arc::new(ApiServer::new("lab", "us-east-1", tokens));
    let status_line = Arc::new(StatusLine::new(Arc::new(Notifier::from_environment())));
    Arc::new(BackgroundTasks::new(api_server, Arc::new(JobStore::new("lab")), status_line))
}

#[tokio::test(start_paused = true)]
async fn b5_a_watch_that_panics_fails_its_check_clears_the_store_and_starts_again() {
    let tasks = tasks();
    for event in [WatchEvent::Init(5), WatchEvent::InitApply(Vec::new()), WatchEvent::InitDone, WatchEvent::Watching] {
        tasks.store.apply_event(event, std::time::Instant::now());
    }
    let starts = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&starts);
    let mut set = JoinSet::new();
    tasks.start_check(&mut set, Check::Watch, move |tasks| {
        let is_first = counter.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            tasks.note(Check::Watch, Ok::<_, String>(()), None);
            sleep(Duration::from_secs(5)).await;
            assert!(!is_first, "injected");
            std::future::pending::<()>().await;
        }
    });
    sleep(Duration::from_secs(4)).await;
    assert!(tasks.store.is_usable() && tasks.api_server.checks.outcome(Check::Watch) == Outcome::Passed);
    sleep(Duration::from_millis(1400)).await;
    assert!(!tasks.store.is_usable(), "the store is not trusted");
    let Outcome::Failed(why) = tasks.api_server.checks.outcome(Check::Watch) else { panic!("the check passes") };
    assert!(why.contains("starts again") && !why.contains("injected"), "{why}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(starts.load(Ordering::Relaxed), 2);
    assert_eq!(tasks.api_server.checks.outcome(Check::Watch), Outcome::Passed);
}

#[tokio::test(start_paused = true)]
async fn c14_two_probes_without_an_answer_end_the_watch() {
    // Connections are accepted but never answered, as by a stopped API server.
    let frozen = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ca = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let endpoint = format!("https://{}", frozen.local_addr().unwrap());
    let tasks = tasks();
    tasks.api_server.set_description(Description { endpoint, ca_pem: ca.cert.pem().into_bytes() }).unwrap();
    let started = Instant::now();
    let probes = tokio::spawn(Arc::clone(&tasks).probe_api_server());
    tasks.api_server.unanswered.notified().await;
    let took = started.elapsed();
    assert!(took > Duration::from_secs(10) && took < Duration::from_secs(12), "{took:?}");
    assert!(matches!(tasks.api_server.checks.outcome(Check::Kubernetes), Outcome::Failed(_)));
    probes.abort();
}
