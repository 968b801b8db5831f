//! Makes the calls that README and docs/API.md show, in their order, and holds each reply against the one shown. How a page
//! is read is `shown`'s, what counts as the same `likeness`'.

use std::time::Duration;

use eks_api::api::routes::Route;
use hyper::header::HeaderMap;
use serde_json::{Value, json};

use super::file;
use super::likeness::Likeness;
use super::receiver::Receiver;
use super::shown::{Call, Event, Shown, blocks};
use super::stream::Stream;
use crate::given::cron_job;
use crate::support::aws::AwsMock;
use crate::support::service::{Folder, Reply, Service};
use crate::support::stub::{AutoRun, Fault, Kind, StubCluster, StubConfig};
use crate::support::{Lab, builder};

const BINARY: &str = env!("CARGO_BIN_EXE_eks-api");

#[tokio::test]
async fn every_call_answers_as_shown() {
    let blocks = blocks(&file("docs/API.md"));
    // What the page /docs is made of, browsers ask for.
    for route in Route::ALL.into_iter().filter(|route| !route.path().starts_with("/docs/")) {
        let shown = |call: &Call| call.method == route.method().as_str() && path_of(&call.path) == route.path();
        assert!(blocks.iter().flatten().any(shown), "no call of {} is shown", route.path());
    }
    answer_as_shown(&blocks).await;
}

#[tokio::test]
async fn the_first_calls_in_readme_answer_as_shown() {
    let blocks = blocks(&file("README.md"));
    assert!(blocks.iter().flatten().count() > 2);
    answer_as_shown(&blocks).await;
}

async fn answer_as_shown(blocks: &[Vec<Call>]) {
    let state = Folder::new();
    let (lab, mut likeness) = (lab(&state).await, Likeness::default());
    for block in blocks {
        let mut open = None;
        for call in block {
            if let Err(difference) = made(&lab.service, call, &mut likeness, &mut open).await {
                panic!("{} {}: {difference}", call.method, call.path);
            }
        }
    }
}

/// A lab in which jobs run by themselves, at once, with a namespace that cannot go and a `CronJob` in `default`. The
/// service has a history, and a webhook whose receiver takes everything.
async fn lab(state: &Folder) -> Lab {
    let pace = Duration::from_millis(10);
    let auto = Some(AutoRun { pending: pace, running: pace, terminating: pace });
    let cluster = StubCluster::start(StubConfig { auto, ..StubConfig::default() }).await;
    let stuck = Kind::Reply { status: 200, headers: Vec::new(), body: stuck("old") };
    cluster.fault(Fault::new("GET", "/api/v1/namespaces/old", stuck));
    cluster.put_cron_job(cron_job("etl"));
    let aws = AwsMock::start().await;
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    let receiver = Receiver::start().await;
    let file = receiver.webhooks_file(state, "events=job.completed");
    let environment = [("EKS_API_STATE_DIR", state.path().to_str().unwrap()), ("EKS_API_WEBHOOKS_FILE", &file)];
    let service = builder(BINARY, &aws).envs(&environment).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// A namespace that is being deleted and holds a job with a finalizer that nobody takes off, as the namespace
/// controller writes it.
fn stuck(name: &str) -> Value {
    let at = "2026-11-23T21:40:00Z";
    let condition = |kind: &str, status: &str, reason: &str, message: &str| json!({ "type": kind, "status": status, "lastTransitionTime": at, "reason": reason, "message": message });
    let conditions = [
        ("DeletionDiscoveryFailure", "False", "ResourcesDiscovered", "All resources successfully discovered"),
        (
            "DeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        ),
        (
            "DeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        ),
        (
            "ContentRemaining",
            "True",
            "SomeResourcesRemain",
            "Some resources are remaining: jobs.batch has 1 resource instances",
        ),
        (
            "FinalizersRemaining",
            "True",
            "SomeFinalizersRemain",
            "Some content in the namespace has finalizers remaining: example.com/archive in 1 resource instances",
        ),
    ];
    let conditions = conditions
        .map(|(kind, status, reason, message)| condition(&format!("Namespace{kind}"), status, reason, message));
    json!({
        "kind": "Namespace", "apiVersion": "v1",
        "metadata": {
            "name": name, "creationTimestamp": at, "deletionTimestamp": at, "resourceVersion": "5",
            "labels": { "kubernetes.io/metadata.name": name },
        },
        "spec": { "finalizers": ["kubernetes"] },
        "status": { "phase": "Terminating", "conditions": conditions },
    })
}

fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or(target)
}

/// Makes a call and compares what comes, after it also from the stream that is open.
async fn made(
    service: &Service,
    call: &Call,
    likeness: &mut Likeness,
    open: &mut Option<Stream>,
) -> Result<(), String> {
    let path = likeness.real(&call.path);
    let headers: Vec<_> = call.headers.iter().map(|(name, value)| (name.as_str(), likeness.real(value))).collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    match &call.reply {
        Shown::Nothing | Shown::Json(_) => {
            let shown = if let Shown::Json(shown) = &call.reply { shown } else { &Value::Null };
            let reply = sent(service, call, (&path, &headers, likeness.real(&call.body)), shown).await;
            is_head(call, reply.status.as_u16(), &reply.headers, likeness)
                .map_err(|e| format!("{e}\n{}", reply.text()))?;
            let real = if reply.body.is_empty() { Value::Null } else { reply.json() };
            likeness.check(shown, &real, "").map_err(|difference| format!("{difference}\nin {}", reply.text()))?;
        }
        Shown::Events(events) => {
            let mut stream = Stream::open(service.address(), &path, &headers).await.unwrap();
            is_head(call, stream.status.as_u16(), &stream.headers, likeness)?;
            read(&mut stream, events, likeness).await?;
            *open = Some(stream).filter(|_| call.stays);
        }
        Shown::Lines(lines) => {
            let mut stream = Stream::open(service.address(), &path, &headers).await.unwrap();
            is_head(call, stream.status.as_u16(), &stream.headers, likeness)?;
            for shown in lines {
                let real = stream.before("\n").await.unwrap();
                let is_same = |real: &String| match shown.strip_suffix('…') {
                    Some(start) => real.starts_with(start),
                    None => real == shown,
                };
                if !real.as_ref().is_some_and(is_same) {
                    return Err(format!("the line {real:?} comes, but the page shows {shown:?}"));
                }
            }
        }
    }
    match open {
        Some(stream) => read(stream, &call.after, likeness).await,
        None if call.after.is_empty() => Ok(()),
        None => Err("no stream is open".to_owned()),
    }
}

/// The reply to a call. A status that is shown in one state, for one reason, is asked for again at each change until
/// it has both: the job controller gives the reason of a suspended job a moment after its state is known.
async fn sent(
    service: &Service,
    call: &Call,
    (path, headers, body): (&str, &[(&str, &str)], String),
    shown: &Value,
) -> Reply {
    let mut reply = service.send(&call.method, path, headers, body).await;
    let has_come = |reply: &Reply| {
        ["state", "reason"].iter().all(|name| !shown[name].is_string() || reply.json()[name] == shown[name])
    };
    while let Some(known) = reply.header("etag").filter(|_| shown["state"].is_string() && !has_come(&reply)) {
        let path = format!("{path}&wait=20s");
        reply = service.send("GET", &path, &[("if-none-match", known)], "").await.expect_status(200);
    }
    reply
}

fn is_head(call: &Call, status: u16, headers: &HeaderMap, likeness: &mut Likeness) -> Result<(), String> {
    if status != call.status {
        return Err(format!("it answers {status}, but the page shows {}", call.status));
    }
    call.reply_headers.iter().try_for_each(|(name, shown)| {
        let all: Vec<&str> = headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect();
        likeness.check(&json!([shown]), &json!(all), name).map_err(|difference| format!("header {difference}"))?;
        likeness.check(&json!(shown), &json!(all[0]), name)
    })
}

/// As many events as are shown.
async fn read(stream: &mut Stream, events: &[Event], likeness: &mut Likeness) -> Result<(), String> {
    for shown in events {
        let real = stream.event().await.unwrap().ok_or_else(|| format!("the stream ends before {}", shown.name))?;
        let real = Event::parse(&real);
        if real.name != shown.name {
            return Err(format!("{real:?} comes, but the page shows {shown:?}"));
        }
        likeness.check(&json!(shown.id), &json!(real.id), "id")?;
        likeness.check(&shown.data, &real.data, &shown.name)?;
    }
    Ok(())
}
