//! A stand-in for AWS on one loopback port: `DescribeCluster` of EKS, `GetCallerIdentity`, `AssumeRole` and
//! `AssumeRoleWithWebIdentity` of STS, the instance metadata service (v2) and a container credentials endpoint. What it answers can be
//! replaced at any moment, with no gap between the old answer and the new. It verifies no
//! signatures.

mod sts;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use httpmock::{HttpMockRequest, HttpMockResponse, MockServer};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::{Rfc2822, Rfc3339};

use super::fixture;
use super::judge::Key;
use sts::Sts;
pub use sts::{AssumeRoleCall, OWN_IDENTITY, Role};

/// Longer than any time-out.
const NEVER: Duration = Duration::from_hours(1);
const METADATA: &str = "/latest/meta-data/iam/security-credentials";

/// An answer: status, headers, body. A body that is a string goes out as it is.
#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Answer {
    fn new(status: u16, content_type: &str, body: impl Into<Value>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// The answer of a recording under `fixtures/aws`.
    fn recorded(name: &str) -> Self {
        let response = fixture(&format!("aws/{name}"))["response"].take();
        let headers = response["headers"].as_object().into_iter().flatten();
        // The length was that of the recording, which need not be the length of what is sent now.
        let headers = headers.filter(|(name, _)| !["content-length", "date"].contains(&name.as_str()));
        Self {
            status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
            headers: headers.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect(),
            body: response["body"].clone(),
        }
    }
}

/// What the four services say now, and how often each path was asked for.
#[derive(Debug)]
struct State {
    /// The answer for clusters that `described` does not have.
    describe: Answer,
    described: HashMap<String, Answer>,
    /// The cluster's name and the signer's access key of each `DescribeCluster`.
    describers: Vec<(String, String)>,
    /// Replaces the answer of `GetCallerIdentity`.
    identity: Option<Answer>,
    sts: Sts,
    /// What instance metadata gives out; the whole service is missing while this is `None`.
    instance: Option<(Key, SystemTime)>,
    /// What the container endpoint gives out, and the Authorization header it asks for.
    container: Option<(Key, SystemTime, String)>,
    /// What a role gives out, and the web identity token that it trusts.
    web_identity: Option<(Key, SystemTime, String)>,
    calls: HashMap<String, usize>,
}

pub struct AwsMock {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

impl AwsMock {
    /// Until told otherwise it describes no cluster (404), knows the caller, and gives out no
    /// credentials.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            describe: Answer::recorded("describe-cluster-not-found"),
            described: HashMap::new(),
            describers: Vec::new(),
            identity: None,
            sts: Sts::default(),
            instance: None,
            container: None,
            web_identity: None,
            calls: HashMap::new(),
        }));
        let server = MockServer::start_async().await;
        let (held, answers) = (Arc::clone(&state), Arc::clone(&state));
        server
            .mock_async(|when, then| {
                when.is_true(move |request| held.lock().unwrap().sts.leaves_unanswered(request));
                then.delay(NEVER).respond_with(move |request| send(answer(&mut answers.lock().unwrap(), request)));
            })
            .await;
        let shared = Arc::clone(&state);
        server
            .mock_async(|when, then| {
                when.any_request();
                then.respond_with(move |request| send(answer(&mut shared.lock().unwrap(), request)));
            })
            .await;
        Self { server, state }
    }

    /// The endpoint of EKS and STS, and of instance metadata.
    pub fn url(&self) -> String {
        self.server.base_url()
    }

    /// The address for `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub fn container_url(&self) -> String {
        self.server.url("/creds")
    }

    /// Describes an active cluster with this endpoint; the PEM text may hold several blocks.
    pub fn describes(&self, endpoint: &str, ca_pem_blocks: &str) {
        self.state().describe = description(endpoint, ca_pem_blocks);
    }

    /// Describes the cluster of this name so. Clusters without a description of their own are described as before.
    pub fn describes_cluster(&self, name: &str, endpoint: &str, ca_pem_blocks: &str) {
        let mut answer = description(endpoint, ca_pem_blocks);
        answer.body["cluster"]["name"] = json!(name);
        self.state().described.insert(name.to_owned(), answer);
    }

    /// Answers `DescribeCluster` of this cluster with a recording.
    pub fn answers_recording_for(&self, name: &str, recording: &str) {
        self.state().described.insert(name.to_owned(), Answer::recorded(recording));
    }

    /// Answers `DescribeCluster` with a recording of `fixtures/aws`, named without its extension.
    pub fn answers_recording(&self, name: &str) {
        self.state().describe = Answer::recorded(name);
    }

    /// Answers `DescribeCluster` with this.
    pub fn answers(&self, status: u16, body: Value) {
        self.state().describe = Answer::new(status, "application/json", body);
    }

    /// From now on the answer of `DescribeCluster` says that this is the time (RFC 9110, section 5.6.7).
    pub fn describes_at(&self, time: SystemTime) {
        let date = OffsetDateTime::from(time).format(&Rfc2822).unwrap().replace("+0000", "GMT");
        self.state().describe.headers.push(("date".to_owned(), date));
    }

    /// Answers `GetCallerIdentity` with an error of the query API.
    pub fn refuses_identity(&self, status: u16, code: &str, message: &str) {
        self.state().identity = Some(sts::error(status, code, message));
    }

    /// Gives out this key through instance metadata, until so long from now.
    pub fn serves_instance_credentials(&self, key: Key, valid_for: Duration) {
        self.state().instance = Some((key, SystemTime::now() + valid_for));
    }

    /// Gives out this key to those who send this Authorization header.
    pub fn serves_container_credentials(&self, key: Key, valid_for: Duration, authorization: &str) {
        self.state().container = Some((key, SystemTime::now() + valid_for, authorization.to_owned()));
    }

    /// Gives out this key to whoever assumes a role with this web identity token.
    pub fn serves_web_identity(&self, key: Key, valid_for: Duration, token: &str) {
        self.state().web_identity = Some((key, SystemTime::now() + valid_for, token.to_owned()));
    }

    pub fn describe_calls(&self) -> usize {
        self.calls("GET", "/clusters/")
    }

    /// The access keys that signed `DescribeCluster` of this cluster, in order.
    pub fn describers_of(&self, name: &str) -> Vec<String> {
        let state = self.state();
        state.describers.iter().filter(|(described, _)| described == name).map(|(_, key)| key.clone()).collect()
    }

    /// How many requests of this method came for a path with this prefix.
    pub fn calls(&self, method: &str, path_prefix: &str) -> usize {
        let start = format!("{method} {path_prefix}");
        self.state().calls.iter().filter(|(call, _)| call.starts_with(&start)).map(|(_, count)| count).sum()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

fn answer(state: &mut State, request: &HttpMockRequest) -> Answer {
    let uri = request.uri();
    let (method, path) = (request.method_str(), uri.path());
    *state.calls.entry(format!("{method} {path}")).or_default() += 1;
    let header = |name: &str| {
        let found = request.headers_vec().iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    };
    let missing = || Answer::new(404, "text/plain", "not found");

    let role = fixture("aws/imds-role")["response"]["body"].take();
    let token = fixture("aws/imds-token")["response"]["body"].take();
    match (method, path) {
        ("GET", path) if path.starts_with("/clusters/") => {
            let name = path.trim_start_matches("/clusters/");
            state.describers.push((name.to_owned(), sts::signer(request).0));
            state.described.get(name).unwrap_or(&state.describe).clone()
        }
        ("POST", "/") if request.body_string().contains("Action=GetCallerIdentity") => {
            state.identity.clone().unwrap_or_else(|| state.sts.identity(request))
        }
        ("POST", "/") if request.body_string().contains("Action=AssumeRole&") => state.sts.assume_role(request),
        ("POST", "/") if request.body_string().contains("Action=AssumeRoleWithWebIdentity") => {
            let body = request.body_string();
            let sent = body.split('&').find_map(|pair| pair.strip_prefix("WebIdentityToken="));
            match &state.web_identity {
                Some((key, until, token)) if sent == Some(token) => assumed(key, *until),
                _ => missing(),
            }
        }
        ("GET", "/creds") => match &state.container {
            Some((key, until, secret)) if header("authorization") == Some(secret) => {
                Answer::new(200, "application/json", credentials(key, *until))
            }
            Some(_) => Answer::new(401, "application/json", json!({"message": "wrong authorization"})),
            None => missing(),
        },
        (method, path) if path.starts_with("/latest/") => {
            let Some((key, until)) = &state.instance else { return missing() };
            if (method, path) == ("PUT", "/latest/api/token") {
                return Answer::recorded("imds-token");
            }
            if header("x-aws-ec2-metadata-token") != token.as_str() {
                return Answer::new(401, "text/plain", "");
            }
            match path.strip_prefix(METADATA).map(|rest| rest.trim_matches('/')) {
                Some("") => Answer::recorded("imds-role"),
                Some(name) if role == name => {
                    let recorded = fixture("aws/imds-credentials")["response"]["body"].take();
                    Answer::new(200, "text/plain", merged(recorded, credentials(key, *until)))
                }
                _ => missing(),
            }
        }
        _ => missing(),
    }
}

fn description(endpoint: &str, ca_pem_blocks: &str) -> Answer {
    let mut answer = Answer::recorded("describe-cluster");
    let cluster = &mut answer.body["cluster"];
    cluster["endpoint"] = json!(endpoint);
    cluster["certificateAuthority"]["data"] = json!(STANDARD.encode(ca_pem_blocks));
    answer
}

fn credentials(key: &Key, until: SystemTime) -> Value {
    let until = rfc3339(until);
    json!({"AccessKeyId": key.id, "SecretAccessKey": key.secret, "Token": key.session_token, "Expiration": until})
}

fn assumed(key: &Key, until: SystemTime) -> Answer {
    let (id, secret, until) = (&key.id, &key.secret, rfc3339(until));
    let session = key.session_token.as_deref().unwrap_or_default();
    let body = format!(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{id}\
         </AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{session}</SessionToken><Expiration>\
         {until}</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
    );
    Answer::new(200, "text/xml", body)
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap()
}

fn merged(mut recorded: Value, fields: Value) -> Value {
    if let (Value::Object(recorded), Value::Object(fields)) = (&mut recorded, fields) {
        recorded.extend(fields);
    }
    recorded
}

fn send(answer: Answer) -> HttpMockResponse {
    let body = answer.body.as_str().map_or_else(|| answer.body.to_string(), str::to_owned);
    HttpMockResponse::builder().status(answer.status).headers(answer.headers).body(body).build()
}
