//! Starts the history and the webhooks, and stops them: [`start`], [`stop`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::app::error::Error;
use crate::app::reload::Reload;
use crate::clusters::supervisor::supervise;
use crate::config::history::HistoryConfig;
use crate::history::History;
use crate::history::outbox::event::Subscriptions;
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::deliver;

/// What takes longer is sent again after the next start.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

type Started = (Option<Arc<History>>, Option<Arc<Webhooks>>);

/// Starts the history, if there is one, and the delivery to its webhooks.
pub(super) fn start(config: Option<HistoryConfig>, reload: &mut Reload) -> Result<Started, Error> {
    let Some(config) = config else { return Ok((None, None)) };
    let webhooks = config.webhooks.clone().map(Webhooks::open).transpose().map_err(Error::Config)?.map(Arc::new);
    let subscriptions = webhooks.clone().map(|webhooks| webhooks as Arc<dyn Subscriptions>);
    let history = History::start(config, subscriptions);
    if let Some(webhooks) = &webhooks {
        let reloaded = Arc::clone(webhooks);
        reload.add("webhooks", move || reloaded.reload());
        let (webhooks, history) = (Arc::clone(webhooks), Arc::clone(&history));
        let delivery = move || deliver(Arc::clone(&webhooks), Arc::clone(&history));
        tokio::spawn(supervise("webhooks", delivery, || ()));
    }
    Ok((Some(history), webhooks))
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
