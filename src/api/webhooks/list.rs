//! list-webhooks: the endpoints of the file, and how their deliveries go.

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::history::query::Reader;
use crate::api::webhooks;
use crate::history::outbox::query::{self, Summary};
use crate::history::query::run::Timestamp;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::webhooks::endpoint::EndpointUrl;

#[derive(Serialize)]
struct Listed {
    webhooks: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    webhook: String,
    host: String,
    pending: u64,
    oldest_pending: Option<Timestamp>,
    state: &'static str,
    last_status: Option<u16>,
    last_success: Option<Timestamp>,
}

pub(crate) async fn list_webhooks(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts: it is work.
    ctx.count()?;
    let webhooks = webhooks::authorize(ctx).await?;
    let (reader, scope) = (Reader::new(ctx).await?, ctx.operator_scope());
    let endpoints = webhooks.endpoints();
    let read = reader.history.read(reader.time, move |connection| {
        let summary = |name| query::summary(connection, name, &scope);
        endpoints.iter().map(|endpoint| Ok((summary(&endpoint.name)?, endpoint.clone()))).collect()
    });
    let summaries: Vec<_> = read.await.map_err(|error| reader.problem(error))?;
    let listed = summaries.into_iter().map(|(summary, endpoint)| {
        let Summary { pending, oldest_pending, is_retrying, last_status, last_success } = summary;
        let state = match webhooks.metrics.get(&endpoint.name) {
            numbers if numbers.is_disabled => "disabled",
            _ if is_retrying => "retrying",
            _ => "active",
        };
        let (webhook, host) = (endpoint.name.to_string(), host(&endpoint.url));
        Row { webhook, host, pending, oldest_pending, state, last_status, last_success }
    });
    Reply::json(StatusCode::OK, &Listed { webhooks: listed.collect() })
}

/// Returns the host, and the port if it is not that of the scheme. The path may hold a secret.
fn host(EndpointUrl { host, port, is_tls, .. }: &EndpointUrl) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let usual = if *is_tls { 443 } else { 80 };
    if *port == usual { host } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_its_port_unless_that_is_usual() {
        for (name, port, is_tls, expected) in [
            ("relay.example.com", 443, true, "relay.example.com"),
            ("relay.example.com", 80, true, "relay.example.com:80"),
            ("relay.example.com", 8443, true, "relay.example.com:8443"),
            ("localhost", 80, false, "localhost"),
            ("localhost", 443, false, "localhost:443"),
            ("::1", 80, false, "[::1]"),
            ("::1", 9000, false, "[::1]:9000"),
        ] {
            let uri = "https://relay.example.com/secret".parse().unwrap();
            let url = EndpointUrl { uri, host: name.to_owned(), port, is_tls };
            assert_eq!(host(&url), expected);
        }
    }
}
