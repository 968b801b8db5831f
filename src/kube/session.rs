//! One caller's exchanges with the cluster: signs in, cures a refused token, tries again where that is safe, all
//! before the caller's deadline, and counts the time the cluster took.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use hyper::header::{DATE, HeaderMap, RETRY_AFTER, WARNING};
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::backoff::Backoff;
use super::cluster::Cluster;
use super::error::{Error, Refusal};
use super::path::Path;
use super::request::DeleteOptions;
use super::transport::RawReply;
use super::types::{Ignored, Status};
use crate::aws::token::{self, Token};

/// What is sent: cheap to clone, as a request may be sent several times.
pub type Body = hyper::body::Bytes;

/// The first pause before another try, and the longest.
pub const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
/// A read that takes longer is asked again on the chance of a better replica or connection.
const READ_ATTEMPT: Duration = Duration::from_secs(10);
/// A try with less time than this would mostly turn a clear error into a time-out, and a harmless one into a doubt.
const SHORTEST_ATTEMPT: Duration = Duration::from_millis(250);
/// Admission webhooks may take 10 seconds each (the default of their timeoutSeconds).
const WRITE_ATTEMPT: Duration = Duration::from_secs(15);

#[derive(Debug)]
pub struct Session {
    pub cluster: Arc<Cluster>,
    deadline: Instant,
    upstream_micros: AtomicU64,
}

/// A reply that reports success.
#[derive(Debug)]
pub struct Reply<T> {
    pub object: T,
    pub warnings: Vec<String>,
}

impl Session {
    pub const fn new(cluster: Arc<Cluster>, deadline: Instant) -> Self {
        Self { cluster, deadline, upstream_micros: AtomicU64::new(0) }
    }

    /// How long the caller has waited for the cluster so far.
    pub fn upstream_time(&self) -> Duration {
        Duration::from_micros(self.upstream_micros.load(Ordering::Relaxed))
    }

    pub async fn get<T: DeserializeOwned>(&self, path: &Path) -> Result<T, Error> {
        Ok(self.send(&Method::GET, path, Body::new()).await?.object)
    }

    pub async fn post<T: DeserializeOwned>(&self, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        self.send(&Method::POST, path, body).await
    }

    pub async fn delete<T: DeserializeOwned>(&self, path: &Path, options: &DeleteOptions) -> Result<T, Error> {
        Ok(self.send(&Method::DELETE, path, json(options)?).await?.object)
    }

    /// Asks for the version, which every identity may read, and gives the time of the server's clock, if it said it.
    pub async fn server_date(&self) -> Result<Option<SystemTime>, Error> {
        let reply = self.signed_in(&Method::GET, &Path::version(), Body::new()).await?;
        understood::<Ignored>(&reply)?;
        Ok(reply.headers.get(DATE).and_then(|date| crate::aws::http_date(date.to_str().ok()?)))
    }

    /// Waits before another try; false, at once, if the deadline leaves no time for one.
    pub async fn pause(&self, time: Duration) -> bool {
        // The time may be the cluster's own wish, and any number.
        let needed = time.saturating_add(SHORTEST_ATTEMPT);
        if Instant::now().checked_add(needed).is_none_or(|then| then >= self.deadline) {
            return false;
        }
        tokio::time::sleep(time).await;
        true
    }

    async fn send<T: DeserializeOwned>(&self, method: &Method, path: &Path, body: Body) -> Result<Reply<T>, Error> {
        let mut backoff = BACKOFF;
        loop {
            let outcome = match self.signed_in(method, path, body.clone()).await {
                Ok(reply) => understood(&reply),
                Err(error) => Err(error),
            };
            let error = match outcome {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let pause = match retry(method, &error) {
                Retry::No => return Err(error),
                Retry::Soon => backoff.pause(),
                // Never sooner than it was asked for, never at once, and not all callers in step.
                Retry::After(time) => time.saturating_add(backoff.pause()),
            };
            if !self.pause(pause).await {
                return Err(error);
            }
        }
    }

    /// One reply that is not 401, by at most three tries. A refused token is replaced and the request repeated, a POST
    /// too, as authentication comes before any effect. A fresh token refused may mean that the cluster's own question
    /// to STS was throttled, so it gets another chance a little later.
    async fn signed_in(&self, method: &Method, path: &Path, body: Body) -> Result<RawReply, Error> {
        let mut token = self.cluster.tokens.current().await.map_err(no_token)?;
        for tried in 1..=3 {
            let reply = self.attempt(method, path, &token, body.clone()).await?;
            if reply.status != StatusCode::UNAUTHORIZED {
                return Ok(reply);
            }
            if tried == 1 {
                token = self.cluster.tokens.instead_of(&token).await.map_err(no_token)?;
            } else if tried == 2 && !self.pause(Duration::from_millis(fastrand::u64(500..1000))).await {
                break;
            }
        }
        Err(Error::Unauthorized)
    }

    async fn attempt(&self, method: &Method, path: &Path, token: &Token, body: Body) -> Result<RawReply, Error> {
        let transport = self.cluster.transport()?;
        let most = if *method == Method::GET { READ_ATTEMPT } else { WRITE_ATTEMPT };
        let started = Instant::now();
        let until = self.deadline.min(started + most);
        let reply = transport.exchange(method, path, token.authorization.clone(), body, until).await;
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.upstream_micros.fetch_add(micros, Ordering::Relaxed);
        if matches!(reply, Err(Error::Unreachable(_))) {
            self.cluster.describe_again.notify_one();
        }
        reply
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err takes")]
fn no_token(error: token::Error) -> Error {
    Error::NotReady(error.to_string())
}

/// Writes a value that always can be written as JSON; the error is for the type's sake.
pub fn json(value: &impl Serialize) -> Result<Body, Error> {
    serde_json::to_vec(value).map(Body::from).map_err(|error| Error::BadReply(error.to_string()))
}

#[derive(Debug, PartialEq, Eq)]
enum Retry {
    No,
    Soon,
    After(Duration),
}

/// A read may always be repeated. Anything else only if it surely had no effect: it was not sent, or was turned away
/// by flow control (429), which comes before the request is looked at.
fn retry(method: &Method, error: &Error) -> Retry {
    let is_read = *method == Method::GET;
    match error {
        Error::Unreachable(_) => Retry::Soon,
        Error::Broken(_) | Error::Timeout if is_read => Retry::Soon,
        Error::Refused(refusal) if refusal.code == 429 || (is_read && refusal.code >= 500) => {
            refusal.retry_after.map_or(Retry::Soon, Retry::After)
        }
        _ => Retry::No,
    }
}

fn understood<T: DeserializeOwned>(reply: &RawReply) -> Result<Reply<T>, Error> {
    if reply.status.is_success() {
        let object = serde_json::from_slice(&reply.body)
            .map_err(|error| Error::BadReply(format!("not the expected object: {error}")))?;
        return Ok(Reply { object, warnings: warnings(&reply.headers) });
    }
    // A load balancer's error page is no Status: then the code alone has to tell.
    let status: Status = serde_json::from_slice(&reply.body).unwrap_or_default();
    let header = reply.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let seconds = header.or_else(|| status.details.as_ref()?.retry_after_seconds);
    let retry_after = seconds.map(Duration::from_secs);
    Err(Error::Refused(Box::new(Refusal { code: reply.status.as_u16(), status, retry_after })))
}

/// The texts of `Warning: 299 - "..."` headers (RFC 9111, section 5.5, as Kubernetes uses them).
fn warnings(headers: &HeaderMap) -> Vec<String> {
    let texts = headers.get_all(WARNING).iter().filter_map(|value| value.to_str().ok());
    texts.filter_map(|text| serde_json::from_str(text.get(text.find('"')?..=text.rfind('"')?)?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    #[test]
    fn only_what_had_no_effect_is_sent_again() {
        let refused =
            |code, retry_after| Error::Refused(Box::new(Refusal { code, status: Status::default(), retry_after }));
        let cases = [
            (Method::GET, Error::Broken(String::new()), Retry::Soon),
            (Method::GET, Error::Timeout, Retry::Soon),
            (Method::GET, Error::Unauthorized, Retry::No),
            (Method::GET, refused(404, None), Retry::No),
            (Method::GET, refused(503, None), Retry::Soon),
            (Method::POST, Error::Unreachable(String::new()), Retry::Soon),
            (Method::POST, Error::Broken(String::new()), Retry::No),
            (Method::POST, Error::Timeout, Retry::No),
            (Method::POST, refused(500, None), Retry::No),
            (Method::POST, refused(429, Some(Duration::from_secs(1))), Retry::After(Duration::from_secs(1))),
            (Method::DELETE, Error::Broken(String::new()), Retry::No),
        ];
        for (method, error, expected) in cases {
            assert_eq!(retry(&method, &error), expected, "{method} {error:?}");
        }
    }

    #[test]
    fn warnings_are_unquoted() {
        let mut headers = HeaderMap::new();
        headers.append(WARNING, HeaderValue::from_static(r#"299 - "unknown field \"spec.backofLimit\"""#));
        headers.append(WARNING, HeaderValue::from_static("nonsense"));
        headers.append(WARNING, HeaderValue::from_static(r#"299 - "second""#));
        assert_eq!(warnings(&headers), ["unknown field \"spec.backofLimit\"", "second"]);
    }
}
