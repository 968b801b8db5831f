//! Who may call, and what they then may: every route in every mode, and what docs/ACCESS.md, "Who may call", promises
//! beyond that. What the rooms below have in common: callers, their credentials, and what the cluster saw of them.

mod browsers;
mod health;
mod keys;
mod limits;
mod minutes;
mod recipes;
mod reviews;
mod routes;
mod tokens;

use serde_json::{Value, json};

use crate::audit::is_record;
use crate::given::BINARY;
use crate::live::own_job;
use crate::support::service::{Service, run};
use crate::support::stub::{Recorded, Right, StubCluster};
use crate::support::{Lab, builder, surroundings};
use crate::wire::{Answer, Wire};

/// The tokens of users whom the stub knows.
pub(crate) const ALICE: &str = "alices-own.cluster-token";
pub(crate) const BOB: &str = "bobs-own.cluster-token";
/// A token that the cluster does not know.
const FORGED: &str = "nobodys.cluster-token";

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// A key with its line for the file, as `eks-api keygen` prints them.
pub(crate) struct Key {
    pub(crate) secret: String,
    line: String,
}

pub(crate) async fn keygen(name: &str, role: &str, namespaces: &str) -> Key {
    keygen_with(name, role, namespaces, &[]).await
}

/// A key that is made with more options.
pub(crate) async fn keygen_with(name: &str, role: &str, namespaces: &str, options: &[&str]) -> Key {
    let arguments = [&["keygen", name, "--role", role, "--namespaces", namespaces], options].concat();
    let output = run(BINARY, &arguments, &[]).await;
    let [secret, line] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    Key { secret: secret.trim_end().to_owned(), line: line.trim_end().to_owned() }
}

pub(crate) fn file(keys: &[&Key]) -> String {
    keys.iter().flat_map(|key| [&key.line, "\n"]).collect()
}

/// As `sha256sum` prints it.
fn sha256(text: &str) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    hash.as_ref().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

/// A lab that lets these keys in.
pub(crate) async fn with_keys(keys: &[&Key], environment: &[(&str, &str)]) -> Lab {
    let (cluster, aws) = surroundings().await;
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let service = builder(BINARY, &aws).envs(&settings).envs(environment).file("keys", &file(keys)).start().await;
    service.ready().await;
    Lab { service, cluster, aws }
}

/// A lab that lets in whom the cluster knows: alice and bob.
pub(crate) async fn with_users(environment: &[(&str, &str)]) -> Lab {
    let lab = Lab::with(BINARY, &[&[("EKS_API_AUTH", "kubernetes")], environment].concat()).await;
    lab.cluster.accept_token(ALICE, "alice");
    lab.cluster.accept_token(BOB, "bob");
    lab
}

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Makes a call with these header lines. Of a stream it is the head alone that is read.
pub(crate) async fn ask(service: &Service, method: &str, path: &str, lines: &str, body: Option<&Value>) -> Answer {
    let body = body.map(Value::to_string).unwrap_or_default();
    let json = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let mut wire = Wire::connect(service).await;
    let length = body.len();
    wire.send(&format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{json}Content-Length: {length}\r\n{lines}\r\n{body}"
    ))
    .await;
    wire.answer().await
}

async fn get_as(service: &Service, token: &str, path: &str) -> Answer {
    ask(service, "GET", path, &bearer(token), None).await
}

pub(crate) async fn create_as(service: &Service, token: &str, body: &Value) -> Answer {
    ask(service, "POST", "/api/eks-create-job", &bearer(token), Some(body)).await
}

/// The body of a create-job request for this namespace.
pub(crate) fn job_in(namespace: &str, name: &str) -> Value {
    let mut body = crate::given::job(name);
    body["namespace"] = json!(namespace);
    body
}

/// A job that the service takes for its own, in this namespace.
/// A call for a batch of one job. The batch has a new name each time.
pub(crate) fn batch_in(namespace: &str) -> Value {
    let job = job_in(namespace, "made")["job_manifest"].clone();
    json!({ "namespace": namespace, "job_manifest": { "spec": job["spec"] }, "jobs": [{}] })
}

/// The head of a batch without members.
pub(crate) fn head_in(namespace: &str, name: &str) -> Value {
    let mut head = own_job_in(namespace, name);
    head["metadata"]["labels"]["eks-api/batch-head"] = json!("true");
    head["metadata"]["annotations"] = json!({ "eks-api/batch": r#"{"size":1,"body":"b"}"# });
    head
}

pub(crate) fn own_job_in(namespace: &str, name: &str) -> Value {
    let mut job = own_job(name);
    job["metadata"]["namespace"] = json!(namespace);
    job
}

/// The requests since there were so many, without those by which the service keeps itself informed.
fn since(cluster: &StubCluster, before: usize) -> Vec<Recorded> {
    let own = |request: &Recorded| {
        let is_own = request.token.as_ref().is_some_and(|token| token.starts_with("k8s-aws-v1."));
        is_own && ["/version", "/apis/batch/v1/jobs"].contains(&request.path.as_str())
    };
    let requests = cluster.requests().into_iter().skip(before);
    requests.filter(|request| !own(request)).collect()
}

/// The tokens that those came with.
fn tokens(requests: &[Recorded]) -> Vec<&str> {
    requests.iter().map(|request| request.token.as_deref().unwrap_or("none")).collect()
}

/// The problem's status, reason and sentence.
pub(crate) fn told(answer: &Answer) -> (u16, String, String) {
    let problem: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
    (answer.status(), text("reason"), text("detail"))
}

fn reason(answer: &Answer) -> (u16, String) {
    let (status, reason, _) = told(answer);
    (status, reason)
}

/// The names of the jobs in a list.
fn listed(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status(), 200, "{answer:?}");
    let list: Value = serde_json::from_str(&answer.body).unwrap();
    let jobs = list["jobs"].as_array().unwrap().iter();
    let mut names: Vec<String> = jobs.map(|job| format!("{}/{}", job["namespace"], job["job_name"])).collect();
    names.sort();
    names.into_iter().map(|name| name.replace('"', "")).collect()
}

/// The audit's record of the call with this id.
async fn record(service: &Service, id: &str) -> Value {
    let mark = format!(r#""request_id":"{id}""#);
    let line = service.log_line(|line| is_record(line) && line.contains(&mark)).await;
    serde_json::from_str(&line).unwrap()
}

/// Waits until these jobs are known, so that what is asked about them is answered from memory.
async fn until_known(lab: &Lab, jobs: usize) {
    let known = async || lab.service.get("/metrics").await;
    let count = |text: &str| -> f64 {
        let samples = text.lines().filter(|line| line.starts_with("eks_api_cached_jobs{"));
        samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let enough = f64::from(u32::try_from(jobs).unwrap());
    crate::live::until(known, |reply| count(&reply.text()) >= enough).await;
}
