//! watch-jobs: the jobs as they are, then every change, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::list_jobs::filter;
use super::{Call, Shared};
use crate::http::calls::Permit;
use crate::http::error::Problem;
use crate::http::reply::Reply;
use crate::http::sse::{self, EventId};
use crate::http::stream::{Gone, LAST_WORDS, ReplyBody, Sink};
use crate::jobs::cache::{Cache, Found};
use crate::jobs::changes::{Kind, seen};
use crate::jobs::filter::Filter;
use crate::kube::checks::{Check, Outcome};

/// Proxies and browsers give up on a connection after a minute or so without a byte.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many jobs are sent at a time while the stream begins.
const PAGE: usize = 100;
/// In the place of the number of a change: whoever comes back with it has seen a part only, and starts over.
const PARTLY: u64 = 0;

pub(super) fn watch_jobs(call: &mut Call) -> Result<Reply, Problem> {
    let filter = filter(call)?;
    let shared = Arc::clone(&call.shared);
    if let (false, Outcome::Failed(why)) = (shared.cache.is_usable(), shared.cluster.checks.outcome(Check::Watch)) {
        return Err(Problem::unavailable(
            "not_watching",
            format!("jobs cannot be watched: {why}"),
            Duration::from_mins(1),
        ));
    }
    let start = match call.headers.get("last-event-id").filter(|id| !id.is_empty()).map(EventId::parse) {
        None => Start::Anew,
        Some(Some(id)) if id.epoch == shared.cache.epoch => Start::After(id.change),
        Some(_) => Start::Over,
    };
    let permit = shared.calls.begin_stream()?;
    call.permit = None;
    let (sink, body) = ReplyBody::stream();
    tokio::spawn(feed(Feed::new(shared, filter, sink), start, permit));
    Ok(Reply::stream(body))
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug)]
enum Start {
    Anew,
    /// The reader knows all up to this change.
    After(u64),
    /// What the reader knows is worth nothing any more.
    Over,
}

struct Feed {
    shared: Arc<Shared>,
    filter: Filter,
    sink: Sink,
    draining: watch::Receiver<bool>,
    /// When something was sent last.
    sent: Instant,
}

/// Why a stream ends.
enum End {
    Gone,
    Draining,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

async fn feed(mut feed: Feed, start: Start, permit: Permit) {
    if matches!(feed.run(start).await, End::Draining) {
        let last = async {
            let sent = feed.sink.send(sse::comment("the service is shutting down").into()).await;
            if sent.is_ok() {
                feed.sink.end().await;
            }
        };
        let _ = timeout(LAST_WORDS, last).await;
    }
    drop(permit);
}

impl Feed {
    fn new(shared: Arc<Shared>, filter: Filter, sink: Sink) -> Self {
        Self { draining: shared.draining.clone(), shared, filter, sink, sent: Instant::now() }
    }

    async fn run(&mut self, start: Start) -> End {
        let mut pulse = self.shared.cache.pulse();
        let mut start = start;
        loop {
            let Err(end) = self.follow(start, &mut pulse).await else {
                start = Start::Over;
                continue;
            };
            return end;
        }
    }

    /// Sends what there is and then what changes, until the changes come faster than they are read, or the jobs cease
    /// to be known: then it has to start over.
    async fn follow(&mut self, start: Start, pulse: &mut watch::Receiver<()>) -> Result<(), End> {
        let cache = &Arc::clone(&self.shared.cache);
        while !cache.is_usable() {
            self.wait(pulse).await?;
        }
        let mut last = match start {
            Start::After(change) if cache.changes_since(change).is_some() => change,
            Start::Anew => self.snapshot(cache, false).await?,
            Start::After(_) | Start::Over => self.snapshot(cache, true).await?,
        };
        loop {
            pulse.mark_unchanged();
            let Some(changes) = cache.changes_since(last) else { return Ok(()) };
            let end = changes.last().map_or(last, |change| change.number);
            let (mut text, mut events) = (Vec::new(), seen(&changes, &self.filter).into_iter().peekable());
            while let Some((kind, change)) = events.next() {
                // An event stands for all that happened to its job, also after changes that are told of behind it: who
                // comes back with an id from amid them knows some jobs as they are and some as they were.
                let known = if events.peek().is_none() { end } else { PARTLY };
                sse::event(&mut text, kind.name(), Some(id(cache, known)), &change.json());
            }
            last = end;
            if text.is_empty() {
                self.wait(pulse).await?;
            } else {
                self.send(text.into()).await?;
            }
        }
    }

    /// Sends all jobs, and returns the change that this is the state after. What changes while it is sent is sent
    /// again, as a change.
    async fn snapshot(&mut self, cache: &Cache, is_reset: bool) -> Result<u64, End> {
        let last = cache.last_change();
        let (mut text, mut place) = (Vec::new(), None);
        if is_reset {
            sse::event(&mut text, "reset", None, b"{}");
        }
        while let Found::Hit { found: page, .. } =
            cache.page(&self.filter, place.as_ref(), PAGE, Instant::now().into_std())
        {
            for status in &page.jobs {
                let json = serde_json::to_vec(&**status).unwrap_or_default();
                sse::event(&mut text, Kind::Added.name(), Some(id(cache, PARTLY)), &json);
            }
            place = page.next;
            if place.is_none() {
                break;
            }
            self.send(std::mem::take(&mut text).into()).await?;
        }
        sse::event(&mut text, "snapshot-end", Some(id(cache, last)), b"{}");
        self.send(text.into()).await?;
        Ok(last)
    }

    /// Waits for something to happen, and keeps the connection alive meanwhile. What happens need not concern this
    /// reader, so it is no reason to be silent for longer.
    async fn wait(&mut self, pulse: &mut watch::Receiver<()>) -> Result<(), End> {
        loop {
            tokio::select! {
                changed = pulse.changed() => return changed.map_err(|_| End::Draining),
                _ = self.draining.wait_for(|draining| *draining) => return Err(End::Draining),
                () = self.sink.gone() => return Err(End::Gone),
                () = sleep_until(self.sent + HEARTBEAT) => {}
            }
            self.send(sse::comment("heartbeat").into()).await?;
        }
    }

    async fn send(&mut self, text: Bytes) -> Result<(), End> {
        tokio::select! {
            sent = self.sink.send(text) => sent?,
            _ = self.draining.wait_for(|draining| *draining) => return Err(End::Draining),
        }
        self.sent = Instant::now();
        Ok(())
    }
}

fn id(cache: &Cache, change: u64) -> EventId<'_> {
    EventId { epoch: &cache.epoch, change }
}
