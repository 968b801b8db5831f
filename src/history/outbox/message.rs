//! The message of an event, by Standard Webhooks: [`Message`].

use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::history::outbox::event::Event;
use crate::history::query::run::Timestamp;
use crate::history::record::unreadable;
use crate::util::hex;

#[derive(Debug)]
pub(in crate::history) struct Message<'a> {
    pub(in crate::history) event: Event<'a>,
    /// Of the job, or of the batch's head.
    pub(in crate::history) uid: &'a str,
    /// The name of the job or the batch.
    pub(in crate::history) object: &'a str,
    pub(in crate::history) time: EventTime,
    /// The status object.
    pub(in crate::history) data: &'a RawValue,
}

/// The time of an event, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(in crate::history) enum EventTime {
    /// As the cluster writes it.
    OfCluster(i64),
    /// By our clock. It does not identify the event.
    OfService(i64),
}

impl EventTime {
    pub(super) const fn seconds(self) -> i64 {
        match self {
            Self::OfCluster(seconds) | Self::OfService(seconds) => seconds,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: &'a str,
    timestamp: Timestamp,
    data: &'a RawValue,
}

impl Message<'_> {
    /// Returns the webhook-id. It follows from what the cluster writes, so it is the same after a restart.
    pub(super) fn id(&self) -> String {
        let time = match self.time {
            EventTime::OfCluster(seconds) => OffsetDateTime::from_unix_timestamp(seconds).ok(),
            EventTime::OfService(_) => None,
        };
        let time = time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default();
        let parts = [self.event.cluster, self.uid, self.event.event_type.name(), &time].join("\0");
        ["msg_", &hex::encode(&digest(&SHA256, parts.as_bytes()).as_ref()[..16])].concat()
    }

    pub(super) fn body(&self) -> rusqlite::Result<String> {
        let Self { event, time, data, .. } = self;
        let body = Body { r#type: event.event_type.name(), timestamp: Timestamp(time.seconds()), data };
        serde_json::to_string(&body).map_err(unreadable)
    }
}

/// Returns a status object as it is.
pub(in crate::history) fn raw(json: &[u8]) -> rusqlite::Result<&RawValue> {
    serde_json::from_slice(json).map_err(unreadable)
}
