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
        let Summary { pending, oldest_pending, has_last_failed, last_status, last_success } = summary;
        let state = match webhooks.metrics.get(&endpoint.name) {
            numbers if numbers.is_disabled => "disabled",
            _ if has_last_failed => "retrying",
            _ => "active",
        };
        let (webhook, host) = (endpoint.name.to_string(), endpoint.url.to_string());
        Row { webhook, host, pending, oldest_pending, state, last_status, last_success }
    });
    Reply::json(StatusCode::OK, &Listed { webhooks: listed.collect() })
}
