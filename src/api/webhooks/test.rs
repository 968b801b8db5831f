//! test-webhook: sends `webhook.test` to an endpoint at once.

use std::sync::Arc;

use hyper::StatusCode;
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::api::context::RequestContext;
use crate::api::history::query::now;
use crate::api::webhooks;
use crate::history::query::run::Timestamp;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::send::{Sender, Sent};

#[derive(Serialize)]
struct Tested<'a> {
    webhook: &'a str,
    delivered: bool,
    /// Of the endpoint's reply.
    status: Option<u16>,
    error: Option<String>,
    duration_ms: u128,
}

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    webhook: &'a str,
}

/// A failure of the endpoint is a result: the call itself succeeds.
pub(crate) async fn test_webhook(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    ctx.count()?;
    body::none(body).await?;
    let name = ctx.parameters.required("webhook")?.to_owned();
    let name = webhooks::name(ctx, &name)?;
    let webhooks = webhooks::authorize(ctx).await?;
    let endpoint = webhooks::endpoint(&webhooks, &name)?;
    let _turn = ctx.state.calls.webhook_tests.acquire(ctx.caller_id())?;
    let begun = Instant::now();
    let sent = timeout(ctx.time_left(), send(endpoint)).await.unwrap_or_else(|_| {
        let error = "there is no answer within the time limit of this call".to_owned();
        Sent::without_reply(error, begun.elapsed())
    });
    let delivered = sent.is_delivered();
    let Sent { status, error, duration, .. } = sent;
    let tested = Tested { webhook: &name, delivered, status, error, duration_ms: duration.as_millis() };
    Reply::json(StatusCode::OK, &tested)
}

async fn send(endpoint: Arc<Endpoint>) -> Sent {
    let begun = Instant::now();
    let body = message(&endpoint.name, now());
    // A connection of its own: it shows what a new one meets. To read the CAs takes long.
    let sender = match body::off_thread(|| Sender::new(endpoint)).await {
        Ok(Ok(sender)) => sender,
        Ok(Err(error)) => return Sent::without_reply(error, begun.elapsed()),
        Err(problem) => return Sent::without_reply(problem.detail.into(), begun.elapsed()),
    };
    let id = format!("msg_{:032x}", fastrand::u128(..));
    sender.send(&id, &body).await
}

/// Returns the body. The time is in milliseconds since 1970.
fn message(webhook: &str, now: i64) -> String {
    let message = Message { r#type: "webhook.test", timestamp: Timestamp(now / 1000), data: Data { webhook } };
    serde_json::to_string(&message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_has_the_members_of_the_others() {
        let expected = r#"{"type":"webhook.test","timestamp":"2026-01-20T10:30:00+00:00","data":{"webhook":"ops"}}"#;
        assert_eq!(message("ops", 1_768_905_000_999), expected);
    }
}
