//! Delivers what is due, in one task for each endpoint: [`deliver`].

mod backend;
mod health;
mod read_timer;
mod schedule;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use crate::history::History;
use crate::webhooks::Webhooks;
use crate::webhooks::endpoint::Endpoint;

use backend::{Backend, Live};
use worker::Worker;

/// Before the task of an endpoint that panicked starts again.
const RESTART_PAUSE: Duration = Duration::from_secs(1);

/// Delivers until it is dropped. Endpoints of a reload are taken over. After [`Webhooks::stop`] it only ends what it has
/// begun.
pub async fn deliver(webhooks: Arc<Webhooks>, history: Arc<History>) {
    Delivery { webhooks, backend: Arc::new(Live(history)), workers: BTreeMap::new(), tasks: JoinSet::new() }
        .run()
        .await;
}

/// The tasks of all endpoints.
struct Delivery<B: Backend> {
    webhooks: Arc<Webhooks>,
    backend: Arc<B>,
    workers: BTreeMap<Arc<str>, Running>,
    tasks: JoinSet<()>,
}

struct Running {
    /// `None` stops the task after its sends.
    endpoint: watch::Sender<Option<Arc<Endpoint>>>,
    task: AbortHandle,
}

impl<B: Backend> Delivery<B> {
    async fn run(mut self) {
        let (mut reloads, mut stopping) = (self.webhooks.reloads(), self.webhooks.stopping());
        while !*stopping.borrow() {
            self.start_missing();
            tokio::select! {
                Ok(()) = stopping.changed() => {}
                Ok(()) = reloads.changed() => self.reload(),
                Some(ended) = self.tasks.join_next() => if ended.is_err() {
                    // The hook logs the panic.
                    sleep(RESTART_PAUSE).await;
                },
            }
        }
        self.workers.values().for_each(|running| drop(running.endpoint.send_replace(None)));
        while self.tasks.join_next().await.is_some() {}
        // The stop waits for this.
        drop(stopping);
        std::future::pending::<()>().await;
    }

    /// Starts the endpoints that have no task.
    fn start_missing(&mut self) {
        self.workers.retain(|_, running| !running.task.is_finished());
        let endpoints = self.webhooks.endpoints();
        for endpoint in endpoints.iter() {
            if !self.workers.contains_key(&endpoint.name) {
                let (sender, receiver) = watch::channel(Some(Arc::clone(endpoint)));
                let (name, webhooks) = (Arc::clone(&endpoint.name), Arc::clone(&self.webhooks));
                let worker = Worker::new(name, webhooks, Arc::clone(&self.backend), receiver);
                let running = Running { endpoint: sender, task: self.tasks.spawn(worker.run()) };
                self.workers.insert(Arc::clone(&endpoint.name), running);
            }
        }
        self.webhooks.metrics.retain(|name| endpoints.iter().any(|endpoint| *endpoint.name == *name));
    }

    /// Hands the endpoints of the file to their tasks.
    fn reload(&self) {
        for (name, running) in &self.workers {
            running.endpoint.send_replace(self.webhooks.endpoint(name));
        }
    }
}

#[cfg(test)]
#[path = "tests/driver_tests.rs"]
mod driver_tests;
#[cfg(test)]
#[path = "tests/fake_tests.rs"]
mod fake_tests;
#[cfg(test)]
#[path = "tests/fault_tests.rs"]
mod fault_tests;
#[cfg(test)]
#[path = "tests/delivery_tests.rs"]
mod tests;
