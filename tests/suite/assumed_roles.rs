//! The credentials of clusters with a role, against a stub STS: renewal, expiry, refusal, throttling.

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider, future};
use eks_api::aws::eks::Describer;
use eks_api::aws::token::Tokens;
use eks_api::aws::{Sdk, http_client, identity};
use eks_api::config::clusters::{AssumedRole, ClusterConfig, StaticEndpoint};
use eks_api::kube::api_server::ApiServer;
use eks_api::kube::client::Client;
use eks_api::kube::error::Error as KubeError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::aws::{AssumeRoleCall, AwsMock, Role};
use crate::support::clusters::Clusters;
use crate::support::judge::{Rules, judge};

const ROLE: &str = "arn:aws:iam::222222222222:role/eks-api";
const MINUTE: Duration = Duration::from_mins(1);

/// The service's own credentials, which a test may rotate. Without a key they cannot be loaded.
#[derive(Clone, Debug)]
struct Own(Arc<Mutex<Option<&'static str>>>);

impl ProvideCredentials for Own {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let missing = || CredentialsError::not_loaded("no instance profile");
        let key = self.0.lock().unwrap().map(|id| Credentials::new(id, "s3cr3t", None, None, "own"));
        future::ProvideCredentials::ready(key.ok_or_else(missing))
    }
}

fn own(id: &'static str) -> Own {
    Own(Arc::new(Mutex::new(Some(id))))
}

async fn sdk(own: &Own, endpoint: &str) -> Sdk {
    let credentials = SharedCredentialsProvider::new(own.clone());
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .http_client(http_client::from_environment(|_| None).unwrap())
        .credentials_provider(credentials.clone())
        // The pauses between attempts are those of the SDK, and not under test.
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .load()
        .await;
    Sdk { config, credentials }
}

fn with_role(external_id: Option<&str>) -> ClusterConfig {
    let role = AssumedRole {
        arn: ROLE.to_owned(),
        external_id: external_id.map(str::to_owned),
        session_name: "eks-api".to_owned(),
    };
    ClusterConfig { eks_name: "batch-7".to_owned(), role: Some(role), ..ClusterConfig::single("eu", "eu-west-1") }
}

/// A stub AWS, and the SDK of a cluster with a role.
async fn far(external_id: Option<&str>) -> (AwsMock, Own, Sdk) {
    let aws = AwsMock::start().await;
    let own = own("AKIAOWN");
    let sdk = sdk(&own, &aws.url()).await.for_cluster(&with_role(external_id));
    (aws, own, sdk)
}

async fn load(sdk: &Sdk) -> provider::Result {
    sdk.credentials.provide_credentials().await
}

/// What anyone may see of a role that STS refuses.
const REFUSED: &str = "the cluster's role could not be assumed: STS refused it; the log has the reason";

/// The whole text of a failed load, as the log shows it. Anyone may see `shown`.
async fn failure(sdk: &Sdk, shown: &str) -> String {
    let error = tokens(sdk).current().await.unwrap_err();
    assert_eq!(error.to_string(), shown, "the cause is for the log");
    error.with_cause()
}

/// The text of a role that STS refuses.
async fn refusal(sdk: &Sdk) -> String {
    let text = failure(sdk, REFUSED).await;
    assert!(text.starts_with("AssumeRole: "), "{text}");
    text
}

thread_local!(static AHEAD: Cell<Duration> = const { Cell::new(Duration::ZERO) });

/// The wall clock, which a test may put forward.
fn clock() -> SystemTime {
    SystemTime::now() + AHEAD.get()
}

fn tokens(sdk: &Sdk) -> Tokens {
    Tokens::new("batch-7", "eu-west-1", sdk.credentials.clone(), clock)
}

/// Returns the access key that signed a token for the far cluster at the test's time.
fn signer(token: &str) -> Result<String, String> {
    let (keys, roles) = (Vec::new(), vec![ROLE.to_owned()]);
    let (cluster, region) = ("batch-7".to_owned(), "eu-west-1".to_owned());
    judge(token, &Rules { cluster, region, keys, roles, not_before: SystemTime::UNIX_EPOCH }, clock())
}

#[tokio::test]
async fn a_role_is_assumed_with_what_its_line_says() {
    let (aws, _, sdk) = far(Some("4f0c")).await;
    aws.trusts(Role::new(ROLE).external_id("4f0c"));
    let key = load(&sdk).await.unwrap().access_key_id().to_owned();
    let expected = AssumeRoleCall {
        arn: ROLE.to_owned(),
        external_id: Some("4f0c".to_owned()),
        session_name: "eks-api".to_owned(),
        duration: "3600".to_owned(),
        signer: "AKIAOWN".to_owned(),
        region: "eu-west-1".to_owned(),
        given: Some(key),
    };
    assert_eq!(aws.assume_role_calls(), [expected]);
}

#[tokio::test]
async fn the_roles_credentials_sign_the_token_the_description_and_the_identity() {
    let (aws, _, sdk) = far(None).await;
    aws.trusts(Role::new(ROLE));
    aws.describes_cluster("batch-7", "https://batch-7.example.com", "PEM");
    let token = tokens(&sdk).current().await.unwrap();
    let describer = Describer::new(&sdk, &with_role(None));
    assert_eq!(describer.describe().await.0.unwrap().endpoint, "https://batch-7.example.com");
    let who = identity::caller(&sdk.config).await.unwrap();
    assert_eq!(who, "arn:aws:sts::222222222222:assumed-role/eks-api/eks-api");
    let given: Vec<String> = aws.assume_role_calls().into_iter().filter_map(|call| call.given).collect();
    assert_eq!(signer(token.value.expose()).as_ref(), Ok(&given[0]));
    assert_eq!(aws.describers_of("batch-7"), given[1..2]);
}

#[tokio::test]
async fn clusters_without_a_role_use_the_services_own_credentials_in_their_region() {
    let aws = AwsMock::start().await;
    let (own, cluster) = (own("AKIAOWN"), ClusterConfig::single("lab", "eu-west-1"));
    let sdk = sdk(&own, &aws.url()).await.for_cluster(&cluster);
    assert_eq!(load(&sdk).await.unwrap().access_key_id(), "AKIAOWN");
    assert_eq!(sdk.config.region().unwrap().as_ref(), "eu-west-1");
    let describer = Describer::new(&sdk, &cluster);
    let _ = describer.describe().await;
    *own.0.lock().unwrap() = Some("AKIAROTATED");
    let _ = describer.describe().await;
    assert_eq!(aws.describers_of("lab"), ["AKIAOWN", "AKIAROTATED"], "a rotated key is used at once");
    assert!(aws.assume_role_calls().is_empty());
}

#[tokio::test]
async fn a_token_is_renewed_with_new_credentials_and_never_outlives_them() {
    let (aws, _, sdk) = far(None).await;
    aws.trusts(Role::new(ROLE).valid_for(MINUTE * 6));
    let tokens = tokens(&sdk);
    let first = tokens.current().await.unwrap();
    assert!(first.good_until <= clock() + MINUTE * 5);
    AHEAD.set(MINUTE * 4);
    assert!(Arc::ptr_eq(&first, &tokens.current().await.unwrap()));
    assert!(signer(first.value.expose()).is_ok());
    AHEAD.set(MINUTE * 5);
    let second = tokens.current().await.unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    let given: Vec<String> = aws.assume_role_calls().into_iter().filter_map(|call| call.given).collect();
    assert_eq!(given.len(), 2);
    assert_eq!(signer(second.value.expose()).as_ref(), Ok(&given[1]));
    AHEAD.set(MINUTE * 6);
    assert_eq!(signer(first.value.expose()), Err("the credentials have expired".to_owned()));
}

#[tokio::test]
async fn a_token_that_the_cluster_refuses_is_replaced_with_new_credentials() {
    let (aws, _, sdk) = far(None).await;
    aws.trusts(Role::new(ROLE));
    let tokens = tokens(&sdk);
    let refused = tokens.current().await.unwrap();
    let fresh = tokens.refresh_after_rejection(&refused).await.unwrap();
    assert_ne!(signer(refused.value.expose()).unwrap(), signer(fresh.value.expose()).unwrap());
    assert_eq!(aws.assume_role_calls().len(), 2);
}

#[tokio::test]
async fn a_role_that_is_refused_and_trusted_later_works_at_the_next_attempt() {
    let (aws, _, sdk) = far(None).await;
    aws.describes_cluster("batch-7", "https://batch-7.example.com", "PEM");
    let describer = Describer::new(&sdk, &with_role(None));
    let text = refusal(&sdk).await;
    assert!(text.starts_with("AssumeRole: AccessDenied: User: arn:aws:sts::123456789012:assumed-role/eks-api/i-0abc"));
    assert!(text.contains(ROLE) && text.contains("trust policy") && !text.contains("s3cr3t"), "{text}");
    let error = describer.describe().await.0.unwrap_err();
    assert_eq!(error.to_string(), format!("DescribeCluster: {REFUSED}"), "the cause is for the log");
    assert!(error.with_cause().starts_with("AssumeRole: AccessDenied: "), "{}", error.with_cause());
    assert!(aws.describers_of("batch-7").is_empty());

    aws.trusts(Role::new(ROLE));
    assert!(load(&sdk).await.is_ok());
    assert!(describer.describe().await.0.is_ok());
    aws.distrusts(ROLE);
    assert!(refusal(&sdk).await.contains("AccessDenied"), "an earlier session is not used again");
    assert!(describer.describe().await.0.is_err(), "nor for the description");
}

#[tokio::test]
async fn an_external_id_that_is_missing_or_wrong_is_named() {
    for (set, remedy) in
        [(None, "set external_id if the trust policy asks for one"), (Some("wrong"), "compare external_id")]
    {
        let (aws, _, sdk) = far(set).await;
        aws.trusts(Role::new(ROLE).external_id("4f0c"));
        let text = refusal(&sdk).await;
        assert!(text.contains("AccessDenied") && text.contains(ROLE) && text.contains(remedy), "{text}");
    }
}

#[tokio::test]
async fn throttling_is_retried_and_a_lasting_one_is_named() {
    let (aws, _, sdk) = far(None).await;
    aws.trusts(Role::new(ROLE));
    aws.throttles_roles(1);
    assert!(load(&sdk).await.is_ok());
    assert_eq!(aws.assume_role_calls().len(), 2);
    aws.throttles_roles(usize::MAX);
    assert!(refusal(&sdk).await.contains(&format!("AssumeRole: Throttling: Rate exceeded (role {ROLE})")));
    aws.throttles_roles(0);
    assert!(load(&sdk).await.is_ok());
}

#[tokio::test]
async fn a_rotated_key_of_the_service_signs_the_next_call() {
    let (aws, own, sdk) = far(None).await;
    aws.trusts(Role::new(ROLE));
    load(&sdk).await.unwrap();
    *own.0.lock().unwrap() = Some("AKIAROTATED");
    aws.revokes_key("AKIAOWN");
    load(&sdk).await.unwrap();
    let signers: Vec<String> = aws.assume_role_calls().into_iter().map(|call| call.signer).collect();
    assert_eq!(signers, ["AKIAOWN", "AKIAROTATED"]);
}

#[tokio::test]
async fn missing_credentials_of_the_service_are_not_blamed_on_the_role() {
    let (aws, own, sdk) = far(None).await;
    *own.0.lock().unwrap() = None;
    let text = failure(&sdk, "no AWS credentials could be loaded").await;
    assert!(text.ends_with("no instance profile") && !text.contains("AssumeRole"), "{text}");
    assert!(aws.assume_role_calls().is_empty());
    *own.0.lock().unwrap() = Some("AKIAUNKNOWN");
    aws.revokes_key("AKIAUNKNOWN");
    assert!(refusal(&sdk).await.contains("AssumeRole: InvalidClientTokenId: "));
}

#[tokio::test(start_paused = true)]
async fn an_sts_without_an_answer_is_given_up_before_the_token_is() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let sdk = sdk(&own("AKIAOWN"), &url).await.for_cluster(&with_role(None));
    let text =
        failure(&sdk, "the cluster's role could not be assumed: STS did not answer; the log has the reason").await;
    assert!(text.starts_with("AssumeRole: ") && text.contains("timed out"), "{text}");
    assert!(text.contains(&format!("(role {ROLE}); check the region")), "{text}");
}

#[tokio::test]
async fn roles_without_an_answer_keep_no_other_role_waiting() {
    let (aws, _, sdk) = far(None).await;
    let lost = "arn:aws:iam::333333333333:role/lost";
    aws.trusts(Role::new(ROLE));
    aws.trusts(Role::new(lost));
    aws.leaves_role_unanswered(lost);
    let mut cluster = with_role(None);
    cluster.role.as_mut().unwrap().arn = lost.to_owned();
    let other = self::sdk(&own("AKIAOWN"), &aws.url()).await.for_cluster(&cluster);
    let others = async {
        for _ in 0..3 {
            load(&sdk).await.unwrap();
        }
    };
    tokio::select! {
        outcome = load(&other) => panic!("{outcome:?}"),
        () = others => {}
    }
    assert_eq!(aws.assume_role_calls().len(), 3);
    aws.answers_role(lost);
    assert!(load(&other).await.is_ok());
}

/// Returns the host that the SDK of a cluster in this region asks a proxy for, to assume a role.
async fn sts_host(region: &str) -> String {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let http = http_client::from_environment(|name| (name == "HTTPS_PROXY").then(|| url.clone())).unwrap();
    let mut sdk = sdk(&own("AKIAOWN"), "").await;
    sdk.config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .sleep_impl(sdk.config.sleep_impl().unwrap())
        .time_source(sdk.config.time_source().unwrap())
        .build();
    let sdk = sdk.for_cluster(&ClusterConfig { region: region.to_owned(), ..with_role(None) });
    let asked = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        String::from_utf8(request).unwrap()
    };
    tokio::select! {
        outcome = load(&sdk) => panic!("{outcome:?}"),
        request = asked => request.split_whitespace().nth(1).unwrap().to_owned(),
    }
}

#[tokio::test]
async fn roles_are_assumed_at_the_regional_host_of_the_partition_by_the_proxy() {
    assert_eq!(sts_host("eu-west-1").await, "sts.eu-west-1.amazonaws.com:443");
    assert_eq!(sts_host("cn-north-1").await, "sts.cn-north-1.amazonaws.com.cn:443");
}

#[tokio::test]
async fn the_settings_of_many_clusters_are_made_without_a_request() {
    let (aws, _, sdk) = far(None).await;
    let made: Vec<Sdk> = (0..32).map(|_| sdk.for_cluster(&with_role(None))).collect();
    assert_eq!((made.len(), aws.calls("POST", "/"), aws.calls("GET", "/")), (32, 0, 0));
}

#[tokio::test]
async fn a_cluster_with_an_endpoint_is_described_without_a_request() {
    let (aws, _, sdk) = far(None).await;
    let endpoint = StaticEndpoint { url: "https://lab.example.com".to_owned(), ca_pem: b"PEM".to_vec() };
    let cluster = ClusterConfig { endpoint: Some(endpoint), ..with_role(None) };
    let (description, date) = Describer::new(&sdk, &cluster).describe().await;
    let description = description.unwrap();
    assert_eq!(
        (description.endpoint.as_str(), description.ca_pem.as_slice()),
        ("https://lab.example.com", &b"PEM"[..])
    );
    assert!(date.is_none());
    assert_eq!((aws.calls("POST", "/"), aws.calls("GET", "/")), (0, 0));
}

#[tokio::test]
async fn a_cluster_accepts_the_token_of_its_role_and_no_other() {
    let mut clusters = Clusters::start(&["prod", "eu"]).await;
    clusters.assumes("eu", Role::new(ROLE).external_id("4f0c"));
    let sdk = sdk(&own("AKIAOWN"), &clusters.aws.url()).await;
    let mut cluster = with_role(Some("4f0c"));
    (cluster.eks_name, cluster.region) = ("eks-eu".to_owned(), "us-east-1".to_owned());
    let reach = async |cluster: &ClusterConfig| {
        let sdk = sdk.for_cluster(cluster);
        let tokens = Tokens::new(&cluster.eks_name, &cluster.region, sdk.credentials.clone(), clock);
        let api_server = ApiServer::new(&cluster.name, &cluster.region, tokens);
        let description = Describer::new(&sdk, cluster).describe().await.0.unwrap();
        api_server.set_description(description).unwrap();
        Client::new(Arc::new(api_server), Instant::now() + Duration::from_secs(5)).server_date().await
    };
    assert!(reach(&cluster).await.is_ok());
    cluster.role = None;
    assert!(matches!(reach(&cluster).await, Err(KubeError::Unauthorized { .. })));
    assert_eq!((clusters.stub("eu").accepted(), clusters.stub("prod").connections()), (1, 0));
    let line = format!("eu cluster=eks-eu external_id=4f0c region=us-east-1 role={ROLE}");
    assert_eq!(clusters.text(), format!("prod cluster=eks-prod default=true region=us-east-1\n{line}\n"));
}
