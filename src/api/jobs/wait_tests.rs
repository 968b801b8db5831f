//! Tests of how a wait ends for a caller who loses its right meanwhile, under paused time: it runs on as soon as all wait.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::api::audit::Audit;
use crate::api::context::{AppState, ObjectRef};
use crate::api::jobs::lookup::refuses_caller;
use crate::api::repeats::Repeats;
use crate::api::routes::Route;
use crate::auth::access_review_cache::AccessReviewCache;
use crate::auth::keyring::Keyring;
use crate::auth::{Auth, Credentials};
use crate::aws::token::Tokens;
use crate::clusters::cluster::Cluster;
use crate::clusters::registry::Registry;
use crate::config::pattern::Patterns;
use crate::http::limits::concurrency::{Bounds, ConcurrencyLimits};
use crate::http::limits::rate_limit::RateLimits;
use crate::http::metrics::HttpMetrics;
use crate::http::request::parameters::Parameters;
use crate::http::request::request_id::RequestId;
use crate::jobs::policy::Policy;
use crate::kube::api_server::ApiServer;
use crate::kube::client::Client;
use crate::kube::names::{JobName, Namespace};
use crate::kube::refusal::Refusal;
use crate::kube::watcher::WatchEvent;
use crate::util::secret::Secret;

/// The SHA-256 of the key `one`.
const HASH: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

/// A file with the one key, which goes with its handle.
pub(in crate::api) struct File(PathBuf);

impl File {
    pub(in crate::api) fn new(name: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("eks-api-wait-{name}-{}", std::process::id())));
        std::fs::write(&file.0, format!("ci role=read namespaces=* sha256={HASH}\n")).unwrap();
        file
    }

    pub(in crate::api) fn revoke(&self, auth: &Auth) {
        std::fs::write(&self.0, format!("ci role=read namespaces=a sha256={HASH}\n")).unwrap();
        let Auth::ApiKey(keyring) = auth else { panic!("no keys") };
        keyring.reload().unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A call of the key's holder, who may see the job `default/hello`: it is known and pending.
pub(in crate::api) fn call(file: &File, draining: watch::Receiver<bool>) -> RequestContext {
    let keys = SharedCredentialsProvider::new(AwsCredentials::new("AKIA", "secret", None, None, "test"));
    let tokens = Tokens::new("lab", "us-east-1", keys, SystemTime::now);
    let auth = Auth::ApiKey(Arc::new(Keyring::open(&file.0).unwrap()));
    let caller = auth.identify(Credentials { api_key: Some(Secret::new("one")), ..Credentials::default() }).unwrap();
    let shared = AppState {
        clusters: Registry::new(Cluster::new(Arc::new(ApiServer::new("lab", "us-east-1", tokens)))),
        auth: Arc::new(auth),
        policy: Policy { protected: Patterns::parse("").unwrap(), allowed: None, auto_create_namespace: true },
        calls: ConcurrencyLimits::new(Bounds { requests: 10, waits: 10, streams: 10, writes: 10 }),
        rates: RateLimits::new(0, 0),
        repeats: Repeats::default(),
        audit: Audit::new(None, "lab"),
        traffic: Arc::new(HttpMetrics::new(true)),
        docs: true,
        request_timeout: Duration::from_secs(30),
        draining,
    };
    let metadata = json!({ "name": "hello", "namespace": "default", "uid": "u", "resourceVersion": "5" });
    let job = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
    for news in [WatchEvent::Init(5), WatchEvent::InitApply(vec![job]), WatchEvent::InitDone, WatchEvent::Watching] {
        shared.store().apply_event(news, Instant::now());
    }
    RequestContext {
        route: Route::GetJobStatus,
        request_id: RequestId::parse(&HeaderMap::new()),
        parameters: Parameters::default(),
        headers: HeaderMap::new(),
        session: Client::new(Arc::clone(shared.api_server()), TokioInstant::now() + shared.request_timeout),
        peer: "127.0.0.1:4711".parse().unwrap(),
        started: Instant::now(),
        is_counted: false,
        allowance: None,
        permit: None,
        body: None,
        caller,
        hung_up: None,
        target: ObjectRef::default(),
        shared: Arc::new(shared),
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_within_a_minute_of_the_loss_of_the_right_to_it() {
    const LONG: Duration = Duration::from_mins(5);
    let (namespace, name) = (Namespace::parse("default").unwrap(), JobName::parse("hello").unwrap());
    for (revoked_after, seconds) in [(Some(30), 60), (Some(90), 120), (None, 300)] {
        let file = File::new("revoked");
        let (_drain, draining) = watch::channel(false);
        let mut call = call(&file, draining);
        let auth = Arc::clone(&call.shared.auth);
        let begun = TokioInstant::now();
        let job = JobRef { namespace: &namespace, name: &name, uid: None };
        let wait = until(&mut call, &job, LONG, WaitCondition::Finished);
        let revoke = async {
            if let Some(after) = revoked_after {
                tokio::time::sleep(Duration::from_secs(after)).await;
                file.revoke(&auth);
            }
        };
        let (ended, ()) = tokio::join!(wait, revoke);
        assert_eq!(begun.elapsed().as_secs(), seconds);
        assert_eq!(ended.is_ok(), revoked_after.is_none());
        assert!(ended.err().is_none_or(|problem| problem.status == StatusCode::UNAUTHORIZED));
    }
}

#[test]
fn what_the_cluster_says_to_the_callers_own_token_is_not_made_up_for_from_memory() {
    let refused = |code, reason: &str| {
        let status = serde_json::from_value(json!({ "reason": reason })).unwrap();
        Error::Refused(Box::new(Refusal::new(code, status, None)))
    };
    let file = File::new("refused");
    let (_drain, draining) = watch::channel(false);
    let by_key = call(&file, draining.clone());
    let mut by_token = call(&file, draining);
    let reviews = AccessReviewCache::new(Arc::clone(by_token.shared.api_server()), Duration::from_secs(30)).unwrap();
    let auth = Auth::Kubernetes(Box::new(reviews));
    by_token.caller =
        auth.identify(Credentials { bearer: Some(Secret::new("token")), ..Credentials::default() }).unwrap();
    for (error, is_refusal) in [
        (Error::CallerUnauthorized, true),
        (refused(403, "Forbidden"), true),
        (refused(500, "InternalError"), false),
        (Error::Timeout, false),
    ] {
        assert_eq!(refuses_caller(&by_token, &error), is_refusal, "{error:?}");
        assert!(!refuses_caller(&by_key, &error), "the service's own right is no matter of the caller's");
    }
}
