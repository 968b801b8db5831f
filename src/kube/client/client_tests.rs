//! A call without a token ends at its own deadline.

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};

use super::*;
use crate::aws::token::Tokens;

#[derive(Debug)]
struct Hanging;

impl ProvideCredentials for Hanging {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn b3_a_call_waits_for_a_token_until_its_deadline() {
    let tokens = Tokens::new("lab", "us-east-1", SharedCredentialsProvider::new(Hanging), SystemTime::now);
    let cluster = Arc::new(ApiServer::new("lab", "us-east-1", tokens));
    let begun = Instant::now();
    let call = |seconds| {
        let client = Client::new(Arc::clone(&cluster), begun + Duration::from_secs(seconds));
        async move { (client.get::<Ignored>(&Path::version()).await, begun.elapsed().as_secs()) }
    };
    let (short, long) = tokio::join!(call(2), call(60));
    for ((outcome, seconds), expected) in [(short, 2), (long, 10)] {
        assert!(matches!(outcome, Err(Error::NotReady { check: "credentials", .. })), "{outcome:?}");
        assert_eq!(seconds, expected);
    }
}
