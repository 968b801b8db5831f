//! What systemd is told, through the socket that it names.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram as StdDatagram};

use tokio::net::UnixDatagram;
use tokio::time::timeout;

use crate::given::BINARY;
use crate::support::service::{Folder, PATIENCE, Service};
use crate::support::stub::{Fault, Gate, Kind};
use crate::support::{builder, surroundings};

/// The receiving end.
struct Manager(UnixDatagram);

impl Manager {
    fn abstract_name(name: &str) -> Self {
        let socket = StdDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self(UnixDatagram::from_std(socket).unwrap())
    }

    async fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let received = timeout(PATIENCE, self.0.recv(&mut buffer)).await;
        let length = received.expect("systemd is told nothing").unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    /// The first notification that begins so.
    async fn until(&self, start: &str) -> String {
        loop {
            let told = self.next().await;
            if told.starts_with(start) {
                return told;
            }
        }
    }
}

async fn whole_life(manager: Manager, socket: &str) {
    let (cluster, aws) = surroundings().await;
    aws.answers_recording("describe-cluster-not-found");
    let mut service = builder(BINARY, &aws).env("NOTIFY_SOCKET", socket).start().await;
    let first = manager.next().await;
    let address = service.address().to_owned();
    assert_eq!(first, format!("READY=1\nSTATUS=listening on {address}; waiting for AWS and the cluster"));

    let told = manager.until("STATUS=not ready: cluster: no cluster lab").await;
    assert!(told.contains("EKS_CLUSTER_NAME"), "{told}");
    aws.describes(&cluster.endpoint(), &cluster.ca_pem());
    let told = manager.until("STATUS=ready").await;
    assert_eq!(told, format!("STATUS=ready: cluster lab at {}", cluster.endpoint()));

    service.signal("TERM").await;
    let told = manager.until("STOPPING=1").await;
    assert!(told.contains("\nSTATUS=draining"), "{told}");
    assert_eq!(service.exit_status().await.code(), Some(0));
}

#[tokio::test]
async fn a_socket_at_a_path_is_told_the_whole_life() {
    let folder = Folder::new();
    let path = folder.path().join("notify");
    whole_life(Manager(UnixDatagram::bind(&path).unwrap()), path.to_str().unwrap()).await;
}

#[tokio::test]
async fn an_abstract_socket_is_told_the_whole_life() {
    let name = format!("eks-api-suite-{}", std::process::id());
    whole_life(Manager::abstract_name(&name), &format!("@{name}")).await;
}

#[tokio::test]
async fn a_service_that_serves_but_may_not_follow_jobs_is_degraded_and_not_unready() {
    let (cluster, aws) = surroundings().await;
    cluster.deny("list", "jobs");
    let gate = Gate::new();
    cluster.fault(Fault::new("GET", "/version", Kind::HoldBefore(gate.clone())));
    let folder = Folder::new();
    let path = folder.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let service = builder(BINARY, &aws).env("NOTIFY_SOCKET", path.to_str().unwrap()).start().await;
    manager.until("STATUS=not ready: watch: no right").await;
    gate.open();
    manager.until("STATUS=degraded: watch: no right").await;
    assert_eq!(service.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn the_watchdog_is_fed_while_it_is_asked_for() {
    let (_cluster, aws) = surroundings().await;
    let folder = Folder::new();
    let path = folder.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let wanted = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "20000")];
    let _service = builder(BINARY, &aws).envs(&wanted).start().await;
    for _ in 0..3 {
        manager.until("WATCHDOG=1").await;
    }
}

#[tokio::test]
async fn a_watchdog_meant_for_another_process_is_not_fed() {
    let (_cluster, aws) = surroundings().await;
    let folder = Folder::new();
    let path = folder.path().join("notify");
    let manager = Manager(UnixDatagram::bind(&path).unwrap());
    let wanted = [("NOTIFY_SOCKET", path.to_str().unwrap()), ("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "1")];
    let service: Service = builder(BINARY, &aws).envs(&wanted).start().await;
    service.signal("TERM").await;
    let mut told = Vec::new();
    while !told.last().is_some_and(|told: &String| told.starts_with("STOPPING=1")) {
        told.push(manager.next().await);
    }
    assert!(!told.iter().any(|told| told.contains("WATCHDOG")), "{told:?}");
}

#[tokio::test]
async fn a_socket_that_nobody_reads_hinders_nothing() {
    let (_cluster, aws) = surroundings().await;
    let service = builder(BINARY, &aws).env("NOTIFY_SOCKET", "/nonexistent/notify").start().await;
    service.ready().await;
}
