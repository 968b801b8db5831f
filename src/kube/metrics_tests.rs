//! Each request and each event is counted once, with its labels.

use std::time::Duration;

use super::*;
use crate::kube::names::Namespace;
use crate::kube::refusal::Refusal;
use crate::kube::types::Status;
use crate::kube::url::LogOptions;

/// A path of each kind with the verb and the resource of its GET.
fn paths() -> Vec<(Path, &'static str, &'static str)> {
    let namespace = &Namespace::parse("a").unwrap();
    let job = crate::kube::names::JobName::parse("j").unwrap();
    let pod = crate::kube::names::PodName::parse("p").unwrap();
    let container = crate::kube::names::ContainerName::parse("c").unwrap();
    let log = Path::pod_log(namespace, &pod, &container, &LogOptions::default());
    vec![
        (Path::version(), "get", "version"),
        (Path::namespace(namespace), "get", "namespaces"),
        (Path::namespaces_page(1, None), "list", "namespaces"),
        (Path::job(namespace, &job), "get", "jobs"),
        (Path::jobs_page(None, "a", 1, None), "list", "jobs"),
        (Path::jobs_watch("a", 1, 1), "watch", "jobs"),
        (Path::pods(namespace, "a=b"), "list", "pods"),
        (log, "get", "pods/log"),
        (Path::events(namespace, "u"), "list", "events"),
    ]
}

fn counted(metrics: &ClientMetrics) -> Vec<(String, u64)> {
    let requests = metrics.requests.all().into_iter();
    requests.map(|(what, times)| (format!("{} {} {}", what.verb, what.resource, what.code), times.count())).collect()
}

#[test]
fn every_path_tells_what_it_reads() {
    for (path, verb, resource) in paths() {
        let metrics = ClientMetrics::default();
        metrics.begin(&Method::GET, &path).ended(Ok(StatusCode::OK));
        assert_eq!(counted(&metrics), [(format!("{verb} {resource} 200"), 1)], "{}", path.as_str());
    }
}

#[test]
fn every_change_has_its_verb() {
    let (namespace, reviews) = (Path::namespace(&Namespace::parse("a").unwrap()), Path::self_subject_access_reviews());
    for (method, path, verb, resource) in [
        (Method::POST, Path::namespaces(), "create", "namespaces"),
        (Method::POST, reviews, "create", "selfsubjectaccessreviews"),
        (Method::PATCH, namespace.clone(), "patch", "namespaces"),
        (Method::DELETE, namespace, "delete", "namespaces"),
    ] {
        let metrics = ClientMetrics::default();
        metrics.begin(&method, &path).ended(Ok(StatusCode::CREATED));
        assert_eq!(counted(&metrics), [(format!("{verb} {resource} 201"), 1)]);
    }
}

#[test]
fn an_exchange_without_a_reply_is_counted_by_what_went_wrong() {
    let refusal = Refusal::new(409, Status::default(), None);
    for (error, code) in [
        (Error::Refused(Box::new(refusal)), "409"),
        (Error::Unauthorized { is_passing: false }, "401"),
        (Error::Unreachable(String::new()), "unreachable"),
        (Error::Broken(String::new()), "broken"),
        (Error::Timeout, "timeout"),
        (Error::BadReply(String::new()), "unreadable"),
        (Error::NotKubernetes(String::new()), "unreadable"),
    ] {
        let metrics = ClientMetrics::default();
        metrics.begin(&Method::GET, &Path::version()).ended(Err(&error));
        assert_eq!(counted(&metrics), [(format!("get version {code}"), 1)]);
        metrics.retried(&Method::GET, &Path::version(), &error);
        let (what, counter) = metrics.retries.all().pop().unwrap();
        assert_eq!(metrics.retries.all().len(), 1);
        let labels = (what.verb, what.resource, what.code.to_string());
        assert_eq!((labels, counter.value()), (("get", "version", code.to_owned()), 1));
    }
}

#[test]
fn an_exchange_that_nobody_waits_for_any_more_is_counted_too() {
    let metrics = ClientMetrics::default();
    drop(metrics.begin(&Method::GET, &Path::version()));
    assert_eq!(counted(&metrics), [("get version abandoned".to_owned(), 1)]);
}

#[test]
fn the_watch_is_counted_by_its_events() {
    let watch = WatchMetrics::default();
    assert_eq!((watch.state(), watch.restarts(), watch.last_event.value()), ("pending", 0, Duration::ZERO));
    watch.apply_event(&WatchEvent::Init(1));
    assert_eq!((watch.state(), watch.last_event.value()), ("listing", Duration::ZERO), "no event yet");
    watch.apply_event(&WatchEvent::InitDone);
    assert!(watch.last_event.value() > Duration::ZERO);
    watch.apply_event(&WatchEvent::Watching);
    assert_eq!((watch.state(), watch.restarts()), ("following", 0));
    let failures = [
        (Failure::Gone, "lost"),
        (Failure::Forbidden(String::new()), "forbidden"),
        (Failure::Throttled(Duration::ZERO), "lost"),
        (Failure::IdleTimeout, "lost"),
        (Failure::Unreadable(String::new()), "lost"),
        (Failure::Broken(String::new()), "lost"),
    ];
    for (index, (failure, state)) in failures.into_iter().enumerate() {
        watch.apply_event(&WatchEvent::Disconnected(failure));
        assert_eq!(watch.state(), state);
        assert_eq!(watch.losses().filter(|(_, count)| *count == 1).count(), index + 1);
    }
    watch.apply_event(&WatchEvent::Watching);
    assert_eq!((watch.state(), watch.restarts()), ("following", 1));
}
