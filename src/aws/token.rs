//! Keeps one bearer token fresh. Owns when a token is good, when the next is signed, and that only one signing goes
//! on at a time; never signs per request.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use hyper::header::HeaderValue;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::aws::{Clock, sign};
use crate::telemetry::metrics::Outcomes;
use crate::util::error_chain::error_chain;
use crate::util::secret::Secret;

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
/// Whoever asks within this time after a failure gets the same failure.
const FAILURE_SHARED_FOR: Duration = Duration::from_secs(1);
/// Tokens that the cluster refuses are replaced no more often than this: if it refuses ours for good, no other helps.
const FORCED_AT_MOST_EVERY: Duration = Duration::from_secs(30);
/// A cluster that accepted our token within this time is expected to accept it again: STS throttles, or the API server
/// starts. Nobody takes access away so often that callers should not wait for that.
const LATELY: Duration = Duration::from_mins(5);

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
    /// The signing under way. It goes on whether or not those who wait for it stay.
    attempt: Option<watch::Receiver<Option<Outcome>>>,
    failed: Option<(Instant, Error)>,
    /// When a token was last signed because the cluster refused the one before.
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

    /// A good token: the one at hand, or, if it is no longer good, a new one.
    pub async fn current(&self) -> Outcome {
        let now = (self.0.clock)();
        match self.0.held() {
            Some(token) if now < token.good_until => Ok(token),
            _ => self.refresh_unless(|token| now < token.good_until).await,
        }
    }

    /// A token other than the one that the cluster refused: of many that were refused at once, one signs for all. If such
    /// a token was signed a short time ago, the refused one is returned.
    pub async fn refresh_after_rejection(&self, refused: &Arc<Token>) -> Outcome {
        let is_other = |token: &Arc<Token>| !Arc::ptr_eq(token, refused);
        if self.0.held().is_some_and(|token| !is_other(&token)) {
            let mut state = self.0.state();
            if state.attempt.is_none() {
                if state.forced.is_some_and(|last| last.elapsed() < FORCED_AT_MOST_EVERY) {
                    return Ok(Arc::clone(refused));
                }
                state.forced = Some(Instant::now());
            }
        }
        self.refresh_unless(is_other).await
    }

    /// Notes that the cluster accepted a token of ours.
    pub fn note_accepted(&self) {
        self.0.state().accepted = Some(Instant::now());
    }

    pub fn was_accepted_lately(&self) -> bool {
        self.0.state().accepted.is_some_and(|time| time.elapsed() < LATELY)
    }

    pub fn renewals(&self) -> &Outcomes {
        &self.0.renewals
    }

    /// Whether a good token is at hand.
    pub fn is_good(&self) -> bool {
        self.0.held().is_some_and(|token| (self.0.clock)() < token.good_until)
    }

    /// Until when the token at hand is good.
    pub fn good_until(&self) -> Option<SystemTime> {
        self.0.held().map(|token| token.good_until)
    }

    /// Renews the token before it stops being good, for ever; tells each outcome.
    pub async fn keep_fresh(&self, tell: impl Fn(Result<(), Error>)) {
        let mut failures = 0;
        loop {
            let outcome = self.refresh_unless(|token| (self.0.clock)() < token.renew_at).await;
            let pause = if let Ok(token) = &outcome {
                failures = 0;
                // At least a second, as credentials about to end give a token that is due at once.
                token.renew_at.duration_since((self.0.clock)()).unwrap_or_default().max(Duration::from_secs(1))
            } else {
                failures += 1;
                Duration::from_secs(1 << failures.min(5))
            };
            tell(outcome.map(|_| ()));
            tokio::time::sleep(pause).await;
        }
    }

    /// The token at hand if it is good, else that of the signing under way or of a new one.
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
            // One that ended without an outcome is not waited for.
            let _ = state.attempt.take_if(|attempt| attempt.has_changed().is_err());
            state.attempt.get_or_insert_with(|| Inner::begin(&self.0)).clone()
        };
        let ended = attempt.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
        let record_aborted = || Err(Error::Credentials { cause: "loading them was cut off".to_owned() });
        ended.ok().flatten().unwrap_or_else(record_aborted)
    }
}

impl Inner {
    fn held(&self) -> Option<Arc<Token>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Signs in a task of its own.
    fn begin(this: &Arc<Self>) -> watch::Receiver<Option<Outcome>> {
        let (tell, attempt) = watch::channel(None);
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
            tell.send_replace(Some(signed));
        });
        attempt
    }

    async fn sign(&self) -> Result<Token, Error> {
        let loaded = tokio::time::timeout(LOAD_TIMEOUT, self.credentials.provide_credentials()).await;
        let no_answer = || format!("no answer within {} s", LOAD_TIMEOUT.as_secs());
        let loaded = loaded.map_err(|_| no_answer()).and_then(|found| found.map_err(|error| error_chain(&error)));
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
