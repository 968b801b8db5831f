//! What becomes of a stream when the watch behind it fails, when there are too many, and when the service ends.

use tokio::task::yield_now;
use tokio::time::timeout;

use super::reader::{Reader, path};
use super::{ALL_JOBS, known, listed, put, running, set, told};
use crate::calls::{BINARY, detail, lab, problem};
use crate::support::service::PATIENCE;
use crate::support::stub::{Fault, Gate, Kind};
use crate::support::{Lab, builder, surroundings};

#[tokio::test]
async fn what_happens_while_the_watch_is_down_is_told_when_it_is_back() {
    let lab = lab().await;
    for name in ["kept", "changed", "gone"] {
        put(&lab.cluster, name);
        known(&lab, name).await;
    }
    let mut reader = Reader::open(&lab.service, "").await;
    reader.snapshot().await;
    lab.cluster.stop().await;
    set(&lab.cluster, "changed", &running());
    lab.cluster.remove_job("default", "gone");
    put(&lab.cluster, "new");
    // Who comes now gets what is known.
    let mut late = Reader::open(&lab.service, "").await;
    late.snapshot().await;
    assert_eq!(late.picture, reader.picture);

    lab.cluster.restart_on_same_port().await;
    reader.until("new").await;
    late.until("new").await;
    assert_eq!(reader.picture, listed(&lab.service, &[("cache-control", "no-cache")]).await);
    assert_eq!(late.picture, reader.picture);
}

#[tokio::test]
async fn what_a_forgetful_api_server_does_not_tell_is_found_in_its_list() {
    let lab = lab().await;
    for name in ["kept", "changed", "gone"] {
        put(&lab.cluster, name);
        known(&lab, name).await;
    }
    let mut reader = Reader::open(&lab.service, "").await;
    reader.snapshot().await;
    lab.cluster.hush_watches();
    set(&lab.cluster, "changed", &running());
    lab.cluster.remove_job("default", "gone");
    lab.cluster.compact();
    lab.cluster.break_watches();
    let mut events = reader.told(2).await;
    events.sort();
    assert_eq!(events, told(&[("deleted", "gone"), ("modified", "changed")]));
}

/// Waits until there is room for a stream again.
pub(super) async fn free(lab: &Lab) {
    let free = async {
        while Reader::open(&lab.service, "").await.head.status == 503 {
            yield_now().await;
        }
    };
    timeout(PATIENCE, free).await.expect("the stream is still counted");
}

#[tokio::test]
async fn a_reader_that_hangs_up_makes_room_for_another() {
    let lab = Lab::with(BINARY, &[("EKS_API_MAX_STREAMS", "1"), ("EKS_API_MAX_REQUESTS", "1")]).await;
    for _ in 0..3 {
        let mut reader = loop {
            let reader = Reader::open(&lab.service, "").await;
            if reader.head.status == 200 {
                break reader;
            }
        };
        reader.snapshot().await;
        let refused = lab.service.get(&path("")).await;
        assert!(detail(&refused, 503, "overloaded").contains("streams"));
        assert!(refused.header("retry-after").is_some());
        // A stream is no request any more.
        lab.service.get("/api/eks-list-namespaces").await.expect_status(200);
        drop(reader);
        free(&lab).await;
    }
}

#[tokio::test]
async fn without_the_right_to_watch_the_reason_is_told() {
    for verb in ["list", "watch"] {
        let (cluster, aws) = surroundings().await;
        cluster.deny(verb, "jobs");
        let service = builder(BINARY, &aws).start().await;
        service.log_line(|line| line.contains("check=watch") && line.contains("no right")).await;
        let refused = service.get(&path("")).await;
        let told = detail(&refused, 503, "not_watching");
        assert!(told.contains("jobs cannot be watched: no right to list and watch jobs"), "{told}");
        assert!(told.contains(&format!("cannot {verb} resource")), "{told}");
        assert_eq!(refused.header("retry-after"), Some("60"));
    }
}

#[tokio::test]
async fn a_stream_that_is_opened_before_the_first_list_starts_when_that_comes() {
    let (cluster, aws) = surroundings().await;
    put(&cluster, "hello");
    let gate = Gate::new();
    cluster.fault(Fault::new("GET", ALL_JOBS, Kind::HoldBefore(gate.clone())).but_watches());
    let service = builder(BINARY, &aws).start().await;
    gate.held(1).await;
    let mut reader = Reader::open(&service, "").await;
    assert_eq!(reader.head.status, 200);
    gate.open();
    assert_eq!(reader.told(2).await, told(&[("added", "hello"), ("snapshot-end", "")]));
    put(&cluster, "later");
    assert_eq!(reader.told(1).await, told(&[("added", "later")]));
}

#[tokio::test]
async fn while_the_first_list_fails_the_reason_is_told() {
    let (cluster, aws) = surroundings().await;
    put(&cluster, "hello");
    let refused = Kind::status(500, "InternalError", "etcd is on holiday");
    cluster.fault(Fault::new("GET", ALL_JOBS, refused).always());
    let service = builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check=watch") && line.contains("on holiday")).await;
    let told = problem(&service.get(&path("")).await, 503, "not_watching");
    assert!(told["detail"].as_str().unwrap().contains("etcd is on holiday"), "{told}");
    cluster.clear_faults();
    service.ready().await;
    let mut reader = Reader::open(&service, "").await;
    assert_eq!(reader.told(2).await, super::told(&[("added", "hello"), ("snapshot-end", "")]));
}

#[tokio::test]
async fn at_the_end_of_the_service_every_stream_ends_with_a_word() {
    let Lab { mut service, cluster, aws: _aws } = lab().await;
    put(&cluster, "hello");
    let mut readers = Vec::new();
    for query in ["", "state=failed", "namespace=other"] {
        let mut reader = Reader::open(&service, query).await;
        if query.is_empty() {
            reader.until("hello").await;
        } else {
            reader.snapshot().await;
        }
        readers.push(reader);
    }
    service.signal("TERM").await;
    for mut reader in readers {
        let words = reader.last_words().await;
        assert_eq!(words.last().map(String::as_str), Some("the service is shutting down"), "{words:?}");
    }
    assert_eq!(service.exit_status().await.code(), Some(0));
    let last = service.log_line(|line| line.contains("stopped")).await;
    assert!(!last.contains("still open"), "{last}");
}

#[tokio::test]
async fn a_reader_that_reads_nothing_does_not_hold_up_the_end() {
    let Lab { mut service, cluster, aws } = lab().await;
    let message = "m".repeat(64 << 10);
    let condition = serde_json::json!({ "type": "Failed", "status": "False", "message": message });
    for number in 0..200 {
        set_new(&cluster, &format!("job-{number}"), &condition);
    }
    put(&cluster, "last");
    let lab = Lab { service, cluster, aws };
    known(&lab, "last").await;
    let _reader = Reader::slow(&lab.service).await;
    Lab { service, .. } = lab;
    service.signal("TERM").await;
    assert_eq!(service.exit_status().await.code(), Some(0));
}

fn set_new(cluster: &crate::support::stub::StubCluster, name: &str, condition: &serde_json::Value) {
    cluster.put_job(super::job("default", name, &serde_json::json!({ "conditions": [condition] })));
}
