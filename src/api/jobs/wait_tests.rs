//! Tests of the end of a wait for a caller whose key is revoked. Time is paused: it advances when all tasks wait.

use std::path::PathBuf;

use hyper::StatusCode;
use hyper::header::HeaderMap;
use serde_json::json;

use super::*;
use crate::api::jobs::lookup::refuses_caller;
use crate::api::routes::Route;
use crate::api::state::tests::state;
use crate::audit::request_info::{ObjectRef, RequestInfo};
use crate::auth::access_review_cache::AccessReviewCache;
use crate::auth::keyring::Keyring;
use crate::auth::{Auth, Credentials};
use crate::http::request::parameters::Parameters;
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
pub(in crate::api) fn request(file: &KeysFile) -> RequestContext {
    let auth = Auth::ApiKey(Arc::new(Keyring::open(&file.0).unwrap()));
    let caller = auth.identify(Credentials { api_key: Some(Secret::new("one")), ..Credentials::default() }).unwrap();
    let state = state(Arc::new(auth), Duration::from_secs(30));
    let cluster = state.clusters.default_cluster();
    let metadata = json!({ "name": "hello", "namespace": "default", "uid": "u", "resourceVersion": "5" });
    let job = serde_json::from_value(json!({ "metadata": metadata })).unwrap();
    for event in [WatchEvent::Init(5), WatchEvent::InitApply(vec![job]), WatchEvent::InitDone, WatchEvent::Watching] {
        cluster.store.apply_event(event, Instant::now());
    }
    let info = RequestInfo {
        request_id: "1".to_owned(),
        operation: "get_job_status",
        object_kind: "Job",
        is_change: false,
        is_dry_run: false,
        cluster: Arc::clone(cluster.name()),
        peer: "127.0.0.1:4711".parse().unwrap(),
        caller,
        object: ObjectRef::default(),
        started: Instant::now(),
    };
    RequestContext::new(Arc::new(state), cluster, Route::GetJobStatus, info, Parameters::default(), HeaderMap::new())
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_within_a_minute_after_the_key_is_revoked() {
    const LONG: Duration = Duration::from_mins(5);
    let (namespace, name) = (Namespace::parse("default").unwrap(), JobName::parse("hello").unwrap());
    for (revoked_after, seconds) in [(Some(30), 60), (Some(90), 120), (None, 300)] {
        let file = KeysFile::new("revoked");
        let mut ctx = request(&file);
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
    let by_key = request(&file);
    let mut by_token = request(&file);
    let reviews = AccessReviewCache::new(Duration::from_secs(30)).unwrap();
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
