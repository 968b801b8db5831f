//! An outbox and receivers in memory, for the tests of the delivery.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep};

use super::*;
use crate::history::outbox::query::{Due, DueDeliveries, Summary};
use crate::history::outbox::requests::{Attempt, Next};
use crate::history::query::run::Timestamp;
use crate::history::store::ReadError;
use crate::webhooks::send::Sent;

/// Our clock at the start.
const START: i64 = 1_000_000_000_000;

/// How a receiver answers.
#[derive(Clone, Copy)]
pub(super) enum Reply {
    Status(u16),
    RetryAfter(u64),
    /// After this many seconds.
    Slow(u64),
    Hang,
    Panic,
}

/// The fault of the outbox.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Unreadable,
    Unwritable,
    /// Attempts are lost although the check passed.
    LosesAttempts,
    /// Once.
    PanicsWhenRead,
}

#[derive(Default)]
pub(super) struct State {
    rows: BTreeMap<i64, Row>,
    /// The replies of each endpoint, in their order. The last one stays.
    pub(super) replies: HashMap<String, Vec<Reply>>,
    pub(super) reads: u32,
    pub(super) open: usize,
    pub(super) most_open: usize,
    pub(super) attempts: Vec<Attempt>,
    /// The endpoints whose senders cannot be made.
    pub(super) unusable: Vec<String>,
    pub(super) fault: Option<Fault>,
}

#[derive(Clone)]
struct Row {
    webhook: String,
    attempts: u32,
    /// `None` if nothing is to do.
    due: Option<i64>,
}

pub(super) struct Fake {
    pub(super) started: Instant,
    pub(super) changes: watch::Sender<u64>,
    pub(super) state: Mutex<State>,
    pub(super) sent: mpsc::UnboundedSender<(u64, String)>,
}

impl Fake {
    pub(super) fn state<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub(super) fn add(&self, webhook: &str, ids: impl IntoIterator<Item = i64>) {
        let row = Row { webhook: webhook.to_owned(), attempts: 0, due: Some(self.now()) };
        self.state(|state| state.rows.extend(ids.into_iter().map(|id| (id, row.clone()))));
        self.changed();
    }

    pub(super) fn changed(&self) {
        self.changes.send_modify(|times| *times += 1);
    }

    pub(super) fn reply(&self, webhook: &str, replies: impl Into<Vec<Reply>>) {
        self.state(|state| state.replies.insert(webhook.to_owned(), replies.into()));
    }

    pub(super) fn pending(&self) -> Vec<i64> {
        self.state(|state| state.rows.iter().filter(|(_, row)| row.due.is_some()).map(|(id, _)| *id).collect())
    }

    fn apply(state: &mut State, attempt: Attempt) {
        let row = state.rows.get_mut(&attempt.delivery).unwrap();
        match attempt.next {
            Next::Delivered | Next::Failed => row.due = None,
            Next::Retry(time) => row.due = Some(time),
            Next::Keep => {}
        }
        if attempt.next != Next::Keep {
            row.attempts += 1;
        }
        state.attempts.push(attempt);
    }
}

impl Backend for Fake {
    type Sender = String;

    fn now(&self) -> i64 {
        START + i64::try_from(self.started.elapsed().as_millis()).unwrap()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn is_writable(&self) -> bool {
        self.state(|state| state.fault != Some(Fault::Unwritable))
    }

    async fn due(&self, webhook: &Arc<str>, except: Vec<i64>, limit: usize) -> Result<DueDeliveries, ReadError> {
        sleep(Duration::from_millis(1)).await;
        let now = self.now();
        let panics = self.state(|state| state.fault.take_if(|fault| *fault == Fault::PanicsWhenRead));
        assert!(panics.is_none(), "injected");
        self.state(|state| {
            state.reads += 1;
            if state.fault == Some(Fault::Unreadable) {
                return Err(ReadError::Timeout);
            }
            let rows = state.rows.iter().filter(|(id, row)| *row.webhook == **webhook && !except.contains(id));
            let mut rows: Vec<_> = rows.filter_map(|(id, row)| Some((row.due?, *id, row.attempts))).collect();
            rows.sort_unstable();
            let due = rows.iter().take(limit).take_while(|(due, ..)| *due <= now);
            let due =
                due.map(|&(_, id, attempts)| Due { id, message_id: id.to_string(), body: String::new(), attempts });
            let deliveries: Vec<_> = due.collect();
            let next = rows.get(deliveries.len()).map(|(due, ..)| *due);
            Ok(DueDeliveries { deliveries, next })
        })
    }

    async fn summary(&self, webhook: &Arc<str>) -> Result<Summary, ReadError> {
        let pending = self
            .state(|state| state.rows.values().filter(|row| *row.webhook == **webhook && row.due.is_some()).count());
        let oldest_pending = (pending > 0).then_some(Timestamp(START / 1000));
        Ok(Summary { pending: pending as u64, oldest_pending, ..Summary::default() })
    }

    fn dropped(&self, _: &str) -> u64 {
        7
    }

    async fn record(&self, attempt: Attempt) -> bool {
        sleep(Duration::from_millis(1)).await;
        self.state(|state| {
            let is_written = state.fault.is_none();
            if is_written {
                Self::apply(state, attempt);
            }
            is_written
        })
    }

    async fn connect(&self, endpoint: Arc<Endpoint>) -> Result<String, String> {
        let name = endpoint.name.to_string();
        if self.state(|state| state.unusable.contains(&name)) { Err("no CA".to_owned()) } else { Ok(name) }
    }

    async fn send(&self, webhook: &String, due: &Due) -> Sent {
        let reply = self.state(|state| {
            state.open += 1;
            state.most_open = state.most_open.max(state.open);
            match state.replies.get_mut(webhook) {
                Some(replies) if replies.len() > 1 => replies.remove(0),
                Some(replies) => replies[0],
                None => Reply::Status(200),
            }
        });
        let _ = self.sent.send((u64::try_from(self.now() - START).unwrap(), format!("{webhook} {}", due.message_id)));
        let pause = match reply {
            Reply::Slow(seconds) => Duration::from_secs(seconds),
            Reply::Hang => Duration::from_secs(15),
            _ => Duration::from_millis(10),
        };
        sleep(pause).await;
        self.state(|state| state.open -= 1);
        let (status, retry_after) = match reply {
            Reply::Status(status) => (Some(status), None),
            Reply::RetryAfter(seconds) => (Some(429), Some(Duration::from_secs(seconds))),
            Reply::Slow(_) => (Some(200), None),
            Reply::Hang => (None, None),
            Reply::Panic => panic!("injected"),
        };
        let error = (status != Some(200)).then(|| format!("the reply was {status:?}"));
        Sent { status, error, retry_after, duration: pause }
    }
}
