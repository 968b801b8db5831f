//! What is said to etcd itself, past the API server, through its JSON gateway
//! (<https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/>).

use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Forgets what was before the latest revision, for good and before this returns.
pub async fn compact(endpoint: &str) {
    // The range of one key that is not there: what counts is the answer's head.
    let latest = ask(&format!("{endpoint}/v3/kv/range"), &json!({ "key": "Lw==" })).await;
    let revision = &latest["header"]["revision"];
    assert!(revision.is_string(), "{latest}");
    ask(&format!("{endpoint}/v3/kv/compaction"), &json!({ "revision": revision, "physical": true })).await;
}

async fn ask(url: &str, question: &Value) -> Value {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(url).body(Full::new(question.to_string().into())).unwrap();
    let (head, body) = client.request(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    assert_eq!(head.status, 200, "{url}: {}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}
