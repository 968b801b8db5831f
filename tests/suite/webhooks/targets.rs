//! Where messages go: not after a redirect, not to loopback by https, not by a proxy of the environment.

use serde_json::{Value, json};
use tokio::net::{TcpListener, UdpSocket};

use super::site::{Files, Hooks};
use crate::calls::BINARY;
use crate::history::site::{at, completed, with_state};
use crate::support::pki::Authority;
use crate::support::receiver::{Answer, Receiver};
use crate::support::service::Folder;
use crate::support::{builder, surroundings};

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (receiver, other) = (Receiver::start(), Receiver::start());
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    for status in [301, 302, 303, 307, 308] {
        receiver.answers(Answer::With(status, "location", other.url()));
        let told = hooks.test("ops").await;
        assert_eq!((&told["delivered"], &told["status"]), (&json!(false), &json!(status)), "{told}");
    }
    assert_eq!((receiver.messages().len(), other.connections()), (5, 0));
}

#[tokio::test]
async fn a_proxy_of_the_environment_is_not_used() {
    let (receiver, proxy) = (Receiver::start(), Receiver::start());
    let address = format!("http://{}", proxy.address());
    let names = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let set = names.map(|name| (name, address.as_str()));
    let hooks = Hooks::with(&[("ops", &receiver, "")], |builder| builder.envs(&set)).await;
    hooks.site.put("etl", &completed(&at(1), &at(2)));
    receiver.got(1).await;
    assert_eq!(proxy.connections(), 0);
}

/// A name is judged when it is resolved, and only http may go to loopback.
#[tokio::test]
async fn a_name_that_is_loopback_is_refused_for_https() {
    let receiver = Receiver::start();
    let hooks = Hooks::start(&[("ops", &receiver, "")]).await;
    let secret = hooks.files.path("ops.key");
    let url = format!("https://localhost:{}/x", receiver.address().port());
    hooks.files.put("webhooks", &format!("ops url={url} secret_file={}\n", secret.display()));
    hooks.reload(1).await;
    let told = hooks.test("ops").await;
    assert_eq!((&told["delivered"], &told["status"]), (&json!(false), &Value::Null), "{told}");
    assert!(told["error"].as_str().unwrap().contains("127.0.0.1"), "{told}");
    assert_eq!(receiver.connections(), 0);
}

#[tokio::test]
async fn a_literal_that_is_refused_ends_the_service_and_names_the_line_and_not_the_url() {
    let (_cluster, aws) = surroundings().await;
    for host in ["127.0.0.1", "169.254.169.254", "[::ffff:169.254.169.254]", "0.0.0.0", "[fd00:ec2::254]"] {
        let (receiver, state) = (Receiver::start(), Folder::new());
        let files = Files::new(&[("ops", &receiver, "")]);
        let secret = files.path("ops.key");
        files.put("webhooks", &format!("ops url=https://{host}/hidden-path secret_file={}\n", secret.display()));
        let mut service = files.builder(with_state(builder(BINARY, &aws), &state)).spawn();
        assert_eq!(service.exit_status().await.code(), Some(78), "{host}");
        let log = service.logs().join("\n");
        assert!(log.contains("EKS_API_WEBHOOKS_FILE") && log.contains("line 1"), "{host}: {log}");
        assert!(!log.contains("hidden-path"), "{host}: {log}");
    }
}

/// The file needs the history.
#[tokio::test]
async fn a_file_without_a_state_directory_ends_the_service() {
    let (_cluster, aws) = surroundings().await;
    let receiver = Receiver::start();
    let files = Files::new(&[("ops", &receiver, "")]);
    let mut service = files.builder(builder(BINARY, &aws)).spawn();
    assert_eq!(service.exit_status().await.code(), Some(78));
    let log = service.logs().join("\n");
    assert!(log.contains("EKS_API_WEBHOOKS_FILE") && log.contains("EKS_API_STATE_DIR"), "{log}");
}

/// The address of this machine that others see. No packet is sent.
async fn own_address() -> Option<std::net::IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").await.ok()?;
    socket.connect("192.0.2.1:9").await.ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

/// TLS needs an address that is not loopback. A machine without a network has none.
#[tokio::test]
#[allow(clippy::print_stderr, reason = "it says that it is skipped")]
async fn a_receiver_is_trusted_by_its_own_ca_and_no_other() {
    let Some(ip) = own_address().await else {
        eprintln!("skipped: this machine has no address but loopback");
        return;
    };
    let (authority, stranger) = (Authority::new("receiver-ca"), Authority::new("another-ca"));
    let ip_text = ip.to_string();
    let listener = TcpListener::bind((ip, 0)).await.unwrap();
    let receiver = Receiver::start_tls(listener, authority.server_config_for(&[&ip_text]));
    let plain = Receiver::start();
    let files = Files::new(&[("plain", &plain, "")]);
    let ca = files.put("ca.pem", &authority.pem());
    let line = format!("ca_file={}", ca.display());
    files.write(&[("ops", &receiver, &line), ("other", &receiver, "")]);
    let hooks = Hooks::of(files, |_| {}, |builder| builder).await;
    let told = hooks.test("ops").await;
    assert_eq!((&told["delivered"], &told["status"]), (&json!(true), &json!(204)), "{told}");
    let told = hooks.test("other").await;
    assert_eq!((&told["delivered"], &told["status"]), (&json!(false), &Value::Null), "{told}");
    hooks.files.put("ca.pem", &stranger.pem());
    hooks.reload(1).await;
    let told = hooks.test("ops").await;
    assert_eq!(told["delivered"], false, "{told}");
    assert_eq!(receiver.messages().len(), 1);
}
