//! The parts of the service that the delivery uses: [`Backend`]. The service has [`Live`], and tests have another one.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::config::moment;
use crate::history::History;
use crate::history::outbox::query::{self, Due, DueDeliveries, Summary};
use crate::history::outbox::requests::{Attempt, Scope};
use crate::history::store::ReadError;
use crate::kube::health::Outcome;
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::send::{Sender, Sent};

/// The time of a read.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) trait Backend: Send + Sync + 'static {
    type Sender: Send + Sync + 'static;

    /// Returns the time of our clock, in milliseconds since 1970.
    fn now(&self) -> i64;

    /// Notifies when deliveries may be due.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Whether attempts can be written now. If not, the health check `history` says why.
    fn is_writable(&self) -> bool;

    /// Returns the deliveries that are due, except those with these ids.
    fn due(
        &self,
        webhook: &Arc<str>,
        except: Vec<i64>,
        limit: usize,
    ) -> impl Future<Output = Result<DueDeliveries, ReadError>> + Send;

    fn summary(&self, webhook: &Arc<str>) -> impl Future<Output = Result<Summary, ReadError>> + Send;

    /// Returns how many pending deliveries were dropped.
    fn dropped(&self, webhook: &str) -> u64;

    /// Returns whether the attempt is written.
    fn record(&self, attempt: Attempt) -> impl Future<Output = bool> + Send;

    fn connect(&self, endpoint: Arc<Endpoint>) -> impl Future<Output = Result<Self::Sender, String>> + Send;

    fn send(&self, sender: &Self::Sender, due: &Due) -> impl Future<Output = Sent> + Send;
}

#[derive(Debug)]
pub(super) struct Live(pub(super) Arc<History>);

impl Backend for Live {
    type Sender = Sender;

    fn now(&self) -> i64 {
        moment::now()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.outbox_changes()
    }

    fn is_writable(&self) -> bool {
        self.0.check() == Outcome::Passed
    }

    async fn due(&self, webhook: &Arc<str>, except: Vec<i64>, limit: usize) -> Result<DueDeliveries, ReadError> {
        let (webhook, now) = (Arc::clone(webhook), self.now());
        let due = move |connection: &_| query::due(connection, &webhook, now, &except, limit);
        self.0.read_outbox(READ_TIMEOUT, due).await
    }

    async fn summary(&self, webhook: &Arc<str>) -> Result<Summary, ReadError> {
        let webhook = Arc::clone(webhook);
        let summary = move |connection: &_| query::summary(connection, &webhook, &Scope::default());
        self.0.read_outbox(READ_TIMEOUT, summary).await
    }

    fn dropped(&self, webhook: &str) -> u64 {
        self.0.outbox_dropped(webhook)
    }

    async fn record(&self, attempt: Attempt) -> bool {
        self.0.record_attempt(attempt).await
    }

    /// Reads the CAs on a thread of its own.
    async fn connect(&self, endpoint: Arc<Endpoint>) -> Result<Sender, String> {
        spawn_blocking(|| Sender::new(endpoint)).await.map_err(|error| error.to_string())?
    }

    async fn send(&self, sender: &Sender, due: &Due) -> Sent {
        sender.send(&due.message_id, &due.body).await
    }
}
