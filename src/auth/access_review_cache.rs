//! The clusters' decisions on their callers' tokens, for the calls that are answered from memory. A SelfSubjectAccessReview
//! asks for each decision once, and the decision is cached for ten seconds. A failed review allows nothing and is not cached.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::auth::access_request::AccessRequest;
use crate::kube::access_review::{Decision, review};
use crate::kube::api_server::ApiServer;
use crate::kube::bearer::Bearer;
use crate::kube::client::Client;
use crate::kube::error::Error;

/// A revoked right stays in force for at most this time.
const CACHE_LIFETIME: Duration = Duration::from_secs(10);
/// Enough for a few thousand callers with a few namespaces each. Beyond it expired entries go first, then all of the
/// cluster that has most.
const MAX_ENTRIES: usize = 16_384;
/// How long a caller waits for a review.
const REVIEW_TIMEOUT: Duration = Duration::from_secs(10);

/// The decision, or why there is none. Every caller that awaits the same review gets the same result.
pub type ReviewResult = Result<Decision, Arc<Error>>;

#[derive(Debug)]
struct CachedReview {
    result: ReviewResult,
    since: Instant,
}

impl CachedReview {
    fn is_current(&self) -> bool {
        let is_final = match &self.result {
            Ok(decision) => *decision != Decision::Unsure,
            // The cluster does not accept the token.
            Err(error) => matches!(**error, Error::CallerUnauthorized),
        };
        is_final && self.since.elapsed() < CACHE_LIFETIME
    }
}

/// Empty while the review is in progress.
type Entry = Arc<OnceCell<CachedReview>>;

/// The hash of a token and a request.
type Key = [u8; 32];

#[derive(Debug)]
pub struct AccessReviewCache {
    /// Random, new with each start. So the cache holds no token, and nobody can guess a token from a hash.
    hash_key: hmac::Key,
    /// By the id of the cluster.
    entries: Mutex<HashMap<u64, HashMap<Key, Entry>>>,
    timeout: Duration,
}

impl AccessReviewCache {
    /// Returns `None` if the system gives no randomness. A review takes no longer than a request may.
    pub fn new(request_timeout: Duration) -> Option<Self> {
        let hash_key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Self { hash_key, entries: Mutex::default(), timeout: REVIEW_TIMEOUT.min(request_timeout) })
    }

    /// The decision, if it is cached.
    pub fn cached(&self, cluster: &ApiServer, bearer: &Bearer, request: &AccessRequest<'_>) -> Option<ReviewResult> {
        let entries = self.lock();
        let cached = entries.get(&cluster.id)?.get(&self.key(bearer, request))?.get()?;
        cached.is_current().then(|| cached.result.clone())
    }

    /// The decision, from the cluster if it is not cached. Callers with the same question share one review.
    pub async fn review(&self, cluster: &Arc<ApiServer>, bearer: &Bearer, request: &AccessRequest<'_>) -> ReviewResult {
        let entry = self.entry(cluster.id, self.key(bearer, request));
        // If the first caller hangs up, the next one in the queue asks.
        entry.get_or_init(|| self.ask(cluster, bearer, request)).await.result.clone()
    }

    async fn ask(&self, cluster: &Arc<ApiServer>, bearer: &Bearer, request: &AccessRequest<'_>) -> CachedReview {
        let mut client = Client::new(Arc::clone(cluster), Instant::now() + self.timeout);
        client.with_bearer(Some(bearer.clone()));
        // The lifetime begins with the question: the right can be revoked while the answer is in transit.
        let since = Instant::now();
        let result = review(&client, request.permission, request.namespace, request.name).await.map_err(Arc::new);
        CachedReview { result, since }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, HashMap<Key, Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entry of a key, new if the old one has expired or failed.
    fn entry(&self, cluster: u64, key: Key) -> Entry {
        let is_expired = |entry: &Entry| entry.get().is_some_and(|cached| !cached.is_current());
        let mut entries = self.lock();
        let known = entries.get(&cluster).and_then(|entries| entries.get(&key));
        if let Some(entry) = known.filter(|entry| !is_expired(entry)) {
            return Arc::clone(entry);
        }
        if count(&entries) >= MAX_ENTRIES {
            entries.values_mut().for_each(|entries| entries.retain(|_, entry| !is_expired(entry)));
            entries.retain(|_, entries| !entries.is_empty());
            if count(&entries) >= MAX_ENTRIES
                && let Some(most) = entries.values_mut().max_by_key(|entries| entries.len())
            {
                // Callers that await a review keep their entry alive.
                most.clear();
            }
        }
        let entry = Entry::default();
        entries.entry(cluster).or_default().insert(key, Arc::clone(&entry));
        entry
    }

    /// Hashes each part with its length, so no two questions have the same input.
    fn key(&self, bearer: &Bearer, request: &AccessRequest<'_>) -> Key {
        let mut context = hmac::Context::with_key(&self.hash_key);
        let AccessRequest { permission, namespace, name } = request;
        let namespace = namespace.map_or("", |namespace| namespace.as_str());
        let name = name.unwrap_or("");
        let parts = [permission.verb, permission.group, permission.resource, namespace, name];
        for part in std::iter::once(*bearer.token().expose()).chain(parts.map(str::as_bytes)) {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.sign().as_ref());
        key
    }
}

fn count(entries: &HashMap<u64, HashMap<Key, Entry>>) -> usize {
    entries.values().map(HashMap::len).sum()
}

#[cfg(test)]
#[path = "access_review_cache_tests.rs"]
mod tests;
