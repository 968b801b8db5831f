//! Connections to one API server: a pool of HTTP/1.1 connections over TLS. They were measured to cost less than streams of
//! one HTTP/2 connection (docs/decisions/http1-only.md).

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
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::aws::eks::Description;
use crate::kube::client::stream::Stream;
use crate::kube::error::Error;
use crate::kube::tls;
use crate::kube::url::Path;
use crate::util::error_chain::causes;
use crate::util::net;

/// A connection within a VPC takes milliseconds. An address that needs longer is dead.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Idle connections are probed by TCP after this time, and sent data must be acknowledged within it. So a connection that
/// a NAT, a load balancer or a failed node dropped is found.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Shorter than the 350 s after which AWS' load balancers drop an idle connection.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_mins(1);
/// Reads at the same time; others wait. Each needs a connection, and a new one costs the API server more than a read.
const MAX_READS: usize = 128;
/// Idle connections that are kept: those of all reads, and of 64 changes.
const MAX_IDLE_CONNECTIONS: usize = MAX_READS + 64;
/// Bytes read at once. A chunk of a busy watch has some tens of events, so that callers do not wait for long.
const MAX_CHUNK_BYTES: usize = 64 << 10;

/// The API server takes the first part of the user agent as the field manager of changes.
const USER_AGENT_VALUE: HeaderValue = HeaderValue::from_static(concat!("eks-api/", env!("CARGO_PKG_VERSION")));
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");
/// Logs are text.
const ACCEPTED: HeaderValue = HeaderValue::from_static("application/json, */*");

#[derive(Debug)]
pub struct Transport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    reads: Semaphore,
    /// Host and path of the endpoint. An EKS endpoint has no path.
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

/// Why the description of a cluster cannot be used.
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
        let tcp = net::tcp(CONNECT_TIMEOUT, KEEPALIVE, KEEPALIVE);
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .http1_max_buf_size(MAX_CHUNK_BYTES)
            .build(connector.wrap_connector(tcp));
        Ok(Self { client, reads: Semaphore::new(MAX_READS), authority, prefix, described })
    }

    /// Waits for a permit to read. Hold it until the reply is read.
    pub(super) async fn acquire_read(&self) -> Option<SemaphorePermit<'_>> {
        // It fails only if the semaphore is closed, and nothing closes it.
        self.reads.acquire().await.ok()
    }

    /// Sends a request, and returns the response with the body still to be read. The error shows whether it was sent.
    pub(super) async fn send(
        &self,
        method: &Method,
        path: &Path,
        authorization: HeaderValue,
        body: Bytes,
    ) -> Result<Response<Incoming>, Error> {
        let request = self.request(method, path, authorization, body)?;
        self.client.request(request).await.map_err(|error| {
            let why = causes(&error);
            if error.is_connect() {
                Error::Unreachable(format!("{}: {why}", self.authority))
            } else {
                Error::Broken(why)
            }
        })
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

pub(super) async fn collect_body(response: Response<Incoming>) -> Result<RawReply, Error> {
    let (head, body) = response.into_parts();
    Ok(RawReply { status: head.status, headers: head.headers, body: Stream::new(body).collect().await? })
}
