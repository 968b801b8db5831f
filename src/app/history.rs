//! Reads the webhooks and starts the history with them: [`webhooks`], [`start`].

use std::sync::Arc;

use crate::app::error::Error;
use crate::app::reload::Reload;
use crate::clusters::supervisor::supervise;
use crate::config::Settings;
use crate::config::history::HistoryConfig;
use crate::history::History;
use crate::history::outbox::event::Subscriptions;
use crate::webhooks::Webhooks;
use crate::webhooks::delivery::deliver;

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
