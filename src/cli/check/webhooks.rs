//! The checks of the endpoints of `EKS_API_WEBHOOKS_FILE`: [`probes`].

use std::pin::Pin;
use std::sync::Arc;

use crate::app::error::Error;
use crate::cli::check::report::Report;
use crate::cli::stdout::print;
use crate::config::Settings;

/// The name of an endpoint, and the check of its host, address and TLS.
pub(super) type Probe = (Arc<str>, Pin<Box<dyn Future<Output = Result<String, String>> + Send>>);

/// Reads the endpoints. The error has all mistakes of the file.
#[cfg(feature = "history")]
pub(super) fn probes(settings: &Settings) -> Result<Vec<Probe>, Error> {
    use crate::app::history::load_webhooks;
    use crate::webhooks::send::Sender;

    let endpoints = load_webhooks(settings)?.map(|webhooks| webhooks.endpoints());
    let probe = |endpoint| async { Sender::new(endpoint)?.probe().await };
    let probes = endpoints.iter().flat_map(|endpoints| endpoints.iter());
    Ok(probes
        .map(|endpoint| -> Probe { (Arc::clone(&endpoint.name), Box::pin(probe(Arc::clone(endpoint)))) })
        .collect())
}

/// A build without the history has no webhooks.
#[cfg(not(feature = "history"))]
#[expect(clippy::unnecessary_wraps, reason = "with the history it can fail")]
pub(super) const fn probes(_settings: &Settings) -> Result<Vec<Probe>, Error> {
    Ok(Vec::new())
}

/// Prints the names of the endpoints, if there are any.
pub(super) fn print_names(probes: &[Probe]) -> Result<(), Error> {
    let names: Vec<&str> = probes.iter().map(|(name, _)| &**name).collect();
    match names.len() {
        0 => Ok(()),
        1 => print(&format!("ok      webhooks: 1 endpoint: {}", names.concat())),
        count => print(&format!("ok      webhooks: {count} endpoints: {}", names.join(", "))),
    }
}

/// Connects to all endpoints at a time. Sends no message.
pub(super) async fn check(probes: Vec<Probe>, report: &mut Report) {
    let remedy = "check url in its line of EKS_API_WEBHOOKS_FILE, the DNS name, and the firewall from here to the host; for a private CA add ca_file";
    let probes: Vec<_> = probes.into_iter().map(|(name, probe)| (name, tokio::spawn(probe))).collect();
    for (name, probe) in probes {
        let outcome = probe
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
            .map(|address| format!("connected to {address}; no message was sent"));
        report.line(&format!("webhook {name}"), outcome, remedy);
    }
}
