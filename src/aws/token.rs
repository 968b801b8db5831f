//! Keeps one bearer token fresh: [`Tokens`]. A token serves all requests, and only one is signed at a time.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use hyper::header::HeaderValue;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::aws::load_error::LoadError;
use crate::aws::{Clock, sign};
use crate::telemetry::metrics::Outcomes;
use crate::util::backoff::Backoff;
use crate::util::secret::Secret;

/// STS accepts a token for 15 minutes. One minute is left for clocks that differ and for requests in progress.
const GOOD_FOR: Duration = Duration::from_mins(14);
/// The old token is then good for four more minutes: time for several attempts.
const RENEW_AFTER: Duration = Duration::from_mins(10);
/// A token whose credentials expire early is renewed this long before its end.
const RENEW_AHEAD: Duration = Duration::from_mins(2);
/// Credentials are not used in their last minute.
const CREDENTIALS_MARGIN: Duration = Duration::from_mins(1);
/// Pauses between failed renewals.
const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_secs(32));
/// Credentials come from other services, such as instance metadata, which may hang.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failure, calls within this time get the same failure.
const FAILURE_SHARED_FOR: Duration = Duration::from_secs(1);
/// A refused token is replaced no more often than this. If the cluster does not know our role, a new token does not help.
const MIN_FORCED_INTERVAL: Duration = Duration::from_secs(30);
/// A cluster that accepted a token within this time is expected to accept one again, after throttling or a restart.
const ACCEPTED_RECENTLY: Duration = Duration::from_mins(5);

#[derive(Debug)]
pub struct Token {
    pub value: Secret<String>,
    /// The `Authorization` header of every request.
    pub(crate) authorization: HeaderValue,
    pub good_until: SystemTime,
    renew_at: SystemTime,
}

/// Why there is no token. Display may be shown to anyone. The cause may contain paths and is for the operator.
#[derive(Clone, Debug)]
pub enum Error {
    Credentials(LoadError),
    Sign { cause: String },
}

impl Error {
    /// Returns the text with the cause, for the log.
    pub fn with_cause(&self) -> String {
        match self {
            Self::Credentials(error) => error.with_cause(),
            Self::Sign { cause } => format!("{self}: {cause}"),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credentials(error) => error.fmt(f),
            Self::Sign { .. } => f.write_str("the token could not be signed"),
        }
    }
}

impl std::error::Error for Error {}

/// The tokens of one cluster.
#[derive(Debug)]
pub struct Tokens(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    cluster: String,
    region: String,
    credentials: SharedCredentialsProvider,
    clock: Clock,
    current: RwLock<Option<Arc<Token>>>,
    state: Mutex<State>,
    renewals: Outcomes,
}

type Outcome = Result<Arc<Token>, Error>;

#[derive(Debug, Default)]
struct State {
    /// The attempt in progress. It goes on if its callers leave.
    attempt: Option<watch::Receiver<Option<Outcome>>>,
    failed: Option<(Instant, Error)>,
    /// When a refused token was last replaced.
    forced: Option<Instant>,
    accepted: Option<Instant>,
}

impl Tokens {
    pub fn new(cluster: &str, region: &str, credentials: SharedCredentialsProvider, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            cluster: cluster.to_owned(),
            region: region.to_owned(),
            credentials,
            clock,
            current: RwLock::new(None),
            state: Mutex::default(),
            renewals: Outcomes::default(),
        }))
    }

    /// Returns the current token, or a new one if it is no longer good.
    pub async fn current(&self) -> Outcome {
        let now = (self.0.clock)();
        match self.0.held() {
            Some(token) if now < token.good_until => Ok(token),
            _ => self.refresh_unless(|token| now < token.good_until).await,
        }
    }

    /// Returns another token than the refused one. Calls at the same time share one. If a token was replaced a short time
    /// ago, the refused one is returned.
    pub async fn refresh_after_rejection(&self, refused: &Arc<Token>) -> Outcome {
        let is_other = |token: &Arc<Token>| !Arc::ptr_eq(token, refused);
        if self.0.held().is_some_and(|token| !is_other(&token)) {
            let mut state = self.0.state();
            if state.attempt.is_none() {
                if state.forced.is_some_and(|last| last.elapsed() < MIN_FORCED_INTERVAL) {
                    return Ok(Arc::clone(refused));
                }
                state.forced = Some(Instant::now());
            }
        }
        self.refresh_unless(is_other).await
    }

    /// Records that the cluster accepted a token.
    pub fn note_accepted(&self) {
        self.0.state().accepted = Some(Instant::now());
    }

    pub fn was_accepted_recently(&self) -> bool {
        self.0.state().accepted.is_some_and(|time| time.elapsed() < ACCEPTED_RECENTLY)
    }

    pub fn renewals(&self) -> &Outcomes {
        &self.0.renewals
    }

    /// Whether the current token is good.
    pub fn is_good(&self) -> bool {
        self.0.held().is_some_and(|token| (self.0.clock)() < token.good_until)
    }

    /// Returns the end of the current token.
    pub fn good_until(&self) -> Option<SystemTime> {
        self.0.held().map(|token| token.good_until)
    }

    /// Renews the token before it expires, for ever. Reports each outcome.
    pub async fn keep_fresh(&self, report: impl Fn(Result<(), Error>)) {
        let mut backoff = BACKOFF;
        loop {
            let outcome = self.refresh_unless(|token| (self.0.clock)() < token.renew_at).await;
            let pause = if let Ok(token) = &outcome {
                backoff = BACKOFF;
                // At least a second, as credentials that expire soon give a token that is due at once.
                token.renew_at.duration_since((self.0.clock)()).unwrap_or_default().max(Duration::from_secs(1))
            } else {
                backoff.pause()
            };
            report(outcome.map(|_| ()));
            tokio::time::sleep(pause).await;
        }
    }

    /// Returns the current token if it is good, else that of the attempt in progress or of a new one.
    async fn refresh_unless(&self, good: impl Fn(&Arc<Token>) -> bool) -> Outcome {
        let mut attempt = {
            let mut state = self.0.state();
            if let Some(token) = self.0.held().filter(good) {
                return Ok(token);
            }
            match &state.failed {
                Some((time, error)) if time.elapsed() < FAILURE_SHARED_FOR => return Err(error.clone()),
                _ => {}
            }
            // An attempt that panicked has no outcome.
            let _ = state.attempt.take_if(|attempt| attempt.has_changed().is_err());
            state.attempt.get_or_insert_with(|| Inner::start(&self.0)).clone()
        };
        let ended = attempt.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        let aborted = || Err(Error::Credentials(LoadError::own("loading them was aborted")));
        ended.ok().flatten().unwrap_or_else(aborted)
    }
}

impl Inner {
    fn held(&self) -> Option<Arc<Token>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a task that signs a token.
    fn start(this: &Arc<Self>) -> watch::Receiver<Option<Outcome>> {
        let (sender, attempt) = watch::channel(None);
        let this = Arc::clone(this);
        tokio::spawn(async move {
            let signed = this.sign().await.map(Arc::new);
            this.renewals.note(signed.is_ok());
            let mut state = this.state();
            state.attempt = None;
            state.failed = signed.as_ref().err().map(|error| (Instant::now(), error.clone()));
            if let Ok(token) = &signed {
                *this.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(token));
            }
            sender.send_replace(Some(signed));
        });
        attempt
    }

    async fn sign(&self) -> Result<Token, Error> {
        let loaded = tokio::time::timeout(LOAD_TIMEOUT, self.credentials.provide_credentials()).await;
        let loaded = loaded.map_err(|_| LoadError::own(&format!("no answer within {} s", LOAD_TIMEOUT.as_secs())));
        let loaded = loaded.and_then(|found| found.map_err(|error| LoadError::from(&error)));
        let credentials = loaded.map_err(Error::Credentials)?;
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
        // Debug does not show a sensitive header.
        authorization.set_sensitive(true);
        Ok(Token { value, authorization, good_until, renew_at })
    }
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
