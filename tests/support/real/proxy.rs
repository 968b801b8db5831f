//! A proxy before an API server that is older than 1.21: such a server has `CronJobs`, but as batch/v1beta1 only, and the
//! service asks for batch/v1. The path is all that is changed, since the service reads neither `apiVersion` nor `kind` of
//! a `CronJob`. So storage, admission, RBAC and the jobs that come of it are the real ones.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::api;
use crate::support::pki::Authority;

type Upstream = Client<HttpsConnector<HttpConnector>, Incoming>;

#[derive(Debug)]
pub struct CronJobProxy {
    endpoint: String,
    accepting: JoinHandle<()>,
}

impl CronJobProxy {
    /// Leads to the API server at this port. It shows a leaf of the authority that has signed the server's own.
    pub async fn start(server: u16, authority: &Authority) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("https://{}", listener.local_addr().unwrap());
        let mut tls = (*authority.server_config()).clone();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let upstream = Client::builder(TokioExecutor::new()).build(api::connector(&authority.pem(), false));
        let accepting = tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                tokio::spawn(serve(tcp, acceptor.clone(), upstream.clone(), server));
            }
        });
        Self { endpoint, accepting }
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for CronJobProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A client or a server that breaks off takes the other's connection along.
async fn serve(tcp: TcpStream, acceptor: TlsAcceptor, upstream: Upstream, server: u16) {
    let Ok(stream) = acceptor.accept(tcp).await else { return };
    let service = service_fn(|request| forward(&upstream, server, request));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn forward(
    upstream: &Upstream,
    server: u16,
    mut request: Request<Incoming>,
) -> Result<Response<Incoming>, Error> {
    let target = translated(request.uri().path_and_query().map_or("/", PathAndQuery::as_str));
    let uri = Uri::builder().scheme("https").authority(format!("127.0.0.1:{server}")).path_and_query(target);
    *request.uri_mut() = uri.build().unwrap();
    upstream.request(request).await
}

/// The target of a request for `CronJobs` in the version that an old server knows; any other is left as it is.
fn translated(target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    if let ["apis", "batch", "v1", "cronjobs", ..] | ["apis", "batch", "v1", "namespaces", _, "cronjobs", ..] =
        &segments[..]
    {
        return target.replacen("/batch/v1/", "/batch/v1beta1/", 1);
    }
    target.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cron_jobs_alone_have_another_version() {
        for (target, expected) in [
            ("/apis/batch/v1/cronjobs?limit=2", "/apis/batch/v1beta1/cronjobs?limit=2"),
            ("/apis/batch/v1/namespaces/a/cronjobs/etl", "/apis/batch/v1beta1/namespaces/a/cronjobs/etl"),
            ("/apis/batch/v1/namespaces/cronjobs/jobs", "/apis/batch/v1/namespaces/cronjobs/jobs"),
            ("/apis/batch/v1/namespaces/a/jobs/cronjobs", "/apis/batch/v1/namespaces/a/jobs/cronjobs"),
            ("/version", "/version"),
        ] {
            assert_eq!(translated(target), expected);
        }
    }
}
