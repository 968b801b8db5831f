//! Keeps one bearer token fresh. Owns when a token is good, when the next is signed, and that only one signing goes
//! on at a time; never signs per request.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use hyper::header::HeaderValue;

use super::{Clock, chain, sign};
use crate::ops::metrics::Outcomes;
use crate::secret::Secret;

/// STS honours a token for 15 minutes from its date; one minute is left for clocks that differ and requests under way.
const GOOD_FOR: Duration = Duration::from_mins(14);
/// The next token is made while the old one still has four minutes: time for several tries.
const RENEW_AFTER: Duration = Duration::from_mins(10);
/// The same for a token whose credentials end early: it is renewed this long before.
const RENEW_AHEAD: Duration = Duration::from_mins(2);
/// Credentials that end soon are not used to their last second.
const CREDENTIALS_MARGIN: Duration = Duration::from_mins(1);
/// Loading credentials asks other services, such as instance metadata; none of them may hang us.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub struct Token {
    pub value: Secret<String>,
    /// The value as the header that every request bears: checked once, and shared, not copied.
    pub authorization: HeaderValue,
    pub good_until: SystemTime,
    renew_at: SystemTime,
}

/// Why there is no token. Its own text may be shown to anyone; the cause can hold paths and is for the operator.
#[derive(Clone, Debug)]
pub enum Error {
    Credentials { cause: String },
    Sign { cause: String },
}

impl Error {
    /// The whole of it, for the log.
    pub fn told_in_full(&self) -> String {
        let (Self::Credentials { cause } | Self::Sign { cause }) = self;
        format!("{self}: {cause}")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials { .. } => "no AWS credentials could be loaded",
            Self::Sign { .. } => "the token could not be signed",
        })
    }
}

impl std::error::Error for Error {}

/// The token of one cluster.
#[derive(Debug)]
pub struct Tokens {
    cluster: String,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Clock,
    current: RwLock<Option<Arc<Token>>>,
    signing: tokio::sync::Mutex<()>,
    pub renewals: Outcomes,
}

impl Tokens {
    pub fn new(cluster: &str, region: &str, credentials: SharedCredentialsProvider, clock: Clock) -> Self {
        Self {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            credentials,
            clock,
            current: RwLock::new(None),
            signing: tokio::sync::Mutex::new(()),
            renewals: Outcomes::default(),
        }
    }

    /// A good token: the one at hand, or, if it is no longer good, a new one.
    pub async fn current(&self) -> Result<Arc<Token>, Error> {
        let now = (self.clock)();
        match self.held() {
            Some(token) if now < token.good_until => Ok(token),
            _ => self.renewed(|token| now < token.good_until).await,
        }
    }

    /// A token other than the one that the cluster refused. Of many that were refused at once, one signs for all.
    pub async fn instead_of(&self, refused: &Arc<Token>) -> Result<Arc<Token>, Error> {
        self.renewed(|token| !Arc::ptr_eq(token, refused)).await
    }

    /// Whether a good token is at hand.
    pub fn is_good(&self) -> bool {
        self.held().is_some_and(|token| (self.clock)() < token.good_until)
    }

    /// Until when the token at hand is good.
    pub fn good_until(&self) -> Option<SystemTime> {
        self.held().map(|token| token.good_until)
    }

    /// Renews the token before it stops being good, for ever; tells each outcome.
    pub async fn keep_fresh(&self, tell: impl Fn(Result<(), Error>)) {
        let mut failures = 0;
        loop {
            let outcome = self.renewed(|token| (self.clock)() < token.renew_at).await;
            let pause = if let Ok(token) = &outcome {
                failures = 0;
                // At least a second, as credentials about to end give a token that is due at once.
                token.renew_at.duration_since((self.clock)()).unwrap_or_default().max(Duration::from_secs(1))
            } else {
                failures += 1;
                Duration::from_secs(1 << failures.min(5))
            };
            tell(outcome.map(|_| ()));
            tokio::time::sleep(pause).await;
        }
    }

    fn held(&self) -> Option<Arc<Token>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn renewed(&self, good: impl Fn(&Arc<Token>) -> bool) -> Result<Arc<Token>, Error> {
        let _only_one = self.signing.lock().await;
        if let Some(token) = self.held().filter(good) {
            return Ok(token);
        }
        let signed = self.sign().await;
        self.renewals.note(signed.is_ok());
        let token = Arc::new(signed?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&token));
        Ok(token)
    }

    async fn sign(&self) -> Result<Token, Error> {
        let loaded = tokio::time::timeout(LOAD_TIMEOUT, self.credentials.provide_credentials()).await;
        let no_answer = || format!("no answer within {} s", LOAD_TIMEOUT.as_secs());
        let loaded = loaded.map_err(|_| no_answer()).and_then(|found| found.map_err(|error| chain(&error)));
        let credentials = loaded.map_err(|cause| Error::Credentials { cause })?;
        let now = (self.clock)();
        let mut good_until = now + GOOD_FOR;
        if let Some(end) = credentials.expiry() {
            good_until = good_until.min(end - CREDENTIALS_MARGIN);
        }
        let renew_at = (now + RENEW_AFTER).min(good_until - RENEW_AHEAD);
        let value = sign::bearer_token(credentials, &self.cluster, &self.region, now);
        let value = value.map_err(|cause| Error::Sign { cause })?;
        let authorization = HeaderValue::try_from(format!("Bearer {}", value.expose()));
        let mut authorization = authorization.map_err(|error| Error::Sign { cause: error.to_string() })?;
        // Keeps it out of what Debug prints.
        authorization.set_sensitive(true);
        Ok(Token { value, authorization, good_until, renew_at })
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
