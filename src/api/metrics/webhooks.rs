//! The metrics of the webhooks. Without webhooks there are none.

use std::time::Duration;

use crate::config::moment;
use crate::telemetry::prometheus_text::Kind::{Counter, Gauge};
use crate::telemetry::prometheus_text::{Exposition, Labels, Seconds};
use crate::webhooks::Webhooks;
use crate::webhooks::metrics::EndpointNumbers;

pub(super) fn write(text: &mut Exposition, webhooks: &Webhooks) {
    let (endpoints, now) = (webhooks.endpoints(), moment::now());
    let each = |write: &mut dyn FnMut(Labels<'_>, EndpointNumbers)| {
        for endpoint in &*endpoints {
            write(&[("webhook", &*endpoint.name)], webhooks.metrics.get(&endpoint.name));
        }
    };
    let help = "Attempts to deliver, by outcome: delivered, retried (made again later), failed (given up), \
                and dropped because too many were pending or the history was full.";
    let mut deliveries = text.family(Counter, "eks_api_webhook_deliveries_total", help);
    each(&mut |webhook, EndpointNumbers { delivered, retried, failed, dropped, .. }| {
        for (outcome, count) in
            [("delivered", delivered), ("retried", retried), ("failed", failed), ("dropped", dropped)]
        {
            deliveries.sample(&[webhook, &[("outcome", outcome)]].concat(), count);
        }
    });
    let mut pending = text.family(Gauge, "eks_api_webhook_pending", "Deliveries that are pending.");
    each(&mut |webhook, numbers| pending.sample(webhook, numbers.pending));
    let help = "Age of the oldest pending delivery; 0 if none is pending.";
    let mut oldest = text.family(Gauge, "eks_api_webhook_oldest_pending_seconds", help);
    each(&mut |webhook, numbers| {
        let age = numbers.oldest_pending.map_or(0, |written| now.saturating_sub(written));
        oldest.sample(webhook, Seconds(Duration::from_millis(u64::try_from(age).unwrap_or_default())));
    });
    let help = "Whether the endpoint wants nothing more (410). A reload or a restart enables it again.";
    let mut disabled = text.family(Gauge, "eks_api_webhook_disabled", help);
    each(&mut |webhook, numbers| disabled.sample(webhook, u8::from(numbers.is_disabled)));
}
