//! A source of watch events, and a reader that disconnects and resumes.

use std::collections::BTreeMap;

use http_body_util::BodyExt;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::*;
use crate::api::state::tests::state;
use crate::audit::request_info::ObjectRef;
use crate::auth::{Auth, Caller};
use crate::jobs::store::Found;
use crate::kube::types::Job;
use crate::kube::watcher::WatchEvent;

/// The jobs of a reader: state and version by uid.
pub(super) type Picture = BTreeMap<String, (String, String)>;

/// Sends watch events to a store.
pub(super) struct Source {
    state: Arc<AppState>,
    cluster: Arc<Cluster>,
    caller: Caller,
    version: u64,
    /// The label `team` of jobs, by number.
    teams: BTreeMap<u64, &'static str>,
}

impl Source {
    /// Makes pending jobs, which were created a second apart.
    pub(super) fn of(jobs: u64) -> Self {
        Self::read_by(Caller::Anonymous, Arc::new(Auth::None), jobs)
    }

    /// Makes a source for a reader with this credential.
    pub(super) fn read_by(caller: Caller, auth: Arc<Auth>, jobs: u64) -> Self {
        let state = Arc::new(state(auth, Duration::from_mins(5)));
        let cluster = state.clusters.default_cluster();
        let mut source = Self { state, cluster, caller, version: 0, teams: BTreeMap::new() };
        let jobs = (0..jobs).map(|number| source.job(number, State::Pending)).collect();
        for event in
            [WatchEvent::Init(source.version), WatchEvent::InitApply(jobs), WatchEvent::InitDone, WatchEvent::Watching]
        {
            source.send(event);
        }
        source
    }

    /// Returns the number of audit records.
    pub(super) fn records(&self) -> u64 {
        self.state.audit.written.value()
    }

    fn send(&self, event: WatchEvent) {
        self.cluster.store.apply_event(event, std::time::Instant::now());
    }

    /// Returns the next version of a job, in this state.
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
        let labels: BTreeMap<_, _> = self.teams.get(&number).map(|team| ("team", *team)).into_iter().collect();
        let created = format!("2026-01-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60);
        let metadata = json!({
            "name": format!("job-{number}"), "namespace": "default", "uid": format!("uid-{number}"),
            "resourceVersion": self.version.to_string(), "creationTimestamp": created,
            "labels": labels,
        });
        serde_json::from_value(json!({ "metadata": metadata, "status": status })).unwrap()
    }

    pub(super) fn change(&mut self, number: u64, state: State) {
        let job = self.job(number, state);
        self.send(WatchEvent::Apply(job));
    }

    /// Sets the label `team` of a job.
    pub(super) fn relabel(&mut self, number: u64, team: &'static str, state: State) {
        self.teams.insert(number, team);
        self.change(number, state);
    }

    pub(super) fn delete(&mut self, number: u64) {
        let job = self.job(number, State::Pending);
        self.send(WatchEvent::Delete(job));
    }

    /// Returns the jobs that a reader with this filter should have.
    pub(super) fn picture(&self, filter: &Filter) -> Picture {
        let found = self.cluster.store.page(filter, None, usize::MAX, std::time::Instant::now());
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

/// A reader that resumes after the last id that it has read.
pub(super) struct Reader {
    filter: Filter,
    body: ReplyBody,
    id: String,
    pub(super) picture: Picture,
}

impl Reader {
    pub(super) fn open(source: &Source, filter: &Filter) -> Self {
        let body = stream(source, filter, Start::Snapshot);
        Self { filter: filter.clone(), body, id: String::new(), picture: Picture::new() }
    }

    pub(super) fn resume(&mut self, source: &Source) {
        let header = HeaderValue::from_str(&self.id).unwrap();
        let start = EventId::parse(&header).map_or(Start::Snapshot, |id| Start::After(id.change));
        self.body = stream(source, &self.filter, start);
    }

    /// Returns the next piece, or None if none comes within this time.
    pub(super) async fn piece(&mut self, within: Duration) -> Option<String> {
        let frame = timeout(within, self.body.frame()).await.ok()?;
        let bytes = frame.expect("the stream ends").unwrap().into_data().unwrap();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    /// Returns whether the stream ended regularly.
    pub(super) async fn has_ended(&mut self) -> bool {
        self.body.frame().await.is_none()
    }

    /// Applies one event.
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

    /// Reads until nothing comes.
    pub(super) async fn catch_up(&mut self) {
        while let Some(piece) = self.piece(MOMENT).await {
            events(&piece).for_each(|event| self.take(event));
        }
    }
}

pub(super) const MOMENT: Duration = Duration::from_millis(1);

fn stream(source: &Source, filter: &Filter, start: Start) -> ReplyBody {
    let (sink, body) = ReplyBody::stream();
    let permit = source.state.calls.cluster("lab").begin_stream(false).unwrap();
    let feed =
        Feed::new(Arc::clone(&source.state), Arc::clone(&source.cluster), Caller::Anonymous, filter.clone(), sink);
    let info = RequestInfo {
        request_id: "1".to_owned(),
        operation: "watch_jobs",
        object_kind: "Job",
        is_change: false,
        is_dry_run: false,
        cluster: Arc::clone(source.cluster.name()),
        peer: "127.0.0.1:4711".parse().unwrap(),
        caller: source.caller.clone(),
        object: ObjectRef::default(),
        started: std::time::Instant::now(),
    };
    tokio::spawn(run(feed, start, Some(permit), Box::new(info)));
    body
}

pub(super) fn events(piece: &str) -> impl Iterator<Item = &str> {
    piece.split("\n\n").filter(|event| !event.is_empty())
}
