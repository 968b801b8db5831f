//! Tokens under paused time: renewal, shared attempts, credentials that expire or fail.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, error::CredentialsError, future};
use tokio::time::{Instant, advance};

use super::*;

const MINUTE: Duration = Duration::from_mins(1);

/// A wall clock that follows the paused clock of this test's runtime.
fn clock() -> SystemTime {
    thread_local!(static START: OnceLock<Instant> = const { OnceLock::new() });
    let start = START.with(|start| *start.get_or_init(Instant::now));
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_768_905_001) + start.elapsed()
}

/// Counts its calls. Its keys expire after `life`. It fails while `failing` is above zero.
#[derive(Debug)]
struct Source {
    asked: Arc<AtomicUsize>,
    failing: Arc<AtomicUsize>,
    life: Option<Duration>,
}

impl ProvideCredentials for Source {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            tokio::task::yield_now().await;
            self.asked.fetch_add(1, Ordering::SeqCst);
            let fails = self.failing.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if fails.is_ok() {
                return provider::Result::Err(CredentialsError::not_loaded("metadata is down"));
            }
            Ok(Credentials::new("AKIA", "s3cr3t-key", None, self.life.map(|life| clock() + life), "test"))
        })
    }
}

struct Kept {
    tokens: Arc<Tokens>,
    asked: Arc<AtomicUsize>,
    failing: Arc<AtomicUsize>,
}

fn tokens(life: Option<Duration>) -> Kept {
    let (asked, failing) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let source = Source { asked: Arc::clone(&asked), failing: Arc::clone(&failing), life };
    let tokens = Tokens::new("lab", "us-east-1", SharedCredentialsProvider::new(source), clock);
    Kept { tokens: Arc::new(tokens), asked, failing }
}

fn keep(kept: &Kept) {
    let tokens = Arc::clone(&kept.tokens);
    tokio::spawn(async move { tokens.keep_fresh(|_| ()).await });
}

/// Lets the paused clock run.
async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_attempt() {
    let kept = tokens(None);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let tokens = Arc::clone(&kept.tokens);
            tokio::spawn(async move { tokens.current().await.unwrap() })
        })
        .collect();
    let mut seen = Vec::new();
    for call in calls {
        seen.push(call.await.unwrap());
    }
    assert!(seen.iter().all(|token| Arc::ptr_eq(token, &seen[0])));
    assert_eq!(kept.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_token_is_renewed_in_the_background() {
    let kept = tokens(None);
    keep(&kept);
    let first = kept.tokens.current().await.unwrap();
    pass(MINUTE * 9).await;
    assert!(Arc::ptr_eq(&first, &kept.tokens.current().await.unwrap()));
    pass(MINUTE * 2).await;
    assert_eq!(kept.asked.load(Ordering::SeqCst), 2, "renewed in the background");
    let second = kept.tokens.current().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    assert_ne!(first.value, second.value);
    pass(MINUTE * 60).await;
    assert!(kept.tokens.is_good());
    assert_eq!(kept.asked.load(Ordering::SeqCst), 8, "every ten minutes, not per request");
}

#[tokio::test(start_paused = true)]
async fn the_old_token_is_returned_until_its_end_while_renewal_fails() {
    let kept = tokens(None);
    keep(&kept);
    let first = kept.tokens.current().await.unwrap();
    kept.failing.store(1000, Ordering::SeqCst);
    pass(MINUTE * 13).await;
    assert!(Arc::ptr_eq(&first, &kept.tokens.current().await.unwrap()));
    pass(MINUTE * 2).await;
    assert!(!kept.tokens.is_good());
    let error = kept.tokens.current().await.unwrap_err();
    assert!(!error.to_string().contains("metadata is down") && error.with_cause().ends_with("metadata is down"));
    kept.failing.store(0, Ordering::SeqCst);
    pass(FAILURE_SHARED_FOR).await;
    assert!(kept.tokens.current().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_never_outlives_its_credentials() {
    let kept = tokens(Some(MINUTE * 6));
    let token = kept.tokens.current().await.unwrap();
    assert_eq!(token.good_until.duration_since(clock()).unwrap(), MINUTE * 5);
    advance(MINUTE * 5).await;
    assert!(!Arc::ptr_eq(&token, &kept.tokens.current().await.unwrap()));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_soon_are_renewed_once_a_second() {
    let kept = tokens(Some(Duration::from_secs(30)));
    keep(&kept);
    pass(MINUTE).await;
    assert!((50..=61).contains(&kept.asked.load(Ordering::SeqCst)));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_replaced_once_for_all_callers() {
    let kept = tokens(None);
    let refused = kept.tokens.current().await.unwrap();
    advance(Duration::from_secs(1)).await;
    let (one, two) =
        tokio::join!(kept.tokens.refresh_after_rejection(&refused), kept.tokens.refresh_after_rejection(&refused));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(Arc::ptr_eq(&one, &two) && !Arc::ptr_eq(&one, &refused));
    assert_eq!(kept.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn b8_a_token_is_replaced_twice_a_minute_if_all_are_refused() {
    let kept = tokens(None);
    let mut token = kept.tokens.current().await.unwrap();
    for _ in 0..600 {
        token = kept.tokens.refresh_after_rejection(&token).await.unwrap();
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(kept.asked.load(Ordering::SeqCst), 1 + 2);
}

#[tokio::test(start_paused = true)]
async fn b3_a_failure_is_shared_by_waiting_callers_and_those_of_the_next_second() {
    let kept = tokens(None);
    kept.failing.store(usize::MAX, Ordering::SeqCst);
    let ask = || {
        let tokens = Arc::clone(&kept.tokens);
        tokio::spawn(async move { tokens.current().await.is_err() })
    };
    let all: Vec<_> = (0..20).map(|_| ask()).collect();
    for one in all {
        assert!(one.await.unwrap());
    }
    advance(FAILURE_SHARED_FOR / 2).await;
    assert!(kept.tokens.current().await.is_err());
    assert_eq!(kept.asked.load(Ordering::SeqCst), 1);
    advance(FAILURE_SHARED_FOR / 2).await;
    assert!(kept.tokens.current().await.is_err());
    assert_eq!(kept.asked.load(Ordering::SeqCst), 2);
}

/// Counts its calls and never answers.
#[derive(Debug)]
struct Hanging(Arc<AtomicUsize>);

impl ProvideCredentials for Hanging {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.0.fetch_add(1, Ordering::SeqCst);
        future::ProvideCredentials::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn b3_credentials_that_hang_are_loaded_once_for_all_callers() {
    let asked = Arc::<AtomicUsize>::default();
    let source = SharedCredentialsProvider::new(Hanging(Arc::clone(&asked)));
    let tokens = Arc::new(Tokens::new("lab", "us-east-1", source, clock));
    let begun = Instant::now();
    // The first caller leaves. Its attempt goes on.
    assert!(tokio::time::timeout(Duration::from_secs(1), tokens.current()).await.is_err());
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let tokens = Arc::clone(&tokens);
            tokio::spawn(async move { tokens.current().await.unwrap_err().with_cause() })
        })
        .collect();
    for call in calls {
        assert!(call.await.unwrap().ends_with("no answer within 10 s"));
    }
    assert_eq!((asked.load(Ordering::SeqCst), begun.elapsed()), (1, LOAD_TIMEOUT));
}

#[tokio::test(start_paused = true)]
async fn debug_output_has_no_secret() {
    let kept = tokens(None);
    let token = kept.tokens.current().await.unwrap();
    let shown = format!("{:?} {:?}", kept.tokens, token);
    assert!(!shown.contains("k8s-aws-v1") && !shown.contains("s3cr3t-key"), "{shown}");
}
