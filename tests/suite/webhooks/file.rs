//! `EKS_API_WEBHOOKS_FILE`: its mistakes, SIGHUP, and what the commands say of it.

use std::fs::Permissions;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use tokio::net::TcpListener;

use crate::given::BINARY;
use crate::support::aws::AwsMock;
use crate::support::service::{Builder, Folder, Service, run};
use crate::support::{builder, surroundings};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OPS: &str = "ops url=https://relay.example.com/hidden-path secret_file=ops.key\n";
const AUDIT: &str = "audit url=https://audit.example.com/hidden-path?token=hidden secret_file=ops.key events=*\n";

/// Names a state directory and this file of endpoints. Nobody else can read the secret.
fn with_file(builder: Builder, state: &Folder, text: &str) -> Builder {
    state.write("ops.key", SECRET);
    let secret = state.path().join("ops.key");
    std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).unwrap();
    state.write("webhooks", &text.replace("=ops.key", &format!("={}", secret.display())));
    std::fs::set_permissions(state.path().join("webhooks"), Permissions::from_mode(0o600)).unwrap();
    let environment = [("EKS_API_STATE_DIR", state.path()), ("EKS_API_WEBHOOKS_FILE", &state.path().join("webhooks"))];
    environment.into_iter().fold(builder, |builder, (name, path)| builder.env(name, path.to_str().unwrap()))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Returns the exit code, stdout and stderr.
fn told(output: &Output) -> (Option<i32>, &str, &str) {
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Panics if a log has a part of a URL or of the secret.
fn has_nothing_hidden(service: &Service) {
    for line in service.logs() {
        assert!(!line.contains("hidden") && !line.contains(&SECRET[6..]), "{line}");
    }
}

#[tokio::test]
async fn every_mistake_is_reported_with_its_line_and_code_78_by_the_service_and_by_check() {
    let file = "# endpoints\nops url=https://u:hidden@relay.example.com event=job.failed\n\nB ca_file=/none.pem\n";
    for arguments in [&[][..], &["check"], &["check", "--config-only"]] {
        let state = Folder::new();
        let service = with_file(Service::builder(BINARY), &state, file);
        let output = arguments.iter().fold(service, |builder, argument| builder.arg(argument)).output().await;
        let (code, stdout, stderr) = told(&output);
        assert_eq!((code, stdout), (Some(78), ""), "{arguments:?}: {stderr}");
        let start = format!("EKS_API_WEBHOOKS_FILE is {}/webhooks: ", state.path().display());
        let mut lines = stderr.lines().map(|line| line.split_once(&start).unwrap().1);
        for start in [
            "line 2: unknown key \"event\": did you mean events?",
            "line 2: secret_file is missing: add secret_file=FILE",
            "line 2: url has a user or a password: remove what is before @",
            "line 4: the name must be at most 63 lower case letters",
            "line 4: url is missing: add url=https://HOST/PATH",
            "line 4: secret_file is missing",
            "line 4: ca_file is \"/none.pem\": No such file",
        ] {
            assert!(lines.next().unwrap().starts_with(start), "{start} in {stderr}");
        }
        assert_eq!((lines.next(), stderr.contains("hidden")), (None, false), "{stderr}");
    }
}

#[tokio::test]
async fn the_start_logs_the_file_and_the_names_and_warns_of_a_secret_that_all_can_read() {
    let (_cluster, aws) = surroundings().await;
    let state = Folder::new();
    let set = with_file(builder(BINARY, &aws), &state, &format!("{OPS}{AUDIT}")).env("LOG_LEVEL", "DEBUG");
    let service = set.clone().start().await;
    let file = format!("file={}/webhooks", state.path().display());
    let line = service.log_line(|line| line.contains("endpoints=2")).await;
    assert!(line.contains("INFO") && line.contains(&file) && line.contains("names=ops,audit"), "{line}");
    assert!(!service.logs().iter().any(|line| line.contains("chmod")), "{:?}", service.logs());
    has_nothing_hidden(&service);
    drop(service);

    for name in ["ops.key", "webhooks"] {
        std::fs::set_permissions(state.path().join(name), Permissions::from_mode(0o604)).unwrap();
        let service = set.clone().start().await;
        let is_told =
            |line: &str| line.contains("every user of this machine can read the secrets") && line.contains(name);
        let line = service.log_line(is_told).await;
        assert!(line.contains("WARN") && line.contains("run chmod o-r"), "{line}");
    }
}

#[tokio::test]
async fn sighup_reads_the_file_again_and_after_a_mistake_the_old_endpoints_stay() {
    let (_cluster, aws) = surroundings().await;
    let state = Folder::new();
    let set = |text: &str| with_file(builder(BINARY, &aws), &state, text).env("LOG_LEVEL", "DEBUG");
    let service = set(OPS).start().await;
    set("ops url=https://relay.example.com/hidden-path#hidden secret_file=ops.key\n");
    service.signal("HUP").await;
    let line = service.log_line(|line| line.contains("not reloaded") && line.contains("what=webhooks")).await;
    assert!(line.contains("ERROR") && line.contains("line 1: url has a fragment"), "{line}");
    set(&format!("{OPS}{AUDIT}"));
    service.signal("HUP").await;
    service.log_line(|line| line.contains("endpoints=2") && line.contains("names=ops,audit")).await;
    let is_reloaded = |line: &str| line.contains("INFO") && line.contains("what=webhooks") && line.contains("reloaded");
    service.log_line(is_reloaded).await;
    has_nothing_hidden(&service);
}

#[tokio::test]
async fn config_only_names_the_endpoints_and_connects_to_nothing() {
    let aws = AwsMock::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let local = format!("local url=http://{} secret_file=ops.key\n", listener.local_addr().unwrap());
    let both = format!("{OPS}{local}");
    for (file, line) in [(&both, "2 endpoints: ops, local"), (&local, "1 endpoint: local")] {
        let state = Folder::new();
        let check = with_file(builder(BINARY, &aws), &state, file).arg("check").arg("--config-only");
        let output = check.output().await;
        let expected = format!("ok      webhooks: {line}\nok      settings: 1 cluster: lab (default)\n");
        assert_eq!(told(&output), (Some(0), expected.as_str(), ""));
    }
    listener.into_std().unwrap().accept().unwrap_err();
}

#[tokio::test]
async fn check_connects_to_each_endpoint_and_sends_nothing() {
    let (_cluster, aws) = surroundings().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let file = format!(
        "ops url=http://{address}/hidden-path secret_file=ops.key\ndead url=http://127.0.0.1:1/hidden-path secret_file=ops.key\n\
         inner url=https://localhost:{}/hidden-path secret_file=ops.key\n",
        address.port()
    );
    let state = Folder::new();
    let check = with_file(builder(BINARY, &aws), &state, &file).arg("check");
    let output = check.output().await;
    let (code, stdout, stderr) = told(&output);
    assert_eq!((code, stderr), (Some(1), "2 failed\n"), "{stdout}");
    let (mut stream, mut received) = (listener.into_std().unwrap().accept().unwrap().0, Vec::new());
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received, b"");
    let line = format!("ok      webhook ops: connected to {}; no message was sent\n", address.ip());
    assert!(stdout.contains(&line) && !stdout.contains("hidden"), "{stdout}");
    let lines: Vec<&str> = stdout.lines().collect();
    for start in ["FAILED  webhook dead: ", "FAILED  webhook inner: "] {
        let at = lines.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{start}: {stdout}"));
        assert!(lines[at + 1].starts_with("        check url in its line of EKS_API_WEBHOOKS_FILE"), "{stdout}");
    }
    assert_eq!(stdout.matches("FAILED").count(), 2, "{stdout}");
}

#[tokio::test]
async fn the_command_prints_a_new_secret_that_the_file_takes() {
    let aws = AwsMock::start().await;
    let [one, other] = [run(BINARY, &["webhook", "secret"], &[]).await, run(BINARY, &["webhook", "secret"], &[]).await];
    assert_ne!(one.stdout, other.stdout);
    for output in [&one, &other] {
        let (code, secret, stderr) = told(output);
        assert_eq!((code, stderr, secret.lines().count()), (Some(0), "", 1));
        assert!(secret.starts_with("whsec_"));
    }
    let state = Folder::new();
    let check = with_file(builder(BINARY, &aws), &state, OPS);
    // Both count while one replaces the other.
    state.write("ops.key", &format!("{}{}", text(&one.stdout), text(&other.stdout)));
    let output = check.arg("check").arg("--config-only").output().await;
    assert_eq!(told(&output).0, Some(0), "{output:?}");
}

#[tokio::test]
async fn another_action_is_a_usage_error() {
    for (arguments, expected) in [
        (&["webhook"][..], "webhook needs the action secret; see eks-api webhook --help\n"),
        (&["webhook", "secrets=hidden"], "unknown argument \"secrets\"; see eks-api webhook --help\n"),
        (&["webhook", "secret", "ops"], "unexpected argument \"ops\"; see eks-api webhook --help\n"),
    ] {
        assert_eq!(told(&run(BINARY, arguments, &[]).await), (Some(64), "", expected));
    }
}
