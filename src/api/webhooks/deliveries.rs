//! list-deliveries: the deliveries that match, the newest first.

use hyper::StatusCode;
use serde::Serialize;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, Reader, Times};
use crate::api::webhooks;
use crate::history::outbox::query::{Delivery, DeliveryFilter, list};
use crate::history::query::Page;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;

/// Begins each `continue` of this call.
const MARK: &str = "d";
const STATES: [&str; 3] = ["pending", "delivered", "failed"];

#[derive(Serialize)]
struct Listed {
    deliveries: Vec<Delivery>,
    /// The start of the next page; null on the last one.
    r#continue: Option<String>,
}

pub(crate) async fn list_deliveries(ctx: &mut RequestContext) -> Result<Reply, Problem> {
    // A list counts: it is work.
    ctx.count()?;
    let given = ctx.parameters.optional("webhook").map(str::to_owned);
    let webhook = given.map(|name| webhooks::name(ctx, &name)).transpose()?;
    let state = query::one_of(&ctx.parameters, "state", &STATES)?;
    let Times { since, .. } = query::times(&ctx.parameters, query::now())?;
    let (limit, after) = query::page(ctx, MARK)?;
    let webhooks = webhooks::authorize(ctx).await?;
    let (reader, scope) = (Reader::new(ctx).await?, ctx.operator_scope());
    // The deliveries of an endpoint that the file no longer has are still listed.
    let unknown = webhook.clone().filter(|name| webhooks.endpoint(name).is_none());
    let is_in_file = unknown.is_none();
    let filter = DeliveryFilter { webhook, state, since, scope };
    let read = reader.history.read(reader.time, move |connection| {
        let page = list(connection, &filter, after, limit)?;
        let DeliveryFilter { webhook, scope, .. } = filter;
        let any = DeliveryFilter { webhook, scope, ..DeliveryFilter::default() };
        let is_known = is_in_file
            || !page.rows.is_empty()
            || page.next.is_some()
            || !list(connection, &any, None, 1)?.rows.is_empty();
        Ok((page, is_known))
    });
    let (Page { rows: deliveries, next }, is_known) = read.await.map_err(|error| reader.problem(error))?;
    match unknown {
        Some(name) if !is_known => Err(webhooks::not_found(&name)),
        _ => Reply::json(StatusCode::OK, &Listed { deliveries, r#continue: query::next(ctx, MARK, next) }),
    }
}
