//! Runs the delivery with an outbox and receivers in memory.

use std::path::PathBuf;
use std::sync::Mutex;

use hyper::http::uri::PathAndQuery;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::fake_tests::Fake;
use super::*;
use crate::jobs::label_selector::Selector;
use crate::webhooks::endpoint::EndpointUrl;
use crate::webhooks::secret::Secrets;

/// A running delivery.
pub(super) struct Delivering {
    pub(super) fake: Arc<Fake>,
    pub(super) webhooks: Arc<Webhooks>,
    sent: mpsc::UnboundedReceiver<(u64, String)>,
    tasks: JoinSet<()>,
}

pub(super) fn endpoint(name: &str) -> Arc<Endpoint> {
    let url =
        EndpointUrl { path: PathAndQuery::from_static("/"), host: "relay.test".to_owned(), port: 443, is_tls: true };
    Arc::new(Endpoint {
        name: name.into(),
        url,
        events: Vec::new(),
        namespaces: None,
        clusters: None,
        label_selector: Selector::default(),
        secrets: Secrets(Vec::new()),
        ca_pem: None,
    })
}

pub(super) fn start(names: &[&str]) -> Delivering {
    let webhooks = Webhooks::new(PathBuf::new(), names.iter().map(|name| endpoint(name)).collect());
    let (sender, sent) = mpsc::unbounded_channel();
    let fake =
        Fake { started: Instant::now(), changes: watch::Sender::default(), state: Mutex::default(), sent: sender };
    let mut running = Delivering { fake: Arc::new(fake), webhooks: Arc::new(webhooks), sent, tasks: JoinSet::new() };
    running.restart();
    running
}

impl Delivering {
    /// Kills the delivery, and starts it again.
    pub(super) fn restart(&mut self) {
        self.tasks = JoinSet::new();
        let (webhooks, backend) = (Arc::clone(&self.webhooks), Arc::clone(&self.fake));
        self.tasks.spawn(Delivery { webhooks, backend, workers: BTreeMap::new(), tasks: JoinSet::new() }.run());
    }

    pub(super) fn reload(&self, names: &[&str]) {
        self.webhooks.replace(names.iter().map(|name| endpoint(name)).collect());
    }

    /// Waits for the next send. Returns its endpoint and its message.
    pub(super) async fn next(&mut self) -> String {
        self.next_at().await.1
    }

    /// As [`Delivering::next`], with the milliseconds since the start.
    pub(super) async fn next_at(&mut self) -> (u64, String) {
        timeout(Duration::from_hours(48), self.sent.recv()).await.expect("nothing is sent").unwrap()
    }

    pub(super) async fn next_of(&mut self, count: usize) -> Vec<String> {
        let mut sent = Vec::new();
        for _ in 0..count {
            sent.push(self.next().await);
        }
        sent
    }

    /// Lets this time pass. Returns what is sent.
    pub(super) async fn during(&mut self, time: Duration) -> Vec<String> {
        sleep(time).await;
        std::iter::from_fn(|| self.sent.try_recv().ok()).map(|(_, sent)| sent).collect()
    }
}
