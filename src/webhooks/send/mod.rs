//! One attempt to deliver a message: [`Sender::send`].

mod connect;
mod pool;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};

use crate::aws::http_date;
use crate::util::error_chain::error_chain;
use crate::util::text::{printable, truncate};
use crate::webhooks::endpoint::Endpoint;
use crate::webhooks::send::connect::Connector;
use crate::webhooks::send::pool::{Connection, Pool};
use crate::webhooks::signature::sign;

/// The time of one attempt.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// The body of a reply is not used. Reading it to its end keeps the connection for the next message.
const MAX_REPLY_BYTES: usize = 4 << 10;
const REPLY_BODY_TIMEOUT: Duration = Duration::from_secs(1);
/// A receiver cannot ask for a longer pause.
const MAX_RETRY_AFTER: Duration = Duration::from_hours(24);
/// A certificate with many names makes a long error.
const MAX_ERROR_CHARS: usize = 300;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("eks-api/", env!("CARGO_PKG_VERSION")));

/// The connections to one endpoint.
pub struct Sender {
    endpoint: Arc<Endpoint>,
    connector: Connector,
    pool: Arc<Pool>,
    host: HeaderValue,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The HTTP status of the reply. `None` without a reply.
    pub status: Option<u16>,
    /// `None` after a 2xx. It shows neither the URL nor the reply.
    pub error: Option<String>,
    /// The pause that the receiver asks for.
    pub retry_after: Option<Duration>,
    pub duration: Duration,
}

impl Sent {
    pub const fn without_reply(error: String, duration: Duration) -> Self {
        Self { status: None, error: Some(error), retry_after: None, duration }
    }

    pub const fn is_delivered(&self) -> bool {
        self.error.is_none()
    }

    /// Whether the receiver wants nothing more (410).
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("endpoint", &self.endpoint.name).finish_non_exhaustive()
    }
}

impl Sender {
    /// Fails if the CAs cannot be used.
    pub fn new(endpoint: Arc<Endpoint>) -> Result<Self, String> {
        let connector = Connector::new(&endpoint)?;
        let host = HeaderValue::try_from(endpoint.url.to_string()).map_err(|error| error.to_string())?;
        Ok(Self { endpoint, connector, pool: Arc::default(), host })
    }

    pub const fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Signs the message with the time of now, sends it, and takes at most [`TIMEOUT`].
    pub async fn send(&self, message_id: &str, body: &str) -> Sent {
        let begun = Instant::now();
        let deadline = begun + TIMEOUT;
        let reply = timeout_at(deadline, self.attempt(message_id, body)).await.unwrap_or_else(|_| Err(timed_out()));
        let (connection, reply) = match reply {
            Ok(reply) => reply,
            Err(why) => return Sent::without_reply(told(&why), begun.elapsed()),
        };
        let (head, body) = reply.into_parts();
        // The status counts, even if the body never ends.
        let until = deadline.min(Instant::now() + REPLY_BODY_TIMEOUT);
        let _ = timeout_at(until, self.keep(connection, body)).await;
        let error = failure(head.status);
        let retry_after = error.as_ref().and_then(|_| retry_after(&head.headers, SystemTime::now()));
        Sent { status: Some(head.status.as_u16()), error, retry_after, duration: begun.elapsed() }
    }

    /// Resolves the name, connects and makes the TLS handshake, for `eks-api check`. Returns the address.
    pub async fn probe(&self) -> Result<String, String> {
        let connected = timeout(TIMEOUT, self.connector.connect()).await.map_err(|_| timed_out())?;
        connected.map(|(address, _)| address.to_string()).map_err(|why| told(&why))
    }

    async fn attempt(&self, message_id: &str, body: &str) -> Result<(Connection, Response<Incoming>), String> {
        let request = self.request(message_id, body).map_err(|error| error_chain(&error))?;
        let mut connection = match self.pool.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let reply = match connection.requests.try_send_request(request).await {
            Ok(reply) => Ok(reply),
            Err(mut error) => match error.take_message() {
                // The receiver closed the connection before anything was sent.
                Some(request) => {
                    connection = self.connect().await?;
                    connection.requests.send_request(request).await
                }
                None => Err(error.into_error()),
            },
        };
        reply.map(|reply| (connection, reply)).map_err(|error| error_chain(&error))
    }

    fn request(&self, message_id: &str, body: &str) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let timestamp = OffsetDateTime::now_utc().unix_timestamp();
        Request::post(Uri::from(self.endpoint.url.path.clone()))
            .header(HOST, self.host.clone())
            .header(USER_AGENT, AGENT)
            .header(CONTENT_TYPE, JSON)
            .header("webhook-id", message_id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", sign(&self.endpoint.secrets, message_id, timestamp, body.as_bytes()))
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
    }

    async fn connect(&self) -> Result<Connection, String> {
        let (_, stream) = self.connector.connect().await?;
        Connection::open(stream, &self.pool).await.map_err(|error| error_chain(&error))
    }

    /// Keeps a connection for the next message. One with more of a reply than is read closes.
    async fn keep(&self, mut connection: Connection, body: Incoming) {
        let is_read = Limited::new(body, MAX_REPLY_BYTES).collect().await.is_ok();
        if is_read && connection.requests.ready().await.is_ok() {
            self.pool.put(connection);
        }
    }
}

/// An error may have text from the network.
fn told(why: &str) -> String {
    truncate(&printable(why), MAX_ERROR_CHARS).to_owned()
}

fn timed_out() -> String {
    format!("no answer within {} s", TIMEOUT.as_secs())
}

/// Returns what is wrong with a status that is not 2xx.
fn failure(status: StatusCode) -> Option<String> {
    let shown =
        || format!("{} {}", status.as_u16(), status.canonical_reason().unwrap_or_default()).trim_end().to_owned();
    match status.as_u16() {
        200..300 => None,
        300..400 => Some(format!("{}: redirects are not followed; set url to the address it leads to", shown())),
        _ => Some(shown()),
    }
}

/// Parses `Retry-After`, which has seconds or a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = match value.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => http_date(value)?.duration_since(now).unwrap_or_default(),
    };
    Some(pause.min(MAX_RETRY_AFTER))
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
