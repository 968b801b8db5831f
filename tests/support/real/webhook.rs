//! The webhook that an EKS API server asks about bearer tokens. It judges the service's tokens as IAM would, signature
//! and expiry included.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::judge::{Key, Rules, judge};

/// The group of the key that services sign with unless told otherwise.
pub const SERVICE: &str = "eks-api";
/// The group of another key, which nobody gives any rights.
pub const STRANGERS: &str = "strangers";
/// The group of the key of a service whose callers bring tokens of their own. deploy/rbac.yaml gives it its rights.
pub const FOLLOWER: &str = "eks-api-follower";
/// The group of a third key, for a test to give it what rights it wants.
pub const MODEST: &str = "modest";

#[derive(Debug)]
pub struct Webhook {
    state: Arc<Mutex<State>>,
    url: String,
    serving: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    rules: Rules,
    accepted: usize,
    refused: Vec<String>,
}

impl Webhook {
    /// Starts the webhook of the cluster with this name in EKS. It refuses tokens that are signed for another.
    pub async fn start(cluster: &str) -> Self {
        let keys = vec![Self::service_key(), Self::stranger_key(), Self::modest_key(), Self::follower_key()];
        let (cluster, region, not_before) = (cluster.into(), "us-east-1".into(), SystemTime::UNIX_EPOCH);
        let rules = Rules { cluster, region, keys, roles: Vec::new(), not_before };
        let state = Arc::new(Mutex::new(State { rules, accepted: 0, refused: Vec::new() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let serving = tokio::spawn(serve(listener, Arc::clone(&state)));
        Self { state, url, serving }
    }

    /// The key in a service's environment unless told otherwise.
    pub fn service_key() -> Key {
        Key::new("AKIALABSTATIC0000001", "lab-secret-one/with+chars", None)
    }

    /// A key that signs tokens as good, of somebody with no rights.
    pub fn stranger_key() -> Key {
        Key::new("ASIALABSESSION000001", "lab-secret-two", Some("lab-session/token=="))
    }

    /// A key of somebody with few rights.
    pub fn modest_key() -> Key {
        Key::new("AKIALABMODEST0000001", "lab-secret-three", None)
    }

    /// The key of a service that only follows the jobs.
    pub fn follower_key() -> Key {
        Key::new("AKIALABFOLLOW0000001", "lab-secret-four", None)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Refuses the tokens signed before this instant (to the second), as if their credentials were revoked.
    pub fn refuse_tokens_signed_before(&self, instant: SystemTime) {
        self.state.lock().unwrap().rules.not_before = instant;
    }

    /// How many questions were answered with yes.
    pub fn accepted(&self) -> usize {
        self.state.lock().unwrap().accepted
    }

    /// Why tokens were refused, in order.
    pub fn refused(&self) -> Vec<String> {
        self.state.lock().unwrap().refused.clone()
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<Mutex<State>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let state = Arc::clone(&state);
        let service = service_fn(move |request: Request<Incoming>| {
            let state = Arc::clone(&state);
            async move {
                let body = request.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
                let review: Value = serde_json::from_slice(&body).unwrap_or_default();
                let verdict = review_token(&mut state.lock().unwrap(), &review).to_string();
                let reply = Response::builder().header("content-type", "application/json");
                Ok::<_, Infallible>(reply.body(Full::new(Bytes::from(verdict))).unwrap())
            }
        });
        // Ends with the API server's end of the connection.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn review_token(state: &mut State, review: &Value) -> Value {
    let token = review["spec"]["token"].as_str().unwrap_or_default();
    let status = match judge(token, &state.rules, SystemTime::now()) {
        Ok(id) => {
            state.accepted += 1;
            let group = match id.as_str() {
                id if id == Webhook::service_key().id => SERVICE,
                id if id == Webhook::modest_key().id => MODEST,
                id if id == Webhook::follower_key().id => FOLLOWER,
                _ => STRANGERS,
            };
            json!({ "authenticated": true, "user": { "username": format!("iam:{id}"), "uid": id, "groups": [group] } })
        }
        Err(why) => {
            state.refused.push(why);
            json!({ "authenticated": false })
        }
    };
    json!({ "apiVersion": review["apiVersion"], "kind": "TokenReview", "status": status })
}
