//! A small client of the API server, which shares no code with the one under test.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::stream::Stream;
use crate::support::service::Reply;

#[derive(Clone, Debug)]
pub struct Api {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    endpoint: String,
    authorization: String,
}

impl Api {
    /// Speaks HTTP/1.1, on as many connections as there are requests at a time.
    pub fn new(endpoint: &str, ca_pem: &str, token: &str) -> Self {
        Self::with(endpoint, ca_pem, token, false)
    }

    /// Speaks HTTP/2, on one connection.
    pub fn http2(endpoint: &str, ca_pem: &str, token: &str) -> Self {
        Self::with(endpoint, ca_pem, token, true)
    }

    fn with(endpoint: &str, ca_pem: &str, token: &str, http2: bool) -> Self {
        let connector = connector(ca_pem, http2);
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build(connector);
        Self { client, endpoint: endpoint.to_owned(), authorization: format!("Bearer {token}") }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.try_get(path).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }

    pub async fn try_get(&self, path: &str) -> Result<Reply, String> {
        self.send("GET", path, "application/json", Bytes::new()).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.must("POST", path, "application/json", body.to_string()).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.must("PATCH", path, "application/merge-patch+json", body.to_string()).await
    }

    pub async fn delete(&self, path: &str) -> Reply {
        // With a body, the API server would not look for options in the query.
        self.must("DELETE", path, "application/json", "").await
    }

    /// The objects of a list.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let mut list = self.get(path).await.expect_status(200).json();
        list["items"].as_array_mut().map(std::mem::take).unwrap_or_default()
    }

    async fn must(&self, method: &str, path: &str, media_type: &str, body: impl Into<Bytes>) -> Reply {
        let sent = self.send(method, path, media_type, body).await;
        sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: impl Into<Bytes>,
    ) -> Result<Reply, String> {
        let (head, body) = self.request(method, path, media_type, body.into()).await?.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Reply { status: head.status, headers: head.headers, body })
    }

    /// As `get`, for an answer that does not end soon.
    pub async fn open(&self, path: &str) -> Stream {
        let response = self.request("GET", path, "application/json", Bytes::new()).await;
        Stream::new(response.unwrap_or_else(|error| panic!("GET {path}: {error}")))
    }

    async fn request(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>, String> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header("authorization", &self.authorization)
            .header("accept", "application/json")
            .header("content-type", media_type)
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        self.client.request(request).await.map_err(|error| format!("{error:?}"))
    }
}

/// Connects to servers that this authority vouches for.
pub fn connector(ca_pem: &str, http2: bool) -> HttpsConnector<HttpConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only();
    if http2 { connector.enable_http2().wrap_connector(tcp) } else { connector.enable_http1().wrap_connector(tcp) }
}
