//! redeliver: makes deliveries due again, with the same webhook-id.

use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::api::context::RequestContext;
use crate::api::history::query::{self, Reader};
use crate::api::webhooks;
use crate::history::outbox::requests::{RedeliverError, Redelivery, Which};
use crate::history::store::ReadError;
use crate::http::request::body;
use crate::http::request::body_stream::RequestBody;
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::kube::health::Outcome;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Redeliver {
    webhook: Option<String>,
    since: Option<String>,
    delivery_id: Option<String>,
}

#[derive(Serialize)]
struct Redelivered {
    redelivered: u64,
}

pub(crate) async fn redeliver(ctx: &mut RequestContext, body: RequestBody) -> Result<Reply, Problem> {
    ctx.count()?;
    let webhooks = webhooks::authorize(ctx).await?;
    // It takes no permit of a cluster.
    let (body, _held) = body::read::<Redeliver>(&ctx.headers, body, &ctx.state.calls.bodies, None).await?;
    let webhook = body.webhook.map(|name| webhooks::name(ctx, &name)).transpose()?;
    let which = which(webhook, body.since.as_deref(), body.delivery_id)?;
    if let Which::Since { webhook, .. } | Which::Message { webhook: Some(webhook), .. } = &which {
        webhooks::endpoint(&webhooks, webhook)?;
    }
    let is_one = matches!(which, Which::Message { .. });
    let reader = Reader::new(ctx).await?;
    let redelivery = Redelivery { which, scope: ctx.operator_scope(), endpoints: webhooks.names() };
    let redelivered = timeout(reader.time, reader.history.redeliver(redelivery)).await;
    match redelivered.map_err(|_| too_slow())? {
        Ok(0) if is_one => Err(nothing()),
        Ok(redelivered) => Reply::json(StatusCode::OK, &Redelivered { redelivered }),
        Err(RedeliverError::TooMany { matching, room }) => Err(too_many(matching, room)),
        Err(RedeliverError::Unavailable) => {
            let reason = match reader.history.check() {
                Outcome::Failed(reason) => reason,
                Outcome::Pending | Outcome::Passed => "it takes no more records now".to_owned(),
            };
            Err(reader.problem(ReadError::Unavailable(reason)))
        }
    }
}

fn which(webhook: Option<String>, since: Option<&str>, id: Option<String>) -> Result<Which, Problem> {
    match (since, id) {
        (Some(since), None) => {
            let time = query::time("since", since, query::now())?;
            let webhook = webhook.ok_or_else(|| Problem::malformed("webhook", "is missing: since needs it"))?;
            Ok(Which::Since { webhook, time })
        }
        (None, Some(id)) if is_message_id(&id) => Ok(Which::Message { id, webhook }),
        (None, Some(_)) => {
            let message =
                "is not the id of a delivery: it is msg_ and 32 hexadecimal digits, as list-deliveries shows it";
            Err(Problem::invalid("delivery_id", message))
        }
        (Some(_), Some(_)) => Err(Problem::malformed("since", "is given beside delivery_id: give one of them")),
        (None, None) => Err(Problem::malformed("body", "needs since or delivery_id")),
    }
}

fn is_message_id(id: &str) -> bool {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    id.strip_prefix("msg_").is_some_and(|digits| digits.len() == 32 && digits.bytes().all(is_digit))
}

fn nothing() -> Problem {
    let detail = "no webhook of the file has such a delivery; call /api/eks-list-deliveries for their ids";
    Problem::new(StatusCode::NOT_FOUND, "delivery_not_found", detail)
}

fn too_many(matching: u64, room: u64) -> Problem {
    let detail = format!(
        "{matching} deliveries match, and the webhook has room for {room}: give a later since, or wait until some of \
         the pending ones are delivered"
    );
    Problem::new(StatusCode::CONFLICT, "too_many_deliveries", detail)
}

fn too_slow() -> Problem {
    let detail = "the history did not write the change in time";
    let problem = Problem::new(StatusCode::GATEWAY_TIMEOUT, "history_timeout", detail);
    Problem { is_effect_unknown: true, ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "msg_0123456789abcdef0123456789abcdef";

    #[test]
    fn a_body_names_a_time_or_a_message() {
        let which = |webhook: Option<&str>, since, id: Option<&str>| {
            which(webhook.map(str::to_owned), since, id.map(str::to_owned))
        };
        let since = which(Some("ops"), Some("2026-01-20T10:30:00Z"), None).unwrap();
        assert!(matches!(since, Which::Since { webhook, time: 1_768_905_000_000 } if webhook == "ops"));
        for webhook in [None, Some("ops")] {
            let message = which(webhook, None, Some(ID)).unwrap();
            assert!(
                matches!(message, Which::Message { id, webhook: given } if id == ID && given.as_deref() == webhook)
            );
        }
        for (webhook, since, id, status, field) in [
            (None, None, None, 400, "body"),
            (Some("ops"), None, None, 400, "body"),
            (None, Some("1h"), None, 400, "webhook"),
            (Some("ops"), Some("yesterday"), None, 400, "since"),
            (Some("ops"), Some("1h"), Some(ID), 400, "since"),
            (None, None, Some("msg_0123456789ABCDEF0123456789abcdef"), 422, "delivery_id"),
            (None, None, Some("msg_0123456789abcdef0123456789abcde"), 422, "delivery_id"),
            (None, None, Some("0123456789abcdef0123456789abcdef"), 422, "delivery_id"),
            (None, None, Some(""), 422, "delivery_id"),
        ] {
            let problem = which(webhook, since, id).unwrap_err();
            assert_eq!((problem.status.as_u16(), &*problem.causes[0].field), (status, field), "{since:?} {id:?}");
        }
    }
}
