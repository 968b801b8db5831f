//! AWS settings, the commands that use them, files and clocks.

use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::given::{BINARY, with_container_credentials, without_credentials};
use crate::support::aws::AwsMock;
use crate::support::pki::Authority;
use crate::support::service::{Builder, Service};
use crate::support::stub::{Fault, Kind};
use crate::support::{builder, surroundings};

const AWS_HOSTS: [&str; 2] = ["eks.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"];

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

async fn check(builder: Builder) -> String {
    text(&builder.arg("check").output().await)
}

/// Speaks TLS for these names, and hands on what it is sent to the stand-in for AWS. Returns its port.
async fn tls_before(aws: &AwsMock, authority: &Authority, names: &[&str]) -> u16 {
    let mut config = Arc::unwrap_or_clone(authority.server_config_for(names));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), aws.url().replace("http://", ""));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else { return };
                let mut behind = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    port
}

/// A proxy that leads every tunnel to this port, and what it was asked for.
async fn proxy(to: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::<Mutex<Vec<String>>>::default());
    let noted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let Ok(byte) = stream.read_u8().await else { break };
                head.push(byte);
            }
            let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
            noted.lock().unwrap().push(line.replace(" HTTP/1.1", ""));
            tokio::spawn(async move {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut behind = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut behind).await;
            });
        }
    });
    (url, asked)
}

#[tokio::test]
async fn aws_ca_bundle_adds_to_the_authorities_for_aws() {
    let (_cluster, aws) = surroundings().await;
    let authority = Authority::new("corporate");
    let url = format!("https://127.0.0.1:{}", tls_before(&aws, &authority, &["127.0.0.1"]).await);
    let started = || builder(BINARY, &aws).env("AWS_ENDPOINT_URL_EKS", &url).env("AWS_ENDPOINT_URL_STS", &url);
    let with = check(started().env("AWS_CA_BUNDLE", "ca.pem").file("ca.pem", &authority.pem())).await;
    assert!(with.contains("ok      cluster: ") && !with.contains("FAILED"), "{with}");
    let without = check(started()).await;
    assert!(without.contains("FAILED  cluster: ") && without.contains("AWS_CA_BUNDLE"), "{without}");
    for (name, file) in [("missing.pem", ""), ("ca.pem", "no certificate")] {
        let output = started().arg("check").env("AWS_CA_BUNDLE", name).file("ca.pem", file).output().await;
        assert_eq!(output.status.code(), Some(78), "{}", text(&output));
        assert!(text(&output).starts_with(&format!("AWS_CA_BUNDLE is {name}: ")), "{}", text(&output));
    }
}

#[tokio::test]
async fn aws_proxy_is_used_for_eks_and_sts_and_for_nothing_else() {
    let (_cluster, aws) = surroundings().await;
    let authority = Authority::new("corporate");
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let (proxy, asked) = proxy(tls_before(&aws, &authority, &AWS_HOSTS).await).await;
        // Credentials come from a container's endpoint on loopback, and the cluster is on loopback: neither is by proxy.
        let started = with_container_credentials(&aws)
            .without("AWS_ENDPOINT_URL_EKS")
            .without("AWS_ENDPOINT_URL_STS")
            .env("AWS_CA_BUNDLE", "ca.pem")
            .file("ca.pem", &authority.pem())
            .env(name, &proxy)
            .env("HTTP_PROXY", &proxy);
        let told = check(started).await;
        assert!(told.contains("ok      cluster: ") && !told.contains("FAILED"), "{told}");
        let mut asked = asked.lock().unwrap().clone();
        asked.sort();
        assert_eq!(asked, AWS_HOSTS.map(|host| format!("CONNECT {host}:443")), "{name}");
    }
}

#[tokio::test]
async fn aws_proxy_no_proxy_names_hosts_that_are_reached_directly() {
    let (_cluster, aws) = surroundings().await;
    let authority = Authority::new("corporate");
    let port = tls_before(&aws, &authority, &["eks.invalid"]).await;
    for (exceptions, expected) in [("", 1), (".invalid", 0), ("other.example", 1), ("eks.invalid", 0)] {
        let (proxy, asked) = proxy(port).await;
        let started = builder(BINARY, &aws)
            .env("AWS_ENDPOINT_URL_EKS", "https://eks.invalid")
            .env("AWS_MAX_ATTEMPTS", "1")
            .env("AWS_CA_BUNDLE", "ca.pem")
            .file("ca.pem", &authority.pem())
            .env("HTTPS_PROXY", &proxy)
            .env("NO_PROXY", exceptions);
        let told = check(started).await;
        assert_eq!(told.contains("ok      cluster: "), expected == 1, "NO_PROXY={exceptions}: {told}");
        assert_eq!(asked.lock().unwrap().len(), expected, "NO_PROXY={exceptions}");
    }
}

#[tokio::test]
async fn aws_proxy_that_is_no_url_is_a_wrong_setting_and_its_password_is_not_shown() {
    let output = Service::builder(BINARY).arg("token").env("HTTPS_PROXY", "socks5://u:pass-word@proxy").output().await;
    let told = text(&output);
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("HTTPS_PROXY must be a URL") && !told.contains("pass-word"), "{told}");
}

/// A command with this profile, and no other credentials.
async fn token_of_profile(aws: &AwsMock, profile: &str) -> Output {
    let builder = without_credentials(aws).arg("token").file("config", profile);
    builder.env("AWS_CONFIG_FILE", "config").env("AWS_PROFILE", "p").output().await
}

#[tokio::test]
async fn aws_sso_process_a_credential_process_gives_a_token() {
    let aws = AwsMock::start().await;
    let given = r#"'{"Version":1,"AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"x"}'"#;
    let output = token_of_profile(&aws, &format!("[profile p]\ncredential_process = /bin/echo {given}\n")).await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(credential["status"]["token"].as_str().unwrap().starts_with("k8s-aws-v1."));
}

#[tokio::test]
async fn aws_sso_process_what_cannot_be_used_is_said_to_users() {
    let aws = AwsMock::start().await;
    let sso = "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n\
               [sso-session s]\nsso_region = us-east-1\nsso_start_url = https://example.awsapps.com/start\n";
    let login = "login_session = arn:aws:iam::123456789012:user/ada\n";
    for profile in [sso, login] {
        let told = text(&token_of_profile(&aws, &format!("[profile p]\n{profile}")).await);
        assert!(told.contains("aws configure export-credentials --profile NAME --format process"), "{told}");
        assert!(told.contains("IAM Identity Center (SSO) or a login session") && !told.contains("cargo"), "{told}");
    }
    let failing = token_of_profile(&aws, "[profile p]\ncredential_process = /nowhere/program\n").await;
    let told = text(&failing);
    assert_eq!(failing.status.code(), Some(1), "{told}");
    assert!(told.contains("NoExecPaths") && told.contains("/nowhere/program"), "{told}");
}

#[tokio::test]
async fn clock_skew_is_named_by_check_and_by_health() {
    let (cluster, aws) = surroundings().await;
    aws.describes_at(SystemTime::now() - Duration::from_mins(20));
    cluster.fault(Fault::new("*", "/", Kind::Unauthorized).always());
    let told = check(builder(BINARY, &aws)).await;
    assert!(told.contains("FAILED  clock: ") && told.contains("20 min ahead"), "{told}");
    assert!(told.contains("FAILED  token: ") && told.contains("set the clock first"), "{told}");
    assert!(!told.contains("create-access-entry"), "{told}");

    let service = builder(BINARY, &aws).start().await;
    service.log_line(|line| line.contains("check=clock") && line.contains("20 min ahead")).await;
    let health = service.get("/health").await.json();
    assert_eq!((&health["status"], &health["checks"]["clock"]["status"]), (&"degraded".into(), &"failed".into()));
    assert!(health["checks"]["clock"]["detail"].as_str().unwrap().contains("20 min ahead"), "{health}");
}

#[tokio::test]
async fn clock_skew_of_less_than_a_minute_is_none() {
    let (_cluster, aws) = surroundings().await;
    let health = builder(BINARY, &aws).start().await.ready().await.get("/health").await.json();
    assert_eq!(health["checks"]["clock"]["status"], "passed", "{health}");
}

#[tokio::test]
async fn exec_v1_the_command_answers_in_the_version_that_kubectl_asks_for() {
    for version in ["v1", "v1beta1"] {
        let info =
            format!(r#"{{"apiVersion":"client.authentication.k8s.io/{version}","kind":"ExecCredential","spec":{{}}}}"#);
        let output = Service::builder(BINARY).arg("token").env("KUBERNETES_EXEC_INFO", &info).output().await;
        let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(credential["apiVersion"], format!("client.authentication.k8s.io/{version}"));
    }
}

#[tokio::test]
async fn b12_a_dotenv_file_leads_no_command_to_a_stranger() {
    let (_cluster, stranger) = surroundings().await;
    let url = stranger.url();
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_EKS",
        "AWS_ENDPOINT_URL_STS",
        "HTTPS_PROXY",
        "AWS_CA_BUNDLE",
        "AWS_CONFIG_FILE",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
        "HOME",
    ] {
        for command in ["check", "token"] {
            let started = builder(BINARY, &stranger).without("AWS_ENDPOINT_URL_EKS").without("AWS_ENDPOINT_URL_STS");
            let output = started.without(name).arg(command).file(".env", &format!("{name}={url}\n")).output().await;
            assert_eq!(output.status.code(), Some(78), "{name} {}", text(&output));
            assert!(text(&output).starts_with(&format!(".env sets {name}, ")), "{}", text(&output));
        }
    }
    assert_eq!(stranger.describe_calls(), 0);
    let started =
        Service::builder(BINARY).without("EKS_CLUSTER_NAME").arg("token").file(".env", "EKS_CLUSTER_NAME=lab\n");
    assert_eq!(started.output().await.status.code(), Some(0), "what names the cluster is taken");
}

fn fifo(path: &std::path::Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[tokio::test]
async fn b16_c9_a_keys_file_that_is_a_pipe_or_has_no_end_is_refused_and_keeps_nobody_waiting() {
    let (_cluster, aws) = surroundings().await;
    let hash = "0".repeat(64);
    let line = format!("ci role=admin namespaces=* sha256={hash}\n");
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let service = builder(BINARY, &aws).envs(&settings).file("keys", &line).start().await;
    let path = service.folder().join("keys");
    std::fs::remove_file(&path).unwrap();
    fifo(&path);
    service.signal("HUP").await;
    let told = service.log_line(|line| line.contains("not reloaded")).await;
    assert!(told.contains("is not a regular file"), "{told}");
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, format!("{line}#{}\n", "x".repeat(1 << 20))).unwrap();
    service.signal("HUP").await;
    service.log_line(|line| line.contains("is larger than 1024 KiB")).await;
    assert_eq!(service.get("/livez").await.status, 200);

    let refused = builder(BINARY, &aws).envs(&settings).env("EKS_API_KEYS_FILE", "/dev/zero").output().await;
    assert_eq!(refused.status.code(), Some(78), "{}", text(&refused));
    assert!(text(&refused).contains("is not a regular file"), "{}", text(&refused));
}

#[tokio::test]
async fn c13_settings_that_cannot_be_meant_are_refused_with_a_hint() {
    let keygen = ["keygen", "ci", "--role", "read", "--namespaces", "a,team-"];
    let output = crate::support::service::run(BINARY, &keygen, &[]).await;
    assert_eq!(output.status.code(), Some(64));
    assert!(text(&output).contains("did you mean 'team-*'?"), "{}", text(&output));
    let region = Service::builder(BINARY).arg("token").env("EKS_REGION", "x/../y").output().await;
    assert_eq!(region.status.code(), Some(78));
    assert!(text(&region).starts_with("EKS_REGION is \"x/../y\""), "{}", text(&region));
}
