//! A process that may open few files serves fewer connections, and nobody is kept out by another.

use crate::given::{BINARY, status_of};
use crate::support::service::Service;
use crate::support::{builder, surroundings};
use crate::wire::Wire;

/// The service with these soft and hard limits of open files.
async fn limited(files: &str) -> (Service, impl Sized) {
    let (cluster, aws) = surroundings().await;
    let service = builder("prlimit", &aws).arg(&format!("--nofile={files}")).arg(BINARY).start().await;
    service.ready().await;
    (service, (cluster, aws))
}

#[tokio::test]
async fn c5_the_soft_limit_of_open_files_is_raised_to_the_hard_one() {
    let (service, _lab) = limited("256:8192").await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["8192", "8192"]);
    assert!(!service.logs().iter().any(|line| line.contains("open files")));
}

#[tokio::test]
async fn c5_connections_are_bounded_by_the_open_files_and_one_address_does_not_take_them_all() {
    let (service, _lab) = limited("256:256").await;
    let warning = service.log_line(|line| line.contains("open files")).await;
    assert!(warning.contains("WARN") && warning.contains("connections=192"), "{warning}");
    let mut idle = Vec::new();
    for _ in 0..250 {
        idle.push(Wire::connect(&service).await);
    }
    idle.last_mut().unwrap().closed().await;
    for address in ["127.0.0.2", "127.0.0.3"] {
        let mut other = Wire::connect_from(address, &service).await;
        assert_eq!(other.get("/livez").await.status(), 200, "{address}");
    }
    assert_eq!(idle[0].get("/livez").await.status(), 200);
    assert!(!service.logs().iter().any(|line| line.contains("could not be accepted")));
}

#[tokio::test]
async fn c5_connections_that_cannot_be_accepted_are_logged_once_a_minute() {
    let (service, _lab) = limited("256:256").await;
    let mut open = Wire::connect(&service).await;
    open.create("hello").await;
    assert_eq!(open.answer().await.status(), 201);
    // No file can be opened from here on.
    let status = std::process::Command::new("prlimit")
        .args([&format!("--pid={}", service.pid()), "--nofile=3:256"])
        .status()
        .unwrap();
    assert!(status.success());
    let _waiting = Wire::connect(&service).await;
    service.log_line(|line| line.contains("could not be accepted")).await;
    // Ten tries a second are made meanwhile.
    assert_eq!(open.get(&format!("{}&wait=500ms", status_of("hello"))).await.status(), 200);
    let logged = service.logs().iter().filter(|line| line.contains("could not be accepted")).count();
    assert_eq!(logged, 1);
}
