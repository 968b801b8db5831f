//! Where credentials come from: each source of the SDK's chain signs both a printed and a served token.

use std::time::SystemTime;

use serde_json::Value;

use crate::given::{
    BINARY, HOUR, job, new_key, session_key, signer, status_of, with_container_credentials, without_credentials,
};
use crate::support::service::{Builder, Service};
use crate::support::stub::StubCluster;
use crate::support::{builder, surroundings};

/// Shows that this key signs what `eks-api token` prints and what the cluster is sent.
async fn signs(builder: Builder, cluster: &StubCluster, key: &str) -> Service {
    let printed = builder.clone().arg("token").output().await;
    let credential: Value = serde_json::from_slice(&printed.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&printed.stderr)));
    assert_eq!(signer(credential["status"]["token"].as_str().unwrap()), key);

    let service = builder.start().await;
    service.ready().await;
    assert_eq!(service.get_directly(&status_of("none")).await.json()["reason"], "NotFound");
    assert_eq!(signer(&cluster.requests().pop().unwrap().token.unwrap()), key);
    service
}

fn profile(name: &str, id: &str, secret: &str, session: Option<&str>) -> String {
    let session = session.map(|session| format!("aws_session_token = {session}\n")).unwrap_or_default();
    format!("[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n{session}")
}

#[tokio::test]
async fn the_environment_gives_a_long_lived_key() {
    let (cluster, aws) = surroundings().await;
    signs(builder(BINARY, &aws), &cluster, "AKIALABSTATIC0000001").await;
}

#[tokio::test]
async fn the_environment_gives_a_session() {
    let (cluster, aws) = surroundings().await;
    let key = session_key();
    let session = key.session_token.unwrap();
    let variables =
        [("AWS_ACCESS_KEY_ID", &key.id), ("AWS_SECRET_ACCESS_KEY", &key.secret), ("AWS_SESSION_TOKEN", &session)];
    let builder = builder(BINARY, &aws).envs(&variables.map(|(name, value)| (name, value.as_str())));
    signs(builder, &cluster, &key.id).await;
}

#[tokio::test]
async fn a_profile_file_gives_the_key_of_the_chosen_profile() {
    let (cluster, aws) = surroundings().await;
    let key = session_key();
    let file = profile("default", "AKIAWRONG", "wrong", None)
        + &profile("lab", &key.id, &key.secret, key.session_token.as_deref());
    let builder = without_credentials(&aws).file("credentials", &file);
    let builder = builder.env("AWS_SHARED_CREDENTIALS_FILE", "credentials").env("AWS_PROFILE", "lab");
    signs(builder, &cluster, &key.id).await;
}

#[tokio::test]
async fn a_key_rotated_in_the_profile_file_is_taken_up_without_a_restart() {
    let (cluster, aws) = surroundings().await;
    let old = profile("default", "AKIALABSTATIC0000001", "lab-secret-one/with+chars", None);
    let builder = without_credentials(&aws).file("credentials", &old);
    let service = builder.env("AWS_SHARED_CREDENTIALS_FILE", "credentials").start().await;
    service.ready().await;
    let key = new_key();
    let new = profile("default", &key.id, &key.secret, key.session_token.as_deref());
    std::fs::write(service.folder().join("credentials"), new).unwrap();
    cluster.accept_key(key);
    cluster.forget_key("AKIALABSTATIC0000001");
    assert_eq!(service.post("/api/eks-create-job", &job("hello")).await.status, 201);
}

#[tokio::test]
async fn the_instance_metadata_service_gives_the_instances_role() {
    let (cluster, aws) = surroundings().await;
    aws.serves_instance_credentials(session_key(), HOUR);
    let builder = without_credentials(&aws).without("AWS_EC2_METADATA_DISABLED");
    let builder = builder.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &aws.url());
    signs(builder, &cluster, &session_key().id).await;
    assert!(aws.calls("PUT", "/latest/api/token") > 0, "version 2 of the service, which asks for a token first");
}

#[tokio::test]
async fn the_container_endpoint_gives_the_tasks_or_pods_role() {
    let (cluster, aws) = surroundings().await;
    signs(with_container_credentials(&aws), &cluster, &session_key().id).await;
}

#[tokio::test]
async fn the_container_endpoints_authorization_may_stand_in_a_file() {
    let (cluster, aws) = surroundings().await;
    let builder = with_container_credentials(&aws).without("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let builder = builder.file("token", "Bearer lab-container").env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
    signs(builder, &cluster, &session_key().id).await;
}

#[tokio::test]
async fn a_web_identity_is_exchanged_for_a_role() {
    let (cluster, aws) = surroundings().await;
    aws.serves_web_identity(session_key(), HOUR, "lab.web.identity");
    let builder = without_credentials(&aws).file("identity", "lab.web.identity").envs(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "identity"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/eks-api"),
        ("AWS_ROLE_SESSION_NAME", "lab"),
    ]);
    signs(builder, &cluster, &session_key().id).await;
}

#[tokio::test]
async fn keys_in_a_dotenv_file_reach_the_sdk() {
    let (cluster, aws) = surroundings().await;
    let key = session_key();
    let text = format!(
        "# keys\nAWS_ACCESS_KEY_ID={}\nexport AWS_SECRET_ACCESS_KEY='{}'\nAWS_SESSION_TOKEN=\"{}\"\n",
        key.id,
        key.secret,
        key.session_token.unwrap(),
    );
    signs(without_credentials(&aws).file(".env", &text), &cluster, &key.id).await;
}

#[tokio::test]
async fn the_real_environment_wins_over_a_dotenv_file() {
    let (cluster, aws) = surroundings().await;
    let text = "AWS_ACCESS_KEY_ID=AKIAWRONG\nAWS_SECRET_ACCESS_KEY=wrong\nEKS_CLUSTER_NAME=wrong\n";
    signs(builder(BINARY, &aws).file(".env", text), &cluster, "AKIALABSTATIC0000001").await;
}

#[tokio::test]
async fn a_service_without_credentials_says_so_and_takes_those_that_come() {
    let (cluster, aws) = surroundings().await;
    // The file is named, but nobody has written it yet.
    let service = without_credentials(&aws).env("AWS_SHARED_CREDENTIALS_FILE", "credentials").start().await;
    service.log_line(|line| line.contains("check=credentials") && line.contains("no AWS credentials")).await;
    let reply = service.get_directly(&status_of("hello")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["reason"]), (503, &Value::from("not_ready")));
    let file = profile("default", "AKIALABSTATIC0000001", "lab-secret-one/with+chars", None);
    std::fs::write(service.folder().join("credentials"), file).unwrap();
    service.ready().await;
    assert_eq!(service.get("/readyz").await.status, 200);
    assert!(cluster.accepted() > 0);
}

#[tokio::test]
async fn a_printed_token_ends_with_the_credentials_that_signed_it() {
    let (_cluster, aws) = surroundings().await;
    let builder = with_container_credentials(&aws);
    aws.serves_container_credentials(session_key(), HOUR / 12, "Bearer lab-container");
    let printed: Value = serde_json::from_slice(&builder.arg("token").output().await.stdout).unwrap();
    let end = printed["status"]["expirationTimestamp"].as_str().unwrap();
    let end = time::OffsetDateTime::parse(end, &time::format_description::well_known::Rfc3339).unwrap();
    assert!(SystemTime::from(end) < SystemTime::now() + HOUR / 12, "{end}");
}
