//! Reads the endpoints of the webhooks, and starts and stops the history with them: [`webhooks`], [`start`], [`stop`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::app::error::Error;
use crate::app::reload::Reload;
use crate::clusters::supervisor::supervise;
use crate::config::Settings;
use crate::config::history::HistoryConfig;
use crate::history::History;
use crate::history::outbox::event::Subscriptions;
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::deliver;

/// A delivery that takes longer is sent again after the next start.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads the endpoints of the webhooks, if there are any, and reads them again at each reload.
pub(super) fn webhooks(settings: &Settings, reload: &mut Reload) -> Result<Option<Arc<Webhooks>>, Error> {
    let Some(webhooks) = load_webhooks(settings)?.map(Arc::new) else { return Ok(None) };
    log_endpoints(&webhooks);
    let reloaded = Arc::clone(&webhooks);
    reload.add("webhooks", move || reloaded.reload().inspect(|()| log_endpoints(&reloaded)));
    Ok(Some(webhooks))
}

/// Only reads the endpoints of the webhooks. The error has all mistakes of the file.
pub fn load_webhooks(settings: &Settings) -> Result<Option<Webhooks>, Error> {
    let path = settings.history.as_ref().and_then(|history| history.webhooks.clone());
    path.map(Webhooks::open).transpose().map_err(Error::Config)
}

fn log_endpoints(webhooks: &Webhooks) {
    let names = webhooks.names();
    log::info!(file = webhooks.path().display().to_string(), endpoints = names.len(), names = names.join(","); "webhooks");
}

/// Starts the history, if there is one, and the delivery to its webhooks.
pub(super) fn start(config: Option<HistoryConfig>, webhooks: Option<&Arc<Webhooks>>) -> Option<Arc<History>> {
    let subscriptions = webhooks.map(|webhooks| Arc::clone(webhooks) as Arc<dyn Subscriptions>);
    let history = History::start(config?, subscriptions);
    if let Some(webhooks) = webhooks {
        let (webhooks, history) = (Arc::clone(webhooks), Arc::clone(&history));
        let delivery = move || deliver(Arc::clone(&webhooks), Arc::clone(&history));
        tokio::spawn(supervise("webhooks", delivery, || ()));
    }
    Some(history)
}

/// Waits for the deliveries in progress, writes the last records, and closes the history.
pub(super) async fn stop(history: &History, webhooks: Option<&Webhooks>) {
    if let Some(webhooks) = webhooks
        && timeout(STOP_TIMEOUT, webhooks.stop()).await.is_err()
    {
        log::info!("deliveries in progress are sent again after the next start");
    }
    if timeout(CLOSE_TIMEOUT, history.close()).await.is_err() {
        log::warn!("records of the history may be lost: they were not written within 2 seconds");
    }
}
