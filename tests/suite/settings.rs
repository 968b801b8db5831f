//! Settings that are wrong: all told together, with the exit code that keeps systemd from trying again.

use crate::given::{BINARY, without_credentials};
use crate::support::aws::AwsMock;
use crate::support::service::{Service, run};
use crate::support::{Lab, builder};

async fn refused(environment: &[(&str, &str)]) -> String {
    let output = Service::builder(BINARY).envs(environment).output().await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(output.stdout.is_empty());
    told
}

#[tokio::test]
async fn all_mistakes_are_told_together_a_line_each() {
    let mistakes = [
        ("EKS_CLUSTER_NAME", "../other"),
        ("EKS_REGION", "us-east-1.evil.example/"),
        ("EKS_API_LISTEN", "8000"),
        ("EKS_API_MAX_REQUESTS", "none"),
        ("LOG_LEVEL", "loud"),
        ("EKS_API_CORS_ORIGINS", "*"),
    ];
    let told = refused(&mistakes).await;
    assert_eq!(told.lines().count(), mistakes.len(), "{told}");
    for (name, _) in mistakes {
        assert!(told.lines().any(|line| line.starts_with(name)), "{name} in {told}");
    }
}

#[tokio::test]
async fn without_any_setting_it_says_what_is_needed() {
    for arguments in [&[][..], &["token"], &["check"]] {
        let output = run(BINARY, arguments, &[]).await;
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78));
        assert!(
            told.contains(
                "EKS_CLUSTER_NAME is not set: set it to the name of the EKS cluster, or set EKS_API_CLUSTERS_FILE"
            ),
            "{told}"
        );
        assert!(told.contains("EKS_REGION or AWS_REGION or AWS_DEFAULT_REGION is not set"), "{told}");
    }
}

#[tokio::test]
async fn an_address_beyond_loopback_is_refused_until_told_who_may_call() {
    let told = refused(&[("EKS_API_LISTEN", "0.0.0.0:0")]).await;
    assert!(told.contains("set EKS_API_AUTH"), "{told}");
}

#[tokio::test]
async fn an_address_beyond_loopback_that_is_meant_is_warned_of() {
    let aws = AwsMock::start().await;
    let open = [("EKS_API_LISTEN", "0.0.0.0:0"), ("EKS_API_AUTH", "none")];
    let service = builder(BINARY, &aws).envs(&open).start().await;
    let line = service.log_line(|line| line.contains("everyone who can reach this address")).await;
    assert!(line.contains("WARN"), "{line}");
}

#[tokio::test]
async fn on_loopback_nobody_is_warned_of() {
    for auth in ["", "none"] {
        let lab = Lab::with(BINARY, &[("EKS_API_AUTH", auth)]).await;
        assert!(!lab.service.logs().iter().any(|line| line.contains("EKS_API_AUTH")), "{:?}", lab.service.logs());
    }
}

#[tokio::test]
async fn a_file_that_nothing_would_read_is_refused_rather_than_ignored() {
    assert!(refused(&[("EKS_API_KEYS_FILE", "/etc/keys")]).await.starts_with("EKS_API_KEYS_FILE"));
}

#[tokio::test]
async fn a_misspelt_setting_is_warned_of() {
    let lab = Lab::with(BINARY, &[("EKS_API_LISTN", "127.0.0.1:1"), ("EKS_API_SERVICE_HOST", "10.0.0.1")]).await;
    let line = lab.service.log_line(|line| line.contains("variable=EKS_API_LISTN")).await;
    assert!(line.contains("WARN") && line.contains("--help"), "{line}");
    assert!(!lab.service.logs().iter().any(|line| line.contains("EKS_API_SERVICE_HOST")));
}

#[tokio::test]
async fn an_empty_value_counts_as_not_set() {
    let aws = AwsMock::start().await;
    let empty = [("EKS_REGION", ""), ("AWS_REGION", "us-east-1"), ("EKS_API_CORS_ORIGINS", ""), ("LOG_LEVEL", "")];
    builder(BINARY, &aws).envs(&empty).start().await;
}

#[tokio::test]
async fn a_line_of_the_dotenv_file_that_is_no_pair_is_named_and_not_shown() {
    let aws = AwsMock::start().await;
    let text = "# lab\nAWS_ACCESS_KEY_ID=AKIALAB\nAWS_SECRET_ACCESS_KEY: lab-secret-one\n";
    let output = without_credentials(&aws).file(".env", text).output().await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert!(told.starts_with(".env, line 3:") && !told.contains("lab-secret"), "{told}");
}

#[tokio::test]
async fn settings_are_read_from_a_dotenv_file() {
    let aws = AwsMock::start().await;
    let text = "EKS_CLUSTER_NAME=../from-the-file\n";
    let output = builder(BINARY, &aws).without("EKS_CLUSTER_NAME").file(".env", text).output().await;
    assert_eq!(output.status.code(), Some(78));
    assert!(String::from_utf8(output.stderr).unwrap().contains("../from-the-file"));
}

#[tokio::test]
async fn no_message_shows_the_value_of_a_secret() {
    let told = refused(&[("EKS_CLUSTER_NAME", ""), ("AWS_SECRET_ACCESS_KEY", "lab-secret")]).await;
    assert!(!told.contains("lab-secret") && !told.contains("AKIA"), "{told}");
}

#[tokio::test]
async fn an_address_that_is_taken_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut service = Service::builder(BINARY).env("EKS_API_LISTEN", &address).spawn();
    assert_eq!(service.exit_status().await.code(), Some(1));
    let line = service.logs().pop().unwrap();
    assert!(line.contains("EKS_API_LISTEN") && line.contains(&address) && line.contains("in use"), "{line}");
}
