//! What changes, told as the watch would tell it, and a reader that follows it through hang-ups.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use http_body_util::BodyExt;
use hyper::header::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::*;
use crate::api::audit::Audit;
use crate::api::context::ObjectRef;
use crate::api::repeats::Repeats;
use crate::api::request_log::RequestInfo;
use crate::api::routes::Route;
use crate::auth::{Auth, Caller};
use crate::aws::token::Tokens;
use crate::clusters::cluster::Cluster;
use crate::clusters::registry::Registry;
use crate::config::pattern::Patterns;
use crate::http::limits::concurrency::{Bounds, ConcurrencyLimits};
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::http::request::request_id::RequestId;
use crate::jobs::policy::Policy;
use crate::jobs::store::Found;
use crate::kube::api_server::ApiServer;
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent;

/// What a reader knows: the state and the version of each job, by uid.
pub(super) type Picture = BTreeMap<String, (String, String)>;

/// What its readers follow, told as the watch would tell it.
pub(super) struct Source {
    shared: Arc<AppState>,
    /// Who reads.
    caller: Caller,
    version: u64,
    _drain: watch::Sender<bool>,
}

impl Source {
    /// So many jobs, made a second apart, which are all pending.
    pub(super) fn of(jobs: u64) -> Self {
        Self::read_by(Caller::anonymous(), Arc::new(Auth::None), jobs)
    }

    /// The same for a reader who was let in by this.
    pub(super) fn read_by(caller: Caller, auth: Arc<Auth>, jobs: u64) -> Self {
        let keys = SharedCredentialsProvider::new(Credentials::new("AKIA", "secret", None, None, "test"));
        let tokens = Tokens::new("lab", "us-east-1", keys, SystemTime::now);
        let (drain, draining) = watch::channel(false);
        let shared = AppState {
            clusters: Registry::new(Cluster::new(Arc::new(ApiServer::new("lab", "us-east-1", tokens)))),
            policy: Policy { protected: Patterns::parse("").unwrap(), allowed: None, auto_create_namespace: true },
            auth,
            calls: ConcurrencyLimits::new(Bounds { requests: 10, waits: 10, streams: 10, writes: 10 }),
            rates: RateLimits::new(0, 0),
            repeats: Repeats::default(),
            audit: Audit::new(None, "lab"),
            traffic: Arc::new(HttpMetrics::new(true)),
            request_timeout: Duration::from_mins(5),
            docs: true,
            draining,
        };
        let mut source = Self { shared: Arc::new(shared), caller, version: 0, _drain: drain };
        let jobs = (0..jobs).map(|number| source.job(number, State::Pending)).collect();
        for news in
            [WatchEvent::Init(source.version), WatchEvent::InitApply(jobs), WatchEvent::InitDone, WatchEvent::Watching]
        {
            source.tell(news);
        }
        source
    }

    /// How many records the audit has made.
    pub(super) fn records(&self) -> u64 {
        self.shared.audit.tally().written
    }

    fn tell(&self, news: WatchEvent) {
        self.shared.store().apply_event(news, std::time::Instant::now());
    }

    /// The next version of this job, in this state.
    fn job(&mut self, number: u64, state: State) -> Job {
        self.version += 1;
        let condition = |kind: &str| json!({ "conditions": [{ "type": kind, "status": "True" }] });
        let status = match state {
            State::Pending => json!({}),
            State::Running => json!({ "active": 1 }),
            State::Suspended => condition("Suspended"),
            State::Completed => condition("Complete"),
            State::Failed => condition("Failed"),
        };
        let created = format!("2026-01-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60);
        let metadata = json!({
            "name": format!("job-{number}"), "namespace": "default", "uid": format!("uid-{number}"),
            "resourceVersion": self.version.to_string(), "creationTimestamp": created,
        });
        serde_json::from_value(json!({ "metadata": metadata, "status": status })).unwrap()
    }

    pub(super) fn change(&mut self, number: u64, state: State) {
        let job = self.job(number, state);
        self.tell(WatchEvent::Apply(job));
    }

    pub(super) fn delete(&mut self, number: u64) {
        let job = self.job(number, State::Pending);
        self.tell(WatchEvent::Delete(job));
    }

    /// What a reader with this filter should know.
    pub(super) fn picture(&self, filter: &Filter) -> Picture {
        let found = self.shared.store().page(filter, None, usize::MAX, std::time::Instant::now());
        let Found::Hit { found, .. } = found else { panic!("nothing is known") };
        found.jobs.iter().map(|status| known(&serde_json::from_slice(&status.json()).unwrap())).collect()
    }
}

fn known(status: &Value) -> (String, (String, String)) {
    let text = |name: &str| status[name].as_str().unwrap().to_owned();
    (text("uid"), (text("state"), text("resource_version")))
}

pub(super) fn only(state: State) -> Filter {
    Filter { state: Some(state), ..Filter::default() }
}

/// A reader that comes back with the last id that it has seen, knowing what it knew.
pub(super) struct Reader {
    filter: Filter,
    body: ReplyBody,
    id: String,
    pub(super) picture: Picture,
}

impl Reader {
    pub(super) fn open(source: &Source, filter: &Filter) -> Self {
        let body = stream(source, filter, Start::Anew);
        Self { filter: filter.clone(), body, id: String::new(), picture: Picture::new() }
    }

    pub(super) fn come_back(&mut self, source: &Source) {
        let header = HeaderValue::from_str(&self.id).unwrap();
        let start = EventId::parse(&header).map_or(Start::Anew, |id| Start::After(id.change));
        self.body = stream(source, &self.filter, start);
    }

    /// The next piece, or nothing if none comes for this time.
    pub(super) async fn piece(&mut self, within: Duration) -> Option<String> {
        let frame = timeout(within, self.body.frame()).await.ok()?;
        let bytes = frame.expect("the stream ends").unwrap().into_data().unwrap();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Whether the stream has come to its end, rather than broken off.
    pub(super) async fn has_ended(&mut self) -> bool {
        self.body.frame().await.is_none()
    }

    /// Takes in one event.
    pub(super) fn take(&mut self, event: &str) {
        let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let Some(id) = field("id") {
            id.clone_into(&mut self.id);
        }
        let Some(kind) = field("event") else { return };
        let data = || serde_json::from_str(field("data").unwrap()).unwrap();
        match kind {
            "reset" => self.picture.clear(),
            "snapshot-end" => {}
            "deleted" => drop(self.picture.remove(&known(&data()).0)),
            "added" | "modified" => self.picture.extend([known(&data())]),
            other => panic!("{other}"),
        }
    }

    /// Reads what there is.
    pub(super) async fn catch_up(&mut self) {
        while let Some(piece) = self.piece(MOMENT).await {
            events(&piece).for_each(|event| self.take(event));
        }
    }
}

pub(super) const MOMENT: Duration = Duration::from_millis(1);

fn stream(source: &Source, filter: &Filter, start: Start) -> ReplyBody {
    let (sink, body) = ReplyBody::stream();
    let permit = source.shared.calls.begin_stream().unwrap();
    let feed_of = Feed::new(Arc::clone(&source.shared), Caller::anonymous(), filter.clone(), sink);
    let line = RequestInfo {
        request_id: RequestId::parse(&HeaderMap::new()),
        route: Some(Route::WatchJobs),
        peer: "127.0.0.1:4711".parse().unwrap(),
        started: std::time::Instant::now(),
    };
    let account = Account { line, caller: source.caller.clone(), target: ObjectRef::default() };
    tokio::spawn(feed(feed_of, start, permit, Box::new(account)));
    body
}

pub(super) fn events(piece: &str) -> impl Iterator<Item = &str> {
    piece.split("\n\n").filter(|event| !event.is_empty())
}
