//! The command line: what each command prints, and the exit code that scripts and systemd go by.

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::given::{BINARY, without_credentials};
use crate::support::aws::AwsMock;
use crate::support::judge::judge;
use crate::support::pki::Authority;
use crate::support::service::{Builder, Service};
use crate::support::stub::{Fault, Kind, StubConfig};
use crate::support::{builder, surroundings};

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// A command with no settings at all.
async fn bare(arguments: &[&str]) -> Output {
    crate::support::service::run(BINARY, arguments, &[]).await
}

async fn check(builder: Builder) -> Output {
    builder.arg("check").output().await
}

/// Asserts that the check failed at this step, and with a remedy on the next line; returns all it printed.
fn failed(output: &Output, step: &str, remedy: &str) -> String {
    let text = stdout(output);
    assert_eq!(code(output), Some(1), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.starts_with(&format!("FAILED  {step}: ")));
    let at = at.unwrap_or_else(|| panic!("{step} did not fail:\n{text}"));
    let told = lines.get(at + 1).copied().unwrap_or_default();
    assert!(told.starts_with("        ") && told.contains(remedy), "{text}");
    text
}

#[tokio::test]
async fn the_version_is_printed() {
    let output = bare(&["--version"]).await;
    assert_eq!((code(&output), stdout(&output)), (Some(0), format!("eks-api {}\n", env!("CARGO_PKG_VERSION"))));
}

#[tokio::test]
async fn help_tells_every_command_option_and_variable() {
    for argument in ["--help", "-h", "help"] {
        let output = bare(&[argument]).await;
        let help = stdout(&output);
        assert_eq!(code(&output), Some(0));
        for word in ["check", "token", "--version", "--help", "Exit codes"] {
            assert!(help.contains(word), "{word}");
        }
        for variable in eks_api::config::VARIABLES.iter().chain(&eks_api::config::CLIENT_VARIABLES) {
            let told = help.lines().any(|line| {
                line.trim().starts_with(variable.name)
                    && line.contains(variable.meaning)
                    && line.contains(variable.default)
            });
            assert!(told, "{} in {help}", variable.name);
        }
    }
}

#[tokio::test]
async fn each_command_has_a_help_of_its_own_that_needs_no_settings() {
    for command in eks_api::cli::commands::COMMANDS.map(|command| command.name).into_iter().skip(1) {
        let help = stdout(&bare(&[command, "--help"]).await);
        assert!(help.starts_with(&format!("eks-api {command}: ")) && help.contains("\nExit codes:\n    0  "), "{help}");
        for arguments in [&[command, "-h"], &["help", command]] {
            let output = bare(arguments).await;
            assert_eq!((code(&output), stdout(&output), stderr(&output)), (Some(0), help.clone(), String::new()));
        }
    }
    let output = bare(&["help", "rnu"]).await;
    assert_eq!(code(&output), Some(64));
    assert_eq!(stderr(&output), "unknown command \"rnu\" (did you mean run?); see eks-api --help\n");
}

#[tokio::test]
async fn an_unknown_argument_is_a_usage_error() {
    for arguments in [&["serve"][..], &["--verbose"], &["token", "--clusters", "x"], &["check", "--region"]] {
        let output = bare(arguments).await;
        assert_eq!((code(&output), stdout(&output)), (Some(64), String::new()), "{arguments:?}");
        assert!(arguments.iter().any(|argument| stderr(&output).contains(argument)), "{}", stderr(&output));
    }
}

#[test]
fn a_stdout_that_cannot_be_written_is_74_and_a_reader_that_has_left_is_not_an_error() {
    let arguments =
        [&["completion", "bash"][..], &["man"], &["openapi"], &["help"], &["run", "--help"], &["--version"]];
    for arguments in arguments {
        let run = |stdout: Stdio| Command::new(BINARY).args(arguments).env_clear().stdout(stdout).output().unwrap();
        let output = run(File::options().write(true).open("/dev/full").unwrap().into());
        assert_eq!(code(&output), Some(74), "{arguments:?}");
        let told = "eks-api: stdout cannot be written: No space left on device";
        assert!(stderr(&output).starts_with(told), "{arguments:?}: {}", stderr(&output));
        // Its reader is dropped.
        let (_, writer) = std::io::pipe().unwrap();
        let output = run(writer.into());
        assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()), "{arguments:?}");
    }
}

#[tokio::test]
async fn check_and_token_end_with_74_if_stdout_cannot_be_written() {
    let (_cluster, aws) = surroundings().await;
    for command in ["check", "token"] {
        let shell = builder("sh", &aws).arg("-c").arg(r#"exec "$0" "$1" >/dev/full"#).arg(BINARY).arg(command);
        let output = shell.output().await;
        assert_eq!(code(&output), Some(74), "{command}: {}", stderr(&output));
        assert_eq!(stderr(&output).matches("stdout cannot be written: No space left").count(), 1, "{command}");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_a_usage_error_of_its_command() {
    let latin_1 = OsStr::from_bytes(b"M\xfcller.json");
    for (arguments, expected) in [(&["check"][..], 64), (&["run", "-f"], 2)] {
        let output = Command::new(BINARY).args(arguments).arg(latin_1).env_clear().output().unwrap();
        assert_eq!(code(&output), Some(expected), "{}", stderr(&output));
        let told = format!("argument {} is not UTF-8; see eks-api {} --help\n", arguments.len() + 1, arguments[0]);
        assert!(stderr(&output).ends_with(&told), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn token_prints_an_exec_credential_good_for_fourteen_minutes() {
    let builder = Service::builder(BINARY).arg("token");
    let before = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap();
    let output = builder.output().await;
    let after = OffsetDateTime::now_utc();
    assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()));
    let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(credential["kind"], "ExecCredential");
    assert_eq!(credential["apiVersion"], "client.authentication.k8s.io/v1beta1");
    assert_eq!(credential["spec"], serde_json::json!({}));
    let end = OffsetDateTime::parse(credential["status"]["expirationTimestamp"].as_str().unwrap(), &Rfc3339).unwrap();
    let good_for = Duration::from_mins(14);
    assert!((before + good_for..=after + good_for).contains(&end), "{end}");
    let token = credential["status"]["token"].as_str().unwrap();
    assert!(judge(token, &StubConfig::default().rules, SystemTime::now()).is_ok());
}

#[tokio::test]
async fn options_of_token_win_over_variables() {
    let builder = Service::builder(BINARY).arg("token").arg("--cluster-name=other").arg("--region").arg("eu-west-1");
    let output = builder.output().await;
    let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut rules = StubConfig::default().rules;
    (rules.cluster, rules.region) = ("other".into(), "eu-west-1".into());
    let token = credential["status"]["token"].as_str().unwrap();
    assert_eq!(judge(token, &rules, SystemTime::now()).as_deref(), Ok("AKIALABSTATIC0000001"));
}

#[tokio::test]
async fn token_without_credentials_says_so_and_fails() {
    let aws = AwsMock::start().await;
    let output = without_credentials(&aws).arg("token").output().await;
    assert_eq!((code(&output), stdout(&output)), (Some(1), String::new()));
    assert!(stderr(&output).starts_with("no AWS credentials could be loaded: "), "{}", stderr(&output));
}

#[tokio::test]
async fn check_prints_a_line_for_each_step_when_all_is_well() {
    let (cluster, aws) = surroundings().await;
    let output = check(builder(BINARY, &aws)).await;
    let text = stdout(&output);
    assert_eq!((code(&output), stderr(&output)), (Some(0), String::new()), "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok      ")), "{text}");
    for step in ["credentials: ", "identity: arn:aws:sts::", "cluster: https://127.0.0.1:", "tls: ", "token: "] {
        assert_eq!(text.matches(&format!("ok      {step}")).count(), 1, "{step} in {text}");
    }
    for permission in ["create jobs.batch", "delete jobs.batch", "create namespaces", "list pods", "list events"] {
        assert_eq!(text.matches(&format!("ok      {permission}: ")).count(), 1, "{permission} in {text}");
    }
    assert!(!text.contains("k8s-aws-v1") && !text.contains("lab-secret"), "{text}");
    let changes = cluster.requests().into_iter().filter(|r| r.method != "GET" && !r.path.contains("accessreviews"));
    assert_eq!(changes.count(), 0, "it only looks");
}

#[tokio::test]
async fn check_tells_missing_credentials() {
    let (_cluster, aws) = surroundings().await;
    failed(&check(without_credentials(&aws)).await, "credentials", "AWS_*");
}

#[tokio::test]
async fn check_tells_credentials_that_sts_does_not_know_and_goes_on() {
    let (_cluster, aws) = surroundings().await;
    aws.refuses_identity(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    let text = failed(&check(builder(BINARY, &aws)).await, "identity", "expired");
    assert!(text.contains("InvalidClientTokenId") && text.contains("ok      token"), "{text}");
}

#[tokio::test]
async fn check_tells_that_the_cluster_may_not_be_described() {
    let (_cluster, aws) = surroundings().await;
    aws.answers_recording("describe-cluster-access-denied");
    failed(&check(builder(BINARY, &aws)).await, "cluster", "eks:DescribeCluster");
    aws.answers_recording("describe-cluster-not-found");
    failed(&check(builder(BINARY, &aws)).await, "cluster", "EKS_CLUSTER_NAME");
}

#[tokio::test]
async fn check_tells_a_certificate_that_is_not_the_clusters() {
    let (cluster, aws) = surroundings().await;
    cluster.replace_certificate(&Authority::new("intruder"));
    let text = failed(&check(builder(BINARY, &aws)).await, "tls", "443");
    assert!(text.contains("not signed by a trusted CA"), "{text}");
}

#[tokio::test]
async fn check_tells_an_api_server_that_cannot_be_reached() {
    let (cluster, aws) = surroundings().await;
    cluster.stop().await;
    failed(&check(builder(BINARY, &aws)).await, "tls", "security group");
}

#[tokio::test]
async fn check_tells_the_host_whose_name_does_not_resolve() {
    let (cluster, aws) = surroundings().await;
    // A label is too long, so no name server is asked.
    let host = format!("{}.example.com", "a".repeat(64));
    aws.describes(&format!("https://{host}"), &cluster.ca_pem());
    let text = failed(&check(builder(BINARY, &aws)).await, "tls", "private DNS");
    assert!(text.contains(&format!("connecting to the API server: {host}: ")), "{text}");
    let url = format!("http://{host}");
    let lost = builder(BINARY, &aws).env("AWS_ENDPOINT_URL_EKS", &url).env("AWS_ENDPOINT_URL_STS", &url);
    let output = check(lost).await;
    for (step, call) in [("identity", "GetCallerIdentity"), ("cluster", "DescribeCluster")] {
        let text = failed(&output, step, "");
        assert!(text.contains(&format!("{call}: {host}: ")), "{text}");
    }
}

#[tokio::test]
async fn check_tells_a_token_that_the_cluster_refuses() {
    let (cluster, aws) = surroundings().await;
    cluster.fault(Fault::new("*", "/", Kind::Unauthorized).always());
    let text = failed(&check(builder(BINARY, &aws)).await, "token", "create-access-entry");
    assert!(text.contains("ok      tls"), "{text}");
}

#[tokio::test]
async fn check_tells_every_permission_that_is_missing() {
    let (cluster, aws) = surroundings().await;
    cluster.deny("create", "namespaces");
    cluster.deny("list", "pods");
    let output = check(builder(BINARY, &aws)).await;
    failed(&output, "list pods", "access entry");
    let text = failed(&output, "create namespaces", "ClusterRole");
    assert!(text.contains("needed for create-job into a missing namespace"), "{text}");
    assert_eq!(text.matches("FAILED").count(), 2, "{text}");
    assert_eq!(stderr(&output).trim(), "2 failed");
}
