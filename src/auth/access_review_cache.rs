//! What the cluster lets callers do, by their own tokens, for the calls that are answered from memory: each question is
//! asked once (SelfSubjectAccessReview) and its answer remembered for a moment. A question that gets no answer allows
//! nothing, and is not remembered.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::auth::AccessRequest;
use crate::kube::access_review::{Answer, review};
use crate::kube::api_server::ApiServer;
use crate::kube::bearer::Bearer;
use crate::kube::client::Client;
use crate::kube::error::Error;

/// A right that was taken away counts for so much longer.
const REMEMBERED: Duration = Duration::from_secs(10);
/// As many as a few thousand callers with a few namespaces each; more are asked for again.
const MOST: usize = 16_384;
/// How long a caller waits at most for the cluster's word.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    Denied,
    /// The cluster does not know the token.
    Unauthorized,
}

/// Why there is no verdict. All who asked together are told.
#[derive(Clone, Debug)]
pub enum NoVerdict {
    /// No, for now.
    Unsure,
    Unanswered(Arc<Error>),
}

#[derive(Debug)]
struct Said {
    verdict: Result<Verdict, NoVerdict>,
    since: Instant,
}

type Known = Arc<OnceCell<Said>>;

#[derive(Debug)]
pub struct AccessReviewCache {
    cluster: Arc<ApiServer>,
    /// Tokens are not kept: what they were asked about is found by a hash under a key of this run.
    key: hmac::Key,
    known: Mutex<HashMap<[u8; 32], Known>>,
    patience: Duration,
}

impl AccessReviewCache {
    /// A question may take no longer than a call. None if the system has no randomness to give.
    pub fn new(cluster: Arc<ApiServer>, request_timeout: Duration) -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Self { cluster, key, known: Mutex::default(), patience: PATIENCE.min(request_timeout) })
    }

    /// The verdict that is known already.
    pub fn remembered(&self, bearer: &Bearer, asked: &AccessRequest<'_>) -> Option<Verdict> {
        let known = self.lock();
        let said = known.get(&self.place(bearer, asked))?.get()?;
        said.verdict.as_ref().ok().filter(|_| said.since.elapsed() < REMEMBERED).copied()
    }

    /// The verdict, from the cluster if it is not known. Whoever asks the same meanwhile waits for the same answer.
    pub async fn judge(&self, bearer: &Bearer, asked: &AccessRequest<'_>) -> Result<Verdict, NoVerdict> {
        let cell = self.cell(self.place(bearer, asked));
        // If the one who asks hangs up, another who waits asks.
        cell.get_or_init(|| self.ask(bearer, asked)).await.verdict.clone()
    }

    async fn ask(&self, bearer: &Bearer, asked: &AccessRequest<'_>) -> Said {
        let mut session = Client::new(Arc::clone(&self.cluster), Instant::now() + self.patience);
        session.with_bearer(Some(bearer.clone()));
        // The memory is counted from the question, as the right may be lost while the answer is on its way.
        let since = Instant::now();
        let verdict = match review(&session, asked.permission, asked.namespace, asked.name).await {
            Ok(Answer::Allowed) => Ok(Verdict::Allowed),
            Ok(Answer::Denied) => Ok(Verdict::Denied),
            Ok(Answer::Unsure) => Err(NoVerdict::Unsure),
            Err(Error::CallerUnauthorized) => Ok(Verdict::Unauthorized),
            Err(error) => Err(NoVerdict::Unanswered(Arc::new(error))),
        };
        Said { verdict, since }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the answer is, or will be.
    fn cell(&self, place: [u8; 32]) -> Known {
        // What failed is told to those who asked then, and to nobody else.
        let is_void = |said: &Said| said.verdict.is_err() || said.since.elapsed() >= REMEMBERED;
        let is_old = |cell: &Known| cell.get().is_some_and(is_void);
        let mut known = self.lock();
        if let Some(cell) = known.get(&place).filter(|cell| !is_old(cell)) {
            return Arc::clone(cell);
        }
        if known.len() >= MOST {
            known.retain(|_, cell| !is_old(cell));
            if known.len() >= MOST {
                // Whoever waits for an answer holds it on its own.
                known.clear();
            }
        }
        let cell = Known::default();
        known.insert(place, Arc::clone(&cell));
        cell
    }

    /// The hash of token and question, each part with its length, so that no two questions are written alike.
    fn place(&self, bearer: &Bearer, asked: &AccessRequest<'_>) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        let AccessRequest { permission, namespace, name } = asked;
        let namespace = namespace.map_or("", |namespace| namespace.as_str());
        let name = name.unwrap_or("");
        let parts = [permission.verb, permission.group, permission.resource, namespace, name];
        for part in std::iter::once(bearer.token()).chain(parts.map(str::as_bytes)) {
            context.update(&(part.len() as u64).to_le_bytes());
            context.update(part);
        }
        let mut place = [0; 32];
        place.copy_from_slice(context.sign().as_ref());
        place
    }
}

#[cfg(test)]
#[path = "access_review_cache_tests.rs"]
mod tests;
