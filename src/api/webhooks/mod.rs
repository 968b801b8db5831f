//! The calls about webhooks and their deliveries.

pub(super) mod deliveries;
pub(super) mod list;
pub(super) mod redeliver;
pub(super) mod test;

use std::sync::Arc;

use hyper::StatusCode;

use crate::api::context::RequestContext;
use crate::config::line::NAME_FORM;
use crate::http::response::problem::Problem;
use crate::util::dns::is_label;
use crate::webhooks::Webhooks;
use crate::webhooks::endpoint::Endpoint;

/// Checks that the caller may make the call. 501 without webhooks.
async fn authorize(ctx: &mut RequestContext) -> Result<Arc<Webhooks>, Problem> {
    ctx.authorize_operator().await?;
    ctx.state.webhooks.clone().ok_or_else(Problem::no_webhooks)
}

/// Parses the name of an endpoint, and sets it for the records.
fn name(ctx: &mut RequestContext, name: &str) -> Result<String, Problem> {
    if !is_label(name) {
        return Err(Problem::invalid("webhook", &format!("is not the name of a webhook: use {NAME_FORM}")));
    }
    ctx.info.object.webhook = Some(name.to_owned());
    Ok(name.to_owned())
}

/// Returns the endpoint with this name. 404 if the file has none.
fn endpoint(webhooks: &Webhooks, name: &str) -> Result<Arc<Endpoint>, Problem> {
    webhooks.endpoint(name).ok_or_else(|| not_found(name))
}

fn not_found(name: &str) -> Problem {
    let detail = format!("there is no webhook {name}; call /api/eks-list-webhooks for the names");
    Problem::new(StatusCode::NOT_FOUND, "webhook_not_found", detail)
}
