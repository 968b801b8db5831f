//! A socket that was passed as systemd passes it: served as it is, and judged as an address of our own is.

use std::net::{TcpListener, TcpStream};

use crate::given::BINARY;
use crate::support::service::Service;
use crate::support::{builder, surroundings};
use crate::wire::Wire;

#[tokio::test]
async fn a_socket_that_is_passed_is_served_and_what_came_before_the_start_is_answered() {
    let (_cluster, aws) = surroundings().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut early = Wire::connect_to(&address).await;
    early.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    // The settings' address is taken, so it cannot be what is listened on.
    let builder = builder(BINARY, &aws).env("EKS_API_LISTEN", &address).inherits(listener, 1);
    let service = builder.start().await;
    assert_eq!(service.address(), address);
    assert_eq!(early.answer().await.status(), 200);
    assert_eq!(service.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_socket_that_others_can_reach_is_refused_until_told_who_may_call() {
    let (_cluster, aws) = surroundings().await;
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let open = builder(BINARY, &aws).inherits(listener, 1);
    let output = open.clone().output().await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("EKS_API_AUTH=none") && told.contains(&address), "{told}");
    let service = open.env("EKS_API_AUTH", "none").start().await;
    service.log_line(|line| line.contains("WARN") && line.contains("everyone who can reach this address")).await;
}

async fn refused(builder: crate::support::service::Builder) -> String {
    let output = builder.output().await;
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{told}");
    assert!(told.contains("LISTEN_FDS") && told.contains("ListenStream="), "{told}");
    told
}

#[tokio::test]
async fn what_is_no_socket_to_listen_on_is_refused() {
    let builder = || Service::builder(BINARY);
    let two = builder().inherits(TcpListener::bind("127.0.0.1:0").unwrap(), 2);
    assert!(refused(two).await.contains("2 sockets"));
    let file = std::fs::File::open("/dev/null").unwrap();
    assert!(refused(builder().inherits(file, 1)).await.contains("not a socket"));
    let folder = crate::support::service::Folder::new();
    let unix = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    assert!(refused(builder().inherits(unix, 1)).await.contains("not a valid tcp socket"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connection = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    assert!(refused(builder().inherits(connection, 1)).await.contains("Accept=yes"));
}

#[tokio::test]
async fn sockets_meant_for_another_process_are_left_alone() {
    let (_cluster, aws) = surroundings().await;
    let service = builder(BINARY, &aws).env("LISTEN_FDS", "1").env("LISTEN_PID", "1").start().await;
    assert_eq!(service.get("/livez").await.status, 200);
}
