//! The log and the metrics of the attempts to one endpoint: [`Health`].

use std::sync::Arc;

use crate::history::outbox::requests::Next;
use crate::webhooks::metrics::WebhookMetrics;
use crate::webhooks::send::Sent;

/// The result of the last attempts. The log says it once for each change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Health {
    #[default]
    Working,
    Failing,
    /// A delivery has failed for the last time.
    GivingUp,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(super) struct Ended<'a> {
    pub(super) webhook: &'a Arc<str>,
    pub(super) host: &'a str,
    pub(super) message_id: &'a str,
    /// The number of this attempt.
    pub(super) attempt: u32,
    pub(super) sent: &'a Sent,
    pub(super) next: Next,
}

impl Health {
    /// Counts and logs an attempt.
    pub(super) fn note(&mut self, ended: &Ended<'_>, metrics: &WebhookMetrics) {
        let Ended { webhook, host, message_id, attempt, sent, next } = *ended;
        metrics.update(webhook, |numbers| match next {
            Next::Delivered => numbers.delivered += 1,
            Next::Failed => numbers.failed += 1,
            Next::Retry(_) => numbers.retried += 1,
            Next::Keep => {}
        });
        let before = *self;
        let Some(error) = sent.error.as_deref() else {
            *self = Self::Working;
            if before != Self::Working {
                log::info!(webhook = &**webhook, host; "the webhook takes deliveries again");
            }
            return;
        };
        let status = sent.status;
        log::debug!(
            webhook = &**webhook, host, delivery_id = message_id, attempt, status, error;
            "an attempt to deliver failed"
        );
        if before == Self::Working {
            *self = Self::Failing;
        }
        if before == Self::Working && matches!(next, Next::Retry(_)) {
            log::warn!(
                webhook = &**webhook, host, status, error;
                "the webhook does not take deliveries; they are tried again"
            );
        }
        if next == Next::Failed && before != Self::GivingUp {
            *self = Self::GivingUp;
            log::warn!(
                webhook = &**webhook, host, delivery_id = message_id, attempt, status, error;
                "a delivery failed at its last try; later ones that fail are counted only: list them with list-deliveries?state=failed, and send them again with redeliver"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_change_is_noted_once_and_each_outcome_is_counted() {
        let (mut health, metrics, webhook) = (Health::default(), WebhookMetrics::default(), "ops".into());
        let mut note = |next| {
            let error = (next != Next::Delivered).then(|| "502 Bad Gateway".to_owned());
            let sent = Sent { status: Some(502), error, retry_after: None, duration: Duration::ZERO };
            let (host, message_id) = ("relay.test", "msg_1");
            health.note(&Ended { webhook: &webhook, host, message_id, attempt: 1, sent: &sent, next }, &metrics);
            health
        };
        for (next, expected) in [
            (Next::Delivered, Health::Working),
            (Next::Retry(5), Health::Failing),
            (Next::Retry(6), Health::Failing),
            (Next::Failed, Health::GivingUp),
            (Next::Retry(7), Health::GivingUp),
            (Next::Failed, Health::GivingUp),
            (Next::Delivered, Health::Working),
            (Next::Failed, Health::GivingUp),
            (Next::Delivered, Health::Working),
            (Next::Keep, Health::Failing),
        ] {
            assert_eq!(note(next), expected, "{next:?}");
        }
        let numbers = metrics.get("ops");
        assert_eq!((numbers.delivered, numbers.retried, numbers.failed), (3, 3, 3));
    }
}
