//! Tests of what an endpoint gets.

use super::*;
use crate::history::outbox::event::EventType::{
    self, BatchCompleted, BatchFailed, BatchIncomplete, JobCompleted, JobCreated, JobDeleted, JobFailed, JobStarted,
    JobSuspended,
};

fn endpoint(events: &str, namespaces: &str, clusters: &str, selector: &str) -> Endpoint {
    let patterns = |list: &str| Some(Patterns::parse(list).unwrap()).filter(|patterns| !patterns.is_empty());
    let (path, host) = (PathAndQuery::from_static("/a-secret"), "relay.example.com".to_owned());
    Endpoint {
        name: "ops".into(),
        url: EndpointUrl { path, host, port: 443, is_tls: true },
        events: events.split(',').map(str::to_owned).collect(),
        namespaces: patterns(namespaces),
        clusters: patterns(clusters),
        label_selector: Selector::parse(selector).unwrap(),
        secrets: Secrets(Vec::new()),
        ca_pem: None,
    }
}

/// An event of a job or a batch in the namespace team-a of the cluster prod.
fn event<'a>(event_type: EventType, labels: &'a [(&'a str, &'a str)], notify: Option<&'a str>) -> Event<'a> {
    Event { event_type, cluster: "prod", namespace: "team-a", labels, notify }
}

#[test]
fn an_endpoint_gets_the_types_that_its_patterns_match() {
    for (events, wanted) in [
        ("job.completed,job.failed", &[JobCompleted, JobFailed][..]),
        ("job.*", &[JobCreated, JobStarted, JobSuspended, JobCompleted, JobFailed, JobDeleted]),
        ("batch.*", &[BatchCompleted, BatchFailed, BatchIncomplete]),
        ("*.failed,batch.incomplete", &[JobFailed, BatchFailed, BatchIncomplete]),
        ("job.failed,*", &EventType::ALL),
    ] {
        let endpoint = endpoint(events, "", "", "");
        let got = EventType::ALL.into_iter().filter(|event_type| endpoint.wants(&event(*event_type, &[], None)));
        assert_eq!(got.collect::<Vec<_>>(), wanted, "{events}");
    }
}

#[test]
fn namespaces_clusters_and_labels_must_all_match() {
    let labels = [("app", "etl"), ("team", "a")];
    for (namespaces, clusters, selector, is_wanted) in [
        ("", "", "", true),
        ("*", "*", "", true),
        ("team-*", "prod", "team=a", true),
        ("b,team-a", "dev,pr*", "app,team in (a,b),!draft", true),
        ("team-b", "prod", "team=a", false),
        ("team-*", "prod-*", "team=a", false),
        ("team-*", "prod", "team=b", false),
        ("team-*", "prod", "team=a,draft", false),
    ] {
        let endpoint = endpoint("job.failed", namespaces, clusters, selector);
        let wanted = endpoint.wants(&event(JobFailed, &labels, None));
        assert_eq!(wanted, is_wanted, "{namespaces} {clusters} {selector}");
    }
}

#[test]
fn notify_adds_the_end_of_what_the_namespaces_and_clusters_cover() {
    let ends = [JobCompleted, JobFailed, BatchCompleted, BatchFailed, BatchIncomplete];
    for (namespaces, clusters, notify, wanted) in [
        ("", "", "ops", &ends[..]),
        ("team-*", "prod", "audit,ops", &ends),
        ("", "", "audit, ops ,x", &ends),
        ("", "", "", &[]),
        ("", "", "audit,ops-2,op", &[]),
        ("", "", "OPS", &[]),
        ("team-b", "", "ops", &[]),
        ("", "dev", "ops", &[]),
    ] {
        // Neither the types nor the labels matter.
        let endpoint = endpoint("job.created", namespaces, clusters, "team=z");
        let got = EventType::ALL.into_iter().filter(|end| endpoint.wants(&event(*end, &[], Some(notify))));
        assert_eq!(got.collect::<Vec<_>>(), wanted, "{namespaces} {clusters} {notify}");
    }
}

#[test]
fn debug_shows_the_host_and_not_the_path() {
    let shown = format!("{:?}", endpoint("*", "", "", ""));
    assert!(shown.contains("relay.example.com") && !shown.contains("a-secret"), "{shown}");
}

#[test]
fn a_host_has_its_port_unless_that_is_usual() {
    for (name, port, is_tls, expected) in [
        ("relay.example.com", 443, true, "relay.example.com"),
        ("relay.example.com", 80, true, "relay.example.com:80"),
        ("relay.example.com", 8443, true, "relay.example.com:8443"),
        ("localhost", 80, false, "localhost"),
        ("localhost", 443, false, "localhost:443"),
        ("::1", 80, false, "[::1]"),
        ("::1", 9000, false, "[::1]:9000"),
    ] {
        let url = EndpointUrl { path: PathAndQuery::from_static("/secret"), host: name.to_owned(), port, is_tls };
        assert_eq!(url.to_string(), expected);
        assert_eq!(format!("{url:?}"), format!("EndpointUrl({expected})"));
    }
}
