//! One exchange with one API server: a pool of HTTP/1.1 connections over TLS, measured to cost less than the streams of
//! one HTTP/2 connection (docs/OPERATION.md). Owns connecting, time-outs and the size of a reply; tokens, retries and
//! meaning are `session`'s.

use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use hyper::http::uri::{Authority, Parts, PathAndQuery, Scheme};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::aws::eks::Description;
use crate::kube::client::stream::Stream;
use crate::kube::error::Error;
use crate::kube::tls;
use crate::kube::url::Path;
use crate::util::error_chain::causes;
use crate::util::net;

/// A connection within a VPC takes milliseconds; what takes longer than this is a dead address.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that died without a word (a NAT's or load balancer's idle limit, a failed node) is found within this
/// time: idle ones are probed by TCP, and data sent must be acknowledged.
const SILENCE: Duration = Duration::from_secs(10);
/// Shorter than the 350 s after which AWS' load balancers forget a connection.
const IDLE: Duration = Duration::from_mins(1);
/// Whole reads under way; more wait for their turn. Each has a connection for as long as it takes, and to make one costs
/// the API server more than to answer a read on one that is there.
const READS: usize = 128;
/// Connections kept for the next calls: those of all reads, and of as many changes as there may be unless set otherwise.
/// More are made when needed, and closed again.
const MOST_IDLE: usize = READS + 64;
/// What is read at a time: of a busy watch no more than some tens of events, so that callers need not wait for longer.
const LARGEST_CHUNK: usize = 64 << 10;
/// A list of one job's pods with all their fields stays far below.
const LARGEST_REPLY: usize = 16 << 20;

/// The user agent's first part becomes the field manager of what we write.
const USER_AGENT_VALUE: HeaderValue = HeaderValue::from_static(concat!("eks-api/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");
/// Logs are text.
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, */*");

#[derive(Debug)]
pub struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    reads: Semaphore,
    /// The endpoint, taken apart once rather than for every request. An EKS endpoint has no path.
    authority: Authority,
    prefix: String,
    pub described: Description,
}

/// A whole reply, whatever its status.
#[derive(Debug)]
pub struct RawReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why the described cluster cannot be connected to at all.
#[derive(Debug)]
pub enum SetupError {
    Tls(tls::Error),
    Endpoint(String),
}

impl std::fmt::Display for SetupError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(f),
            Self::Endpoint(endpoint) => write!(f, "the cluster's endpoint {endpoint:?} is not an https URL"),
        }
    }
}

impl std::error::Error for SetupError {}

impl Transport {
    pub fn new(described: Description) -> Result<Self, SetupError> {
        let uri = described.endpoint.parse::<Uri>().map(Uri::into_parts).unwrap_or_default();
        let Some(authority) = uri.authority.filter(|_| uri.scheme == Some(Scheme::HTTPS)) else {
            return Err(SetupError::Endpoint(described.endpoint));
        };
        let prefix = uri.path_and_query.map(|path| path.path().trim_end_matches('/').to_owned()).unwrap_or_default();
        let tls = tls::client_config(&described.ca_pem).map_err(SetupError::Tls)?;
        let tcp = net::tcp(CONNECT_TIMEOUT, SILENCE, SILENCE);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(MOST_IDLE)
            .http1_max_buf_size(LARGEST_CHUNK)
            .build(connector.wrap_connector(tcp));
        Ok(Self { client, reads: Semaphore::new(READS), authority, prefix, described })
    }

    /// Asks for something that may never end, and gives its reply as soon as the head is there.
    pub async fn open(
        &self,
        path: &Path,
        authorization: HeaderValue,
        until: Instant,
    ) -> Result<Response<Incoming>, Error> {
        let request = self.request(&Method::GET, path, authorization, Bytes::new())?;
        let head = async { self.client.request(request).await.map_err(|error| failed(&error)) };
        tokio::time::timeout_at(until, head).await.unwrap_or(Err(Error::Timeout))
    }

    /// Sends once and reads the whole reply, both before `until`. An error tells whether the request went out.
    pub async fn exchange(
        &self,
        method: &Method,
        path: &Path,
        authorization: HeaderValue,
        body: Bytes,
        until: Instant,
    ) -> Result<RawReply, Error> {
        let request = self.request(method, path, authorization, body)?;
        let exchange = async {
            // It fails only if the semaphore were closed, which nobody does.
            let _turn = if *method == Method::GET { self.reads.acquire().await.ok() } else { None };
            let response = self.client.request(request).await.map_err(|error| failed(&error))?;
            whole(response).await
        };
        tokio::time::timeout_at(until, exchange).await.unwrap_or(Err(Error::Timeout))
    }

    fn request(
        &self,
        method: &Method,
        path: &Path,
        authorization: HeaderValue,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method.clone();
        *request.uri_mut() = self.uri(path).map_err(|error| Error::Unreachable(error.to_string()))?;
        let has_body = !request.body().is_end_stream();
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, ACCEPTED);
        headers.insert(USER_AGENT, USER_AGENT_VALUE);
        if has_body {
            headers.insert(CONTENT_TYPE, if *method == Method::PATCH { MERGE_PATCH } else { JSON });
        }
        Ok(request)
    }

    fn uri(&self, path: &Path) -> Result<Uri, hyper::http::Error> {
        let mut parts = Parts::default();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(self.authority.clone());
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(self.prefix.clone() + path.as_str())?);
        Ok(Uri::from_parts(parts)?)
    }
}

/// Reads a reply to its end. What comes in one piece is not copied; the pieces of more are let go as they come, as those
/// of a page of jobs would leave holes of megabytes among what is kept.
pub async fn whole(response: Response<Incoming>) -> Result<RawReply, Error> {
    let (head, body) = response.into_parts();
    let mut stream = Stream::new(body);
    let mut body = stream.next().await?.unwrap_or_default();
    if let Some(second) = stream.next().await? {
        let mut pieces = Vec::from(body);
        let mut next = Some(second);
        while let Some(piece) = next {
            if pieces.len() + piece.len() > LARGEST_REPLY {
                return Err(Error::BadReply(format!("more than {} MiB", LARGEST_REPLY >> 20)));
            }
            pieces.extend_from_slice(&piece);
            next = stream.next().await?;
        }
        body = pieces.into();
    }
    Ok(RawReply { status: head.status, headers: head.headers, body })
}

fn failed(error: &hyper_util::client::legacy::Error) -> Error {
    let told = causes(error);
    if error.is_connect() { Error::Unreachable(told) } else { Error::Broken(told) }
}
