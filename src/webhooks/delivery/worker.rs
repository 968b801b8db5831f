//! Delivers what is due to one endpoint: [`Worker`].

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};

use crate::history::outbox::query::Due;
use crate::history::outbox::requests::{Attempt, Next};
use crate::util::backoff::Backoff;
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::backend::Backend;
use crate::webhooks::delivery::health::{Ended, Health};
use crate::webhooks::delivery::read_timer::ReadTimer;
use crate::webhooks::delivery::schedule;
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::send::Sent;

/// The most sends at a time.
const MAX_CONCURRENT: usize = 4;
/// The most deliveries of a read.
const PAGE: usize = 64;
/// With so many attempts that are not written, nothing more is sent: a crash would have all of them sent again.
const MAX_UNWRITTEN: usize = 256;
/// Pauses before an attempt that could not be written is written again.
const WRITE_BACKOFF: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
/// Before CAs that could not be used are read again.
const CONNECT_PAUSE: Duration = Duration::from_secs(10);
/// The shortest time between the countings of what is pending.
const COUNT_INTERVAL: Duration = Duration::from_secs(5);

/// One endpoint. It ends when the endpoint is removed, after its sends are written.
pub(super) struct Worker<B: Backend> {
    webhook: Arc<str>,
    webhooks: Arc<Webhooks>,
    backend: Arc<B>,
    /// Changes at each reload. `None` after the endpoint is removed.
    endpoint: watch::Receiver<Option<Arc<Endpoint>>>,
    /// `None` if nothing may be sent.
    link: Option<Arc<Link<B::Sender>>>,
    /// When a sender is made again, after one could not be made.
    retry: Option<Instant>,
    timer: ReadTimer,
    is_unreadable: bool,
    /// When what is pending is counted. `None` if nothing has changed since it was.
    count_at: Option<Instant>,
    counted: Instant,
    /// Deliveries that are due and not begun.
    ready: VecDeque<Due>,
    sends: JoinSet<Sent>,
    sending: HashMap<Id, Sending<B::Sender>>,
    writes: JoinSet<()>,
    /// The deliveries whose attempts are not written yet.
    unwritten: HashMap<Id, i64>,
    health: Health,
}

/// The way to the endpoint, until the next reload.
struct Link<S> {
    host: String,
    sender: S,
}

struct Sending<S> {
    link: Arc<Link<S>>,
    due: Arc<Due>,
}

impl<B: Backend> Worker<B> {
    pub(super) fn new(
        webhook: Arc<str>,
        webhooks: Arc<Webhooks>,
        backend: Arc<B>,
        endpoint: watch::Receiver<Option<Arc<Endpoint>>>,
    ) -> Self {
        let now = Instant::now();
        Self {
            webhook,
            webhooks,
            backend,
            endpoint,
            link: None,
            retry: None,
            timer: ReadTimer::new(),
            is_unreadable: false,
            count_at: Some(now),
            counted: now,
            ready: VecDeque::new(),
            sends: JoinSet::new(),
            sending: HashMap::new(),
            writes: JoinSet::new(),
            unwritten: HashMap::new(),
            health: Health::default(),
        }
    }

    pub(super) async fn run(mut self) {
        let mut changes = self.backend.changes();
        self.connect().await;
        loop {
            self.start_sends();
            let is_removed = self.endpoint.borrow().is_none();
            if is_removed && self.sends.is_empty() && self.writes.is_empty() {
                return;
            }
            tokio::select! {
                Ok(()) = self.endpoint.changed() => self.connect().await,
                Some(sent) = self.sends.join_next_with_id() => self.sent(sent),
                Some(written) = self.writes.join_next_with_id() => self.written(written),
                Ok(()) = changes.changed() => self.changed(),
                () = sleep_until(self.retry.unwrap_or(self.counted)), if self.retry.is_some() => self.connect().await,
                () = sleep_until(self.timer.next()), if self.may_read() => self.read().await,
                () = sleep_until(self.count_at.unwrap_or(self.counted)), if self.count_at.is_some() => self.count().await,
            }
        }
    }

    /// Takes the endpoint over from the file. It is enabled again.
    async fn connect(&mut self) {
        let endpoint = self.endpoint.borrow_and_update().clone();
        self.ready.clear();
        self.timer = ReadTimer::new();
        self.link = None;
        let is_again = self.retry.take().is_some();
        let Some(endpoint) = endpoint else { return };
        let host = endpoint.url.to_string();
        match self.backend.connect(endpoint).await {
            Ok(sender) => self.link = Some(Arc::new(Link { host, sender })),
            Err(error) => {
                if !is_again {
                    log::warn!(webhook = &*self.webhook, host, error; "nothing can be sent to the webhook; it is tried again");
                }
                self.retry = Some(Instant::now() + CONNECT_PAUSE);
            }
        }
        self.webhooks.metrics.update(&self.webhook, |numbers| numbers.is_disabled = false);
    }

    fn changed(&mut self) {
        self.timer.hasten();
        self.count_at = self.count_at.or(Some(self.counted + COUNT_INTERVAL));
    }

    /// Whether more is to be read: little is ready, and it could be sent.
    fn may_read(&self) -> bool {
        self.link.is_some() && self.ready.len() < MAX_CONCURRENT && self.unwritten.len() < MAX_UNWRITTEN
    }

    async fn read(&mut self) {
        // A delivery that is sent now would be sent again after a restart. The health check says why.
        if !self.backend.is_writable() {
            return self.timer.failed();
        }
        let begun = self.sending.values().map(|sending| sending.due.id).chain(self.unwritten.values().copied());
        let except = self.ready.iter().map(|due| due.id).chain(begun).collect();
        match self.backend.due(&self.webhook, except, PAGE).await {
            Ok(due) => {
                let until = |next: i64| next.saturating_sub(self.backend.now());
                let pause = due.next.map(|next| Duration::from_millis(u64::try_from(until(next)).unwrap_or_default()));
                self.timer.done(due.deliveries.len() >= PAGE, pause);
                self.ready.extend(due.deliveries);
                if mem::take(&mut self.is_unreadable) {
                    log::info!(webhook = &*self.webhook; "the deliveries can be read again");
                }
            }
            Err(error) => {
                self.timer.failed();
                if !mem::replace(&mut self.is_unreadable, true) {
                    log::warn!(webhook = &*self.webhook, error:? = error; "the deliveries cannot be read; they wait");
                }
            }
        }
    }

    /// Counts what is pending for the metrics.
    async fn count(&mut self) {
        let summary = self.backend.summary(&self.webhook).await;
        self.counted = Instant::now();
        // If it cannot be read, it is counted later.
        self.count_at = summary.is_err().then(|| self.counted + COUNT_INTERVAL);
        if let Ok(summary) = summary {
            let dropped = self.backend.dropped(&self.webhook);
            self.webhooks.metrics.update(&self.webhook, |numbers| {
                numbers.dropped = dropped;
                numbers.pending = summary.pending;
                numbers.oldest_pending = summary.oldest_pending.map(|time| time.0.saturating_mul(1000));
            });
        }
    }

    fn start_sends(&mut self) {
        while self.sends.len() < MAX_CONCURRENT && self.unwritten.len() < MAX_UNWRITTEN {
            let Some(link) = &self.link else { return };
            let Some(due) = self.ready.pop_front() else { return };
            let sending = Sending { link: Arc::clone(link), due: Arc::new(due) };
            let (link, due, backend) = (Arc::clone(link), Arc::clone(&sending.due), Arc::clone(&self.backend));
            let task = self.sends.spawn(async move { backend.send(&link.sender, &due).await });
            self.sending.insert(task.id(), sending);
        }
    }

    fn sent(&mut self, sent: Result<(Id, Sent), JoinError>) {
        // The hook logs a panic.
        let panicked = || Sent::without_reply("a defect: the delivery panicked".to_owned(), Duration::ZERO);
        let (task, sent) = sent.unwrap_or_else(|panic| (panic.id(), panicked()));
        let Some(Sending { link, due }) = self.sending.remove(&task) else { return };
        let time = self.backend.now();
        let next = schedule::next(&sent, due.attempts, time);
        let (webhook, host, message_id) = (&self.webhook, link.host.as_str(), due.message_id.as_str());
        let ended = Ended { webhook, host, message_id, attempt: due.attempts.saturating_add(1), sent: &sent, next };
        self.health.note(&ended, &self.webhooks.metrics);
        // After a reload, an answer to what was sent before it disables nothing.
        if next == Next::Keep && self.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, &link)) {
            self.disable(host);
        }
        let (delivery, message_id, attempts) = (due.id, due.message_id.clone(), due.attempts);
        let attempt = Attempt { delivery, message_id, attempts, time, status: sent.status, error: sent.error, next };
        let write = self.writes.spawn(write(Arc::clone(&self.backend), attempt));
        self.unwritten.insert(write.id(), due.id);
    }

    /// Sends nothing more until the next reload.
    fn disable(&mut self, host: &str) {
        self.link = None;
        self.ready.clear();
        self.webhooks.metrics.update(&self.webhook, |numbers| numbers.is_disabled = true);
        log::warn!(
            webhook = &*self.webhook, host, status = 410;
            "the webhook is disabled: its receiver wants no more deliveries; when it takes them again, send SIGHUP or restart"
        );
    }

    fn written(&mut self, written: Result<(Id, ()), JoinError>) {
        let task = written.map_or_else(|panic| panic.id(), |(task, ())| task);
        self.unwritten.remove(&task);
        self.changed();
    }
}

/// Writes an attempt, again and again until it is written. Meanwhile nothing sends its delivery.
async fn write<B: Backend>(backend: Arc<B>, attempt: Attempt) {
    let mut backoff = WRITE_BACKOFF;
    while !(backend.is_writable() && backend.record(attempt.clone()).await) {
        sleep(backoff.pause()).await;
    }
}
