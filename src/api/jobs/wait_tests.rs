//! Tests of the end of a wait for a caller whose key is revoked. Time is paused: it advances when all tasks wait.

use std::path::PathBuf;
use std::time::SystemTime;

use aws_credential_types::Credentials as AwsCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;
use tokio::sync::watch;

use super::*;
use crate::api::jobs::lookup::refuses_caller;
use crate::api::repeats::Repeats;
use crate::api::routes::Route;
use crate::api::state::AppState;
use crate::audit::Audit;
use crate::audit::request_info::{ObjectRef, RequestInfo};
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
use crate::jobs::policy::Policy;
use crate::kube::api_server::ApiServer;
use crate::kube::names::{JobName, Namespace};
use crate::kube::refusal::Refusal;
use crate::kube::watcher::WatchEvent;
use crate::util::secret::Secret;

/// The SHA-256 of the key `one`.
const HASH: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";

/// A file with one key. It is deleted when this is dropped.
pub(in crate::api) struct KeysFile(PathBuf);

impl KeysFile {
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

impl Drop for KeysFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A request with that key, which may see the job `default/hello`. The job is in the store and pending.
pub(in crate::api) fn request(file: &KeysFile, draining: watch::Receiver<bool>) -> RequestContext {
    let keys = SharedCredentialsProvider::new(AwsCredentials::new("AKIA", "secret", None, None, "test"));
    let tokens = Tokens::new("lab", "us-east-1", keys, SystemTime::now);
    let auth = Auth::ApiKey(Arc::new(Keyring::open(&file.0).unwrap()));
    let caller = auth.identify(Credentials { api_key: Some(Secret::new("one")), ..Credentials::default() }).unwrap();
    let state = AppState {
        clusters: Registry::new(Cluster::new(Arc::new(ApiServer::new("lab", "us-east-1", tokens)))),
        auth: Arc::new(auth),
        policy: Policy { protected: Patterns::parse("").unwrap(), allowed: None, auto_create_namespace: true },
        calls: ConcurrencyLimits::new(Bounds { requests: 10, waits: 10, streams: 10, writes: 10 }, &["lab".to_owned()]),
        rates: RateLimits::new(0, 0, &[]),
        repeats: Repeats::default(),
        audit: Audit::new(None, "lab"),
        traffic: Arc::new(HttpMetrics::new(true)),
        metrics_namespaces: false,
        docs: true,
        request_timeout: Duration::from_secs(30),
        draining,
    };
    let metadata = json!({ "name": "hello", "namespace": "default", "uid": "u", "resourceVersion": "5" });
    let job = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
    for event in [WatchEvent::Init(5), WatchEvent::InitApply(vec![job]), WatchEvent::InitDone, WatchEvent::Watching] {
        state.store().apply_event(event, Instant::now());
    }
    let info = RequestInfo {
        request_id: "1".to_owned(),
        operation: "get_job_status",
        object_kind: "Job",
        is_change: false,
        is_dry_run: false,
        peer: "127.0.0.1:4711".parse().unwrap(),
        caller,
        object: ObjectRef::default(),
        started: Instant::now(),
    };
    RequestContext::new(Arc::new(state), Route::GetJobStatus, info, Parameters::default(), HeaderMap::new())
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_within_a_minute_after_the_key_is_revoked() {
    const LONG: Duration = Duration::from_mins(5);
    let (namespace, name) = (Namespace::parse("default").unwrap(), JobName::parse("hello").unwrap());
    for (revoked_after, seconds) in [(Some(30), 60), (Some(90), 120), (None, 300)] {
        let file = KeysFile::new("revoked");
        let (_drain, draining) = watch::channel(false);
        let mut ctx = request(&file, draining);
        let auth = Arc::clone(&ctx.state.auth);
        let started = TokioInstant::now();
        let job = JobRef { namespace: namespace.clone(), name: name.clone(), uid: None };
        let wait = wait_for(&mut ctx, &job, LONG, WaitCondition::Finished);
        let revoke = async {
            if let Some(after) = revoked_after {
                tokio::time::sleep(Duration::from_secs(after)).await;
                file.revoke(&auth);
            }
        };
        let (ended, ()) = tokio::join!(wait, revoke);
        assert_eq!(started.elapsed().as_secs(), seconds);
        assert_eq!(ended.is_ok(), revoked_after.is_none());
        assert!(ended.err().is_none_or(|problem| problem.status == StatusCode::UNAUTHORIZED));
    }
}

#[test]
fn a_refusal_of_the_callers_own_token_is_not_replaced_by_a_stale_job() {
    let refused = |code, reason: &str| {
        let status = serde_json::from_value(json!({ "reason": reason })).unwrap();
        Error::Refused(Box::new(Refusal::new(code, status, None)))
    };
    let file = KeysFile::new("refused");
    let (_drain, draining) = watch::channel(false);
    let by_key = request(&file, draining.clone());
    let mut by_token = request(&file, draining);
    let reviews = AccessReviewCache::new(Arc::clone(by_token.state.api_server()), Duration::from_secs(30)).unwrap();
    let auth = Auth::Kubernetes(Box::new(reviews));
    by_token.info.caller =
        auth.identify(Credentials { bearer: Some(Secret::new("token")), ..Credentials::default() }).unwrap();
    for (error, is_refusal) in [
        (Error::CallerUnauthorized, true),
        (refused(403, "Forbidden"), true),
        (refused(500, "InternalError"), false),
        (Error::Timeout, false),
    ] {
        let problem = Problem::from(error);
        assert_eq!(refuses_caller(&by_token, &problem), is_refusal, "{problem:?}");
        assert!(!refuses_caller(&by_key, &problem), "the service's own token was refused");
    }
}
