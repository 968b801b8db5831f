//! `EKS_API_CLUSTERS_FILE`: its mistakes, and the commands that are for all its clusters or for one of them.

use std::process::Output;
use std::time::SystemTime;

use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::given::{BINARY, signer, without_credentials};
use crate::support::aws::AwsMock;
use crate::support::judge::judge;
use crate::support::service::{Builder, Service};
use crate::support::stub::{StubCluster, StubConfig};
use crate::support::{builder, surroundings};

const TWO: &str = "lab region=us-east-1 default=true\neu cluster=batch-7 region=eu-west-1\n";

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

/// Names this file of clusters in place of the one cluster.
fn with_file(builder: Builder, file: &str) -> Builder {
    let builder = builder.without("EKS_CLUSTER_NAME").without("EKS_REGION");
    builder.file("clusters", file).env("EKS_API_CLUSTERS_FILE", "clusters")
}

fn run(arguments: &[&str], file: &str) -> Builder {
    arguments.iter().fold(with_file(Service::builder(BINARY), file), |builder, argument| builder.arg(argument))
}

/// A line for the stub cluster with its endpoint and its CA.
fn fixed(name: &str, cluster: &StubCluster) -> String {
    format!("{name} cluster=lab region=us-east-1 endpoint={} ca_file=ca.pem\n", cluster.endpoint())
}

#[tokio::test]
async fn every_mistake_is_reported_with_its_line_and_code_78_by_the_service_and_its_commands() {
    let file = "# clusters\nprod default=true\n\neu region=eu-west-1 ca_file=none.pem endpoint=https://a namespce=a\n";
    for arguments in [&[][..], &["check"], &["check", "--config-only"], &["token"], &["token", "--cluster", "eu"]] {
        let output = run(arguments, file).output().await;
        let told = text(&output.stderr);
        assert_eq!((code(&output), text(&output.stdout)), (Some(78), ""), "{arguments:?}: {told}");
        let mut lines = told.lines().map(|line| line.strip_prefix("EKS_API_CLUSTERS_FILE is clusters: ").unwrap());
        for start in [
            "line 2: region is missing: add region=us-east-1",
            "line 4: unknown key \"namespce\": did you mean namespaces?",
            "line 4: ca_file is \"none.pem\": No such file or directory",
        ] {
            assert!(lines.next().unwrap().starts_with(start), "{told}");
        }
        assert_eq!(lines.next(), None, "{told}");
    }
}

#[tokio::test]
async fn a_ca_file_must_have_a_usable_certificate() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\nMIIB";
    for (pem, why) in [("", "it has no certificate"), (broken, "certificate 1: "), (cut, "it is not in PEM form")] {
        let file = "lab region=us-east-1 endpoint=https://127.0.0.1:1 ca_file=ca.pem\n";
        let output = run(&["check", "--config-only"], file).file("ca.pem", pem).output().await;
        assert_eq!(code(&output), Some(78));
        let start = format!("EKS_API_CLUSTERS_FILE is clusters: line 1: ca_file is \"ca.pem\": {why}");
        assert!(text(&output.stderr).starts_with(&start), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn the_file_and_the_variables_that_it_replaces_are_not_set_together() {
    let both =
        run(&[], TWO).env("EKS_CLUSTER_NAME", "lab").env("EKS_REGION", "us-east-1").env("AWS_REGION", "us-east-1");
    let output = both.output().await;
    assert_eq!(code(&output), Some(78));
    let expected = ["EKS_CLUSTER_NAME", "EKS_REGION"]
        .map(|name| format!("EKS_API_CLUSTERS_FILE and {name} are set: remove {name}, because the file replaces it\n"));
    assert_eq!(text(&output.stderr), expected.concat());
}

#[tokio::test]
async fn config_only_prints_the_clusters_and_connects_to_nothing() {
    let aws = AwsMock::start().await;
    let file = format!("{TWO}lab-2 region=us-east-1\n");
    let output = with_file(builder(BINARY, &aws), &file).arg("check").arg("--config-only").output().await;
    assert_eq!((code(&output), text(&output.stderr)), (Some(0), ""));
    assert_eq!(text(&output.stdout), "ok      settings: 3 clusters: lab (default), eu, lab-2\n");
    assert_eq!(aws.calls("GET", "/") + aws.calls("POST", "/"), 0);
    let output = builder(BINARY, &aws).arg("check").arg("--config-only").output().await;
    assert_eq!((code(&output), text(&output.stdout)), (Some(0), "ok      settings: 1 cluster: lab (default)\n"));
}

#[tokio::test]
async fn config_only_warns_of_keys_that_can_use_no_cluster() {
    let hash = |digit: &str| digit.repeat(64);
    let keys = format!(
        "old role=read namespaces=* clusters=lab-3,dev-* sha256={}\nci role=read namespaces=* clusters=dev,e* sha256={}\n\
         plain role=read namespaces=* sha256={}\ncert:a.example role=read namespaces=* clusters=x\n",
        hash("a"),
        hash("b"),
        hash("c"),
    );
    let settings = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    // A cluster that is not named exists all the same.
    for arguments in [&["check", "--config-only"][..], &["check", "--config-only", "--cluster", "lab"]] {
        let output = run(arguments, TWO).file("keys", &keys).envs(&settings).output().await;
        assert_eq!((code(&output), text(&output.stderr)), (Some(0), ""));
        let told: Vec<&str> = text(&output.stdout).lines().collect();
        let warning = |key: &str, clusters: &str| {
            format!(
                "warning keys: clusters= of key {key} is {clusters}, which matches no cluster (lab, eu): \
                 its calls are refused"
            )
        };
        assert_eq!(told[..2], [warning("old", "lab-3, dev-*"), warning("a.example", "x")], "{told:?}");
        assert!(told.len() == 3 && told[2].starts_with("ok      settings: "), "{told:?}");
    }
}

/// Returns the host that a command asks a proxy for first, if its own credentials come from STS.
async fn sts_host(arguments: &[&str]) -> String {
    let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let builder = run(arguments, TWO).without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    let command = builder.file("identity", "lab.web.identity").envs(&[
        ("HTTPS_PROXY", url.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "identity"),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/eks-api"),
        ("AWS_ROLE_SESSION_NAME", "lab"),
    ]);
    let asked = async {
        let (mut stream, _) = proxy.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n") {
            request.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(request).unwrap()
    };
    tokio::select! {
        output = command.output() => panic!("{output:?}"),
        request = asked => request.split_whitespace().nth(1).unwrap().to_owned(),
    }
}

#[tokio::test]
async fn the_own_credentials_of_a_command_are_those_of_the_defaults_region_as_in_the_service() {
    for arguments in [&["check", "--cluster", "eu"][..], &["token", "--cluster", "eu"]] {
        assert_eq!(sts_host(arguments).await, "sts.us-east-1.amazonaws.com:443", "{arguments:?}");
    }
}

#[tokio::test]
async fn check_tells_where_to_look_for_a_cluster_that_is_not_found() {
    let aws = AwsMock::start().await;
    let output = with_file(builder(BINARY, &aws), TWO).arg("check").arg("--cluster").arg("eu").output().await;
    let told = text(&output.stdout);
    let place = "check cluster, region and role of its line in EKS_API_CLUSTERS_FILE";
    let why = format!("FAILED  cluster: no cluster batch-7 in eu-west-1 of the account that was asked: {place}\n");
    assert!(told.contains(&why) && told.contains(&format!("{place}: in a wrong region")), "{told}");
    assert!(!told.contains("EKS_CLUSTER_NAME"), "{told}");
}

#[tokio::test]
async fn config_only_reads_the_dotenv_file_and_the_other_files_as_the_service_does() {
    let plain = || Service::builder(BINARY).without("EKS_CLUSTER_NAME").without("EKS_REGION").file("clusters", TWO);
    let dotenv = "EKS_API_CLUSTERS_FILE=clusters\n";
    let output = plain().file(".env", dotenv).arg("check").arg("--config-only").output().await;
    assert_eq!((code(&output), text(&output.stderr)), (Some(0), ""));
    // There the file could send a token to the endpoint of a stranger.
    for command in ["check", "token"] {
        let output = plain().file(".env", dotenv).arg(command).output().await;
        assert_eq!(code(&output), Some(78));
        assert!(text(&output.stderr).starts_with(".env sets EKS_API_CLUSTERS_FILE, "), "{}", text(&output.stderr));
    }
    let keys = [("EKS_API_AUTH", "api-key"), ("EKS_API_KEYS_FILE", "keys")];
    let tls = [("EKS_API_TLS_CERT_FILE", "cert.pem"), ("EKS_API_TLS_KEY_FILE", "key.pem")];
    let bundle = [("AWS_CA_BUNDLE", "bundle.pem")];
    for (settings, told) in [
        (&keys[..], "EKS_API_KEYS_FILE is keys: line 1: "),
        (&tls, "EKS_API_TLS_CERT_FILE: cert.pem: "),
        (&bundle, "AWS_CA_BUNDLE is bundle.pem: "),
    ] {
        let output = run(&["check", "--config-only"], TWO).file("keys", "ci\n").envs(settings).output().await;
        assert_eq!(code(&output), Some(78));
        assert!(text(&output.stderr).starts_with(told), "{}", text(&output.stderr));
    }
}

#[tokio::test]
async fn check_goes_through_all_clusters_also_if_one_fails() {
    let (cluster, aws) = surroundings().await;
    let dead = "dead region=us-east-1 endpoint=https://127.0.0.1:1 ca_file=ca.pem\n";
    let file = format!("lab region=us-east-1 default=true\n{dead}{}", fixed("fixed", &cluster));
    let all = with_file(builder(BINARY, &aws), &file).file("ca.pem", &cluster.ca_pem()).arg("check");
    let output = all.clone().output().await;
    let told = text(&output.stdout);
    assert_eq!((code(&output), text(&output.stderr)), (Some(1), "1 failed\n"), "{told}");
    let (_, rest) = told.split_once("cluster lab:\n").unwrap();
    let (lab, rest) = rest.split_once("cluster dead:\n").unwrap();
    let (dead, fixed) = rest.split_once("cluster fixed:\n").unwrap();
    for (checks, place) in [(lab, cluster.endpoint()), (fixed, cluster.endpoint() + " (from EKS_API_CLUSTERS_FILE)")] {
        assert!(checks.lines().all(|line| line.starts_with("ok      ")), "{checks}");
        assert!(checks.contains(&format!("ok      cluster: {place}\n")), "{checks}");
        assert!(checks.contains("ok      create jobs.batch: "), "{checks}");
    }
    assert!(dead.contains("ok      identity: ") && dead.contains("FAILED  tls: "), "{dead}");
    assert_eq!(aws.calls("GET", "/clusters/"), 1, "a cluster with an endpoint is not described");

    let output = all.arg("--cluster").arg("fixed").output().await;
    assert_eq!((code(&output), text(&output.stdout)), (Some(0), fixed));
}

#[tokio::test]
async fn check_says_what_to_do_about_a_role_that_is_not_assumed() {
    let (_cluster, aws) = surroundings().await;
    let role = "role=arn:aws:iam::222222222222:role/eks-api external_id=4f0c";
    let file = format!("lab region=us-east-1 default=true\nfar region=eu-west-1 {role}\n");
    let check = |builder: Builder| with_file(builder, &file).arg("check").arg("--cluster").arg("far");
    let told = async |builder: Builder| text(&check(builder).output().await.stdout).to_owned();

    let denied = told(builder(BINARY, &aws)).await;
    assert!(denied.starts_with("FAILED  credentials: AssumeRole: AccessDenied: User: "), "{denied}");
    assert!(denied.lines().nth(1).unwrap().contains("trust policy"), "{denied}");
    assert!(denied.contains("compare external_id") && !denied.contains("4f0c"), "{denied}");

    let lost = told(builder(BINARY, &aws).env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")).await;
    assert!(lost.starts_with("FAILED  credentials: AssumeRole: "), "{lost}");
    assert!(lost.lines().nth(1).unwrap().contains("open port 443 from here to STS"), "{lost}");

    let missing = told(without_credentials(&aws)).await;
    assert!(missing.starts_with("FAILED  credentials: no AWS credentials could be loaded: "), "{missing}");
    assert!(missing.lines().nth(1).unwrap().contains("AWS_*"), "{missing}");

    aws.revokes_key("AKIALABSTATIC0000001");
    let unknown = told(builder(BINARY, &aws)).await;
    assert!(unknown.starts_with("FAILED  credentials: AssumeRole: InvalidClientTokenId: "), "{unknown}");
    assert!(unknown.lines().nth(1).unwrap().contains("this service's own credentials"), "{unknown}");
}

#[tokio::test]
async fn cluster_names_a_cluster_of_the_file_or_the_one_of_the_settings() {
    let unknown = "unknown cluster \"batch-7\" (known: lab, eu); see eks-api";
    let both = "--cluster cannot be given with --cluster-name or --region: use one of the two ways; see eks-api";
    let region = "--region needs --cluster-name: EKS_API_CLUSTERS_FILE has the region of each cluster; see eks-api";
    for command in ["check", "token"] {
        for (arguments, told) in [
            (&["--cluster", "batch-7"][..], unknown),
            (&["--cluster", "eu", "--cluster-name", "batch-7"], both),
            (&["--cluster", "eu", "--region", "eu-west-1"], both),
            (&["--region", "eu-west-1"], region),
        ] {
            let output = run(&[&[command], arguments].concat(), TWO).output().await;
            assert_eq!((code(&output), text(&output.stdout)), (Some(64), ""), "{arguments:?}");
            assert_eq!(text(&output.stderr), format!("{told} {command} --help\n"));
        }
        let one = Service::builder(BINARY).arg(command).arg("--cluster").arg("other").output().await;
        assert_eq!(code(&one), Some(64));
        assert!(text(&one.stderr).starts_with("unknown cluster \"other\" (known: lab);"), "{}", text(&one.stderr));
    }
    let one = Service::builder(BINARY).arg("token").arg("--cluster=lab").output().await;
    signer(&token(&one));
}

fn token(output: &Output) -> String {
    assert_eq!((code(output), text(&output.stderr)), (Some(0), ""));
    let credential: Value = serde_json::from_slice(&output.stdout).unwrap();
    credential["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_token_is_for_the_default_or_the_named_cluster() {
    let mut rules = StubConfig::default().rules;
    signer(&token(&run(&["token"], TWO).output().await));
    // The file is not read: it would be a mistake.
    let named = run(&["token", "--cluster-name=batch-7", "--region=eu-west-1"], "mistake").output().await;
    let of_file = run(&["token", "--cluster=eu"], TWO).output().await;
    (rules.cluster, rules.region) = ("batch-7".into(), "eu-west-1".into());
    for output in [named, of_file] {
        assert!(judge(&token(&output), &rules, SystemTime::now()).is_ok());
    }
}
