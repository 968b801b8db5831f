//! Tells systemd's watchdog that the service runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::clusters::supervisor::supervise;
use crate::telemetry::systemd::{Notifier, watchdog_interval};

/// Starts the task if systemd asks for it.
pub(super) fn start(notifier: &Arc<Notifier>) {
    let Some(interval) = watchdog_interval() else { return };
    let notifier = Arc::clone(notifier);
    tokio::spawn(supervise("watchdog", move || notify(Arc::clone(&notifier), interval), || ()));
}

async fn notify(notifier: Arc<Notifier>, interval: Duration) {
    loop {
        notifier.watchdog();
        sleep(interval).await;
    }
}
