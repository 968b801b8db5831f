//! Reads files again on SIGHUP: [`Reload`].

use std::fmt;
use std::sync::Arc;

use tokio::signal::unix::Signal;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use crate::clusters::supervisor::supervise;

/// The parts of the service that can be reloaded. A part that fails keeps its old files.
#[derive(Default)]
pub(super) struct Reload(Vec<Part>);

struct Part {
    what: &'static str,
    again: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

impl Reload {
    /// `again` reads the part's files and applies them. If it fails, it must keep the old ones.
    pub(super) fn add<E: fmt::Display>(
        &mut self,
        what: &'static str,
        again: impl Fn() -> Result<(), E> + Send + Sync + 'static,
    ) {
        let again = Arc::new(move || again().map_err(|error| error.to_string()));
        self.0.push(Part { what, again });
    }

    /// Reloads on each signal. Without parts it only logs, so that the signal does not end the service.
    pub(super) async fn run(self, hangup: Signal) {
        let shared = Arc::new((self, Mutex::new(hangup)));
        let task = move || {
            let shared = Arc::clone(&shared);
            async move {
                let (reload, hangup) = &*shared;
                let mut hangup = hangup.lock().await;
                while hangup.recv().await.is_some() {
                    reload.all().await;
                }
            }
        };
        supervise("reload", task, || ()).await;
    }

    /// Reads each part on a thread of its own. A file system may hang, and one thread serves all requests.
    async fn all(&self) {
        if self.0.is_empty() {
            log::info!(signal = "SIGHUP"; "nothing to reload: no setting names a file that can be reloaded");
        }
        for Part { what, again } in &self.0 {
            let again = Arc::clone(again);
            let read = spawn_blocking(move || again()).await;
            match read.unwrap_or_else(|panic| Err(panic.to_string())) {
                Ok(()) => log::info!(signal = "SIGHUP", what; "reloaded"),
                Err(error) => {
                    log::error!(signal = "SIGHUP", what, error = error.as_str(); "not reloaded: the old files stay in force");
                }
            }
        }
    }
}
